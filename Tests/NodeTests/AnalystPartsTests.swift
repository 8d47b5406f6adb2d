import Control
import Core
import Telemetry
import Testing

@testable import Node

@Suite("The ledger of fences")
struct FenceLedgerTests {
  private let version: VersionID

  init() throws { version = VersionID(model: try Name("m"), number: 2) }

  /// What a ledger says of the tickets, in turn.
  private func verdicts(_ tickets: [Int], _ ledger: inout FenceLedger) -> [Bool] {
    tickets.map { ledger.forbids(version, ticket: $0) }
  }

  @Test("a ticket after the fence is a breach, one before it or after the opening is not")
  func intervals() {
    var ledger = FenceLedger()
    let brokenAtOnce = ledger.close(version, ticket: 100)
    #expect(!brokenAtOnce)
    let whileClosed = verdicts([99, 101], &ledger)
    #expect(whileClosed == [false, true])
    ledger.open(version, ticketsTaken: 150)
    let afterOpening = verdicts([149, 150], &ledger)
    #expect(afterOpening == [true, false])
  }

  @Test("a breach that was taken in before the fence was known is found")
  func lateNotice() {
    var ledger = FenceLedger()
    let known = verdicts([120], &ledger)
    #expect(known == [false])
    let isBroken = ledger.close(version, ticket: 100)
    #expect(isBroken)
  }

  @Test("closing twice keeps the first moment")
  func twice() {
    var ledger = FenceLedger()
    _ = ledger.close(version, ticket: 100)
    _ = ledger.close(version, ticket: 200)
    let between = verdicts([150], &ledger)
    #expect(between == [true])
  }
}

@Suite("Symptoms")
struct SymptomTrackerTests {
  private let endpoint: Name

  init() throws { endpoint = try Name("e") }

  private func time(_ seconds: Int64) -> Timestamp {
    Timestamp(microseconds: seconds * 1_000_000)
  }
  private func values(
    requests: Int = 1_000, errors: Double? = 0, p99: Double? = 1, drifted: [String] = []
  ) -> SymptomTracker.Values {
    .init(
      requests: requests, errorRate: errors, p99Milliseconds: p99, driftedFeatures: drifted,
      heldCause: nil, routingFault: nil)
  }

  @Test("it comes at one level, goes at a lower one, and keeps its beginning")
  func hysteresis() {
    var tracker = SymptomTracker()
    tracker.update(endpoint, values(errors: 0.04), now: time(1))
    #expect(tracker.symptoms.isEmpty)
    tracker.update(endpoint, values(errors: 0.06), now: time(2))
    #expect(tracker.symptoms.map(\.kind) == ["high-error-rate"])
    tracker.update(endpoint, values(errors: 0.04), now: time(3))
    #expect(tracker.symptoms.first?.since == time(2))
    tracker.update(endpoint, values(errors: 0.02), now: time(4))
    #expect(tracker.symptoms.isEmpty)
  }

  @Test("missing data neither raises nor resolves")
  func missingData() {
    var tracker = SymptomTracker()
    tracker.update(endpoint, values(requests: 10, errors: 1), now: time(1))
    #expect(tracker.symptoms.isEmpty)
    tracker.update(endpoint, values(errors: 0.5), now: time(2))
    tracker.update(endpoint, values(requests: 0, errors: nil, p99: nil), now: time(3))
    #expect(tracker.symptoms.map(\.kind) == ["high-error-rate"])
  }

  @Test("the worst comes first")
  func order() {
    var tracker = SymptomTracker()
    tracker.update(endpoint, values(p99: 500, drifted: ["a", "b", "c", "d"]), now: time(1))
    tracker.update(endpoint, values(errors: 0.5, p99: 500, drifted: ["a"]), now: time(2))
    #expect(tracker.symptoms.first?.kind == "high-error-rate")
    #expect(tracker.severity(of: endpoint) == .bad)
    tracker.updateJournal(durable: false, fault: nil, now: time(3))
    #expect(tracker.symptoms.contains { $0.kind == "journal" && $0.severity == .bad })
  }
}

@Suite("Numbers for people")
struct DecimalTests {
  @Test(
    "rounded, never in exponents",
    arguments: [
      (0.0, 2, "0.00"), (1.006, 2, "1.01"), (-0.004, 2, "0.00"), (12.345, 1, "12.3"),
      (999.96, 1, "1000.0"), (3, 0, "3"), (-2.5, 1, "-2.5"),
    ])
  func decimals(value: Double, digits: Int, text: String) {
    #expect(decimal(value, digits) == text)
  }

  @Test("what is no number is a dash")
  func notANumber() {
    #expect(decimal(.nan, 2) == "-")
    #expect(decimal(.infinity, 0) == "-")
  }
}

@Suite("Cached points")
struct PointCacheTests {
  @Test("what is cached equals what is computed anew, at every moment and zoom")
  func equalsUncached() {
    let series = SecondSeries()
    let cache = PointCache(series)
    var random = SplitMix64(seed: 5)
    var second = 1_000
    for _ in 0..<400 {
      for _ in 0..<Int.random(in: 0...5, using: &random) {
        series.record(
          second: second - Int.random(in: 0...1, using: &random),
          latencyNanoseconds: Int.random(in: 1_000...5_000_000, using: &random),
          failed: Bool.random(using: &random))
      }
      second += Int.random(in: 0...1, using: &random)
      let perPoint = second % 7 == 0 ? 3 : 1
      let end = perPoint == 1 ? second - 1 : second - 1 - second % perPoint
      #expect(
        cache.points(endingAt: end, secondsPerPoint: perPoint, count: 30, now: second)
          == series.points(endingAt: end, secondsPerPoint: perPoint, count: 30))
    }
  }
}
