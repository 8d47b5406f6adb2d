import Control
import Core

extension PlanDraft {
  /// The plan that it comes to.
  /// - Throws: ``Fault`` with the cell that is wrong.
  func plan() throws(Fault) -> Plan {
    guard isEdited else { return base }
    var steps: [PlanStep] = []
    for index in 0..<stepCount { steps.append(try step(index)) }
    let caps = (try whole(.capRequests), try whole(.capErrors))
    let margin = try number(.margin)
    let plan = Plan(
      name: name, summary: self[.summary], steps: steps, metrics: try metrics(),
      holdRisk: try share(.holdRisk) ?? 0.05, rollbackRisk: try share(.rollbackRisk) ?? 0.01,
      soak: try span(.soak) ?? .zero, holdDeadline: try span(.holdDeadline),
      latencySlack: try span(.latencySlack) ?? .milliseconds(5),
      approvals: try approvals(),
      blast: caps == (nil, nil) ? nil : BlastCap(requests: caps.0, errors: caps.1),
      promotion: try margin.map { (margin) throws(Fault) in
        PromotionRule(margin: margin, risk: try share(.promotionRisk) ?? PromotionRule().risk)
      }, warmUp: try whole(.warmUp) ?? Plan.defaultWarmUp, holdPolicy: try holdPolicy(),
      segments: try segments(), judge: try judge(), after: try after(),
      requirements: requirements())
    do { try plan.validate() } catch {
      throw Fault(cell: cell(named: error.message, plan), sentence: shown(error.message))
    }
    return plan
  }

  private func step(_ index: Int) throws(Fault) -> PlanStep {
    var approvals: Int?
    let agreed = self[.approvals(index)]
    if !agreed.isEmpty, agreed != "any" { approvals = try whole(.approvals(index)) }
    var strategy: Strategy? = try word(.strategy(index), "canary, shadow, preview or ab")
    // A step that says nothing is a canary: kept as it was written.
    let origin = origins[index].flatMap { base.steps[$0].strategy }
    if strategy == .canary, origin == nil { strategy = nil }
    let isPreview = strategy == .preview
    return PlanStep(
      weight: isPreview ? 0 : try weight(index), hold: try span(.hold(index)) ?? .zero,
      minRequests: isPreview ? 0 : try whole(.requests(index)) ?? 0,
      needsApproval: agreed == "any", approvals: approvals, strategy: strategy,
      rule: isPreview ? nil : try rule(index))
  }

  private func weight(_ index: Int) throws(Fault) -> BasisPoints {
    guard !self[.weight(index)].isEmpty else {
      throw Fault(
        cell: .weight(index), sentence: "step \(index + 1) needs the candidate's share, like 25%")
    }
    do { return try PlanDraft.percent(self[.weight(index)]) } catch {
      throw Fault(cell: .weight(index), sentence: error.message)
    }
  }

  private func rule(_ index: Int) throws(Fault) -> RequestRule? {
    guard !self[.rule(index)].isEmpty else { return nil }
    do {
      let rule = try RequestRule(self[.rule(index)])
      try rule.validate()
      return rule
    } catch {
      throw Fault(cell: .rule(index), sentence: error.message)
    }
  }

  /// In the order of the plan that it began as, then what is new.
  private func metrics() throws(Fault) -> [JudgedMetric] {
    let known = base.metrics.map(\.metric)
    var metrics: [JudgedMetric] = []
    for metric in known + Metric.allCases.filter({ !known.contains($0) })
    where !self[.tolerance(metric)].isEmpty {
      metrics.append(
        JudgedMetric(
          metric: metric, tolerance: try number(.tolerance(metric)) ?? 1,
          riskShare: try share(.riskPart(metric)) ?? 1,
          limit: try share(.limit(metric))))
      if let limit = metrics.last?.limit, limit <= 0 || limit >= 1 {
        throw Fault(cell: .limit(metric), sentence: "the limit must be over 0% and under 100%")
      }
    }
    return metrics
  }

  private func approvals() throws(Fault) -> ApprovalRule? {
    let count = try whole(.startApprovals)
    let typed = self[.approvers].split(separator: " ").map(String.init)
    let names = isAsItWas(.approvers) ? base.approvals?.from ?? [] : typed
    if count == nil, !names.isEmpty {
      throw Fault(cell: .startApprovals, sentence: "how many of them have to agree?")
    }
    return count.map { ApprovalRule(count: $0, from: names) }
  }

  private func requirements() -> [Requirement]? {
    let wanted = Requirement.allCases.filter { self[.requirement($0)] == "yes" }
    // The plan's own order, which says nothing, is kept.
    if let before = base.requirements, Set(before) == Set(wanted) { return before }
    return wanted.isEmpty ? nil : wanted
  }

  private func after() throws(Fault) -> [Name]? {
    if isAsItWas(.after) { return base.after }
    var names: [Name] = []
    for word in self[.after].split(separator: " ") {
      do { names.append(try Name(String(word))) } catch {
        throw Fault(cell: .after, sentence: error.message)
      }
    }
    return names.isEmpty ? nil : names
  }

  private func holdPolicy() throws(Fault) -> HoldPolicy? {
    let weight: HoldPolicy.Weight? = try word(.holdWeight, "keep, floor or zero")
    let then: HoldPolicy.Ending? = try word(.holdEnding, "rollback, escalate or extend")
    let policy = HoldPolicy(weight: weight ?? .keep, then: then ?? .rollback)
    // What is the usual anyway is written only where the plan wrote it.
    return policy == HoldPolicy() && base.holdPolicy != policy ? nil : policy
  }

  private func segments() throws(Fault) -> PlanSegments? {
    let column = self[.segmentColumn]
    if isAsItWas(.segmentColumn), isAsItWas(.segmentValues) { return base.segments }
    if column.isEmpty, self[.segmentValues].isEmpty { return nil }
    guard !column.isEmpty else {
      throw Fault(cell: .segmentColumn, sentence: "segments need the column that tells them apart")
    }
    let values = BarredList.values(self[.segmentValues])
    guard values.allSatisfy({ !$0.isEmpty }) else {
      throw Fault(
        cell: .segmentValues,
        sentence: "segments need the values that are judged apart, like AA|UA, each not empty")
    }
    return PlanSegments(
      by: column, values: isAsItWas(.segmentValues) ? base.segments?.values ?? values : values)
  }

  private func judge() throws(Fault) -> ComparisonRule? {
    guard let tool else {
      guard ComparisonSettings(base.judge) == nil else {
        throw Fault(cell: .judge, sentence: "expected evidence, flagger, argo or kayenta")
      }
      return base.judge
    }
    // What belongs to another tool's rule waits in its cells, and is not looked at.
    let cells = Set(tool.cells)
    var settings = ComparisonSettings(tool)
    if cells.contains(.judgeInterval) { settings.interval = try span(.judgeInterval) }
    if cells.contains(.judgeLimit) { settings.limit = try share(.judgeLimit) }
    if cells.contains(.judgeFailures) {
      settings.failures = try whole(.judgeFailures, in: settings.failuresRange)
    }
    if cells.contains(.judgeWindow) {
      settings.window = try whole(.judgeWindow, in: ComparisonSettings.windowRange)
    }
    if cells.contains(.judgeConfidence) { settings.confidence = try share(.judgeConfidence) }
    if cells.contains(.judgeTolerance) { settings.tolerance = try number(.judgeTolerance) }
    if cells.contains(.judgePoints) {
      settings.points = try whole(.judgePoints, in: ComparisonSettings.pointsRange)
    }
    for (cell, value) in [
      (PlanCell.judgeLimit, settings.limit), (.judgeConfidence, settings.confidence),
    ] {
      if let value, value <= 0 || value >= 1 {
        throw Fault(cell: cell, sentence: "it must be over 0% and under 100%")
      }
    }
    if let tolerance = settings.tolerance, !ComparisonSettings.toleranceRange.contains(tolerance) {
      throw Fault(cell: .judgeTolerance, sentence: "the tolerance must be 0 to 999")
    }
    return settings.rule
  }

  // MARK: Words and numbers

  private func word<Choice: RawRepresentable>(
    _ cell: PlanCell, _ expected: String
  ) throws(Fault) -> Choice? where Choice.RawValue == String {
    guard !self[cell].isEmpty else { return nil }
    guard let choice = Choice(rawValue: self[cell].lowercased()) else {
      throw Fault(cell: cell, sentence: "expected \(expected)")
    }
    return choice
  }

  private func span(_ cell: PlanCell) throws(Fault) -> TimeSpan? {
    guard !self[cell].isEmpty else { return nil }
    do { return try TimeSpan(self[cell]) } catch {
      throw Fault(cell: cell, sentence: error.message)
    }
  }

  private func whole(
    _ cell: PlanCell, in range: ClosedRange<Int> = 0...1_000_000_000
  ) throws(Fault) -> Int? {
    guard !self[cell].isEmpty else { return nil }
    let text = printable(self[cell], limit: 40)
    guard let value = Int(self[cell].filter { $0 != "," }), value >= 0 else {
      throw Fault(cell: cell, sentence: "expected a whole number, got \"\(text)\"")
    }
    guard range.contains(value) else {
      throw Fault(
        cell: cell,
        sentence: "expected \(range.lowerBound) to \(range.upperBound), got \"\(text)\"")
    }
    return value
  }

  private func number(_ cell: PlanCell) throws(Fault) -> Double? {
    guard !self[cell].isEmpty else { return nil }
    guard let value = Double(self[cell]), value.isFinite else {
      throw Fault(
        cell: cell, sentence: "expected a number, got \"\(printable(self[cell], limit: 40))\"")
    }
    return value
  }

  /// A part of 1, written as such or as `5%`.
  private func share(_ cell: PlanCell) throws(Fault) -> Double? {
    guard self[cell].hasSuffix("%") else { return try number(cell) }
    do { return Double(try parsePercent(self[cell])) / Double(Split.whole) } catch {
      throw Fault(cell: cell, sentence: error.message)
    }
  }

  // MARK: What a validation says

  /// A validation's sentence without the plan's name, which stands above the form.
  private func shown(_ sentence: String) -> String {
    let label = "plan \"\(printable(name, limit: 60))\""
    guard sentence.hasPrefix(label) else { return sentence }
    let rest = sentence.dropFirst(label.count)
    var text = String(rest.hasPrefix(": ") ? rest.dropFirst(2) : "it" + rest)
    // People count from one, and see a form instead of a file.
    for index in 0..<stepCount {
      let field = "steps[\(index)]"
      if let start = text.firstRange(ofASCII: field) {
        let end = text.index(start, offsetBy: field.count)
        text = text[..<start] + "step \(index + 1)" + text[end...].drop { $0 == "." }.asWord
      }
    }
    if let start = text.firstRange(ofASCII: "metrics["),
      let end = text.firstRange(ofASCII: ")."), start < end
    {
      let name = text[start..<end].drop { $0 != "(" }.dropFirst()
      let metric = Metric(rawValue: String(name)).map { MetricText.of($0) } ?? String(name)
      text = text[..<start] + metric + ": " + text[end...].dropFirst(2)
    }
    for (field, words) in PlanDraft.wordsOfFields {
      while let start = text.firstRange(ofASCII: field) {
        text.replaceSubrange(start..<text.index(start, offsetBy: field.count), with: words)
      }
    }
    return text
  }

  /// How the form calls what a file and a validation call otherwise.
  private static let wordsOfFields = [
    ("give holdDeadline", "give the hold's deadline"), ("holdDeadline", "hold deadline"),
    ("rollbackRisk", "roll back risk"),
    ("holdRisk", "hold risk"), ("latencySlack", "latency slack"), ("warmUp", "warm-up"),
    ("minRequests", "requests"), ("riskShare", "risk part"), ("promotion.", "promotion "),
    ("blast.", "cap of "), ("approvals.from", "who may approve"), ("approvals.count", "approvals"),
    ("judge.", "judge's "),
  ]

  /// The cell that a validation's sentence is about, by the field that it names.
  private func cell(named sentence: String, _ plan: Plan) -> PlanCell? {
    func has(_ text: String) -> Bool { sentence.firstRange(ofASCII: text) != nil }
    for index in plan.steps.indices where has("steps[\(index)]") {
      let fields: [(String, PlanCell)] = [
        (".hold", .hold(index)), (".minRequests", .requests(index)),
        (".approvals", .approvals(index)), (".strategy", .strategy(index)),
        (".when", .rule(index)), (" is a", .strategy(index)), (" comes too late", .strategy(index)),
      ]
      return fields.first { has($0.0) }?.1 ?? .weight(index)
    }
    for (index, judged) in plan.metrics.enumerated() where has("metrics[\(index)]") {
      return has(".riskShare") ? .riskPart(judged.metric) : .tolerance(judged.metric)
    }
    let fields: [(String, PlanCell)] = [
      ("last step", .weight(max(0, stepCount - 1))), ("promotion.risk", .promotionRisk),
      ("promotion", .margin), ("blast.errors", .capErrors), ("blast", .capRequests),
      ("approvals.from", .approvers), ("approvals", .startApprovals), ("warmUp", .warmUp),
      ("holdDeadline", .holdDeadline), ("latencySlack", .latencySlack), ("soak", .soak),
      ("rollbackRisk", .rollbackRisk), ("holdRisk", .holdRisk),
      ("risk shares", plan.metrics.first.map { .riskPart($0.metric) } ?? .holdRisk),
      ("segments", .segmentValues), ("judge.interval", .judgeInterval), ("judge", .judge),
      ("after must", .after),
    ]
    return fields.first { has($0.0) }?.1
  }
}

extension Substring {
  /// The rest of a field's name as a word of its own: `weight must` after `step 2`.
  fileprivate var asWord: String { hasPrefix(" ") || isEmpty ? String(self) : " \(self)" }
}
