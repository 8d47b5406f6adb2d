import Control
import Core

/// A value of a plan that can be edited.
enum PlanCell: Sendable, Hashable {
  case plan, candidate
  case weight(Int), hold(Int), requests(Int), approvals(Int), strategy(Int), rule(Int)
  case tolerance(Metric), riskPart(Metric)
  case soak, holdDeadline, warmUp, latencySlack
  case holdRisk, rollbackRisk
  case startApprovals, approvers
  case capRequests, capErrors
  case margin, promotionRisk

  /// Whether it is chosen rather than typed.
  var isChoice: Bool { self == .plan || self == .candidate }

  /// The step it belongs to.
  var step: Int? {
    switch self {
    case .weight(let step), .hold(let step), .requests(let step), .approvals(let step),
      .strategy(let step), .rule(let step):
      step
    default: nil
    }
  }

  /// The metric it belongs to.
  var metric: Metric? {
    switch self {
    case .tolerance(let metric), .riskPart(let metric): metric
    default: nil
    }
  }

  /// What may be typed, for the line under the form.
  var hint: String {
    switch self {
    case .plan: "Left and Right choose the plan that is edited"
    case .candidate: "Left and Right choose the candidate"
    case .weight: "the candidate's share, like 25%; weights rise, the last is 100%"
    case .hold: "observed time in the step, like 5m or 1h; time without traffic does not count"
    case .requests: "how many requests the candidate must have answered in the step"
    case .strategy: "canary, shadow (copies only), preview (no traffic) or ab (a fixed time)"
    case .rule: "only such requests take part, like carrier=AA|UA header:x-beta=1; empty: all"
    case .approvals: "nothing, any (anyone may let it go on), or how many people have to agree"
    case .tolerance:
      "tolerated ratio of bad answers, candidate to stable, 1 or more; empty: not judged"
    case .riskPart: "part of the risk budget, 0 to 1; the parts of all judged metrics sum to 1"
    case .soak: "how long both versions stay watched and loaded after 100%"
    case .holdDeadline: "how long a hold may last until it is rolled back; empty: for ever"
    case .warmUp: "first answers of the candidate that are left out of the judgement"
    case .latencySlack: "slower than the stable's usual by more than this counts as slow"
    case .holdRisk: "chance of holding a good version, over the whole rollout, like 0.05"
    case .rollbackRisk: "chance of rolling a good version back, smaller than the hold's, like 0.01"
    case .startApprovals: "how many people have to agree before the first step; empty: nobody"
    case .approvers:
      "login names of those who may, with blanks between; empty: anyone but the author"
    case .capRequests: "answers of the candidate before the last step after which it is held at 0%"
    case .capErrors: "failed and wrong answers before the last step after which it is rolled back"
    case .margin:
      "before 100% it must be certain that the candidate is not so many times worse; empty: no"
    case .promotionRisk: "chance that a candidate at the margin is let through, like 0.05"
    }
  }
}

/// A plan as it is being edited: what stands in each cell, and what that comes to.
struct PlanDraft: Sendable {
  /// Why a draft is no plan: where, when that is one cell, and what is wrong.
  struct Fault: Error, Sendable, Hashable {
    var cell: PlanCell?
    var sentence: String
  }

  /// The plan it began as.
  let base: Plan
  private(set) var stepCount: Int
  /// Which step of ``base`` each step was, so that what is not edited is kept; nil for a new one.
  private(set) var origins: [Int?]
  private var texts: [PlanCell: String] = [:]
  private let original: [PlanCell: String]

  init(_ plan: Plan) {
    base = plan
    stepCount = plan.steps.count
    origins = plan.steps.indices.map { $0 }
    var texts: [PlanCell: String] = [:]
    for (index, step) in plan.steps.enumerated() {
      texts[.weight(index)] = percentText(step.weight)
      texts[.hold(index)] = step.hold == .zero ? "" : step.hold.description
      texts[.requests(index)] = step.minRequests == 0 ? "" : "\(step.minRequests)"
      texts[.strategy(index)] = step.strategy?.rawValue ?? ""
      texts[.rule(index)] = step.rule.map { "\($0)" } ?? ""
      texts[.approvals(index)] =
        step.approvals.map { "\($0)" } ?? (step.needsApproval ? "any" : "")
    }
    for judged in plan.metrics {
      texts[.tolerance(judged.metric)] = PlanDraft.text(judged.tolerance)
      texts[.riskPart(judged.metric)] = PlanDraft.text(judged.riskShare)
    }
    texts[.soak] = plan.soak == .zero ? "" : plan.soak.description
    texts[.holdDeadline] = plan.holdDeadline?.description ?? ""
    texts[.warmUp] = "\(plan.warmUp)"
    texts[.latencySlack] = plan.latencySlack.description
    texts[.holdRisk] = PlanDraft.text(plan.holdRisk)
    texts[.rollbackRisk] = PlanDraft.text(plan.rollbackRisk)
    texts[.startApprovals] = plan.approvals.map { "\($0.count)" } ?? ""
    texts[.approvers] = (plan.approvals?.from ?? []).joined(separator: " ")
    texts[.capRequests] = plan.blast?.requests.map { "\($0)" } ?? ""
    texts[.capErrors] = plan.blast?.errors.map { "\($0)" } ?? ""
    texts[.margin] = plan.promotion.map { PlanDraft.text($0.margin) } ?? ""
    texts[.promotionRisk] = plan.promotion.map { PlanDraft.text($0.risk) } ?? ""
    self.texts = texts.filter { !$0.value.isEmpty }
    original = self.texts
  }

  /// `1.5`, `1`: reads back as the same number.
  private static func text(_ value: Double) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// What stands in a cell.
  subscript(cell: PlanCell) -> String {
    get { texts[cell] ?? "" }
    set { texts[cell] = newValue.trimmed.isEmpty ? nil : newValue.trimmed }
  }

  /// Whether it differs from the plan it began as.
  var isEdited: Bool { texts != original || origins != base.steps.indices.map { $0 } }

  /// The name that the frozen plan gets: an edited one says so.
  var name: String { isEdited ? String(base.name.prefix(91)) + " (edited)" : base.name }

  /// The rows of the form, each with its cells from left to right.
  var rows: [[PlanCell]] {
    var rows: [[PlanCell]] = [[.candidate], [.plan]]
    rows += (0..<stepCount).map { PlanDraft.cells(ofStep: $0) }
    rows += Metric.allCases.map { [.tolerance($0), .riskPart($0)] }
    rows += [
      [.holdRisk, .rollbackRisk], [.margin, .promotionRisk], [.capRequests, .capErrors],
      [.startApprovals, .approvers], [.soak, .holdDeadline], [.warmUp, .latencySlack],
    ]
    return rows
  }

  // MARK: Steps

  /// Adds a step after another, with a weight half way to the next; false at the most.
  mutating func addStep(after index: Int) -> Bool {
    guard stepCount < ControlLimits.planStepsMax else { return false }
    let place = max(0, min(stepCount, index + 1))
    let low = place > 0 ? (try? PlanDraft.percent(self[.weight(place - 1)])) ?? 0 : 0
    let high = place < stepCount ? (try? PlanDraft.percent(self[.weight(place)])) ?? 0 : Split.whole
    shift(from: place, by: 1)
    origins.insert(nil, at: place)
    stepCount += 1
    let middle = high > low + 200 ? (low + high) / 200 * 100 : (low + high) / 2
    self[.weight(place)] = percentText(middle)
    self[.hold(place)] = place > 0 ? self[.hold(place - 1)] : "5m"
    self[.requests(place)] = place > 0 ? self[.requests(place - 1)] : ""
    return true
  }

  /// Takes a step out; false when it is the only one.
  mutating func removeStep(_ index: Int) -> Bool {
    guard stepCount > 1, (0..<stepCount).contains(index) else { return false }
    for cell in PlanDraft.cells(ofStep: index) { texts[cell] = nil }
    shift(from: index + 1, by: -1)
    origins.remove(at: index)
    stepCount -= 1
    return true
  }

  private static func cells(ofStep step: Int) -> [PlanCell] {
    [
      .weight(step), .hold(step), .requests(step), .approvals(step), .strategy(step), .rule(step),
    ]
  }

  private mutating func shift(from place: Int, by: Int) {
    let indices = Array(place..<max(place, stepCount))
    for index in by > 0 ? indices.reversed() : indices {
      for (old, new) in zip(
        PlanDraft.cells(ofStep: index), PlanDraft.cells(ofStep: index + by))
      {
        texts[new] = texts[old]
        texts[old] = nil
      }
    }
  }

  // MARK: The plan

  /// The plan that it comes to.
  /// - Throws: ``Fault`` with the cell that is wrong.
  func plan() throws(Fault) -> Plan {
    guard isEdited else { return base }
    var steps: [PlanStep] = []
    for index in 0..<stepCount { steps.append(try step(index)) }
    var metrics: [JudgedMetric] = []
    for metric in Metric.allCases where !self[.tolerance(metric)].isEmpty {
      metrics.append(
        JudgedMetric(
          metric: metric, tolerance: try number(.tolerance(metric)) ?? 1,
          riskShare: try number(.riskPart(metric)) ?? 0))
    }
    let count = try whole(.startApprovals)
    let names = self[.approvers].split(separator: " ").map(String.init)
    if count == nil, !names.isEmpty, !steps.contains(where: { $0.approvals != nil }) {
      throw Fault(cell: .startApprovals, sentence: "how many of them have to agree?")
    }
    let caps = (try whole(.capRequests), try whole(.capErrors))
    let margin = try number(.margin)
    let plan = Plan(
      name: name, summary: base.summary, steps: steps, metrics: metrics,
      holdRisk: try number(.holdRisk) ?? 0, rollbackRisk: try number(.rollbackRisk) ?? 0,
      soak: try span(.soak) ?? .zero, holdDeadline: try span(.holdDeadline),
      latencySlack: try span(.latencySlack) ?? .zero,
      approvals: count.map { ApprovalRule(count: $0, from: names) },
      blast: caps == (nil, nil) ? nil : BlastCap(requests: caps.0, errors: caps.1),
      promotion: try margin.map { (margin) throws(Fault) in
        PromotionRule(margin: margin, risk: try number(.promotionRisk) ?? 0.05)
      }, warmUp: try whole(.warmUp) ?? 0, holdPolicy: base.holdPolicy, segments: base.segments,
      judge: base.judge, after: base.after, requirements: base.requirements)
    do { try plan.validate() } catch {
      throw Fault(cell: cell(named: error.message, plan), sentence: shown(error.message))
    }
    return plan
  }

  private func step(_ index: Int) throws(Fault) -> PlanStep {
    let weight: BasisPoints
    do { weight = try PlanDraft.percent(self[.weight(index)]) } catch {
      throw Fault(cell: .weight(index), sentence: error.message)
    }
    var approvals: Int?
    let agreed = self[.approvals(index)]
    if !agreed.isEmpty, agreed != "any" { approvals = try whole(.approvals(index)) }
    var strategy: Strategy?
    if !self[.strategy(index)].isEmpty {
      strategy = Strategy(rawValue: self[.strategy(index)].lowercased())
      guard strategy != nil else {
        throw Fault(
          cell: .strategy(index), sentence: "expected canary, shadow, preview or ab")
      }
      // A step that says nothing is a canary: kept as it was written.
      let origin = origins[index].flatMap { base.steps[$0].strategy }
      if strategy == .canary, origin == nil { strategy = nil }
    }
    var rule: RequestRule?
    if !self[.rule(index)].isEmpty {
      do {
        let read = try RequestRule(self[.rule(index)])
        try read.validate()
        rule = read
      } catch {
        throw Fault(cell: .rule(index), sentence: error.message)
      }
    }
    return PlanStep(
      weight: weight, hold: try span(.hold(index)) ?? .zero,
      minRequests: try whole(.requests(index)) ?? 0, needsApproval: agreed == "any",
      approvals: approvals, strategy: strategy, rule: rule)
  }

  /// The sign may be left out.
  private static func percent(_ text: String) throws(InvalidValue) -> BasisPoints {
    try parsePercent(text.hasSuffix("%") ? text : text + "%")
  }

  private func span(_ cell: PlanCell) throws(Fault) -> TimeSpan? {
    guard !self[cell].isEmpty else { return nil }
    do { return try TimeSpan(self[cell]) } catch {
      throw Fault(cell: cell, sentence: error.message)
    }
  }

  private func whole(_ cell: PlanCell) throws(Fault) -> Int? {
    guard !self[cell].isEmpty else { return nil }
    guard let value = Int(self[cell].filter { $0 != "," }), value >= 0 else {
      throw Fault(
        cell: cell, sentence: "expected a whole number, got \"\(printable(self[cell], limit: 40))\""
      )
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
    return text
  }

  /// The cell that a validation's sentence is about, by the field that it names.
  private func cell(named sentence: String, _ plan: Plan) -> PlanCell? {
    func has(_ text: String) -> Bool { sentence.firstRange(ofASCII: text) != nil }
    for index in plan.steps.indices where has("steps[\(index)]") {
      return has(".hold")
        ? .hold(index)
        : has(".minRequests")
          ? .requests(index)
          : has(".approvals")
          ? .approvals(index)
          : has(".strategy")
            ? .strategy(index)
            : has(".when") ? .rule(index) : has(" is a") ? .strategy(index) : .weight(index)
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
    ]
    return fields.first { has($0.0) }?.1
  }
}

extension Substring {
  /// The rest of a field's name as a word of its own: `weight must` after `step 2`.
  fileprivate var asWord: String { hasPrefix(" ") || isEmpty ? String(self) : " \(self)" }
}
