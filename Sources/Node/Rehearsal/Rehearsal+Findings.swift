import Control
import Core
import Serving

extension Rehearsal {
  static func notes(
    _ stage: RehearsalStage, _ options: RehearsalOptions, _ runs: [RehearsalReport.Run]
  ) -> [String] {
    var notes: [String] = []
    let plan = options.plan
    if let rate = options.requestsPerSecond {
      notes.append("requests come evenly, \(decimal(rate, 2)) a second, not at their own times")
    } else if options.trafficPath != nil {
      let seconds = Double(stage.clock.passMicroseconds) / 1e6
      notes.append(
        "the file's requests come evenly, \(decimal(Double(stage.clock.count) / seconds, 2)) a "
          + "second, in the order of their time")
    }
    let passes = runs.map(\.passes).max() ?? 1
    if passes > 1 {
      notes.append(
        "the plan takes longer than the recording, which is played up to \(passes) times over; "
          + "callers of a later pass count as new ones, so what is chance in the "
          + "recording can look certain: the truth's intervals are the recording's own")
    }
    if plan.approvals != nil || plan.steps.contains(where: \.needsApproval) {
      notes.append("approvals are given at once")
    }
    for (place, step) in plan.steps.enumerated() {
      guard let rule = step.rule, let bit = stage.rules.firstIndex(of: rule) else { continue }
      let count = stage.facts.count { $0.rules & (1 << UInt64(bit)) != 0 }
      notes.append(
        "step \(place + 1) is about \(count) of the \(stage.facts.count) requests: "
          + printable(rule.description, limit: 120))
    }
    if plan.steps.contains(where: { $0.kind == .preview }) {
      notes.append(
        "in a preview no caller gets an answer of the candidates; pinned and test requests, which "
          + "would, are not recorded")
    }
    if stage.thresholds != nil {
      notes.append(
        "latency is the engine's on this machine as it is now: a busy one makes the slower version "
          + "look worse; --no-latency leaves it out")
    }
    if plan.metrics.contains(where: { $0.metric == .latency }), stage.thresholds == nil {
      notes.append(
        options.measuresLatency
          ? "latency is not judged: fewer than \(LatencyThresholds.minimumAnswers) requests"
          : "latency is not measured and so not judged")
    }
    if plan.metrics.contains(where: { $0.metric.isTwoSided }), stage.profile == nil {
      notes.append(
        "what answers say is not compared: fewer than \(LatencyThresholds.minimumAnswers) requests")
    }
    return notes
  }

  /// The stable and a candidate on every request.
  static func truth(_ stage: RehearsalStage, _ version: Int) -> RehearsalReport.Truth {
    typealias Share = RehearsalReport.Share
    let (stable, candidate) = (stage.answers[0], stage.answers[version])
    var (both, differ, labelled, stableWrong, candidateWrong) = (0, 0, 0, 0, 0)
    var (onlyStable, onlyCandidate) = (0, 0)
    for row in stage.facts.indices where !stable.failed[row] && !candidate.failed[row] {
      both += 1
      if stable.labels[row] != candidate.labels[row] { differ += 1 }
      guard let first = stage.isWrong(0, row), let second = stage.isWrong(version, row)
      else { continue }
      labelled += 1
      if first { stableWrong += 1 }
      if second { candidateWrong += 1 }
      if first, !second { onlyStable += 1 }
      if second, !first { onlyCandidate += 1 }
    }
    let count = stage.facts.count
    func quantiles(_ answers: RehearsalAnswers) -> [Int]? {
      answers.latencyQuantiles().map { [$0.p50, $0.p90, $0.p99] }
    }
    return RehearsalReport.Truth(
      stableFailed: Share(stable.failed.count { $0 }, of: count),
      candidateFailed: Share(candidate.failed.count { $0 }, of: count),
      disagreed: Share(differ, of: both), stableWrong: Share(stableWrong, of: labelled),
      candidateWrong: Share(candidateWrong, of: labelled), onlyCandidateWrong: onlyCandidate,
      onlyStableWrong: onlyStable, stableMicroseconds: quantiles(stable),
      candidateMicroseconds: quantiles(candidate))
  }

  static func distribution(
    _ runs: [RehearsalReport.Run]
  ) -> RehearsalReport.Distribution {
    var counts: [String: Int] = [:]
    for run in runs {
      let cause = run.cause.isEmpty ? "" : ": \(run.cause)"
      counts[run.outcome.words + cause, default: 0] += 1
    }
    let outcomes = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
      RehearsalReport.OutcomeShare(
        outcome: $0.key, share: RehearsalReport.Share($0.value, of: runs.count))
    }
    func quantile<Value: Comparable>(_ values: [Value], _ share: Double) -> Value {
      values.sorted()[min(values.count - 1, Int(share * Double(values.count)))]
    }
    let (took, exposed) = (runs.map(\.took), runs.map(\.cost.exposed))
    let wrong = runs.map(\.cost.netWrongAnswers)
    let errors = runs.reduce(0) { $0 + $1.cost.userErrors }
    return RehearsalReport.Distribution(
      outcomes: outcomes, tookMedian: quantile(took, 0.5), took90: quantile(took, 0.9),
      exposedMedian: quantile(exposed, 0.5), exposed90: quantile(exposed, 0.9),
      wrongMedian: quantile(wrong, 0.5), wrong90: quantile(wrong, 0.9),
      userErrorsMean: Double(errors) / Double(runs.count))
  }
}

extension Rehearsal {
  /// What of the plan, and of a node's life, the runs leave out.
  static func notPlayed(_ plan: Plan, _ rows: RehearsalRows) -> [String] {
    var left: [String] = []
    if let after = plan.after, !after.isEmpty {
      let names = after.map(\.text).joined(separator: ", ")
      left.append("waiting for the ramps of other endpoints (\(names)): it begins at once")
    }
    if let required = plan.requirements, !required.isEmpty {
      let names = required.map(\.rawValue).joined(separator: ", ")
      left.append("what the plan requires before its start (\(names)): it is not asked")
    }
    for (place, step) in plan.steps.enumerated() {
      for condition in step.rule?.conditions ?? [] {
        guard let why = gap(condition, rows) else { continue }
        left.append("step \(place + 1), which no request takes part in: \(why)")
      }
    }
    if let segments = plan.segments,
      let why = gap(.input(segments.by, anyOf: segments.values), rows)
    {
      left.append("segments, of which no request is one: \(why)")
    }
    left.append(
      "rules by hand, pins and freezes; incidents, overload, timeouts, failed probes and lost "
        + "copies of the machine that serves")
    return left
  }

  /// Why a condition can hold for no row; nil when it can.
  private static func gap(_ condition: RequestCondition, _ rows: RehearsalRows) -> String? {
    switch condition {
    case .header(let name, _):
      return "attributes like \"\(printable(name, limit: 60))\" are not recorded"
    case .key:
      return rows.facts.contains(where: \.isKeyed) ? nil : "these requests have no keys"
    case .input(let name, _):
      if let fault = RoutedRule.fault(of: RequestRule([condition]), on: rows.schema) {
        return fault
      }
      // A wide column's elements are called `name[2]`.
      let column = String(name.prefix { $0 != "[" })
      guard rows.missing.contains(name) || rows.missing.contains(column) else { return nil }
      return "the column \"\(printable(name, limit: 60))\" is not recorded"
    }
  }
}

extension Plan {
  /// The least time it takes: all holds and the soak.
  var duration: TimeSpan { steps.reduce(soak) { $0 + $1.hold } }

  /// The plan without what it asks of other endpoints and of the registry.
  var alone: Plan {
    Plan(
      name: name, summary: summary, steps: steps, metrics: metrics, holdRisk: holdRisk,
      rollbackRisk: rollbackRisk, soak: soak, holdDeadline: holdDeadline,
      latencySlack: latencySlack, approvals: approvals, blast: blast, promotion: promotion,
      warmUp: warmUp, holdPolicy: holdPolicy, segments: segments, judge: judge)
  }
}
