import Control
import Core
import Node
import Testing

@testable import Console

/// The whole rollback, key by key.
@Suite struct RollbackSessionTests {
  @Test func twoKeys() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"))
    #expect(driver.orders.isEmpty)
    #expect(driver.text.contains("Roll back flight-delay"))
    #expect(driver.text.contains("25%   → 0%    closed"))
    driver.wait(400)
    driver.press(.character("y"))
    #expect(driver.keyCount == 2)
    let order = try #require(driver.orders.first)
    #expect(driver.orders.count == 1)
    #expect(
      order.command
        == .rollBack(
          endpoint: Sample.endpoint, to: Sample.version(1),
          symptom: "flight-delay@2 p99 2.31 ms is near its limit"))
    #expect(order.expectedGeneration == 118)
    #expect(order.actor == Sample.ana)
    #expect(driver.effectNames == ["send order@118 on urgent"])
    #expect(driver.model.dialogs.isEmpty)
  }

  @Test func twoClicks() {
    var driver = Driver(snapshot: Sample.snapshot())
    let first = driver.click(.action(.rollBack))
    driver.wait(400)
    let second = driver.click(.key(.character("y")))
    #expect(first && second)
    #expect(driver.orders.count == 1)
  }

  @Test func theSameKeyTwiceDoesNothing() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"))
    driver.wait(1000)
    driver.press(.character("R"), .character("R"), .enter)
    #expect(driver.orders.isEmpty)
    #expect(driver.model.dialogs.count == 1)
  }

  @Test(arguments: [(0, false), (299, false), (300, true), (5000, true)])
  func guardOf300Milliseconds(wait: Int, executes: Bool) {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"))
    driver.wait(wait)
    driver.press(.character("y"))
    #expect(driver.orders.count == (executes ? 1 : 0))
    if !executes {
      #expect(driver.text.contains("too quick"))
      driver.wait(300)
      driver.press(.character("y"))
      #expect(driver.orders.count == 1)
    }
  }

  @Test func aClockThatJumpsBackDoesNotOpenTheGuard() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.wait(10_000)
    driver.press(.character("R"))
    driver.milliseconds = 0
    driver.press(.character("y"))
    #expect(driver.orders.isEmpty)
  }

  @Test func digitsChooseAnOlderTarget() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"), .character("2"), .character("9"), .character("0"))
    driver.wait(400)
    #expect(driver.text.contains("flight-delay@3  chosen"))
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .rollBack(
          endpoint: Sample.endpoint, to: Sample.version(3),
          symptom: "flight-delay@2 p99 2.31 ms is near its limit")
      ])
  }

  @Test func escapeCancels() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"), .escape)
    driver.wait(400)
    driver.press(.character("y"))
    #expect(driver.orders.isEmpty)
    #expect(driver.model.dialogs.isEmpty)
  }

  @Test func generationMovesAndItAsksAgain() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"))
    driver.wait(1000)
    driver.answerLive(Sample.snapshot(generation: 119, seconds: 1))
    driver.press(.character("y"))
    #expect(driver.orders.isEmpty, "the guard begins anew")
    #expect(driver.text.contains("That was too quick"))
    driver.wait(400)
    driver.press(.character("y"))
    #expect(driver.orders.map(\.expectedGeneration) == [119])
  }

  @Test func generationMoveIsSaid() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"))
    driver.answerLive(Sample.snapshot(generation: 119, seconds: 1))
    #expect(driver.text.contains("generation 118 to 119"))
  }

  @Test func sameGenerationDoesNotDisturb() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"), .character("2"))
    driver.wait(290)
    driver.answerLive(Sample.snapshot(seconds: 1))
    driver.wait(20)
    driver.press(.character("y"))
    #expect(driver.orders.count == 1)
    guard case .rollBack(_, let to, _, _)? = driver.orders.first?.command else {
      Issue.record("no rollback")
      return
    }
    #expect(to == Sample.version(3))
  }

  @Test func nothingToRollBackTo() {
    var snapshot = Sample.snapshot()
    snapshot.detail?.rollback = nil
    var driver = Driver(snapshot: snapshot)
    driver.press(.character("R"))
    #expect(driver.model.dialogs.isEmpty)
    #expect(
      driver.model.flash?.sentence == "There is nothing to roll back to on flight-delay")
  }

  @Test func targetGoneWhileTheCardIsOpen() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"))
    var snapshot = Sample.snapshot(generation: 119, seconds: 1)
    snapshot.detail?.rollback = nil
    driver.answerLive(snapshot)
    #expect(driver.model.dialogs.isEmpty)
  }

  @Test func resultAndRefusalAreSaid() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"))
    driver.wait(400)
    driver.press(.character("y"))
    let ticket = try #require(
      driver.ticket { if case .order = $0 { true } else { false } })
    driver.effects = []
    driver.tell(
      .reply(
        ticket,
        .outcome(
          Outcome(
            summary: "flight-delay: rolled back to @1", generation: 119, sequence: 119,
            durableMicroseconds: 8_200, fenceMicroseconds: 40))))
    #expect(
      driver.model.flash?.sentence
        == "rolled back to @1  closed in 0.04 ms, durable in 8.20 ms, generation 119")
    #expect(driver.effectNames == ["send live on snapshots"])
    #expect(driver.model.pending.isEmpty)
  }

  @Test func staleRefusalOpensTheCardAgain() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"), .character("2"))
    driver.wait(400)
    driver.press(.character("y"))
    let ticket = try #require(
      driver.ticket { if case .order = $0 { true } else { false } })
    driver.tell(
      .failed(ticket, NodeFailure(sentence: "the endpoint is at generation 120", isStale: true)))
    #expect(driver.model.dialogs.isEmpty)
    driver.answerLive(Sample.snapshot(generation: 120, seconds: 2))
    guard case .rollback(let card)? = driver.model.dialogs.last else {
      Issue.record("no card")
      return
    }
    #expect(card.target == Sample.version(3))
    #expect(card.preview.generation == 120)
    #expect(driver.model.eventLines.first?.summary.contains("generation 120") == true)
  }

  @Test func worksWhileFrozenPastStaleSmallAndBusy() {
    for preparation in 0..<5 {
      var driver = Driver(snapshot: Sample.snapshot())
      switch preparation {
      case 0: driver.press(.character(" "))
      case 1: driver.press(.character("["))
      case 2:
        driver.wait(60_000)
        driver.tell(.tick)
      case 3: driver.tell(.input(.resize(columns: 30, rows: 8)))
      default: driver.press(.character("p"))
      }
      driver.effects = []
      driver.press(.character("R"))
      driver.wait(400)
      driver.press(.character("y"))
      #expect(driver.orders.count == 1, "preparation \(preparation)")
      #expect(driver.effectNames == ["send order@118 on urgent"])
    }
  }

  @Test func worksOverAnyCardThatTakesNoText() {
    for key in ["x", "c", "u", "o", "q", "5"] {
      var driver = Driver(snapshot: Sample.snapshot()) { $0.inProcess = true }
      driver.press(.character(Character(key)), .character("R"))
      guard case .rollback? = driver.model.dialogs.last else {
        Issue.record("R after \(key) opened nothing")
        return
      }
    }
  }

  @Test func readOnlyRefuses() {
    var driver = Driver(snapshot: Sample.snapshot()) { $0.readOnly = true }
    driver.press(.character("R"))
    driver.wait(400)
    driver.press(.character("y"))
    #expect(driver.orders.isEmpty)
    #expect(driver.text.contains("READ-ONLY"))
  }
}
