import Core
import Telemetry
import Testing

@testable import Serving

@Suite struct PredictionLogTests {
  private func tap(
    _ id: UInt64, label: Int64 = 1, version: UInt16 = 3, time: Int64 = 0,
    outcome: Outcome = .answered, flags: TapRecord.Flags = [.drawn]
  ) -> TapRecord {
    TapRecord(
      ticket: id, requestID: id, timeNanoseconds: time, latencyNanoseconds: 0, lateNanoseconds: 0,
      generation: 12, label: TextKey(decimal: label), score: 0.7, version: version,
      answeredBy: version, weight: 1_000, stableWeight: 9_000, outcome: outcome, flags: flags)
  }

  private func arrival(_ id: UInt64, _ label: Int64, time: Int64 = 0) -> LabelArrival {
    LabelArrival(requestID: id, label: label, timeNanoseconds: time)
  }

  @Test func aLabelGoesToTheVersionThatAnsweredAndTheFirstOneCounts() throws {
    let log = try PredictionLog(capacity: 10)
    log.record(tap(1))
    log.record(tap(2, label: 0, version: 4))
    guard case .bound(let entry, let isWrong) = log.bind(arrival(2, 1)) else {
      Issue.record("request 2 is known")
      return
    }
    #expect(isWrong)
    #expect(entry.version == 4 && entry.weight == 1_000 && entry.stableWeight == 9_000)
    #expect(entry.generation == 12 && entry.isDrawn)
    #expect(log.bind(arrival(2, 0)) == .duplicate)
    #expect(log.bind(arrival(7, 0)) == .unknown)
    guard case .bound(_, isWrong: false) = log.bind(arrival(1, 1)) else {
      Issue.record("request 1 was right")
      return
    }
    #expect(
      log.counts == .init(requests: 2, bound: 2, duplicates: 1, expired: 0, unknown: 1))
    #expect(log.counts.coverage == 1)
  }

  @Test func onlyRealAnswersAreRememberedAndOnlyDrawsAreEvidence() throws {
    let log = try PredictionLog(capacity: 10)
    log.record(tap(1, outcome: .failed))
    log.record(tap(2, outcome: .unavailable))
    log.record(tap(3, flags: [.drawn, .synthetic]))
    #expect(log.counts.requests == 0)
    log.record(tap(4, flags: [.redirected]))
    var fallback = tap(5, outcome: .fellBack)
    fallback.answeredBy = 0
    log.record(fallback)
    for id in [4, 5] as [UInt64] {
      guard case .bound(let entry, _) = log.bind(arrival(id, 1)) else {
        Issue.record("request \(id) is known")
        return
      }
      #expect(!entry.isDrawn)
    }
  }

  @Test func labelsComeTooLate() throws {
    let log = try PredictionLog(capacity: 10, lifetime: .seconds(5))
    log.record(tap(1, time: 1_000))
    log.record(tap(2, time: 1_000))
    #expect(log.bind(arrival(1, 1, time: 5_000_001_001)) == .expired)
    guard case .bound = log.bind(arrival(2, 1, time: 5_000_001_000)) else {
      Issue.record("request 2 is just in time")
      return
    }
  }

  /// The ring against a plain dictionary, over many rounds of overwriting.
  @Test func agreesWithAPlainModelWhileItOverwrites() throws {
    let capacity = 37
    let log = try PredictionLog(capacity: capacity)
    var random = SplitMix64(seed: 8)
    var order: [UInt64] = []
    var labelled: Set<UInt64> = []
    for step in 0..<4_000 as Range<UInt64> {
      if random.next() % 2 == 0 {
        let id = step &* 0x9E37_79B9
        log.record(tap(id))
        order.append(id)
        if order.count > capacity { labelled.remove(order.removeFirst()) }
      } else {
        let id = step == 0 ? 1 : (random.next() % step) &* 0x9E37_79B9
        let binding = log.bind(arrival(id, 1))
        if !order.contains(id) {
          #expect(binding == .unknown)
        } else if labelled.contains(id) {
          #expect(binding == .duplicate)
        } else {
          guard case .bound(let entry, isWrong: false) = binding else {
            Issue.record("\(id) should be bound, got \(binding)")
            return
          }
          #expect(entry.requestID == id)
          labelled.insert(id)
        }
      }
    }
  }

  @Test func requestsTakeFewBytes() { #expect(PredictionLog.bytesPerRequest <= 48) }

  @Test func theQueueIsBounded() {
    let queue = LabelQueue(capacity: 3)
    for id in 0..<5 as Range<UInt64> { queue.add(arrival(id, 1)) }
    #expect(queue.takeAll().map(\.requestID) == [0, 1, 2])
    #expect(queue.dropped == 2)
    #expect(queue.takeAll().isEmpty)
  }
}
