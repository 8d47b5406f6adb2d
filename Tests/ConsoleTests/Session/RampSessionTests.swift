import Control
import Core
import Node
import Testing

@testable import Console

/// A whole ramp, key by key, against an endpoint without a rollout.
@Suite struct RampSessionTests {
  private func idle(profile: String = "dev") -> Driver {
    Driver(snapshot: Sample.snapshot(profile: profile, rollout: nil))
  }

  private func answerPreview(_ driver: inout Driver, refusal: String? = nil) {
    guard let ticket = driver.ticket({ $0 == .rampPreview }) else {
      Issue.record("no preview was asked for")
      return
    }
    driver.tell(
      .reply(
        ticket,
        .rampPreview(Sample.preview(Sample.version(4), Sample.standard, refusal: refusal))))
  }

  @Test func threeKeys() {
    var driver = idle()
    driver.press(.character("c"))
    #expect(driver.effectNames == ["send preview flight-delay@4 standard-launch on orders"])
    answerPreview(&driver)
    driver.wait(300)
    driver.press(.enter)
    #expect(driver.text.contains("5 steps over"))
    #expect(driver.text.contains("hold 5 %, roll back 1 %"))
    driver.press(.character("y"))
    #expect(driver.keyCount == 3)
    #expect(
      driver.orders.map(\.command) == [
        .startRamp(
          endpoint: Sample.endpoint, version: Sample.version(4), plan: Sample.standard)
      ])
    #expect(driver.orders.map(\.expectedGeneration) == [118])
    #expect(driver.model.focus == .canary)
  }

  @Test func selectedVersionIsTheCandidate() {
    var driver = idle()
    driver.model.selection.version = Sample.version(3)
    driver.press(.character("c"))
    #expect(driver.effectNames == ["send preview flight-delay@3 standard-launch on orders"])
  }

  @Test func arrowsChoosePlanAndCandidate() {
    var driver = idle()
    driver.press(.character("c"), .right, .right, .left, .down)
    #expect(
      driver.effectNames == [
        "send preview flight-delay@4 standard-launch on orders",
        "send preview flight-delay@4 quick on orders",
        "send preview flight-delay@4 standard-launch on orders",
        "send preview flight-delay@4 quick on orders",
        "send preview flight-delay@3 quick on orders",
      ])
  }

  @Test func aLateAnswerIsNotTheChosenPlans() {
    var driver = idle()
    driver.press(.character("c"))
    let old = driver.ticket { $0 == .rampPreview }
    driver.press(.right)
    if let old {
      driver.tell(.reply(old, .rampPreview(Sample.preview(Sample.version(4), Sample.standard))))
    }
    driver.wait(400)
    driver.press(.enter, .character("y"))
    #expect(driver.orders.isEmpty)
    #expect(driver.text.contains("still working out"))
  }

  @Test func yesNeedsTheDryRunFirst() {
    var driver = idle()
    driver.press(.character("c"))
    answerPreview(&driver)
    driver.wait(400)
    driver.press(.character("y"))
    #expect(driver.orders.isEmpty)
    #expect(driver.text.contains("Enter shows every step first"))
  }

  @Test func typedAheadDoesNotStart() {
    var driver = idle()
    driver.press(.character("c"))
    answerPreview(&driver)
    driver.press(.enter, .character("y"))
    #expect(driver.orders.isEmpty)
  }

  @Test func refusalIsShownAndKeepsIt() {
    var driver = idle()
    driver.press(.character("c"))
    answerPreview(&driver, refusal: "its input \"carrier\" is missing")
    driver.wait(400)
    driver.press(.enter, .character("y"))
    #expect(driver.orders.isEmpty)
    #expect(driver.text.contains("It would be refused: its input \"carrier\" is missing"))
  }

  @Test func generationMoveGoesBackToChoosing() {
    var driver = idle()
    driver.press(.character("c"))
    answerPreview(&driver)
    driver.press(.enter)
    driver.wait(400)
    driver.answerLive(Sample.snapshot(generation: 119, seconds: 1, rollout: nil))
    driver.wait(400)
    driver.press(.character("y"))
    #expect(driver.orders.isEmpty)
  }

  @Test func refusedWhileOneRuns() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("c"))
    #expect(driver.model.dialogs.isEmpty)
    #expect(driver.model.flash?.sentence.contains("A rollout of flight-delay@2 runs") == true)
  }

  @Test func stepsPauseAndWeightAreOneKey() throws {
    let cases: [(Character, Command, Int?)] = [
      (">", .step(endpoint: Sample.endpoint, direction: .next, reason: nil), 118),
      ("<", .step(endpoint: Sample.endpoint, direction: .previous, reason: nil), 118),
      ("+", .setCandidateWeight(endpoint: Sample.endpoint, weight: 2600, reason: nil), 118),
      ("-", .setCandidateWeight(endpoint: Sample.endpoint, weight: 2400, reason: nil), 118),
      ("p", .pause(endpoint: Sample.endpoint), nil),
    ]
    for (key, command, generation) in cases {
      var driver = Driver(snapshot: Sample.snapshot())
      driver.press(.character(key))
      #expect(driver.orders.map(\.command) == [command])
      #expect(driver.orders.map(\.expectedGeneration) == [generation])
    }
  }

  @Test func aSecondChangeWaitsForTheFirst() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("+"), .character("+"), .character(">"))
    #expect(driver.orders.count == 1)
    #expect(driver.model.flash?.sentence.contains("Still waiting") == true)
  }

  @Test func abortTakesTwoKeys() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("x"))
    driver.wait(400)
    driver.press(.character("y"))
    #expect(driver.keyCount == 2)
    #expect(driver.orders.map(\.command) == [.abort(endpoint: Sample.endpoint, reason: nil)])
    #expect(driver.effectNames == ["send order@118 on urgent"])
  }

  @Test func pastAGuardAReasonIsAsked() {
    let held = Sample.snapshot(
      rollout: Sample.rollout(phase: "held", cause: "errors E 24", worst: 24))
    for (key, command) in [
      (
        Character(">"),
        Command.step(endpoint: Sample.endpoint, direction: .next, reason: "label lag")
      ), ("p", .resume(endpoint: Sample.endpoint, reason: "label lag")),
    ] {
      var driver = Driver(snapshot: held)
      driver.press(.character(key))
      driver.press(.enter)
      #expect(driver.orders.isEmpty, "an empty reason is none")
      driver.type("label lag")
      driver.press(.enter)
      #expect(driver.orders.map(\.command) == [command])
    }
  }

  @Test func productionAsksBeforeMoreTraffic() {
    var driver = Driver(snapshot: Sample.snapshot(profile: "prod"))
    driver.press(.character(">"))
    #expect(driver.orders.isEmpty)
    driver.wait(400)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .step(endpoint: Sample.endpoint, direction: .next, reason: nil)
      ])
  }

  @Test func allTrafficInProductionIsTyped() {
    var driver = Driver(snapshot: Sample.snapshot(profile: "prod"))
    driver.press(.character(":"))
    driver.type("promote")
    driver.press(.enter)
    driver.wait(400)
    driver.press(.character("y"), .enter)
    #expect(driver.orders.isEmpty)
    #expect(driver.text.contains("that is not flight-delay@2"))
    driver.press(.backspace)
    driver.tell(.input(.paste("flight-delay@2")))
    driver.press(.enter)
    #expect(driver.orders.isEmpty, "pasted text confirms nothing")
    driver.type("flight-delay@2")
    driver.press(.enter)
    #expect(driver.orders.map(\.command) == [.promote(endpoint: Sample.endpoint, reason: nil)])
  }

  @Test func undoIsShownFirst() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("u"))
    #expect(driver.text.contains("flight-delay@2  25% → 5%"))
    driver.wait(400)
    driver.press(.character("y"))
    #expect(driver.orders.map(\.command) == [.undo(endpoint: Sample.endpoint)])
  }

  @Test func draggingTheBarOnlyProposes() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    let region = try #require(
      render(driver.model).hits.regions.first {
        if case .splitBar = $0.hit { true } else { false }
      })
    let (x, y) = (region.rect.x, region.rect.y)
    driver.tell(.input(.mouse(.init(action: .press(.left), x: x, y: y))))
    driver.tell(
      .input(.mouse(.init(action: .drag(.left), x: x + region.rect.width / 2, y: y))))
    let weight = try #require(driver.model.draggedWeight)
    #expect((4500...5500).contains(weight))
    #expect(driver.effects.isEmpty)
    driver.tell(
      .input(.mouse(.init(action: .release(.left), x: x + region.rect.width / 2, y: y))))
    #expect(driver.orders.isEmpty)
    #expect(driver.model.draggedWeight == nil)
    driver.wait(400)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .setCandidateWeight(endpoint: Sample.endpoint, weight: weight, reason: nil)
      ])
  }
}
