import Control
import Core
import Node
import Testing

@testable import Console

/// The Canary pane while several candidates share the traffic, and while no caller reaches one.
@Suite struct CanaryScreenTests {
  private static func several() throws -> NodeSnapshot {
    var rollout = Sample.rollout(weight: 1000)
    rollout.facts?.rivals = [
      .init(
        version: Sample.version(3),
        part: .init(name: "@3", metric: .wrongAnswers, eValue: 31, holdAt: 20, endsAt: 100))
    ]
    rollout.facts?.missing = [
      "step 3 has seen 2m46s of 5m",
      "before 100%: failed answers: E 1.0 of 50 that the ratio is under 1.5, no forecast without "
        + "bad events on both versions",
    ]
    var snapshot = Sample.snapshot(rollout: rollout)
    snapshot.detail?.split = try Split([
      .init(version: Sample.version(1), weight: 8000),
      .init(version: Sample.version(2), weight: 1000),
      .init(version: Sample.version(3), weight: 1000),
    ])
    return snapshot
  }

  private static func shadow() throws -> NodeSnapshot {
    let plan = try #require(PlanFile.builtIn(name: "shadow-first"))
    var rollout = Sample.rollout(weight: 0)
    rollout.plan = plan
    rollout.step = 0
    rollout.candidateRequests = 0
    rollout.stepRequests = 1320
    rollout.facts?.strategy = .shadow
    rollout.facts?.nextWeight = 500
    rollout.facts?.copies = .init(used: 141, limit: 1320)
    rollout.facts?.requests = nil
    rollout.facts?.errors = nil
    for index in rollout.evidence.indices {
      rollout.evidence[index].candidateTotal = 0
      rollout.evidence[index].stableTotal = 0
      rollout.evidence[index].promotion = nil
      // Of the last nothing is seen at all.
      guard index < 2 else { continue }
      rollout.evidence[index].copies = Sample.decoded(
        #"{"both":3,"candidateOnly":2,"neither":1309,"otherOnly":6}"#)
    }
    var snapshot = Sample.snapshot(rollout: rollout)
    snapshot.detail?.split = Split(all: Sample.version(1))
    return snapshot
  }

  @Test(arguments: [(80, 24), (120, 40), (200, 60)], ["several", "shadow"])
  func screens(size: (Int, Int), name: String) throws {
    let snapshot = try name == "several" ? Self.several() : Self.shadow()
    var driver = Driver(columns: size.0, rows: size.1, snapshot: snapshot)
    driver.press(.character("3"))
    GoldenTests().check(driver, "canary-\(name)-\(size.0)x\(size.1)")
    if size.0 == 80 {
      driver.press(.character("z"))
      GoldenTests().check(driver, "canary-\(name)-zoomed-80x24")
    }
  }

  @Test func theSplitSaysWhatEachVersionHas() throws {
    var driver = Driver(columns: 80, rows: 24, snapshot: try Self.several())
    #expect(driver.text.contains("@2 @3 10% each") && driver.text.contains("80% @1"))
    #expect(driver.text.contains("Canary @1 → @2 @3"))
    // The rival has more against it than any metric of the leading candidate.
    #expect(driver.text.contains("rival @3"))
    driver.press(.character("3"), .character("z"))
    for line in ["@2 ", "@3 "] {
      #expect(
        driver.text.split(separator: "\n").contains {
          $0.contains("│ \(line)") && $0.contains("10%")
        })
    }
    #expect(!driver.text.contains("90%"))
  }

  @Test func aShadowIsNoCanaryAndItsCopiesAreCounted() throws {
    let driver = Driver(columns: 120, rows: 40, snapshot: try Self.shadow())
    #expect(driver.text.contains("[shadow 50]─ 5 ─ A/B 50 ─ 100"))
    #expect(driver.text.contains("◆ shadow") && !driver.text.contains("◆ canary"))
    #expect(driver.text.contains("5/1,320 : 9/1,320") && !driver.text.contains("0/0"))
  }
}
