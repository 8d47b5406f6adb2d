import Control
import Core

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
  /// The word of a judge that no file can ask for: kept where a plan has it.
  private static let unnamedJudge = "another"

  init(_ plan: Plan) {
    base = plan
    stepCount = plan.steps.count
    origins = plan.steps.indices.map { $0 }
    var texts = PlanDraft.texts(ofSteps: plan.steps)
    for judged in plan.metrics {
      texts[.tolerance(judged.metric)] = PlanDraft.text(judged.tolerance)
      texts[.riskPart(judged.metric)] = PlanDraft.share(judged.riskShare)
      texts[.limit(judged.metric)] = judged.limit.map(PlanDraft.share)
    }
    texts[.soak] = plan.soak == .zero ? "" : plan.soak.exactText
    texts[.warmUp] = "\(plan.warmUp)"
    texts[.latencySlack] = plan.latencySlack.exactText
    texts[.holdRisk] = PlanDraft.share(plan.holdRisk)
    texts[.rollbackRisk] = PlanDraft.share(plan.rollbackRisk)
    texts[.capRequests] = plan.blast?.requests.map { "\($0)" }
    texts[.capErrors] = plan.blast?.errors.map { "\($0)" }
    texts[.margin] = plan.promotion.map { PlanDraft.text($0.margin) }
    texts[.promotionRisk] = plan.promotion.map { PlanDraft.share($0.risk) }
    texts.merge(PlanDraft.secondPage(plan)) { $1 }
    self.texts = texts.filter { !$0.value.isEmpty }
    original = self.texts
  }

  private static func texts(ofSteps steps: [PlanStep]) -> [PlanCell: String] {
    var texts: [PlanCell: String] = [:]
    for (index, step) in steps.enumerated() {
      texts[.weight(index)] = step.kind == .preview ? "" : percentText(step.weight)
      texts[.hold(index)] = step.hold == .zero ? "" : step.hold.exactText
      texts[.requests(index)] = step.minRequests == 0 ? "" : "\(step.minRequests)"
      texts[.strategy(index)] = step.strategy?.rawValue
      texts[.rule(index)] = step.rule.map { "\($0)" }
      texts[.approvals(index)] =
        step.approvals.map { "\($0)" } ?? (step.needsApproval ? "any" : "")
    }
    return texts
  }

  private static func secondPage(_ plan: Plan) -> [PlanCell: String] {
    var texts: [PlanCell: String] = [:]
    texts[.summary] = plan.summary
    texts[.startApprovals] = plan.approvals.map { "\($0.count)" }
    texts[.approvers] = plan.approvals?.from.joined(separator: " ")
    for requirement in plan.requirements ?? [] { texts[.requirement(requirement)] = "yes" }
    texts[.after] = plan.after?.map(\.text).joined(separator: " ")
    texts[.holdDeadline] = plan.holdDeadline?.exactText
    // The usual is written where the plan writes it, so that it stays the plan that it was.
    texts[.holdWeight] = plan.holdPolicy?.weight.rawValue
    texts[.holdEnding] = plan.holdPolicy?.then.rawValue
    texts[.segmentColumn] = plan.segments?.by
    texts[.segmentValues] = plan.segments.map { BarredList.text($0.values) }
    guard let settings = ComparisonSettings(plan.judge) else {
      texts[.judge] = unnamedJudge
      return texts
    }
    guard settings.tool != .evidence else { return texts }
    texts[.judge] = settings.tool.rawValue
    texts[.judgeInterval] = settings.interval?.exactText
    texts[.judgeLimit] = settings.limit.map(share)
    texts[.judgeFailures] = settings.failures.map { "\($0)" }
    texts[.judgeWindow] = settings.window.map { "\($0)" }
    texts[.judgeConfidence] = settings.confidence.map(share)
    texts[.judgeTolerance] = settings.tolerance.map(text)
    texts[.judgePoints] = settings.points.map { "\($0)" }
    return texts
  }

  /// `1.5`, `1`: reads back as the same number.
  private static func text(_ value: Double) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// `5%` where that is all of it, else `0.333`: reads back as the same number.
  private static func share(_ value: Double) -> String {
    guard value > 0, value <= 1 else { return text(value) }
    let points = Int((value * Double(Split.whole)).rounded())
    return Double(points) / Double(Split.whole) == value ? percentText(points) : text(value)
  }

  /// What stands in a cell.
  subscript(cell: PlanCell) -> String {
    get { texts[cell] ?? "" }
    set { texts[cell] = newValue.trimmed.isEmpty ? nil : newValue.trimmed }
  }

  /// Whether a cell, which belongs to no step, still holds what it held at first.
  func isAsItWas(_ cell: PlanCell) -> Bool { texts[cell] == original[cell] }

  /// What counts where a cell is empty; nil for nothing.
  func assumed(_ cell: PlanCell) -> String? {
    switch cell {
    case .riskPart(let metric): self[.tolerance(metric)].isEmpty ? nil : "100%"
    case .limit(.disagreement):
      self[.tolerance(.disagreement)].isEmpty
        ? nil : PlanDraft.share(JudgedMetric.defaultLimit)
    case .holdRisk: "5%"
    case .rollbackRisk: "1%"
    case .latencySlack: "5ms"
    case .warmUp: "\(Plan.defaultWarmUp)"
    case .promotionRisk: self[.margin].isEmpty ? nil : PlanDraft.share(PromotionRule().risk)
    case .judge where base.judge != nil && ComparisonSettings(base.judge) == nil: "evidence"
    case .judgeInterval: "1m"
    case .judgeLimit: "2%"
    case .judgeFailures: tool == .argo ? "3" : "10"
    case .judgeWindow: "1"
    case .judgeConfidence: "98%"
    case .judgeTolerance: "0.25"
    case .judgePoints: "10"
    default: cell.choices?.first
    }
  }

  /// Whether it differs from the plan it began as.
  var isEdited: Bool { texts != original || origins != base.steps.indices.map { $0 } }

  /// The name that the frozen plan gets: an edited one says so.
  var name: String { isEdited ? String(base.name.prefix(91)) + " (edited)" : base.name }

  /// Whose rule decides; nil for one that no file can ask for.
  var tool: ComparisonSettings.Tool? {
    let word = self[.judge]
    return word.isEmpty ? .evidence : ComparisonSettings.Tool(rawValue: word)
  }

  /// Whether a cell means nothing in its step: a preview has no weight, no rule, and nobody's
  /// requests to wait for.
  func isIdle(_ cell: PlanCell) -> Bool {
    guard let step = cell.step, self[.strategy(step)] == Strategy.preview.rawValue else {
      return false
    }
    return [.weight(step), .requests(step), .rule(step)].contains(cell)
  }

  /// The rows of the form, each with its cells from left to right.
  var rows: [[PlanCell]] {
    var rows: [[PlanCell]] = [[.candidate], [.plan]]
    rows += (0..<stepCount).map { PlanDraft.cells(ofStep: $0) }
    rows += Metric.allCases.map {
      $0 == .disagreement
        ? [.tolerance($0), .riskPart($0), .limit($0)] : [.tolerance($0), .riskPart($0)]
    }
    rows += [
      [.holdRisk, .rollbackRisk], [.margin, .promotionRisk], [.capRequests, .capErrors],
      [.warmUp, .latencySlack], [.soak],
    ]
    return rows + secondPageRows
  }

  private var secondPageRows: [[PlanCell]] {
    let judge = tool?.cells ?? []
    return [
      [.startApprovals, .approvers], Requirement.allCases.map { .requirement($0) }, [.after],
      [.holdWeight], [.holdDeadline, .holdEnding], [.segmentColumn, .segmentValues], [.judge],
    ] + (judge.isEmpty ? [] : [Array(judge.prefix(2))])
      + (judge.count > 2 ? [Array(judge.dropFirst(2))] : []) + [[.summary]]
  }

  // MARK: Choices

  /// Goes on to another of a cell's words, around the ends; false for a cell that is typed.
  mutating func choose(_ cell: PlanCell, by step: Int) -> Bool {
    guard var words = cell.choices else { return false }
    // One that nothing else can choose can be come back to.
    if cell == .judge, base.judge != nil, ComparisonSettings(base.judge) == nil {
      words.append(PlanDraft.unnamedJudge)
    }
    let now = self[cell].isEmpty ? words[0] : self[cell].lowercased()
    let index = words.firstIndex(of: now) ?? 0
    let next = words[(index + step + words.count) % words.count]
    // The usual is written only where the plan wrote it.
    self[cell] = next == words[0] && !isUsualWritten(cell) ? "" : next
    return true
  }

  private func isUsualWritten(_ cell: PlanCell) -> Bool {
    switch cell {
    case .strategy(let index): origins[index].flatMap { base.steps[$0].strategy } == .canary
    case .holdWeight: base.holdPolicy?.weight == .keep
    case .holdEnding: base.holdPolicy?.then == .rollback
    default: false
    }
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

  /// The sign may be left out.
  static func percent(_ text: String) throws(InvalidValue) -> BasisPoints {
    try parsePercent(text.hasSuffix("%") ? text : text + "%")
  }
}

/// Values between bars, `AA|UA`: a backslash takes the next character as it is.
enum BarredList {
  /// The values as one text, which ``values(_:)`` reads back when none is empty or begins or ends
  /// with a blank.
  static func text(_ values: [String]) -> String {
    values.map { value in
      value.reduce(into: "") { text, character in
        if character == "|" || character == "\\" { text.append("\\") }
        text.append(character)
      }
    }.joined(separator: "|")
  }

  /// The values of a text, without blanks around them.
  static func values(_ text: String) -> [String] {
    var values = [""]
    var isEscaped = false
    for character in text {
      if !isEscaped, character == "\\" {
        isEscaped = true
        continue
      }
      if !isEscaped, character == "|" {
        values.append("")
      } else {
        values[values.count - 1].append(character)
      }
      isEscaped = false
    }
    return values.map(\.trimmed)
  }
}
