import Core
import Telemetry
import Testing

@testable import Serving

/// A traffic table of `rows` rows; row i has the speed i, the label i mod 2 and a delay of i
/// minutes.
func trafficTable(rows: Int) throws -> TrafficTable {
  let lines = (0..<rows).map { "C\($0 % 3),\($0),\($0 % 2),\((rows - $0) * 10),\($0)" }
  let text =
    "carrier,speed,late,scheduled_minute,label_delay_minutes\n"
    + lines.joined(separator: "\n") + "\n"
  return try TrafficTable(csv: Array(text.utf8), schema: try Fixture.schema(), name: "t.csv")
}

@Suite struct TrafficTableTests {
  private func read(_ text: String) throws -> TrafficTable {
    try TrafficTable(csv: Array(text.utf8), schema: try Fixture.schema(), name: "t.csv")
  }

  @Test func readsQuotesMissingValuesAndAnyLineEnding() throws {
    let table = try read(
      "speed,late,carrier\r\n1.5,1,UA\r\n,,\"a \"\"b\"\", c\"\r\n-2e3,0,\n\n7,1,\"\"")
    #expect(table.rowCount == 4)
    #expect(table.number(column: 1, row: 0) == 1.5)
    #expect(table.number(column: 1, row: 1)?.isNaN == true)
    #expect(table.number(column: 1, row: 2) == -2_000)
    #expect(table.labels == [1, TrafficTable.noLabel, 0, 1])
    let texts = (0..<4).map { row in
      table.text(column: 0, row: row).map {
        String(decoding: UnsafeBufferPointer(start: $0.bytes, count: $0.count), as: UTF8.self)
      }
    }
    #expect(texts == ["UA", "a \"b\", c", "", ""])
    #expect(table.labelDelayMinutes.isEmpty && table.scheduledMinutes.isEmpty)
  }

  @Test func aRowFillsTheBuffer() throws {
    let table = try trafficTable(rows: 5)
    let row = RowBuffer(table.schema)
    table.copy(row: 3, to: row)
    #expect(row.address(of: 1).load(as: Float.self) == 3)
    let text = row.address(of: 0).load(as: TextValue.self)
    #expect(TextKey(bytes: text.bytes, count: text.count) == TextKey("C0"))
  }

  @Test(arguments: [
    ("", "t.csv:1: there is no header"),
    ("carrier,speed\n", "t.csv:2: it has no rows"),
    ("carrier\nUA\n", "t.csv:1: the column \"speed\" is missing"),
    ("carrier,speed,speed\n", "t.csv:1: the column \"speed\" is there twice"),
    ("carrier,speed,\u{1B}[2J\n", "\"^[[2J\" is neither"),
    ("carrier,speed\nUA,1\nUA\n", "t.csv:3: the row has 1 fields, the header has 2"),
    ("carrier,speed\nUA,1,2\n", "t.csv:2: the row has more than the header's 2"),
    ("carrier,speed\nUA,fast\n", "t.csv:2: column \"speed\": expected a number, got \"fast\""),
    ("carrier,speed\nUA,inf\n", "expected a number, got \"inf\""),
    ("carrier,speed\nUA,nan\n", "expected a number"),
    ("carrier,speed\nUA, 1\n", "expected a number"),
    ("carrier,speed\nUA,1e99\n", "expected a number"),
    ("carrier,speed\n\"UA,1\n", "t.csv:2: a quoted field is not closed"),
    ("carrier,speed\n\"UA\"x,1\n", "t.csv:2: text follows a closing quote"),
    ("carrier,speed,late\nUA,1,yes\n", "t.csv:2: column \"late\": expected a whole number"),
    ("carrier,speed,label_delay_minutes\nUA,1,-1\n", "expected minutes from 0 upwards"),
    ("carrier,speed,scheduled_minute\nUA,1,\n", "column \"scheduled_minute\": expected a number"),
    ("carrier,speed\n\(String(repeating: "x", count: 5_000)),1\n", "longer than 4096"),
  ])
  func refusesWithLineAndColumn(text: String, expected: String) {
    #expect {
      try read(text)
    } throws: { error in
      guard let error = error as? ServingError else { return false }
      return error.code == .badTraffic && error.message.contains(expected)
    }
  }

  @Test func randomBytesNeverCrash() throws {
    var random = SplitMix64(seed: 41)
    let alphabet = Array("carrier,speed\n\r\"0123456789.-eE\0\u{FF}".utf8)
    for _ in 0..<300 {
      var bytes = Array("carrier,speed\n".utf8)
      for _ in 0..<Int(random.next() % 60) {
        bytes.append(alphabet[Int(random.next() % UInt64(alphabet.count))])
      }
      let table = try? TrafficTable(csv: bytes, schema: try Fixture.schema(), name: "t")
      #expect(table.map { $0.rowCount > 0 } ?? true)
    }
  }
}

@Suite struct LabelHeapTests {
  @Test func takesEarliestFirstAndNothingTooEarly() {
    var heap = LabelHeap(capacity: 500)
    var random = SplitMix64(seed: 2)
    var all: [Int64] = []
    for i in 0..<600 {
      let due = Int64(random.next() % 100)
      heap.add(LabelHeap.Entry(due: due, requestID: UInt64(i), label: 0))
      if i < 500 { all.append(due) }
    }
    #expect(heap.dropped == 100)
    all.sort()
    var taken: [LabelHeap.Entry] = []
    while let entry = heap.take(dueBy: 49) { taken.append(entry) }
    #expect(taken.allSatisfy { $0.due <= 49 })
    while let entry = heap.take(dueBy: .max) { taken.append(entry) }
    #expect(taken.map(\.due) == all)
    let ordered = zip(taken, taken.dropFirst()).allSatisfy {
      ($0.due, $0.requestID) < ($1.due, $1.requestID)
    }
    #expect(ordered)
  }
}

/// Writes down what a replay does.
private final class Recorder: ReplayTarget {
  struct Sent: Equatable {
    let row: Int
    let key: String
    let id: UInt64
    let intended: Int64
  }
  var sent: [Sent] = []
  var labels: [LabelArrival] = []

  func send(
    row: Int, key: UnsafePointer<UInt8>, keyCount: Int, requestID: UInt64, intended: Int64
  ) {
    sent.append(
      Sent(
        row: row,
        key: String(decoding: UnsafeBufferPointer(start: key, count: keyCount), as: UTF8.self),
        id: requestID, intended: intended))
  }
  func label(requestID: UInt64, label: Int64, now: Int64) {
    labels.append(LabelArrival(requestID: requestID, label: label, timeNanoseconds: now))
  }
}

@Suite struct ReplayEngineTests {
  private let second: Int64 = 1_000_000_000

  private func engine(
    rows: Int = 20, seed: UInt64 = 1, rate: Double = 100, speed: Double = 60,
    byTime: Bool = false
  ) throws -> ReplayEngine {
    let table = try trafficTable(rows: rows)
    let kind: ReplayOrder.Kind = byTime ? .byTime(table.scheduledMinutes) : .shuffled
    return ReplayEngine(
      table: table, order: ReplayOrder(rowCount: rows, kind: kind, seed: seed), start: 1_000,
      requestsPerSecond: rate, labelSpeed: speed, idBase: 500)
  }

  /// Runs to `end`, waking exactly when told.
  private func run(_ engine: inout ReplayEngine, from start: Int64, to end: Int64) -> Recorder {
    let recorder = Recorder()
    var now = start
    var wakes = 0
    while now <= end, wakes < 100_000 {
      now = max(now, engine.step(now: now, isPaused: false, target: recorder))
      wakes += 1
    }
    return recorder
  }

  @Test func sendsOnScheduleEveryRowOnceALoopWithUniqueKeys() throws {
    var replay = try engine()
    let recorder = run(&replay, from: 1_000, to: 1_000 + second - 1)
    #expect(recorder.sent.count == 100)
    #expect(recorder.sent.map(\.intended) == (0..<100).map { 1_000 + Int64($0) * second / 100 })
    #expect(Set(recorder.sent.map(\.key)).count == 100)
    #expect(recorder.sent.map(\.id) == (500..<600).map { $0 })
    #expect(replay.loop == 4)
    for loop in 0..<5 {
      let rows = recorder.sent[(loop * 20)..<(loop * 20 + 20)].map(\.row)
      #expect(Set(rows).count == 20)
      #expect(recorder.sent[loop * 20].key == "\(rows[0])-\(loop)")
    }
    #expect(recorder.sent[..<20].map(\.row) != recorder.sent[20..<40].map(\.row))
  }

  @Test func theSameSeedRepeatsExactlyAndWakingUpLateChangesNothingButTheBurst() throws {
    var one = try engine(seed: 9)
    var two = try engine(seed: 9)
    var other = try engine(seed: 10)
    let exact = run(&one, from: 1_000, to: second)
    let late = Recorder()
    for now in stride(from: 1_000 + second / 7, through: second, by: Int(second / 7)) {
      _ = two.step(now: now, isPaused: false, target: late)
    }
    _ = two.step(now: second, isPaused: false, target: late)
    #expect(late.sent == exact.sent)
    #expect(run(&other, from: 1_000, to: second).sent != exact.sent)
  }

  @Test func byTimeFollowsTheRowsOwnTime() throws {
    var replay = try engine(byTime: true)
    let recorder = run(&replay, from: 1_000, to: second / 2)
    // The fixture's times fall with the row's number.
    #expect(recorder.sent[..<20].map(\.row) == (0..<20).reversed())
    #expect(recorder.sent[20..<40].map(\.row) == (0..<20).reversed())
  }

  @Test func labelsComeAfterTheirScaledDelayAndBelongToTheirRequest() throws {
    // 60 times as fast: a minute's delay is a second.
    var replay = try engine(rate: 1)
    let recorder = run(&replay, from: 1_000, to: 40 * second)
    #expect(recorder.labels.count > 15)
    for label in recorder.labels {
      let request = try #require(recorder.sent.first { $0.id == label.requestID })
      #expect(label.label == Int64(request.row % 2))
      #expect(label.timeNanoseconds == request.intended + Int64(request.row) * second)
    }
  }

  @Test func aPauseHoldsRequestsButNotLabels() throws {
    var replay = try engine(rate: 10)
    let recorder = run(&replay, from: 1_000, to: second)
    let before = recorder.sent.count
    let labelled = recorder.labels.count
    #expect(replay.labelsWaiting > 0)
    _ = replay.step(now: 60 * second, isPaused: true, target: recorder)
    #expect(recorder.sent.count == before)
    #expect(recorder.labels.count > labelled)
    replay.resume(now: 60 * second)
    _ = replay.step(now: 60 * second, isPaused: false, target: recorder)
    #expect(recorder.sent.count == before + 1)
    #expect(replay.skipped == 0)
  }

  @Test func burstsAreBoundedAndOnlyALongBacklogIsGivenUp() throws {
    var replay = try engine(rate: 1_000)
    let recorder = Recorder()
    // 1.5 s late: everything is still sent, in bounded bursts.
    let now = 1_000 + second * 3 / 2
    #expect(replay.step(now: now, isPaused: false, target: recorder) <= now)
    #expect(recorder.sent.count == ReplayEngine.burstMax)
    while replay.step(now: now, isPaused: false, target: recorder) <= now {}
    #expect(recorder.sent.count == 1_501)
    #expect(replay.skipped == 0)
    // A minute late: given up and counted, the schedule goes on.
    let muchLater = now + 60 * second
    while replay.step(now: muchLater, isPaused: false, target: recorder) <= muchLater {}
    #expect(replay.skipped > 59_000)
    #expect(recorder.sent.count + replay.skipped == 1_501 + 60_000)
  }

  @Test func theRateChangesAtOnceWithoutABurst() throws {
    var replay = try engine(rate: 0.1)
    let recorder = Recorder()
    _ = replay.step(now: 1_000, isPaused: false, target: recorder)
    #expect(recorder.sent.count == 1)
    replay.setRate(1_000, now: second)
    _ = replay.step(now: second + second / 100, isPaused: false, target: recorder)
    #expect((9...11).contains(recorder.sent.count - 1))
  }
}

@Suite struct ReplayerTests {
  @Test func sendsFromItsThreadUntilStopped() throws {
    let (endpoint, _, _) = try Fixture.serving(try Fixture.split([1: 5_000, 2: 5_000]))
    let labels = LabelQueue()
    let replayer = try Replayer(
      endpoint: endpoint, table: try trafficTable(rows: 50), labels: labels,
      options: Replayer.Options(seed: 3, requestsPerSecond: 5_000, labelSpeed: 1e6))
    try replayer.start()
    try replayer.start()
    var count = 0
    var wakes = 0
    let log = try PredictionLog(capacity: 4_096)
    var bindings = 0
    while count < 300, wakes < 2_000 {
      let arrived = labels.takeAll()
      count += endpoint.drainTaps { record, _ in log.record(record) }
      for label in arrived {
        if case .bound = log.bind(label) { bindings += 1 }
      }
      MonotonicClock.sleep(until: MonotonicClock.nanoseconds() + 2_000_000)
      wakes += 1
    }
    #expect(count >= 300)
    replayer.isPaused = true
    replayer.stop()
    replayer.stop()
    count += endpoint.drainTaps { _, _ in }
    #expect(replayer.progress.sent == count)
    #expect(replayer.progress.unanswered == 0)
    #expect(bindings > 0)
    #expect(log.counts.unknown == 0)
  }

  @Test func refusesRowsOfAnotherShapeAndASeasonWithoutTimes() throws {
    let endpoint = try Fixture.endpoint()
    let other = try RowSchema(
      Signature(
        inputs: [TensorSpec(name: "a", elementType: .float32, shape: [nil, 1])], outputs: []))
    let table = try TrafficTable(csv: Array("a\n1\n".utf8), schema: other, name: "t")
    #expect(throws: ServingError.self) {
      try Replayer(endpoint: endpoint, table: table, labels: LabelQueue())
    }
    let timeless = try TrafficTable(
      csv: Array("carrier,speed\nUA,1\n".utf8), schema: try Fixture.schema(), name: "t")
    #expect(throws: ServingError.self) {
      try Replayer(
        endpoint: endpoint, table: timeless, labels: LabelQueue(),
        options: Replayer.Options(order: .season))
    }
  }
}
