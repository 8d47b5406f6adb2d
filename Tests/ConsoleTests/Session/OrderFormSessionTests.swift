import Control
import Core
import Node
import Testing

@testable import Console

/// Orders that are written in a form: rules by hand, recordings.
@Suite struct OrderFormSessionTests {
  // MARK: Rules

  private func rules() -> Driver {
    var driver = Driver(columns: 120, rows: 40, snapshot: Sample.idleWithRule())
    driver.command("rules")
    return driver
  }

  private func fill(_ driver: inout Driver, _ texts: [String]) {
    for text in texts {
      driver.type(text)
      driver.press(.enter)
    }
  }

  @Test func aRuleIsAdded() throws {
    var driver = rules()
    driver.press(.character("a"))
    fill(&driver, ["beta", "header:x-beta=1 carrier=AA|UA", "@2=50%, flight-delay@1=50%", "trial"])
    #expect(driver.text.contains("Add the rule beta"))
    driver.wait(300)
    driver.press(.character("y"))
    let rule = RouteRule(
      name: Sample.name("beta"), rule: try RequestRule("header:x-beta=1 carrier=AA|UA"),
      split: Split(stable: Sample.version(1), candidate: Sample.version(2), weight: 5000))
    #expect(
      driver.orders.map(\.command) == [
        .addRule(endpoint: Sample.endpoint, rule: rule, reason: "trial")
      ])
    #expect(driver.orders.first?.expectedGeneration == 118)
    // Once it is there the form closes, and the list shows it.
    let ticket = try #require(driver.ticket { if case .order = $0 { true } else { false } })
    driver.tell(
      .reply(
        ticket,
        .outcome(
          Outcome(summary: "added", generation: 119, sequence: 9, durableMicroseconds: 900))))
    guard case .rules? = driver.model.dialogs.last else {
      Issue.record("the list is gone")
      return
    }
  }

  @Test func aRefusedRuleStaysWritten() throws {
    var driver = rules()
    driver.press(.character("a"))
    fill(&driver, ["beta", "carrier=AA", "@2=100%", ""])
    driver.wait(300)
    driver.press(.character("y"))
    let ticket = try #require(driver.ticket { if case .order = $0 { true } else { false } })
    driver.tell(.failed(ticket, NodeFailure(sentence: "there is no input \"carrier\"")))
    guard case .form(let form)? = driver.model.dialogs.last else {
      Issue.record("what was written is lost")
      return
    }
    #expect(form.lines.map(\.field.text) == ["beta", "carrier=AA", "@2=100%", ""])
    #expect(form.notice == "Refused: there is no input \"carrier\"" && form.waitsFor == nil)
  }

  @Test func aRuleThatAFreezeStopsAsksWhyAndKeepsWhatWasWritten() throws {
    var driver = rules()
    driver.press(.character("a"))
    fill(&driver, ["beta", "carrier=AA", "@2=100%", ""])
    driver.wait(300)
    driver.press(.character("y"))
    let first = try #require(driver.ticket { if case .order = $0 { true } else { false } })
    driver.tell(
      .failed(
        first,
        NodeFailure(
          sentence: "flight-delay is frozen: incident; to go on all the same give "
            + "--override-freeze \"REASON\"")))
    driver.type("it is the fix")
    driver.press(.enter)
    #expect(driver.orders.count == 2 && driver.orders.last?.freezeOverride == "it is the fix")
    // The form waits for the second answer, and keeps what was written when that is no as well.
    let second = try #require(driver.ticket { if case .order = $0 { true } else { false } })
    driver.tell(.failed(second, NodeFailure(sentence: "no room for a rule")))
    guard case .form(let form)? = driver.model.dialogs.last else {
      Issue.record("what was written is lost")
      return
    }
    #expect(form.lines[1].field.text == "carrier=AA")
    #expect(form.notice == "Refused: no room for a rule")
  }

  @Test func aliasesAndShortNamesAreVersions() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    #expect(try driver.model.readVersion("@3") == Sample.version(3))
    #expect(try driver.model.readVersion("flight-delay@3") == Sample.version(3))
    #expect(throws: InvalidValue.self) { try driver.model.readVersion("@champion") }
    var snapshot = Sample.snapshot(seconds: 1)
    snapshot.registry[1].standing = Sample.decoded(
      """
      {"aliases":["champion"],"gatesFailed":[],"items":4,"itemsSigned":0,"servedOn":[],\
      "status":"draft","tags":[]}
      """)
    driver.answerLive(snapshot)
    #expect(try driver.model.readVersion("@champion") == Sample.version(2))
  }

  @Test func aFormIsFilledLineByLine() {
    var driver = Driver(snapshot: Sample.idleWithRule())
    for line in [":rules", "p", "bob", "@2", "", "y"] {
      driver.wait(400)
      for key in LinearView.keys(line, driver.model) { driver.press(key) }
    }
    #expect(
      driver.orders.map(\.command) == [
        .addRule(
          endpoint: Sample.endpoint, rule: .pin("bob", to: Sample.version(2)), reason: nil)
      ])
  }

  @Test(arguments: [
    (["Beta Testers", "carrier=AA", "@2=100%", ""], 0, "name: "),
    (["", "carrier=AA", "@2=100%", ""], 0, "name is missing"),
    (["beta", "carrier", "@2=100%", ""], 1, "requests: "),
    (["beta", "carrier=AA", "@2=60%", ""], 2, "go to: the split sums to 60%"),
    (["beta", "carrier=AA", "flight-delay@x9=100%", ""], 2, "go to: "),
    (["aa", "carrier=AA", "@2=100%", ""], 3, "has a rule aa already"),
  ])
  func aWrongRuleIsExplainedAtItsLine(texts: [String], place: Int, part: String) {
    var driver = rules()
    driver.press(.character("a"))
    fill(&driver, texts)
    guard case .form(let form)? = driver.model.dialogs.last else {
      Issue.record("the form closed")
      return
    }
    #expect(form.notice?.contains(part) == true, "\(form.notice ?? "")")
    #expect(form.place == place && form.lines.map(\.field.text) == texts)
    #expect(driver.orders.isEmpty)
  }

  @Test func aCallerIsPinned() {
    var driver = rules()
    driver.press(.character("p"))
    fill(&driver, ["bob", "@2", "he asked for it"])
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .addRule(
          endpoint: Sample.endpoint, rule: .pin("bob", to: Sample.version(2)),
          reason: "he asked for it")
      ])
  }

  @Test func pastedTextGoesIntoTheForm() {
    var driver = rules()
    driver.press(.character("p"))
    driver.tell(.input(.paste("caller\n17")))
    guard case .form(let form)? = driver.model.dialogs.last else {
      Issue.record("the form closed")
      return
    }
    #expect(form.lines[0].field.text == "caller 17")
  }

  // MARK: Recording

  @Test func aRecordingIsTurnedOn() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.openRecording(nil)
    #expect(driver.text.contains("off: o turns it on"))
    driver.press(.character("o"), .control("u"))
    driver.type("25%")
    driver.press(.enter, .enter, .enter)
    driver.type("origin, destination")
    driver.press(.enter)
    #expect(driver.text.contains("25% of callers, up to 1 GiB and 30d"))
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [
        .setRecording(
          endpoint: Sample.endpoint,
          policy: RecordingPolicy(share: 2_500, withheld: ["origin", "destination"]))
      ])
    let ticket = try #require(driver.ticket { if case .order = $0 { true } else { false } })
    driver.tell(
      .reply(
        ticket,
        .outcome(Outcome(summary: "on", generation: 118, sequence: 9, durableMicroseconds: 900))))
    // The card is there again, and asks anew with the next picture.
    driver.answerLive(Sample.snapshot(seconds: 1))
    #expect(driver.effectNames.last == "send recording flight-delay on reading")
  }

  @Test func aRecordingIsTurnedOff() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.openRecording(RecordingPolicy())
    driver.press(.character("x"))
    driver.wait(300)
    driver.press(.character("y"))
    #expect(
      driver.orders.map(\.command) == [.setRecording(endpoint: Sample.endpoint, policy: nil)])
  }

  @Test(arguments: [
    ("0%", 0, "share: from 0.01%"), ("101%", 0, "share: "), ("", 0, "share is missing"),
    ("10%\t1MiB", 1, "keeps from 16 MiB"), ("10%\t1GB", 1, "expected a size"),
    ("10%\t1GiB\t10s", 2, "kept from 1m"),
  ])
  func aWrongRecordingIsExplainedAtItsLine(text: String, place: Int, part: String) {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.openRecording(nil)
    driver.press(.character("o"))
    let texts = text.split(separator: "\t", omittingEmptySubsequences: false)
    for line in 0..<4 {
      if line < texts.count {
        driver.press(.control("u"))
        driver.type(String(texts[line]))
      }
      driver.press(.enter)
    }
    guard case .form(let form)? = driver.model.dialogs.last else {
      Issue.record("the form closed")
      return
    }
    #expect(form.place == place && form.notice?.contains(part) == true, "\(form.notice ?? "")")
  }

  @Test func readOnlyChangesNothing() {
    for (command, keys) in [("rules", "apd"), ("recording", "ox"), ("retraining", "adrs")] {
      for key in keys {
        var driver = Driver(snapshot: Sample.idleWithRule())
        driver.openRecording(RecordingPolicy())
        driver.press(.escape)
        driver.command(command)
        if command == "retraining" {
          driver.press(.escape)
          driver.openRetraining()
        }
        driver.model.look.isReadOnly = true
        driver.press(.character(key))
        driver.wait(300)
        driver.press(.character("y"))
        #expect(driver.orders.isEmpty, "\(command) \(key)")
        #expect(driver.text.contains("Read-only"), "\(command) \(key)")
      }
    }
  }
}
