import Control
import Core
import Node
import Testing

@testable import Console

/// Approvals, freezes, the stop of the line, another try, earlier generations: key by key.
@Suite struct ReleaseSessionTests {
  static let li = ActorID(kind: .person, name: "li")

  private func waiting(startedBy: ActorID = li, given: [String] = ["bob"]) -> NodeSnapshot {
    var rollout = Sample.rollout(phase: "held", cause: "waits for approval", worst: 1)
    rollout.startedBy = startedBy
    rollout.facts?.approvals = .init(
      step: 2, wanted: 2, given: given, awaited: ["ana"], plan: Sample.digest(9))
    return Sample.snapshot(rollout: rollout)
  }

  // MARK: Approvals

  @Test func approvalNamesThePlanThatWasRead() {
    var driver = Driver(snapshot: waiting())
    #expect(driver.text.contains("1 of 2 approvals (bob), awaited from ana"))
    driver.press(.character("A"))
    #expect(driver.text.contains("going on after step 3"))
    driver.press(.character("y"))
    #expect(driver.orders.isEmpty, "too quick to have been read")
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .approve(endpoint: Sample.endpoint, plan: Sample.digest(9), reason: nil)
      ])
    #expect(driver.orders.first?.expectedGeneration == 118)
  }

  @Test func theAuthorCannotApprove() {
    var driver = Driver(snapshot: waiting(startedBy: Sample.ana))
    driver.press(.character("A"))
    #expect(driver.model.dialogs.isEmpty)
    #expect(driver.model.flash?.sentence.contains("somebody else") == true)
    var twice = Driver(snapshot: waiting(given: ["ana"]))
    twice.press(.character("A"))
    #expect(twice.model.flash?.sentence.contains("already") == true)
  }

  // MARK: The line

  @Test func theLineIsStoppedWithTwoKeysFromAnywhere() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("X"))
    #expect(driver.text.contains("Nothing moves forward on any endpoint"))
    driver.wait(300)
    driver.press(.character("y"))
    #expect(driver.keyCount == 2)
    #expect(
      driver.orders.map(\.command) == [
        .addFreeze(endpoint: nil, window: .untilReleased, reason: nil)
      ])
    #expect(driver.orders.first?.expectedGeneration == nil)
  }

  @Test func thePaletteStopsItWithAReason() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character(":"))
    driver.type("stop-the-line incident 42")
    driver.press(.enter)
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .addFreeze(endpoint: nil, window: .untilReleased, reason: "incident 42")
      ])
  }

  @Test func aStoppedLineIsSeenAndReleased() {
    var snapshot = Sample.snapshot()
    snapshot.freezes = [FreezeView(Sample.freeze, at: Sample.start)]
    var driver = Driver(columns: 160, rows: 45, snapshot: snapshot)
    #expect(driver.text.contains("LINE STOPPED"))
    #expect(driver.text.contains("line stopped by li until it is released: incident 42"))
    driver.press(.character("X"))
    driver.wait(300)
    driver.press(.character("y"))
    #expect(driver.orders.map(\.command) == [.removeFreeze(id: nil, reason: nil)])
  }

  // MARK: Freezes

  @Test func aFreezeIsWrittenInAForm() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("F"), .character("a"))
    driver.type("Fri 16:00-Mon 8:00")
    driver.press(.enter, .right, .enter)
    driver.type("weekend")
    driver.press(.enter)
    #expect(driver.text.contains("expected a window"), "8:00 is no time")
    driver.press(.up, .up, .backspace, .backspace, .backspace, .backspace)
    driver.type("08:00")
    driver.press(.enter, .enter, .enter)
    #expect(driver.text.contains("Because: weekend"))
    driver.press(.escape)
    #expect(driver.text.contains("Add a freeze"), "the form is still there")
    driver.press(.enter)
    driver.wait(300)
    driver.press(.character("y"))
    let window = FreezeWindow.weekly(from: 4 * 1440 + 960, to: 480, zone: 0)
    #expect(
      driver.orders.map(\.command) == [
        .addFreeze(endpoint: Sample.endpoint, window: window, reason: "weekend")
      ])
  }

  @Test func aKnownFreezeIsOverriddenWithAReason() {
    var snapshot = Sample.snapshot()
    snapshot.freezes = [FreezeView(Sample.freeze, at: Sample.start)]
    var driver = Driver(snapshot: snapshot)
    driver.press(.character(">"))
    #expect(driver.orders.isEmpty)
    #expect(driver.text.contains("override because"))
    driver.press(.enter)
    #expect(driver.text.contains("takes a reason"))
    driver.type("hotfix")
    driver.press(.enter)
    #expect(driver.orders.first?.freezeOverride == "hotfix")
    #expect(
      driver.orders.map(\.command) == [
        .step(endpoint: Sample.endpoint, direction: .next, reason: nil)
      ])
    // What takes risk away is not stopped.
    var lower = Driver(snapshot: snapshot)
    lower.press(.character("-"))
    #expect(lower.orders.count == 1 && lower.orders.first?.freezeOverride == nil)
  }

  @Test func aFreezeThatOnlyTheNodeKnewIsOverriddenAfterTheRefusal() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character(">"))
    let refusal =
      "flight-delay is frozen: freeze 2 by li (weekend) holds until 2026-03-16 08:00Z; to go on all "
      + "the same give --override-freeze \"REASON\""
    refuse(refusal, &driver)
    #expect(driver.text.contains("freeze 2 by li (weekend)"))
    #expect(!driver.text.contains("--override"))
    #expect(!driver.model.notes.contains { $0.severity == .bad })
    driver.type("hotfix")
    driver.press(.enter)
    #expect(driver.orders.count == 2)
    #expect(driver.orders.last?.freezeOverride == "hotfix")
    #expect(driver.orders.last?.command == driver.orders.first?.command)
    #expect(driver.orders.last?.expectedGeneration == 118)
  }

  @Test func aReasonThatTheNodeWantsIsGivenAfterTheRefusal() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character(">"))
    refuse("giving all traffic now needs a reason, --reason \"...\": not seen yet", &driver)
    #expect(driver.text.contains("needs a reason: not seen yet"))
    driver.press(.enter)
    #expect(driver.orders.count == 1, "an empty reason is none")
    driver.type("known cause")
    driver.press(.enter)
    #expect(
      driver.orders.last?.command
        == .step(endpoint: Sample.endpoint, direction: .next, reason: "known cause"))
    // The same refusal once more is told and not asked again.
    refuse("it needs a reason, --reason \"...\"", &driver)
    #expect(driver.model.dialogs.isEmpty)
    #expect(driver.model.notes.count == 1)
  }

  @Test func allTrafficWithoutEvidenceTakesAReasonAtOnce() {
    var rollout = Sample.rollout()
    rollout.facts?.promotionGap = "step 3 of 5 is not the last"
    var driver = Driver(snapshot: Sample.snapshot(rollout: rollout))
    driver.press(.character(":"))
    driver.type("promote")
    driver.press(.enter)
    #expect(driver.text.contains("marked unverified: step 3 of 5 is not the last"))
    driver.type("hotfix")
    driver.press(.enter)
    #expect(
      driver.orders.map(\.command) == [.promote(endpoint: Sample.endpoint, reason: "hotfix")])
  }

  private func refuse(_ sentence: String, _ driver: inout Driver) {
    guard
      let ticket = driver.ticket({ if case .order = $0 { true } else { false } })
    else {
      Issue.record("no order was sent")
      return
    }
    driver.tell(.failed(ticket, NodeFailure(sentence: sentence)))
  }

  // MARK: Again, and back

  @Test func theLastRolloutIsTriedAgain() {
    var driver = Driver(
      snapshot: Sample.snapshot(
        rollout: Sample.rollout(phase: "rolled back", cause: "errors", worst: 200)))
    driver.press(.character(":"))
    driver.type("retry")
    driver.press(.enter)
    #expect(driver.text.contains("Evidence and approvals begin anew"))
    driver.wait(300)
    driver.press(.character("y"))
    #expect(driver.orders.map(\.command) == [.retry(endpoint: Sample.endpoint)])
    let running = Driver(snapshot: Sample.snapshot())
    #expect(running.model.obstacle(to: .retry)?.contains("runs") == true)
    let completed = Driver(
      snapshot: Sample.snapshot(rollout: Sample.rollout(phase: "completed", cause: "done")))
    #expect(completed.model.obstacle(to: .retry)?.contains("nothing to try again") == true)
  }

  @Test func aGenerationIsChosenFromAList() {
    var snapshot = Sample.snapshot(rollout: nil)
    snapshot.detail?.history = Sample.history()
    var driver = Driver(snapshot: snapshot)
    driver.press(.character("U"))
    // The present split is not offered.
    #expect(driver.model.generationChoices.map(\.generation) == [117, 114])
    driver.press(.down, .enter)
    #expect(driver.text.contains("Back to generation 114"))
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [.undoTo(endpoint: Sample.endpoint, generation: 114)])
    var named = Driver(snapshot: snapshot)
    named.press(.character(":"))
    named.type("undo-to 117")
    named.press(.enter)
    #expect(named.text.contains("Back to generation 117"))
  }

  @Test func anotherVersionTakesTheRunningOnesPlace() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("C"))
    #expect(
      driver.effectNames == ["send supersede flight-delay@4 standard-launch on orders"])
    guard let ticket = driver.ticket({ $0 == .rampPreview }) else {
      Issue.record("no preview was asked for")
      return
    }
    driver.tell(
      .reply(ticket, .rampPreview(Sample.preview(Sample.version(4), Sample.standard))))
    driver.press(.enter)
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
