import Control
import Core
import Node
import Testing

@testable import Console

/// Checklists, test requests, several candidates, rules by hand.
@Suite struct StandingSessionTests {
  static func record(signed: Bool) -> VersionRecordView {
    let person = #"{"kind":"person","name":"li"}"#
    let digest = "\(Sample.digest(3))"
    let signOff = #"{"by":\#(person),"item":"model card read","time":1773496951000000}"#
    return Sample.decoded(
      """
      {"aliases":[{"alias":"champion","by":\(person),"since":1,"version":"flight-delay@2"}],\
      "deletionBlockers":[],"record":{"gates":[{"by":\(person),"run":{"digest":"\(digest)",\
      "gates":"standard","lines":[{"gate":"accuracy","limit":"at least 0.75","measured":"0.81",\
      "passed":true},{"gate":"latency","limit":"under 5 ms","measured":"9 ms","passed":false}]},\
      "time":1773496951000000}],"servedOn":[],"signOffs":[\(signed ? signOff : "")],\
      "tags":[{"key":"team","value":"search"}],"version":"flight-delay@2"},\
      "registered":{"by":\(person),"draft":{"artifact":"\(digest)","artifactBytes":9,\
      "metrics":{},"model":"flight-delay","signature":{"inputs":[],"outputs":[]},"summary":""},\
      "registered":1,"version":"flight-delay@2"}}
      """)
  }

  private func opened(signed: Bool = false) -> Driver {
    var driver = Driver(columns: 120, rows: 40, snapshot: Sample.snapshot())
    driver.press(.character("2"), .character("K"))
    if let ticket = driver.ticket({ $0 == .standing }) {
      driver.tell(.reply(ticket, .registry(.record(Self.record(signed: signed)))))
    }
    return driver
  }

  // MARK: The checklist

  @Test func anItemIsSignedByNameAndTheChecklistStays() {
    var driver = opened()
    let text = driver.text
    #expect(text.contains("standard FAILED") && text.contains("9 ms"))
    #expect(text.contains("champion") && text.contains("team=search"))
    #expect(text.contains("0 of 4 signed"))
    driver.press(.down, .enter)
    #expect(driver.text.contains("You sign off, by your name: evaluation reviewed"))
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .registry(.sign(version: Sample.version(2), item: "evaluation reviewed"))
      ])
    #expect(driver.orders.first?.expectedGeneration == nil)
    guard case .standing? = driver.model.dialogs.last else {
      Issue.record("the checklist closed")
      return
    }
    // Once it is known that the signature is there, the list is asked for again.
    driver.answerLive(Sample.snapshot(seconds: 1))
    #expect(
      driver.effects.suffix(2).contains {
        if case .send(let t, _, _) = $0 { t.purpose == .standing } else { false }
      })
  }

  @Test func aSignatureIsTakenBackWithAReason() {
    var driver = opened(signed: true)
    #expect(driver.text.contains("1 of 4 signed"))
    driver.press(.enter)
    driver.type("signed the wrong one")
    driver.press(.enter)
    #expect(
      driver.orders.map(\.command) == [
        .registry(
          .unsign(
            version: Sample.version(2), item: "model card read", reason: "signed the wrong one"))
      ])
  }

  @Test func aVersionIsApproved() {
    var driver = opened()
    driver.press(.character("A"))
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .registry(.decideApproval(version: Sample.version(2), status: .approved, reason: nil))
      ])
  }

  @Test func readOnlySignsNothing() {
    var driver = opened()
    driver.model.look.isReadOnly = true
    driver.press(.enter)
    #expect(driver.orders.isEmpty && driver.text.contains("Read-only"))
  }

  // MARK: A test request

  static let answer: TriedRequest = Sample.decoded(
    """
    {"bucket":4711,"chosenBy":"the split gives flight-delay@1 75%","endpoint":"flight-delay",\
    "generation":118,"label":"1","latencyNanoseconds":420000,"outcome":"answered","outputs":\
    [{"name":"probability","values":["0.21","0.79"]}],"row":{"carrier":"AA","distance":"733"},\
    "rowSource":"a recent request","score":0.79,"stages":[{"name":"model","nanoseconds":300000}],\
    "version":"flight-delay@1"}
    """)

  @Test(arguments: [(80, 24), (140, 45)])
  func aRowIsChangedAndSentAgain(columns: Int, rows: Int) throws {
    var driver = Driver(columns: columns, rows: rows, snapshot: Sample.snapshot())
    driver.press(.character("i"))
    let first = try #require(driver.ticket { $0 == .tried })
    driver.tell(.reply(first, .tried(Self.answer)))
    #expect(driver.text.contains("answered") && driver.text.contains("733"))
    #expect(driver.text.contains("a recent request"))
    driver.press(.down, .down, .down, .enter, .control("u"))
    driver.type("9000")
    driver.press(.enter)
    guard
      case .send(_, .tryRequest(let endpoint, let row, let key, _, let version), let lane)? =
        driver.effects.last
    else {
      Issue.record("nothing was sent")
      return
    }
    #expect(endpoint == Sample.endpoint && key == nil && version == nil && lane == .reading)
    #expect(row == ["carrier": "AA", "distance": "9000"])
    // Another version is asked for by name.
    driver.press(.character("g"), .right)
    guard case .send(_, .tryRequest(_, _, _, _, let asked), _)? = driver.effects.last else {
      return
    }
    #expect(asked == Sample.version(3))
    #expect(driver.orders.isEmpty, "a test request changes nothing")
  }

  @Test func aRefusedRowIsExplainedAndStays() throws {
    var driver = Driver(columns: 140, rows: 45, snapshot: Sample.snapshot())
    driver.press(.character("i"))
    let first = try #require(driver.ticket { $0 == .tried })
    driver.tell(.reply(first, .tried(Self.answer)))
    driver.press(.character("s"))
    let second = try #require(driver.ticket { $0 == .tried })
    driver.tell(.failed(second, NodeFailure(sentence: "distance: expected a number")))
    #expect(driver.text.contains("distance: expected a number") && driver.text.contains("733"))
  }

  // MARK: Several candidates

  private func rivals() -> NodeSnapshot {
    var rollout = Sample.rollout()
    rollout.facts?.rivals = [
      .init(
        version: Sample.version(3),
        part: .init(name: "@3", metric: .errors, eValue: 31, holdAt: 20, endsAt: 100))
    ]
    rollout.facts?.segments = [
      .init(name: "UA", metric: .errors, eValue: 140, holdAt: 20, endsAt: 100, isClosed: true)
    ]
    rollout.facts?.strategy = .abTest
    rollout.facts?.rule = "carrier=AA|UA"
    return Sample.snapshot(rollout: rollout)
  }

  @Test func oneOfSeveralIsPickedOrDropped() {
    var driver = Driver(columns: 160, rows: 50, snapshot: rivals())
    driver.press(.character("3"), .character("z"))
    let text = driver.text
    #expect(text.contains("rival @3") && text.contains("closed"))
    #expect(text.contains("A/B test: runs its full time, only requests with carrier=AA|UA"))
    driver.press(.character(":"))
    driver.type("drop flight-delay@3")
    driver.press(.enter)
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.last?.command
        == .drop(endpoint: Sample.endpoint, version: Sample.version(3), reason: nil))
    var other = Driver(snapshot: rivals())
    other.press(.character(":"))
    other.type("pick flight-delay@3")
    other.press(.enter)
    other.wait(300)
    other.press(.character("y"))
    #expect(
      other.orders.map(\.command) == [
        .promote(endpoint: Sample.endpoint, reason: nil, version: Sample.version(3))
      ])
    let single = Driver(snapshot: Sample.snapshot())
    #expect(single.model.obstacle(to: .drop)?.contains("Only flight-delay@2") == true)
  }

  @Test func aRuleByHandIsEnded() throws {
    var snapshot = Sample.snapshot()
    snapshot.detail?.rules = [RouteRule.pin("alice", to: Sample.version(2))]
    var driver = Driver(columns: 120, rows: 40, snapshot: snapshot)
    driver.press(.character(":"))
    driver.type("rules")
    driver.press(.enter)
    #expect(driver.text.contains("key=alice"))
    driver.press(.character("d"))
    driver.wait(300)
    driver.press(.character("y"))
    let name = RouteRule.pinName("alice")
    #expect(
      driver.orders.map(\.command) == [
        .removeRule(endpoint: Sample.endpoint, name: name, reason: nil)
      ])
  }

  @Test func aStrategyAndARuleAreEdited() throws {
    var draft = PlanDraft(Sample.quick)
    draft[.strategy(0)] = "shadow"
    #expect(try draft.plan().steps[0].strategy == .shadow)
    draft[.strategy(0)] = "ab"
    draft[.rule(0)] = "carrier=AA|UA"
    let plan = try draft.plan()
    #expect(plan.steps[0].strategy == .abTest)
    #expect(plan.steps[0].rule.map { "\($0)" } == "carrier=AA|UA")
    for (cell, text) in [
      (PlanCell.strategy(0), "bluegreen"), (.rule(0), "carrier"), (.strategy(1), "preview"),
    ] {
      var wrong = PlanDraft(Sample.quick)
      wrong[cell] = text
      do throws(PlanDraft.Fault) {
        _ = try wrong.plan()
        Issue.record("\(text) was taken")
      } catch {
        #expect(error.cell == cell, "\(error.sentence)")
      }
    }
  }
}
