import Control
import Core
import Node
import Testing

@testable import Console

/// Orders that take more than a key: a rollback with a time, a ramp of several versions with a
/// start of its own.
@Suite struct OrderSessionTests {
  // MARK: Rollback

  @Test func rollbackGoesBackLittleByLittle() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"), .character("o"))
    driver.type("10m")
    driver.press(.enter)
    #expect(driver.text.contains("in at most ten even moves"))
    #expect(driver.text.contains("ROLL BACK over 10m"))
    driver.press(.character("y"))
    #expect(driver.orders.isEmpty, "the guard counts anew")
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .rollBack(
          endpoint: Sample.endpoint, to: Sample.version(1),
          symptom: "flight-delay@2 p99 2.31 ms is near its limit", over: .minutes(10))
      ])
    #expect(driver.effectNames.last == "send order@118 on urgent")
  }

  @Test func instantRollbackIsStillTwoKeys() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"))
    driver.wait(300)
    driver.press(.character("y"))
    #expect(driver.keyCount == 2)
    guard case .rollBack(_, _, _, let over)? = driver.orders.first?.command else {
      Issue.record("no rollback was sent")
      return
    }
    #expect(over == nil)
  }

  @Test(arguments: ["ten", "0s", "400d", "5 minutes"])
  func aWrongTimeIsExplainedAndStays(text: String) {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"), .character("o"))
    driver.type(text)
    driver.press(.enter)
    guard case .rollback(let card)? = driver.model.dialogs.last else {
      Issue.record("the card closed")
      return
    }
    #expect(card.field?.text == text && card.over == nil)
    #expect(card.notice?.contains("expected a duration") == true)
    // `y` types; after Esc the rollback is the instant one again.
    driver.press(.escape)
    driver.wait(300)
    driver.press(.character("y"))
    guard case .rollBack(_, _, _, let over)? = driver.orders.first?.command else {
      Issue.record("no rollback was sent")
      return
    }
    #expect(over == nil)
  }

  @Test func onlyARampGoesBackLittleByLittle() {
    var idle = Driver(snapshot: Sample.snapshot(rollout: nil))
    idle.press(.character("R"), .character("o"))
    #expect(idle.text.contains("Only a running ramp with traffic goes back little by little"))
    // Another target takes the time away, and says so.
    var other = Driver(snapshot: Sample.snapshot())
    other.press(.character("R"), .character("o"))
    other.type("10m")
    other.press(.enter, .character("2"))
    guard case .rollback(let card)? = other.model.dialogs.last else {
      Issue.record("the card closed")
      return
    }
    #expect(card.over == nil && card.notice?.contains("now it goes back at once") == true)
  }

  @Test func aStaleRollbackKeepsItsTime() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"), .character("o"))
    driver.type("10m")
    driver.press(.enter)
    driver.wait(300)
    driver.press(.character("y"))
    let ticket = try #require(driver.ticket { if case .order = $0 { true } else { false } })
    driver.tell(.failed(ticket, NodeFailure(sentence: "it moved on", isStale: true)))
    driver.answerLive(Sample.snapshot(generation: 119, seconds: 1))
    guard case .rollback(let card)? = driver.model.dialogs.last else {
      Issue.record("the card did not come back")
      return
    }
    #expect(card.over == .minutes(10))
  }

  // MARK: Ramps

  private func ramp(_ endpoints: [String] = ["carriers"]) -> Driver {
    var snapshot = Sample.snapshot(rollout: nil)
    snapshot.endpoints += endpoints.map { Sample.summary(Sample.name($0)) }
    var driver = Driver(snapshot: snapshot)
    driver.press(.character("c"))
    return driver
  }

  @Test func severalCandidatesLaterAndInOrder() throws {
    var driver = ramp()
    driver.press(.character(" "), .down, .character(" "), .character("t"))
    driver.type("+30m")
    driver.press(.enter, .character("w"))
    driver.type("carriers")
    driver.press(.enter)
    let options = RampOptions(
      rivals: [Sample.version(3)], at: driver.moment.wall + .minutes(30))
    let plan = Sample.standard.following([Sample.name("carriers")])
    guard case .send(_, .previewRamp(_, let leading, let asked, let with), _)? = driver.effects.last
    else {
      Issue.record("nothing was asked")
      return
    }
    #expect(leading == Sample.version(4) && asked == plan && with == options)
    driver.answerRamp()
    driver.press(.enter)
    #expect(driver.text.contains("Candidates flight-delay@4, flight-delay@3"))
    #expect(driver.text.contains("at 2026-03-14 14:32:31Z, after the running ramps on carriers"))
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .startRamp(
          endpoint: Sample.endpoint, version: Sample.version(4), plan: plan, options: options)
      ])
  }

  @Test func aMarkIsTakenBackAndTheLineIsTheCandidateAgain() {
    var driver = ramp()
    driver.press(.character(" "), .character(" "), .down)
    guard case .ramp(let card)? = driver.model.dialogs.last else {
      Issue.record("the card closed")
      return
    }
    #expect(card.versions == [Sample.version(3)] && card.options == nil)
  }

  @Test func supersedingTakesThemToo() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("C"), .character(" "), .down, .character(" "))
    driver.answerRamp()
    driver.press(.enter)
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .supersede(
          endpoint: Sample.endpoint, version: Sample.version(4), plan: Sample.standard, reason: nil,
          options: RampOptions(rivals: [Sample.version(3)]))
      ])
  }

  @Test(arguments: [
    ("t", "soon", "expected a start like"), ("t", "2020-01-01T00:00:00Z", "has passed"),
    ("t", "+900d", "expected a start like"), ("w", "churn", "there is no endpoint churn"),
    ("w", "flight-delay", "cannot wait for itself"), ("w", "a b", "a b"),
  ])
  func aWrongStartIsExplainedAndStays(key: Character, text: String, part: String) {
    var driver = ramp()
    let before = driver.effects.count
    driver.press(.character(key))
    driver.type(text)
    driver.press(.enter)
    guard case .ramp(let card)? = driver.model.dialogs.last else {
      Issue.record("the card closed")
      return
    }
    #expect(card.entry?.field.text == text)
    #expect(card.notice?.contains(part) == true, "\(card.notice ?? "")")
    #expect(driver.effects.count == before, "nothing is asked with a wrong start")
    driver.press(.escape)
    guard case .ramp(let again)? = driver.model.dialogs.last else { return }
    #expect(again.entry == nil && again.options == nil && again.after == nil)
  }

  @Test func aRefusedRampComesBackAsItWas() throws {
    var driver = ramp()
    driver.press(.character(" "), .down, .character(" "))
    driver.answerRamp()
    driver.press(.enter)
    driver.wait(300)
    driver.press(.character("y"))
    let ticket = try #require(driver.ticket { if case .order = $0 { true } else { false } })
    driver.tell(.failed(ticket, NodeFailure(sentence: "flight-delay@3 could not be loaded")))
    guard case .ramp(let card)? = driver.model.dialogs.last else {
      Issue.record("what was chosen is lost")
      return
    }
    #expect(card.versions == [Sample.version(4), Sample.version(3)])
    #expect(card.notice == "Not started: flight-delay@3 could not be loaded")
    // What it would do is asked for again with the next picture.
    driver.answerLive(Sample.snapshot(seconds: 1, rollout: nil))
    #expect(driver.effectNames.last == "send preview flight-delay@4 standard-launch on orders")
  }

  @Test func theNodeIsAskedAgainWhenTheEndpointMoved() {
    var driver = ramp()
    driver.answerRamp()
    driver.answerLive(Sample.snapshot(generation: 119, seconds: 1, rollout: nil))
    #expect(driver.effectNames.last == "send preview flight-delay@4 standard-launch on orders")
  }
}
