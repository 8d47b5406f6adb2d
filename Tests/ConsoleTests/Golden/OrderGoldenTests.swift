import Control
import Core
import Node
import Testing

@testable import Console

/// The cards with which things are ordered that a key alone does not say, at each size.
@Suite struct OrderGoldenTests {
  static let names = [
    "rollback-over", "rollback-typing", "ramp-several", "ramp-start", "ramp-waits", "rules",
    "rule-add", "rule-wrong", "pin", "recording-off", "recording-on", "record", "retraining",
    "retraining-policy", "retraining-ask", "retraining-log",
  ]

  @Test(arguments: GoldenTests.sizes, names)
  func card(size: (Int, Int), name: String) {
    var driver = Driver(columns: size.0, rows: size.1, snapshot: Sample.snapshot())
    open(name, &driver)
    Golden.check(driver, "card-\(name)-\(size.0)x\(size.1)")
  }

  private func open(_ name: String, _ driver: inout Driver) {
    switch name {
    case "rollback-over", "rollback-typing":
      driver.press(.character("R"), .character("o"))
      driver.type(name == "rollback-over" ? "10m" : "ten")
      driver.press(.enter)
    case "ramp-several", "ramp-start", "ramp-waits": openRamp(name, &driver)
    case "rules", "rule-add", "rule-wrong", "pin": openRules(name, &driver)
    case "recording-off": driver.openRecording(nil)
    case "recording-on": driver.openRecording(RecordingPolicy(share: 1_000, withheld: ["origin"]))
    case "record":
      driver.openRecording(nil)
      driver.press(.character("o"))
    case "retraining": driver.openRetraining()
    case "retraining-policy":
      driver.openRetraining(Sample.retraining(isRunning: true))
      driver.press(.down)
    case "retraining-ask":
      driver.openRetraining()
      driver.press(.down, .character("r"))
    default:
      driver.openRetraining()
      driver.press(.enter)
      if let ticket = driver.ticket({ $0 == .retraining }) {
        driver.tell(.reply(ticket, .retraining(.log(Sample.retrainingLog))))
      }
    }
  }

  private func openRamp(_ name: String, _ driver: inout Driver) {
    var snapshot = Sample.snapshot(seconds: 1, rollout: nil)
    snapshot.endpoints.append(Sample.summary(Sample.name("carriers")))
    driver.answerLive(snapshot)
    driver.press(.character("c"), .character(" "), .down, .character(" "))
    driver.answerRamp()
    guard name != "ramp-several" else { return }
    driver.press(.character("w"))
    driver.type("carriers")
    if name == "ramp-waits" { return }
    driver.press(.enter, .character("t"))
    driver.type("+90m")
    driver.press(.enter)
    driver.answerRamp()
    driver.press(.enter)
  }

  private func openRules(_ name: String, _ driver: inout Driver) {
    driver.answerLive(Sample.idleWithRule())
    driver.command("rules")
    switch name {
    case "rule-add": driver.press(.character("a"))
    case "rule-wrong":
      driver.press(.character("a"))
      for text in ["beta", "carrier=AA", "@2=60% @1=50%"] {
        driver.type(text)
        driver.press(.enter)
      }
      driver.press(.enter)
    case "pin": driver.press(.character("p"))
    default: break
    }
  }
}
