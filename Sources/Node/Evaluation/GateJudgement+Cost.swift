import Core

/// Memory and load, held against their budgets.
extension GateJudgement {
  static func memory(_ budget: GateFile.Memory, _ evidence: GateEvidence) -> [GateResult] {
    guard let cost = evidence.cost else {
      return [
        result(
          "memory", false, "failed", "fits in memory",
          evidence.costFault ?? "it was not measured")
      ]
    }
    let grown = Double(cost.growthBytes) / 1e6
    var results: [GateResult] = []
    if let megabytes = budget.growthMegabytes {
      results.append(
        result(
          "memory", grown <= megabytes, "\(tenths(grown)) MB", "at most \(megabytes) MB",
          "loading and running it takes more memory than its budget: a smaller model, or a larger "
            + "budget"))
    }
    if let share = budget.availableShare {
      let free = cost.freeBytes.map { Double($0) / 1e6 }
      let limit = "at most \(percentText(share)) of what is free"
      guard let free else {
        results.append(
          result(
            "fits in memory", false, "not known", limit,
            "the system does not say how much memory is free: leave available out"))
        return results
      }
      results.append(
        result(
          "fits in memory", grown <= free * share, "\(tenths(grown)) of \(tenths(free)) MB", limit,
          "it would take too much of the memory that is free here: unload versions, or choose "
            + "another machine"))
    }
    return results
  }

  static func load(_ load: GateFile.Load, _ evidence: GateEvidence) -> [GateResult] {
    let at = "under \(load.threads) threads"
    guard let cost = evidence.load else {
      return [
        result(
          "load", false, "failed", "answers \(at)",
          evidence.loadFault ?? evidence.costFault ?? "it was not measured")
      ]
    }
    var results: [GateResult] = []
    let p99 = cost.own.p99Microseconds
    if let limit = load.p99 {
      results.append(
        result(
          "p99 \(at)", p99 <= Double(limit.microseconds), "\(tenths(p99)) us", "at most \(limit)",
          "one in 100 calls takes too long when \(load.threads) come at once"))
    }
    if let least = load.rowsPerSecond {
      results.append(
        result(
          "throughput \(at)", cost.own.rowsPerSecond >= least,
          "\(tenths(cost.own.rowsPerSecond)) rows/s", "at least \(tenths(least)) rows/s",
          "it answers too few rows a second on this machine"))
    }
    return results + relative(load, cost, evidence, at)
  }

  private static func relative(
    _ load: GateFile.Load, _ cost: LoadCost, _ evidence: GateEvidence, _ at: String
  ) -> [GateResult] {
    guard load.isRelative else { return [] }
    guard let stable = cost.stable else {
      return [
        result(
          "load vs stable", evidence.isFirst,
          evidence.isFirst ? "nothing serves there yet" : "nothing to compare with",
          "no worse \(at)",
          "name the version to be matched with --against, or --endpoint for its stable")
      ]
    }
    var results: [GateResult] = []
    if let ratio = load.p99Ratio {
      let allowed = max(
        stable.p99Microseconds * ratio,
        stable.p99Microseconds + Double(load.p99Slack.microseconds))
      results.append(
        result(
          "p99 vs stable \(at)", cost.own.p99Microseconds <= allowed,
          "\(tenths(cost.own.p99Microseconds)) to \(tenths(stable.p99Microseconds)) us",
          "at most \(tenths(allowed)) us",
          "callers would wait longer than with the stable: model optimize may make it faster"))
    }
    if let ratio = load.throughputRatio {
      let wanted = stable.rowsPerSecond * ratio
      results.append(
        result(
          "throughput vs stable \(at)", cost.own.rowsPerSecond >= wanted,
          "\(tenths(cost.own.rowsPerSecond)) to \(tenths(stable.rowsPerSecond)) rows/s",
          "at least \(tenths(wanted)) rows/s",
          "the same machine would answer fewer requests than with the stable"))
    }
    return results
  }
}
