import Control
import Core
import Node
import Testing

@testable import Console

/// A plan that goes through the form, or through a file, is the plan that it was, except for what
/// was changed; and the form means by a word what a file means by it.
@Suite struct PlanDraftTests {
  private static let builtIn = [
    "ab-test", "blue-green", "careful", "quick-ramp", "shadow-first",
    "standard-launch",
  ].compactMap { PlanFile.builtIn(name: $0) }

  /// The plan as the form makes it anew from what stands in the cells.
  private func remade(_ plan: Plan) throws -> Plan {
    var draft = PlanDraft(plan)
    draft[.summary] = "made anew"
    let made = try draft.plan()
    #expect(made.name == plan.name + " (edited)" && made.summary == "made anew")
    return Plan(
      name: plan.name, summary: plan.summary, steps: made.steps, metrics: made.metrics,
      holdRisk: made.holdRisk, rollbackRisk: made.rollbackRisk, soak: made.soak,
      holdDeadline: made.holdDeadline, latencySlack: made.latencySlack,
      approvals: made.approvals, blast: made.blast, promotion: made.promotion,
      warmUp: made.warmUp, holdPolicy: made.holdPolicy, segments: made.segments,
      judge: made.judge, after: made.after, requirements: made.requirements)
  }

  @Test func everyBuiltInPlanGoesThroughFormAndFile() throws {
    #expect(Self.builtIn.count == 6)
    for plan in Self.builtIn {
      #expect(try PlanDraft(plan).plan() == plan)
      #expect(try remade(plan) == plan)
      #expect(try PlanFile.parse(Array(PlanFile.text(of: plan).utf8), file: "x") == plan)
    }
  }

  @Test func randomPlansGoThroughTheForm() throws {
    for seed in UInt64(0)..<600 {
      var random = RandomPlan(seed: seed)
      let plan = random.plan()
      try plan.validate()
      #expect(try PlanDraft(plan).plan() == plan, "seed \(seed)")
      #expect(try remade(plan) == plan, "seed \(seed)")
    }
  }

  @Test func randomPlansGoThroughAFile() throws {
    for seed in UInt64(0)..<600 {
      var random = RandomPlan(seed: seed, isOfFile: true)
      let plan = random.plan()
      let text = try PlanFile.text(of: plan)
      #expect(try PlanFile.parse(Array(text.utf8), file: "x") == plan, "seed \(seed):\n\(text)")
    }
  }

  @Test(arguments: [
    ("two words", 0.05, "name"), ("p", 0.033_33, "hold_risk"), ("p", 0.000_01, "smaller"),
  ])
  func whatNoFileCanSayIsRefused(name: String, risk: Double, part: String) {
    let plan = Plan(
      name: name, summary: "", steps: [PlanStep(weight: 10_000, hold: .zero)], metrics: [],
      holdRisk: risk)
    do throws(InvalidValue) {
      _ = try PlanFile.text(of: plan)
      Issue.record("\(name) was written")
    } catch {
      #expect(error.message.contains(part), "\(error.message)")
    }
  }

  /// Every choice leads around to where it began, and the plan is then as unedited as before.
  @Test func choicesGoAround() throws {
    for seed in UInt64(0)..<200 {
      var random = RandomPlan(seed: seed)
      let plan = random.plan()
      var draft = PlanDraft(plan)
      for cell in draft.rows.joined() {
        guard let count = cell.choices?.count else {
          let isTyped = !draft.choose(cell, by: 1)
          #expect(isTyped)
          continue
        }
        for step in [1, -1] {
          for turn in 1...count {
            _ = draft.choose(cell, by: step)
            #expect(draft.isEdited == (turn != count), "seed \(seed): \(cell)")
          }
        }
      }
      #expect(try draft.plan() == plan)
    }
  }

  private static let frame = """
    name: p
    steps:
      - weight: 10%
        hold: 5m
      - weight: 100%
    metrics:
      - metric: errors
        risk_share: 100%
    hold_deadline: 2h

    """

  /// Cells with what is put into them, and the lines of a file that say the same.
  @Test(arguments: [
    ([(PlanCell.holdWeight, "floor")], "hold_policy: {weight: floor}"),
    (
      [(.holdWeight, "zero"), (.holdEnding, "extend")], "hold_policy: {weight: zero, then: extend}"
    ),
    ([(.holdEnding, "escalate")], "hold_policy: {then: escalate}"),
    (
      [(.segmentColumn, "carrier"), (.segmentValues, "AA|U\\|A | x y")],
      "segments: {by: carrier, values: [AA, \"U|A\", x y]}"
    ),
    ([(.judge, "flagger")], "judge: flagger"), ([(.judge, "kayenta")], "judge: kayenta"),
    (
      [(.judge, "argo"), (.judgeLimit, "3%"), (.judgeFailures, "0"), (.judgeWindow, "5")],
      "judge: {rule: argo, limit: 3%, failures: 0, window: 5}"
    ),
    (
      [
        (.judge, "kayenta"), (.judgeInterval, "30s"), (.judgeConfidence, "95%"),
        (.judgeTolerance, "0.5"), (.judgePoints, "20"), (.judgeLimit, "nonsense"),
      ], "judge: {rule: kayenta, interval: 30s, confidence: 95%, tolerance: 0.5, points: 20}"
    ),
    ([(.after, "churn  fraud-score")], "after: [churn, fraud-score]"),
    (
      [(.requirement(.checklist), "yes"), (.requirement(.gates), "yes")],
      "requires: [gates, checklist]"
    ),
    (
      [(.startApprovals, "2"), (.approvers, "ana bob carol")],
      "approvals: {count: 2, from: [ana, bob, carol]}"
    ),
    ([(.margin, "2")], "promote: {margin: 2}"),
    ([(.holdRisk, ""), (.rollbackRisk, ""), (.warmUp, ""), (.latencySlack, "")], ""),
    ([(.holdRisk, "7%"), (.rollbackRisk, "0.02")], "hold_risk: 7%\nrollback_risk: 2%"),
  ])
  func aWordMeansWhatItMeansInAFile(cells: [(PlanCell, String)], lines: String) throws {
    let base = try PlanFile.parse(Array(Self.frame.utf8), file: "x")
    var draft = PlanDraft(base)
    for (cell, text) in cells { draft[cell] = text }
    let file = try PlanFile.parse(Array((Self.frame + lines).utf8), file: "x")
    #expect(try draft.plan().named("p") == file)
  }

  @Test(arguments: [
    (Strategy.shadow, "shadow: 10%"), (.abTest, "ab: 10%"), (.preview, "preview: true"),
  ])
  func aStepsKindMeansWhatItMeansInAFile(kind: Strategy, line: String) throws {
    var draft = PlanDraft(try PlanFile.parse(Array(Self.frame.utf8), file: "x"))
    while draft[.strategy(0)] != kind.rawValue { _ = draft.choose(.strategy(0), by: 1) }
    let text = Self.frame.split(separator: "\n").map { $0.contains("10%") ? "  - \(line)" : $0 }
    let file = try PlanFile.parse(Array(text.joined(separator: "\n").utf8), file: "x")
    #expect(try draft.plan().named("p") == file)
    #expect(draft.isIdle(.weight(0)) == (kind == .preview))
    // What a preview does not use waits for the next kind.
    #expect(draft[.weight(0)] == "10%")
  }

  @Test func disagreementHasALimit() throws {
    let plan = try #require(PlanFile.builtIn(name: "shadow-first"))
    var draft = PlanDraft(plan)
    #expect(draft[.limit(.disagreement)] == "5%")
    draft[.limit(.disagreement)] = "7%"
    #expect(try draft.plan().metrics.last?.limit == 0.07)
    draft[.limit(.disagreement)] = ""
    #expect(try draft.plan().metrics.last?.limit == nil)
    #expect(draft.assumed(.limit(.disagreement)) == "2%")
  }

  @Test func aJudgeThatNoFileNamesIsKept() throws {
    let rule = ComparisonRule(judge: .peeking(pValue: 0.05), interval: .seconds(9))
    let plan = Plan(
      name: "p", summary: "s", steps: [PlanStep(weight: 10_000, hold: .zero)], metrics: [],
      warmUp: 0, judge: rule)
    #expect(try remade(plan) == plan)
    var draft = PlanDraft(plan)
    _ = draft.choose(.judge, by: 1)
    #expect(try draft.plan().judge == nil)
    _ = draft.choose(.judge, by: -1)
    #expect(try draft.plan() == plan)
    #expect(throws: InvalidValue.self) { try PlanFile.text(of: plan) }
  }

  @Test(arguments: [
    ([(PlanCell.segmentColumn, "")], PlanCell.segmentColumn, "column"),
    ([(.segmentValues, "")], .segmentValues, "values"),
    ([(.segmentValues, "AA||UA")], .segmentValues, "not empty"),
    ([(.segmentValues, "AA|AA")], .segmentValues, "each once"),
    ([(.segmentValues, "1|2|3|4|5|6|7|8|9")], .segmentValues, "1 to 8"),
    ([(.after, "a b a")], .after, "each once"), ([(.after, "Not A Name!")], .after, "Not"),
    ([(.judgeLimit, "100%")], .judgeLimit, "under 100%"),
    ([(.judgeFailures, "0")], .judgeFailures, "1 to 1000"),
    ([(.judgeInterval, "10ms")], .judgeInterval, "between 1s"),
    ([(.judge, "argo"), (.judgeWindow, "101")], .judgeWindow, "1 to 100"),
    ([(.judge, "kayenta"), (.judgeConfidence, "1")], .judgeConfidence, "under 100%"),
    ([(.judge, "kayenta"), (.judgeTolerance, "1000")], .judgeTolerance, "0 to 999"),
    ([(.judge, "kayenta"), (.judgePoints, "0")], .judgePoints, "1 to 100"),
    ([(.holdDeadline, "")], .holdDeadline, "give the hold's deadline"),
    ([(.startApprovals, "")], .startApprovals, "how many"),
    ([(.limit(.disagreement), "0")], .limit(.disagreement), "over 0%"),
    ([(.weight(1), "")], .weight(1), "share"),
  ])
  func aFaultOfTheSecondPageNamesItsCell(
    cells: [(PlanCell, String)], cell: PlanCell, part: String
  ) throws {
    let plan = try PlanFile.parse(
      Array(
        """
        name: p
        steps:
          - shadow: 10%
            hold: 5m
          - weight: 10%
            hold: 5m
          - weight: 100%
        metrics:
          - metric: disagreement
            tolerance: 1
        hold_deadline: 2h
        hold_policy: {then: extend}
        segments: {by: carrier, values: [AA, UA]}
        judge: flagger
        approvals: {count: 1, from: [ana]}
        """.utf8), file: "x")
    var draft = PlanDraft(plan)
    for (cell, text) in cells { draft[cell] = text }
    do throws(PlanDraft.Fault) {
      _ = try draft.plan()
      Issue.record("\(cells) was taken")
    } catch {
      #expect(error.cell == cell && error.sentence.contains(part), "\(error)")
    }
  }

  @Test func hintsAreWholeAt80Columns() {
    var cells: Set<PlanCell> = [.plan, .candidate]
    for tool in ComparisonSettings.Tool.allCases {
      var draft = PlanDraft(Sample.quick)
      draft[.judge] = tool.rawValue
      cells.formUnion(draft.rows.joined())
    }
    for cell in cells {
      #expect(!cell.hint.isEmpty && cell.hint.count <= 76, "\(cell): \(cell.hint)")
    }
  }

  @Test func formAndDraftHaveTheSameCells() {
    for seed in UInt64(0)..<60 {
      var random = RandomPlan(seed: seed)
      let plan = random.plan()
      let editor = PlanEditor(
        endpoint: Sample.endpoint, candidates: [Sample.version(2)], candidate: nil, plans: [plan],
        plan: 0, replaces: nil, generation: 1, opened: Moment(milliseconds: 0, wall: Sample.start))
      let drawn = editor.lines.map { $0.items.map(\.cell) }.filter { !$0.isEmpty }
      #expect(drawn == editor.draft.rows)
    }
  }
}
