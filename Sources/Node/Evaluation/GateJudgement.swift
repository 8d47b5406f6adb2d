import Core
import Statistics

/// Holds evidence against gates: pure, so that every sentence can be tested.
enum GateJudgement {
  /// The result of each gate, in the order of the file.
  static func results(
    _ gates: GateFile, _ evidence: GateEvidence, signed: [String: String]
  ) -> [GateResult] {
    var results: [GateResult] = []
    if gates.checksSignature { results.append(signature(evidence)) }
    if let rows = gates.goldenRowsMin { results.append(golden(evidence, rows)) }
    results += gates.limits.map { limit($0, evidence) }
    results += gates.against.flatMap { against($0, evidence) }
    results += gates.segments.map { segment($0, evidence) }
    results += gates.fairness.flatMap { fairness($0, evidence) }
    if let latency = gates.latency { results += self.latency(latency, evidence) }
    if let load = gates.load { results += self.load(load, evidence) }
    if let memory = gates.memory { results += self.memory(memory, evidence) }
    if gates.checksWarmUp { results.append(warmUp(evidence)) }
    if let fields = gates.cardFields { results.append(card(fields, evidence)) }
    results += gates.checklist.map { item($0, signed[$0]) }
    return results
  }

  static func result(
    _ gate: String, _ passed: Bool, _ measured: String, _ limit: String, _ advice: String
  ) -> GateResult {
    GateResult(
      gate: gate, passed: passed, measured: measured, limit: limit, advice: passed ? "" : advice)
  }

  /// A number as the table shows it: four digits behind the point.
  static func shown(_ value: Double) -> String {
    guard abs(value) < 1e9 else { return "\(value)" }
    let scaled = Int((abs(value) * 10_000).rounded())
    return "\(value < 0 && scaled > 0 ? "-" : "")\(scaled / 10_000).\(padded(scaled % 10_000, 4))"
  }

  private static func shown(_ value: MetricValue) -> String {
    guard let low = value.low, let high = value.high else { return shown(value.value) }
    return "\(shown(value.value)) (\(shown(low)) to \(shown(high)))"
  }

  // MARK: The version by itself

  private static func signature(_ evidence: GateEvidence) -> GateResult {
    guard let stable = evidence.stableSignature else {
      if evidence.isFirst {
        return result("signature", true, "nothing serves there yet", "fits the endpoint", "")
      }
      return result(
        "signature", false, "nothing to compare with", "fits the endpoint",
        "name what it is to serve with --endpoint, or the version to be matched with --against")
    }
    let fault = evidence.signature.incompatibility(with: stable)
    return result(
      "signature", fault == nil, fault == nil ? "fits" : "does not fit", "fits the endpoint",
      "callers of the endpoint would break: \(fault ?? ""); export the model with their inputs and "
        + "outputs, or make another endpoint")
  }

  private static func golden(_ evidence: GateEvidence, _ rowsMin: Int) -> GateResult {
    let wanted = "at least \(rowsMin), all right"
    switch evidence.golden {
    case nil:
      return result(
        "golden rows", false, "none", wanted,
        "register the version with the training library's own answers: model import --golden")
    case .failure(let error):
      return result("golden rows", false, "fail", wanted, error.message)
    case .success(let found):
      return result(
        "golden rows", found.rows >= rowsMin, "\(found.rows) pass", wanted,
        "\(found.rows) are too few: \(rowsMin - found.rows) more are needed")
    }
  }

  private static func warmUp(_ evidence: GateEvidence) -> GateResult {
    let wanted = "ready at the first request"
    guard let cost = evidence.cost else {
      return result(
        "warm-up", false, "failed", wanted, evidence.costFault ?? "it was not measured")
    }
    if cost.nonFinite > 0 {
      return result(
        "warm-up", false, "\(cost.nonFinite) answers are no numbers", wanted,
        "the model answers NaN or infinity to some rows: look for missing values it cannot take")
    }
    return result(
      "warm-up", cost.scratchAfter <= cost.scratchBefore,
      cost.scratchAfter <= cost.scratchBefore
        ? "no memory taken after it" : "memory taken after it",
      wanted,
      "requests still take memory after the warm-up (\(cost.scratchBefore) bytes grew to "
        + "\(cost.scratchAfter)): outputs whose size depends on the data do that")
  }

  private static func card(_ fields: [String], _ evidence: GateEvidence) -> GateResult {
    let wanted = fields.map { printable($0, limit: 40) }.joined(separator: ", ")
    switch evidence.card {
    case .failure(let error):
      return result("model card", false, "malformed", wanted, error.message)
    case .success(let card):
      let missing = card.missing.map { printable($0, limit: 40) }.joined(separator: ", ")
      let there = fields.count - card.missing.count
      return result(
        "model card", card.missing.isEmpty, "\(there) of \(fields.count) fields", wanted,
        "missing: \(missing); fill them in and import the version with --card")
    }
  }

  private static func item(_ item: String, _ name: String?) -> GateResult {
    let shown = printable(item, limit: 60)
    return result(
      shown, name != nil, name.map { "signed by \(printable($0, limit: 40))" } ?? "not signed",
      "signed by name", "whoever did it signs with --sign \"\(shown)=NAME\"")
  }

  // MARK: Labelled rows

  private static func limit(_ limit: GateFile.Limit, _ evidence: GateEvidence) -> GateResult {
    let gate = limit.metric.rawValue
    guard let value = evidence.report?.value(limit.metric) else {
      return result(
        gate, false, "not measured", words(limit),
        "this kind of model has no \(gate), or the rows do not allow it: choose another metric")
    }
    let (passed, advice) = judge(value, limit)
    return result(gate, passed, shown(value), words(limit), advice)
  }

  private static func words(_ limit: GateFile.Limit) -> String {
    var words: [String] = []
    if let min = limit.min { words.append("at least \(min)") }
    if let max = limit.max { words.append("at most \(max)") }
    return words.joined(separator: " and ") + (limit.takesInterval ? " by the interval" : "")
  }

  private static func judge(
    _ value: MetricValue, _ limit: GateFile.Limit
  ) -> (passed: Bool, advice: String) {
    var (low, high) = (value.value, value.value)
    if limit.takesInterval {
      guard let bottom = value.low, let top = value.high else {
        return (false, "the rows give no interval: more labelled rows are needed")
      }
      (low, high) = (bottom, top)
    }
    if let min = limit.min, !(low >= min) {
      return (
        false,
        value.value >= min
          ? "the value reaches \(min), its interval does not: more labelled rows would tell"
          : "\(shown(value.value)) is under \(min): the version is not good enough"
      )
    }
    if let max = limit.max, !(high <= max) {
      return (
        false,
        value.value <= max
          ? "the value keeps to \(max), its interval does not: more labelled rows would tell"
          : "\(shown(value.value)) is over \(max): the version is not good enough"
      )
    }
    return (true, "")
  }

  private static func against(
    _ rule: GateFile.Against, _ evidence: GateEvidence
  ) -> [GateResult] {
    let gate = "\(rule.metric.rawValue) vs stable"
    if evidence.isFirst {
      return [result(gate, true, "nothing serves there yet", "as good as the stable", "")]
    }
    guard let comparison = evidence.comparison else {
      return [
        result(
          gate, false, "nothing to compare with", "as good as the stable",
          "name the version to be matched with --against, or --endpoint for its stable")
      ]
    }
    guard let found = comparison.metrics.first(where: { $0.metric == rule.metric }) else {
      return [
        result(
          gate, false, "not measured", "as good as the stable",
          "\(rule.metric.rawValue) is not compared for such models: choose another metric")
      ]
    }
    var results: [GateResult] = []
    if let ratio = rule.ratio {
      let isGood = found.ratio.map { $0 >= ratio } ?? (found.gain >= 0)
      results.append(
        result(
          gate, isGood, "\(shown(found.second)) to \(shown(found.first))",
          "at least \(percentText(ratio)) as good",
          "it is \(found.ratio.map { percentText($0) } ?? "not") as good as "
            + "\(comparison.first): look at the rows on which they differ"))
    }
    if let margin = rule.margin { results.append(nonInferior(gate, rule, found, margin)) }
    return results
  }

  private static func nonInferior(
    _ gate: String, _ rule: GateFile.Against, _ found: MetricDifference, _ margin: Double
  ) -> GateResult {
    let isRelative = found.metric == .mae || found.metric == .rmse
    let interval = found.low.flatMap { low in
      found.high.map { ConfidenceInterval(low: low, high: $0) }
    }
    let allowed = isRelative ? margin * found.first : margin
    let verdict =
      interval.map { interval in
        interval.low == 0 && interval.high == 0
          ? NonInferiority.Verdict.proven
          : NonInferiority.verdict(difference: interval, margin: allowed)
      } ?? .undecided
    let measured =
      "\(found.gain > 0 ? "+" : "")\(shown(found.gain))"
      + (interval.map { " (\(shown($0.low)) to \(shown($0.high)))" } ?? "")
    let passed = verdict == .proven || (verdict == .undecided && rule.allowsUndecided)
    return result(
      gate, passed, "\(measured), \(verdict.rawValue)", "no worse by \(margin)",
      verdict == .refuted
        ? "it is worse than the stable by more than the margin"
        : "these rows do not prove it: give more labelled rows, or a wider margin")
  }

  static func percentText(_ share: Double) -> String {
    guard abs(share) < 1e6 else { return "\(share)" }
    let tenths = Int((share * 1_000).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)%" : "\(tenths / 10).\(abs(tenths % 10))%"
  }

  private static func segment(_ rule: GateFile.Segment, _ evidence: GateEvidence) -> GateResult {
    let column = printable(rule.column, limit: 40)
    let gate = "\(rule.limit.metric.rawValue) by \(column)"
    let limit = "\(words(rule.limit)) in each"
    let all = evidence.report?.segments.first { $0.column == rule.column }?.segments ?? []
    let measured = all.filter { $0.rows >= rule.minRows }.compactMap { segment in
      segment.metrics.first { $0.metric == rule.limit.metric }.map { (segment, $0) }
    }
    // The worst in the direction of the limit.
    let worst = measured.min { a, b in
      rule.limit.min != nil ? a.1.value < b.1.value : a.1.value > b.1.value
    }
    guard let worst else {
      return result(
        gate, false, "not measured", limit,
        "no value of the column has \(rule.minRows) rows with this metric: give more rows")
    }
    let failed = measured.filter { !judge($0.1, rule.limit).passed }
    let names = failed.prefix(5).map {
      "\(printable($0.0.value, limit: 30)) \(shown($0.1)) of \($0.0.rows) rows"
    }
    return result(
      gate, failed.isEmpty,
      "worst \(printable(worst.0.value, limit: 30)) \(shown(worst.1.value))", limit,
      "\(failed.count) of \(measured.count) fail: \(names.joined(separator: "; "))")
  }

  private static func fairness(
    _ rule: GateFile.FairnessLimit, _ evidence: GateEvidence
  ) -> [GateResult] {
    let report = evidence.report?.segments.first { $0.column == rule.column }
    let column = printable(rule.column, limit: 40)
    let fairness = report?.fairness(rowsMin: rule.minRows)
    let found = [
      ("demographic parity", rule.demographicParity, fairness?.demographicParityDifference),
      ("equalised odds", rule.equalisedOdds, fairness?.equalisedOddsDifference),
    ]
    return found.compactMap { name, limit, value in
      guard let limit else { return nil }
      guard let value else {
        return result(
          "\(name) by \(column)", false, "not measured", "at most \(limit)",
          "two values of the column with \(rule.minRows) rows and a positive class are needed")
      }
      return result(
        "\(name) by \(column)", value <= limit, shown(value), "at most \(limit)",
        "the values of \(column) are treated more differently than allowed: model evaluate "
          + "--segment \(column) shows which")
    }
  }

  // MARK: Cost

  private static func latency(
    _ budget: GateFile.Latency, _ evidence: GateEvidence
  ) -> [GateResult] {
    let parts = [
      ("latency p50", budget.p50, evidence.cost?.p50Microseconds),
      ("latency p99", budget.p99, evidence.cost?.p99Microseconds),
      ("CPU a request", budget.cpu, evidence.cost?.cpuMicroseconds),
    ]
    return parts.compactMap { gate, limit, value in
      guard let limit else { return nil }
      guard let value else {
        return result(
          gate, false, "failed", "at most \(limit)",
          evidence.costFault ?? "it was not measured")
      }
      return result(
        gate, value <= Double(limit.microseconds), "\(tenths(value)) us", "at most \(limit)",
        "one row a call takes too long: model optimize may make it faster, or the machine is busy")
    }
  }

  static func tenths(_ value: Double) -> String {
    guard value < 1e12 else { return "\(value)" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}
