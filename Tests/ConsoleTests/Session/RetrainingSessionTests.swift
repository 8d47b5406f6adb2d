import Control
import Core
import Node
import Testing

@testable import Console

/// What trains models again: looked at, run by hand, accepted, declined.
@Suite struct RetrainingSessionTests {
  private func opened(_ overview: RetrainingOverview = Sample.retraining()) -> Driver {
    var driver = Driver(columns: 120, rows: 40, snapshot: Sample.snapshot(rollout: nil))
    driver.openRetraining(overview)
    driver.effects = []
    return driver
  }

  private func asked(_ driver: Driver) -> RetrainingQuestion? {
    guard case .send(_, .retraining(let question, let actor), _)? = driver.effects.last else {
      return nil
    }
    #expect(actor == Sample.ana)
    return question
  }

  @Test func proposalsAndPoliciesAreListedWithTheirRuns() {
    var driver = opened()
    let text = driver.text
    #expect(text.contains("2 policies, 1 proposal waits"))
    #expect(text.contains("all 4 gates of standard passed on 8,240 rows held out"))
    #expect(text.contains("41,204, recorded up to"))
    #expect(text.contains("drift: PSI over 0.2 in 3 of 12 inputs for 30m"))
    driver.press(.down)
    let policy = driver.text
    #expect(policy.contains("python3 retrain.py"))
    #expect(policy.contains("gates failed") && policy.contains("accuracy 0.741, wanted"))
    #expect(policy.contains("bad data"))
    driver.press(.down)
    #expect(driver.text.contains("the policy's file is gone"))
  }

  @Test func aRunIsBegunAfterOneMoreQuestion() throws {
    var driver = opened()
    driver.press(.down, .character("r"), .character("y"))
    #expect(driver.effects.isEmpty, "typed ahead begins nothing")
    #expect(driver.text.contains("Run flight-delay-weekly now"))
    driver.wait(300)
    driver.press(.character("y"))
    guard case .run(let policy)? = asked(driver) else {
      Issue.record("no run was asked for")
      return
    }
    #expect(policy == Sample.name("flight-delay-weekly"))
    let ticket = try #require(
      driver.ticket { if case .retrainingOrder = $0 { true } else { false } })
    #expect(driver.model.pending == [ticket])
    driver.tell(
      .reply(
        ticket,
        .retraining(
          .outcome(
            Outcome(
              summary: "run 5 began", generation: 118, sequence: 9, durableMicroseconds: 900)))))
    #expect(driver.model.pending.isEmpty)
    #expect(driver.text.contains("run 5 began"), "the message line stays in view")
  }

  @Test func aRefusedRunSaysWhy() throws {
    var driver = opened()
    driver.press(.down, .character("r"))
    driver.wait(300)
    driver.press(.character("y"))
    let ticket = try #require(
      driver.ticket { if case .retrainingOrder = $0 { true } else { false } })
    driver.tell(.failed(ticket, NodeFailure(sentence: "two runs go on already")))
    #expect(driver.text.contains("Refused: two runs go on already"))
    #expect(driver.model.pending.isEmpty)
  }

  @Test func aRunIsStopped() {
    var driver = opened(Sample.retraining(isRunning: true))
    driver.press(.down, .character("r"))
    #expect(driver.text.contains("A run of flight-delay-weekly goes on"))
    driver.press(.character("s"))
    driver.wait(300)
    driver.press(.character("y"))
    guard case .stop? = asked(driver) else {
      Issue.record("nothing was stopped")
      return
    }
  }

  @Test func acceptingGoesThroughTheRampCard() {
    var driver = opened()
    driver.press(.character("a"))
    guard case .ramp(let card)? = driver.model.dialogs.last else {
      Issue.record("no ramp card")
      return
    }
    #expect(card.candidate == Sample.version(4) && card.plan.name == "quick")
    driver.answerRamp()
    driver.press(.enter)
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .startRamp(endpoint: Sample.endpoint, version: Sample.version(4), plan: Sample.quick)
      ])
  }

  @Test func acceptingBesideARunningRampSupersedesIt() {
    var driver = Driver(columns: 120, rows: 40, snapshot: Sample.snapshot())
    driver.openRetraining()
    driver.press(.character("a"))
    guard case .ramp(let card)? = driver.model.dialogs.last else {
      Issue.record("no ramp card")
      return
    }
    #expect(card.replaces == Sample.version(2) && card.candidate == Sample.version(4))
  }

  @Test func acceptingOnAnotherEndpointGoesThereFirst() {
    var snapshot = Sample.snapshot(rollout: nil)
    snapshot.endpoints.append(Sample.summary(Sample.name("carriers")))
    var driver = Driver(columns: 120, rows: 40, snapshot: snapshot)
    driver.model.endpoint = Sample.endpoint
    driver.model.atHome = false
    driver.openRetraining(Sample.retraining(endpoint: "carriers"))
    driver.press(.character("a"))
    #expect(driver.model.endpoint == Sample.name("carriers"))
    // A late picture of the endpoint before opens nothing.
    driver.answerLive(snapshot)
    if case .ramp? = driver.model.dialogs.last { Issue.record("opened on the wrong endpoint") }
    var there = snapshot
    there.time = there.time + .seconds(1)
    there.detail?.name = Sample.name("carriers")
    driver.answerLive(there)
    guard case .ramp(let card)? = driver.model.dialogs.last else {
      Issue.record("no ramp card")
      return
    }
    #expect(card.endpoint == Sample.name("carriers") && card.candidate == Sample.version(4))
  }

  @Test func aProposalIsDeclinedWithAReason() {
    var driver = opened()
    driver.press(.character("d"))
    driver.press(.enter)
    #expect(driver.orders.isEmpty, "an empty reason is none")
    driver.type("trained on an outage")
    driver.press(.enter)
    #expect(
      driver.orders.map(\.command) == [
        .retraining(
          .decline(
            endpoint: Sample.endpoint, version: Sample.version(4), reason: "trained on an outage"))
      ])
    guard case .retraining? = driver.model.dialogs.last else {
      Issue.record("the list closed")
      return
    }
  }

  @Test func logsOfOtherRunsAreAskedFor() throws {
    var driver = opened()
    driver.press(.enter)
    guard case .log(_, 4)? = asked(driver) else {
      Issue.record("not the run that made the proposal")
      return
    }
    let ticket = try #require(driver.ticket { $0 == .retraining })
    driver.tell(.reply(ticket, .retraining(.log(Sample.retrainingLog))))
    #expect(driver.text.contains("pressure 31.2 %") && driver.text.contains("epoch 2 loss 0.488"))
    driver.press(.left)
    guard case .log(_, 3)? = asked(driver) else {
      Issue.record("no other run was asked for")
      return
    }
    let late = try #require(driver.ticket { $0 == .retraining })
    driver.tell(.failed(late, NodeFailure(sentence: "nothing is left of run 3")))
    #expect(driver.text.contains("Not shown: nothing is left of run 3"))
    driver.press(.right, .right)
    guard case .log(_, 4)? = asked(driver) else {
      Issue.record("the newest run was passed")
      return
    }
  }

  @Test func theLogOfARunThatGoesOnIsFollowedToItsEnd() {
    func logs(_ driver: Driver) -> Int {
      driver.effects.count {
        if case .send(_, .retraining(.log, _), _) = $0 { true } else { false }
      }
    }
    func answer(_ driver: inout Driver, isRunning: Bool) {
      for case .send(let ticket, .retraining(let question, _), _) in driver.effects.suffix(3) {
        switch question {
        case .log: driver.tell(.reply(ticket, .retraining(.log(Sample.retrainingLog))))
        default:
          driver.tell(
            .reply(ticket, .retraining(.overview(Sample.retraining(isRunning: isRunning)))))
        }
      }
    }
    var driver = opened(Sample.retraining(isRunning: true))
    driver.press(.down, .enter)
    answer(&driver, isRunning: true)
    driver.answerLive(Sample.snapshot(seconds: 1, rollout: nil))
    #expect(logs(driver) == 2)
    driver.answerLive(Sample.snapshot(seconds: 2, rollout: nil))
    #expect(logs(driver) == 2, "not twice at once")
    answer(&driver, isRunning: false)
    #expect(driver.text.contains("What the command has said so far"))
    driver.answerLive(Sample.snapshot(seconds: 3, rollout: nil))
    #expect(logs(driver) == 3, "what it said at its end is read once more")
    answer(&driver, isRunning: false)
    #expect(driver.text.contains("What the command said"))
    driver.answerLive(Sample.snapshot(seconds: 4, rollout: nil))
    #expect(logs(driver) == 3)
  }

  @Test func itIsAskedForAgainWithEachPictureAndNotTwiceAtOnce() {
    var driver = opened()
    driver.answerLive(Sample.snapshot(seconds: 1, rollout: nil))
    driver.answerLive(Sample.snapshot(seconds: 2, rollout: nil))
    #expect(driver.effectNames.filter { $0 == "send retraining on reading" }.count == 1)
  }

  @Test func aLongLogStaysWithinAFrame() {
    var log = Sample.retrainingLog
    let line = "\u{1B}[31m" + String(repeating: "wide 漢字 ", count: 40) + "\n"
    log.output = String(repeating: line, count: 5_000)
    var driver = opened()
    driver.press(.enter)
    if let ticket = driver.ticket({ $0 == .retraining }) {
      driver.tell(.reply(ticket, .retraining(.log(log))))
    }
    guard case .retrainingLog(let card)? = driver.model.dialogs.last else {
      Issue.record("no log")
      return
    }
    // 300 characters of each of the last lines, broken at 116 columns.
    #expect((2...4).contains(card.output.count / RetrainingLogCard.linesMax))
    #expect(card.output.allSatisfy { Canvas.columns(of: $0) <= 116 })
    driver.tell(.input(.resize(columns: 60, rows: 20)))
    guard case .retrainingLog(let narrow)? = driver.model.dialogs.last else { return }
    #expect(narrow.output.allSatisfy { Canvas.columns(of: $0) <= 56 })
    #expect(narrow.output.joined() == card.output.joined())
    #expect(!driver.text.contains("\u{1B}"))
  }
}
