import Core
import Node
import Testing

@testable import Console

/// Lines for screen readers: what changed, once; and commands by line.
@Suite struct LinearTests {
  private func type(_ line: String, _ driver: inout Driver) {
    for key in LinearView.keys(line, driver.model) { driver.press(key) }
  }

  @Test func saysEachChangeOnce() {
    var driver = Driver(snapshot: Sample.snapshot())
    var view = LinearView()
    let first = view.lines(driver.model)
    #expect(
      first == [
        "warn: flight-delay@2 p99 2.31 ms is 0.19 below its limit",
        "flight-delay serving, flight-delay@1=75% flight-delay@2=25%, "
          + "rollout of flight-delay@2 step 3 of 5 baking",
      ])
    #expect(view.lines(driver.model).isEmpty)
    var next = Sample.snapshot(generation: 119, seconds: 1, symptoms: [])
    next.events.insert(Sample.event(119, 0, .guard, "hold", "@2 held", .warn), at: 0)
    driver.answerLive(next)
    #expect(
      view.lines(driver.model) == [
        "14:02:31Z guard hold: @2 held (warn)", "nothing is wrong any more",
      ])
  }

  @Test func rollbackByLines() {
    var driver = Driver(snapshot: Sample.snapshot())
    var view = LinearView()
    _ = view.lines(driver.model)
    type("R", &driver)
    let card = view.lines(driver.model)
    #expect(card.first == "-- Roll back flight-delay")
    #expect(card.last == "? y ROLL BACK, o little by little, Esc cancel")
    #expect(card.contains("[2] flight-delay@3"))
    driver.wait(400)
    type("y", &driver)
    #expect(driver.orders.count == 1)
  }

  @Test func wordsDoNotActLetterByLetter() {
    var driver = Driver(snapshot: Sample.snapshot())
    for line in ["Rollback", "yes", "xy", "", "promote"] { type(line, &driver) }
    #expect(driver.effects.isEmpty && driver.model.dialogs.isEmpty)
    type(":promote", &driver)
    #expect(driver.model.dialogs.count == 1)
    type("n", &driver)
    #expect(driver.model.dialogs.isEmpty)
  }

  @Test func typedConfirmationTakesTheLine() {
    var driver = Driver(snapshot: Sample.snapshot(profile: "prod"))
    type(":promote", &driver)
    type("flight-delay@2", &driver)
    #expect(driver.orders.count == 1)
  }
}

@Suite struct TopViewTests {
  @Test func plainAlignedText() {
    let lines = TopView.lines(Sample.snapshot())
    let text = lines.joined(separator: "\n")
    #expect(text.unicodeScalars.allSatisfy { $0.value < 0x7F && ($0.value >= 0x20 || $0 == "\n") })
    #expect(
      lines.first
        == "2026-03-14T14:02:31.000Z  sluice 0.1.0  dev  pid 4242  up 25h  1.2 cores  412 MiB  "
        + "journal 118  replay 500/s")
    #expect(lines[2].hasPrefix("ENDPOINT"))
    #expect(
      lines[3]
        == "flight-delay  serving  @1      @2          25    509    1.72  0.21  warn   baking 3/5")
    #expect(text.contains("errors        E 1.8 (holds at 20, rolls back at 100)"))
    #expect(text.contains("drift flight-delay@2  temperature PSI 0.19 warn"))
    #expect(lines.allSatisfy { $0.last != " " })
  }

  @Test func emptyNode() {
    let snapshot = NodeSnapshot(
      time: Sample.start, node: Sample.info(), endpoints: [], detail: nil, registry: [],
      events: [], symptoms: [], runbooks: [], plans: [])
    #expect(TopView.lines(snapshot).count == 3)
  }
}
