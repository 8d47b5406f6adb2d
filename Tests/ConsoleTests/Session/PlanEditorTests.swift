import Control
import Core
import Node
import Testing

@testable import Console

/// A plan is edited in a form, checked at every change, and started only as it was seen.
@Suite struct PlanEditorTests {
  static let rich = Plan(
    name: "rich", summary: "everything set",
    steps: [
      PlanStep(weight: 50, hold: .zero, minRequests: 0),
      PlanStep(weight: 1250, hold: .minutes(90), minRequests: 12_000, needsApproval: true),
      PlanStep(weight: 10_000, hold: .seconds(30), approvals: 2),
    ],
    metrics: [
      JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 1.0 / 3),
      JudgedMetric(metric: .scores, tolerance: 2, riskShare: 2.0 / 3),
    ], holdRisk: 0.04, rollbackRisk: 0.003, soak: .minutes(7), holdDeadline: .minutes(45),
    latencySlack: .milliseconds(3), approvals: ApprovalRule(count: 1, from: ["bob", "carol"]),
    blast: BlastCap(requests: 5000, errors: nil), promotion: PromotionRule(margin: 1.4, risk: 0.02),
    warmUp: 123)

  private func editing(_ plan: Plan? = nil) -> Driver {
    var snapshot = Sample.snapshot(rollout: nil)
    if let plan { snapshot.plans = [plan, Sample.quick] }
    var driver = Driver(columns: 140, rows: 45, snapshot: snapshot)
    driver.press(.character("P"))
    return driver
  }

  private func answer(_ driver: inout Driver, refusal: String? = nil) {
    guard let ticket = driver.ticket({ $0 == .planPreview }) else {
      Issue.record("no preview was asked for")
      return
    }
    driver.tell(
      .reply(
        ticket, .rampPreview(Sample.preview(Sample.version(4), Sample.quick, refusal: refusal))))
  }

  private func editor(_ driver: Driver) -> PlanEditor? {
    if case .planEditor(let editor)? = driver.model.dialogs.last { editor } else { nil }
  }

  // MARK: The draft

  @Test(arguments: [Sample.standard, Sample.quick, rich])
  func aDraftKeepsEveryValue(plan: Plan) throws {
    #expect(try PlanDraft(plan).plan() == plan)
    // Made anew from its texts, every value but the name is the same.
    var draft = PlanDraft(plan)
    _ = draft.addStep(after: 0)
    _ = draft.removeStep(1)
    draft[.capErrors] = "77"
    let edited = try draft.plan()
    #expect(edited.name == plan.name + " (edited)")
    #expect(edited.steps == plan.steps && edited.metrics == plan.metrics)
    #expect(edited.holdRisk == plan.holdRisk && edited.rollbackRisk == plan.rollbackRisk)
    #expect(edited.soak == plan.soak && edited.holdDeadline == plan.holdDeadline)
    #expect(edited.latencySlack == plan.latencySlack && edited.warmUp == plan.warmUp)
    #expect(edited.approvals == plan.approvals && edited.promotion == plan.promotion)
    #expect(edited.blast == BlastCap(requests: plan.blast?.requests, errors: 77))
  }

  @Test(arguments: [
    (PlanCell.weight(0), "200%", "more than 100 %"), (.weight(0), "60%", "weights must rise"),
    (.weight(2), "99%", "last step must be 100%"), (.hold(1), "soon", "expected"),
    (.requests(1), "-3", "whole number"), (.approvals(1), "no", "whole number"),
    (.tolerance(.errors), "0.5", "1 to 1000"), (.riskPart(.errors), "0.9", "must sum to 1"),
    (.holdRisk, "0.001", "must be smaller"), (.margin, "1", "over 1"),
    (.capRequests, "0", "1 or more"), (.startApprovals, "3", "1 to 2"),
    (.warmUp, "-1", "whole number"), (.holdDeadline, "0s", "longer than nothing"),
  ])
  func aFaultNamesItsCell(cell: PlanCell, text: String, part: String) {
    var draft = PlanDraft(Self.rich)
    draft[cell] = text
    do throws(PlanDraft.Fault) {
      _ = try draft.plan()
      Issue.record("\(cell) took \(text)")
    } catch {
      #expect(error.sentence.contains(part), "\(error.sentence)")
      let expected: Set<PlanCell> =
        switch (cell, text) {
        // Which of two neighbours is wrong is a matter of view.
        case (.weight(0), "60%"): [.weight(0), .weight(1)]
        case (.holdRisk, _): [.holdRisk, .rollbackRisk]
        default: [cell]
        }
      #expect(error.cell.map { expected.contains($0) } == true, "\(String(describing: error.cell))")
    }
  }

  @Test func stepsAreAddedAndTakenOut() throws {
    var draft = PlanDraft(Sample.quick)
    let added = draft.addStep(after: 0)
    #expect(added)
    let plan = try draft.plan()
    #expect(plan.steps.map(\.weight) == [1000, 5500, 10_000])
    #expect(plan.steps[1].hold == .minutes(1))
    let removed = draft.removeStep(0)
    #expect(removed)
    #expect(try draft.plan().steps.map(\.weight) == [5500, 10_000])
    _ = draft.removeStep(0)
    let last = draft.removeStep(0)
    #expect(!last, "a plan keeps a step")
    while draft.addStep(after: draft.stepCount - 2) {}
    #expect(draft.stepCount == ControlLimits.planStepsMax)
  }

  // MARK: The form

  @Test func anEditedPlanIsStartedAsItWasSeen() throws {
    var driver = editing()
    #expect(driver.effectNames == ["send preview flight-delay@4 standard-launch on reading"])
    answer(&driver)
    // The first step's weight: a figure replaces it.
    driver.type("2")
    driver.press(.enter)
    #expect(
      driver.effectNames.last == "send preview flight-delay@4 standard-launch (edited) on reading")
    driver.wait(300)
    driver.press(.character("y"))
    #expect(driver.orders.isEmpty, "the node has not said what it would do")
    #expect(driver.text.contains("still working out"))
    answer(&driver)
    driver.press(.character("y"))
    #expect(driver.orders.isEmpty, "too quick to have been read")
    driver.wait(300)
    driver.press(.character("y"))
    let order = try #require(driver.orders.first)
    guard case .startRamp(let endpoint, let version, let plan, _) = order.command else {
      Issue.record("\(order.command)")
      return
    }
    #expect(endpoint == Sample.endpoint && version == Sample.version(4))
    #expect(plan.name == "standard-launch (edited)")
    #expect(plan.steps.map(\.weight) == [200, 500, 2500, 5000, 10_000])
    #expect(plan.metrics == Sample.standard.metrics)
    #expect(order.expectedGeneration == 118)
  }

  @Test func aFaultIsShownAndNothingStarts() {
    var driver = editing()
    answer(&driver)
    let asked = driver.effects.count
    driver.type("9%")
    driver.press(.enter)
    #expect(driver.text.contains("weights must rise"))
    #expect(driver.effects.count == asked, "what is no plan is not asked about")
    driver.wait(500)
    driver.press(.character("y"))
    #expect(driver.orders.isEmpty)
    // Esc while typing leaves the cell as it was.
    driver.press(.enter, .control("u"))
    driver.type("1")
    driver.press(.escape)
    #expect(editor(driver)?.draft[.weight(0)] == "9%" || editor(driver)?.cell != .weight(0))
  }

  @Test func planAndCandidateAreChosen() {
    var driver = editing()
    driver.press(.up)
    #expect(editor(driver)?.cell == .plan)
    driver.press(.right)
    #expect(driver.effectNames.last == "send preview flight-delay@4 quick on reading")
    driver.press(.up, .right)
    #expect(driver.effectNames.last == "send preview flight-delay@3 quick on reading")
  }

  @Test func tabGoesOverEveryCell() {
    var driver = editing(Self.rich)
    driver.press(.up, .up)
    var seen: Set<PlanCell> = []
    for _ in 0..<80 {
      if let cell = editor(driver)?.cell { seen.insert(cell) }
      driver.press(.tab)
    }
    #expect(seen == Set(PlanDraft(Self.rich).rows.flatMap { $0 }))
    driver.press(.backTab)
    #expect(editor(driver)?.cell != nil)
  }

  /// Goes down to a row of the second page.
  private func go(to cell: PlanCell, _ driver: inout Driver) {
    for _ in 0..<60 where editor(driver)?.cell != cell { driver.press(.tab) }
  }

  @Test func choicesAreCycledAndAskedAbout() throws {
    var driver = editing()
    answer(&driver)
    // The second page is one key away, and one key back.
    driver.press(.character("o"))
    #expect(editor(driver)?.cell == .startApprovals)
    driver.press(.character("o"))
    #expect(editor(driver)?.cell == .weight(0))
    driver.press(.character("o"))
    go(to: .requirement(.gates), &driver)
    let asked = driver.effects.count
    driver.press(.character(" "))
    #expect(
      driver.effectNames.dropFirst(asked) == [
        "send preview flight-delay@4 standard-launch (edited) on reading"
      ])
    // Beside other cells arrows move; alone they choose.
    driver.press(.right)
    #expect(editor(driver)?.cell == .requirement(.approved))
    go(to: .judge, &driver)
    driver.press(.right)
    #expect(editor(driver)?.draft.tool == .flagger)
    driver.press(.left)
    #expect(editor(driver)?.draft.tool == .evidence)
    driver.press(.enter, .character(" "))
    #expect(editor(driver)?.draft.tool == .argo)
    driver.press(.down)
    driver.type("30s")
    driver.press(.tab)
    driver.type("5")
    driver.press(.enter)
    #expect(driver.text.contains("expected a number") == false)
    #expect(editor(driver)?.fault?.cell == .judgeLimit)
    driver.type("5%")
    driver.press(.enter)
    go(to: .holdWeight, &driver)
    let plan = try #require(try editor(driver)?.draft.plan())
    #expect(
      plan.judge
        == ComparisonRule(
          judge: .argo(limit: 0.05, failureLimit: 3, window: 1), interval: .seconds(30)))
    #expect(plan.requirements == [.gates])
    #expect(plan.steps == Sample.standard.steps && plan.metrics == Sample.standard.metrics)
  }

  @Test func aFaultOnTheOtherPageIsGoneTo() {
    var snapshot = Sample.snapshot(rollout: nil)
    snapshot.plans = [Sample.standard]
    var driver = Driver(columns: 80, rows: 24, snapshot: snapshot)
    driver.press(.character("P"), .character("o"))
    #expect(!driver.text.contains("step  weight"), "the second page is a page")
    go(to: .holdEnding, &driver)
    driver.press(.character(" "), .character("o"))
    #expect(driver.text.contains("step  weight") && driver.text.contains("more: "))
    #expect(driver.text.contains("give the hold's deadline"))
    driver.press(.character("y"))
    #expect(editor(driver)?.cell == .holdDeadline && driver.orders.isEmpty)
  }

  @Test func whatAPreviewDoesNotHaveIsNotTyped() {
    var driver = editing()
    for _ in 0..<4 { driver.press(.tab) }
    #expect(editor(driver)?.cell == .strategy(0))
    driver.press(.character(" "), .character(" "))
    #expect(editor(driver)?.draft[.strategy(0)] == "preview")
    for _ in 0..<4 { driver.press(.backTab) }
    driver.type("5")
    #expect(editor(driver)?.field == nil && driver.text.contains("a preview has no weight"))
  }

  @Test func aTextThatTheFormCannotHoldIsNotCut() {
    let rule = RequestRule([.input("carrier", anyOf: (0..<60).map { "carrier-\($0)" })])
    let plan = Plan(
      name: "long", summary: "",
      steps: [
        PlanStep(weight: 1_000, hold: .minutes(1), rule: rule),
        PlanStep(weight: 10_000, hold: .zero),
      ], metrics: [])
    var driver = editing(plan)
    driver.press(.backTab)
    go(to: .rule(0), &driver)
    driver.press(.enter)
    #expect(editor(driver)?.field == nil && driver.text.contains("change it in a file"))
  }

  // MARK: Saving

  @Test func anEditedPlanIsSavedUnderAName() throws {
    var driver = editing()
    answer(&driver)
    driver.type("2")
    driver.press(.enter, .character("s"))
    #expect(driver.text.contains("Save as standard-launch-2"))
    driver.press(.enter)
    #expect(driver.effectNames.last == "send save standard-launch-2 replaces:false on orders")
    let count = driver.effects.count
    driver.press(.enter)
    #expect(driver.effects.count == count, "one answer is waited for")
    let ticket = try #require(driver.ticket { $0 == .planSave })
    driver.tell(.reply(ticket, .planSaved(path: "/state/plans/standard-launch-2.yaml")))
    #expect(driver.text.contains("Saved as /state/plans/standard-launch-2.yaml"))
    #expect(
      driver.effectNames.suffix(2) == [
        "send live on snapshots",
        "send preview flight-delay@4 standard-launch-2 on reading",
      ])
    // It is now the plan that is edited, and not "(edited)".
    let draft = try #require(editor(driver)?.draft)
    #expect(!draft.isEdited && draft.base.name == "standard-launch-2")
    #expect(draft.base.steps[0].weight == 200 && editor(driver)?.plans.count == 3)
  }

  @Test func aKnownNameIsAskedAboutBeforeItIsReplaced() throws {
    var driver = editing()
    driver.type("2")
    driver.press(.enter, .character("s"), .control("u"))
    driver.type("No Name")
    driver.press(.enter)
    #expect(driver.ticket { $0 == .planSave } == nil)
    driver.press(.control("u"))
    driver.type("quick")
    driver.press(.enter)
    #expect(driver.text.contains("Enter again takes its place"))
    #expect(driver.ticket { $0 == .planSave } == nil)
    driver.press(.enter)
    #expect(driver.effectNames.last == "send save quick replaces:true on orders")
    let ticket = try #require(driver.ticket { $0 == .planSave })
    driver.tell(.failed(ticket, NodeFailure(sentence: "the disk is full")))
    #expect(driver.text.contains("the disk is full") && editor(driver)?.draft.isEdited == true)
    driver.press(.escape)
    #expect(editor(driver)?.saving == nil && editor(driver)?.draft[.weight(0)] == "2")
  }

  @Test func nothingIsSavedReadOnlyOrWithAFault() {
    var driver = editing()
    driver.press(.escape, .character("!"), .character("P"))
    if editor(driver) != nil { driver.press(.character("s")) }
    #expect(editor(driver)?.saving == nil)
    var other = editing()
    other.type("9%")
    other.press(.enter, .character("s"))
    #expect(editor(other)?.saving == nil && other.text.contains("weights must rise"))
  }

  @Test func theRampCardLeadsToIt() {
    var driver = Driver(columns: 80, rows: 24, snapshot: Sample.snapshot(rollout: nil))
    driver.press(.character("c"), .right, .character("e"))
    #expect(editor(driver)?.draft.base.name == "quick")
    #expect(driver.effectNames.last == "send preview flight-delay@4 quick on reading")
  }

  @Test func itSupersedesARunningRollout() {
    var driver = Driver(columns: 140, rows: 45, snapshot: Sample.snapshot())
    driver.press(.character("P"))
    #expect(driver.effectNames == ["send supersede flight-delay@4 standard-launch on reading"])
    answer(&driver)
    #expect(driver.text.contains("flight-delay@2 is rolled back first"))
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .supersede(
          endpoint: Sample.endpoint, version: Sample.version(4), plan: Sample.standard, reason: nil)
      ])
  }
}
