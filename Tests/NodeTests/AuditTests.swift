import Control
import Core
import Foundation
import Storage
import Testing

@testable import Node

/// What a journal says of the past, and what proves it.
@Suite("The journal's audit")
struct AuditTests {
  private let start: Int64 = 1_700_000_000_000_000

  private func withState(_ body: (String) throws -> Void) throws {
    let state = "/tmp/sln-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    try body(state)
  }

  private func version(_ number: Int) throws -> VersionID {
    VersionID(model: try Name("m"), number: number)
  }

  /// Journals events, each a second after the one before, and gives the states after each.
  /// - Parameter saving: after how many events the state is saved; nil for never.
  private func write(
    _ events: [Event], to state: String, saving: Int? = nil
  ) throws -> [ControlState] {
    let directory = try StateDirectory(state, create: true)
    let journal = try Journal(directory.acquireLock())
    let key = try SigningKey(of: directory)
    var saver = StateSaver(
      journal.reader, to: StateSink(journal), from: JournalFold(), savedSequence: 0)
    for (index, event) in events.enumerated() {
      try journal.append([try ControlCore.entry(event)])
      if let saving, index % saving == saving - 1 { try saver.save(at: journal.head, key: key) }
    }
    var states: [ControlState] = [ControlState()]
    for event in events { states.append(apply(states[states.count - 1], event)) }
    return states
  }

  private func time(_ second: Int) -> Timestamp {
    Timestamp(microseconds: start + Int64(second) * 1_000_000)
  }

  /// Made-up splits, remarks and drains of a few endpoints.
  private func randomEvents(_ count: Int, seed: UInt64) throws -> [Event] {
    var random = SplitMix64(seed: seed)
    let names = try ["a", "b", "c"].map { try Name($0) }
    var events: [Event] = names.enumerated().map { index, name in
      Event(
        body: .endpointCreated, endpoint: name, actor: .system, time: time(index), generation: 1)
    }
    for second in 3..<count {
      let name = names[Int(random.next() % 3)]
      let actor = ActorID(kind: .person, name: "p\(random.next() % 4)")
      let weight = Int(random.next() % 4) * 2_500
      let split = try Split([
        Split.Share(version: try version(1), weight: weight),
        Split.Share(version: try version(2), weight: 10_000 - weight),
      ])
      let body: EventBody =
        switch random.next() % 6 {
        case 0: .noted("n")
        case 1: .endpointDrained
        case 2: .endpointEnabled
        default: .split
        }
      events.append(
        Event(
          body: body, endpoint: name, actor: actor, time: time(second), reason: "r\(second)",
          generation: second, after: body == .split ? split : nil))
    }
    return events
  }

  @Test(
    "as-of is the fold of the prefix, with who changed it last and until when it held",
    arguments: [nil, 1, 7, 50])
  func asOfIsTheFold(_ saving: Int?) throws {
    try withState { state in
      let events = try randomEvents(120, seed: 4)
      let states = try write(events, to: state, saving: saving)
      for second in stride(from: -1, through: 121, by: 1) {
        let moment = time(second) + .milliseconds(500)
        let answer = try AsOf.read(stateDirectory: state, time: moment)
        let count = min(max(second + 1, 0), events.count)
        #expect(answer.sequence == count && answer.misdatedEvents == 0)
        let expected = states[count]
        #expect(answer.endpoints.map(\.endpoint) == expected.endpoints.map(\.name))
        for (found, wanted) in zip(answer.endpoints, expected.endpoints) {
          #expect(found.split == wanted.split && found.status == wanted.status)
          #expect(found.stable == wanted.stable && found.rollout == nil)
          // By brute force: the last prefix that differs, and the next one.
          func facets(_ index: Int) -> [String] {
            guard let endpoint = states[index].endpoint(wanted.name) else { return [] }
            return [
              "\(endpoint.status)", "\(String(describing: endpoint.split))",
              "\(String(describing: endpoint.stable))",
            ]
          }
          var first = count
          while facets(first - 1) == facets(count) { first -= 1 }
          #expect(found.change.sequence == first && found.from == events[first - 1].time)
          #expect(found.change.actor == events[first - 1].actor)
          #expect(found.change.reason == events[first - 1].reason)
          let next = (count..<states.count).first { facets($0) != facets(count) }
          #expect(found.until == next.map { events[$0 - 1].time })
          #expect(found.endedBy?.sequence == next)
        }
      }
    }
  }

  @Test(
    "a clock that was set back is told, and cuts no later history off silently",
    arguments: [nil, 1])
  func clocksThatGoBack(_ saving: Int?) throws {
    try withState { state in
      var events = try randomEvents(20, seed: 5)
      events.append(
        Event(
          body: .endpointDrained, endpoint: try Name("a"), actor: .system, time: time(3),
          generation: 99))
      _ = try write(events, to: state, saving: saving)
      let answer = try AsOf.read(stateDirectory: state, time: time(10))
      #expect(answer.sequence == 11 && answer.misdatedEvents == 1)
      #expect(throws: NodeError.self) {
        try AsOf.read(stateDirectory: state, time: time(50), only: try Name("nope"))
      }
    }
  }

  @Test(
    "times are read as people write them",
    arguments: [
      ("1970-01-01T00:00:00Z", Int64(0)), ("2026-03-14T14:02:31Z", 1_773_496_951_000_000),
      ("2026-03-14t15:02:31.25+01:00", 1_773_496_951_250_000),
      ("2026-03-14 09:32:31.1234567-04:30", 1_773_496_951_123_456),
      ("2024-02-29T23:59:60Z", 1_709_251_199_000_000), ("1969-12-31T23:59:59Z", -1_000_000),
      ("now", 5_000_000_000), ("2s ago", 4_998_000_000), ("1h ago", 1_400_000_000),
    ])
  func times(_ text: String, _ expected: Int64) throws {
    let now = Timestamp(microseconds: 5_000_000_000)
    #expect(try Timestamp(written: text, now: now).microseconds == expected)
  }

  @Test(
    "what is no time is refused",
    arguments: [
      "", "2h", "ago", " ago", "yesterday", "2026-03-14", "2026-03-14T14:02Z",
      "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
      "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
      "2026-01-01T00:00:61Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+24:00",
      "２０２６-01-01T00:00:00Z", "2026-01-01T00:00:00.Z", "-2h ago",
    ])
  func noTimes(_ text: String) {
    #expect(throws: InvalidValue.self) { try Timestamp(written: text, now: time(0)) }
  }

  @Test("a checkpoint is signed when enough happened, when enough time passed, and at the end")
  func whenCheckpointsAreSigned() throws {
    try withState { path in
      let directory = try StateDirectory(path, create: true)
      let journal = try Journal(directory.acquireLock())
      let reader = try JournalReader(directory)
      let outside = path + "/elsewhere"
      try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: false)
      var book = CheckpointBook(directory, reader: reader, outside: outside)
      func look(_ minutes: Int, last: Bool = false) -> Bool {
        let attempt = book.look(
          now: time(minutes * 60), monotonic: .minutes(100 + minutes), isLast: last)
        #expect(attempt?.fault == nil)
        return attempt != nil
      }
      func add(_ count: Int) throws {
        try journal.append(
          (0..<count).map {
            JournalEntry(
              time: time($0), actor: .system, kind: "noted", endpoint: nil, body: [])
          })
      }
      func signed() throws -> [Int] {
        try CheckpointFile(directory.checkpointsPath, mayBeMissing: true).lines
          .compactMap { try? $0.content.get() }.map(\.sequence)
      }
      #expect(!look(0) && !look(30, last: true))
      try add(1)
      #expect(!look(1) && look(11))
      try add(999)
      #expect(!look(12))
      try add(1)
      #expect(look(13) && !look(14))
      try add(3)
      #expect(look(14, last: true) && !look(15, last: true))
      #expect(try signed() == [1, 1_001, 1_004])
      let copy = CheckpointFile.path(in: outside, journal: reader.beginning)
      #expect(copy.hasPrefix(outside + "/sluice-"))
      #expect(try CheckpointFile(copy).lines.count == 3)
      // The next run goes on where this one stopped.
      book = CheckpointBook(directory, reader: reader, outside: outside)
      #expect(!look(16, last: true))
      let proof = try JournalNotary.verify(stateDirectory: path, checkpoints: outside, key: nil)
      #expect(proof.faults == [] && proof.checkpoints == 3 && proof.provenSequence == 1_004)
    }
  }

  @Test("a place that cannot be written is told, tried again, and blocks nothing")
  func placesThatFail() throws {
    try withState { path in
      let directory = try StateDirectory(path, create: true)
      let journal = try Journal(directory.acquireLock())
      try journal.append([
        JournalEntry(time: time(0), actor: .system, kind: "noted", endpoint: nil, body: [])
      ])
      var book = CheckpointBook(
        directory, reader: try JournalReader(directory), outside: path + "/none/file")
      let first = book.look(now: time(0), monotonic: .minutes(1), isLast: true)
      #expect(first?.fault?.contains("none/file") == true)
      #expect(book.look(now: time(0), monotonic: .minutes(30), isLast: false)?.fault != nil)
      #expect(book.look(now: time(0), monotonic: .minutes(30) + .seconds(1), isLast: false) == nil)
      try FileManager.default.createDirectory(
        atPath: path + "/none", withIntermediateDirectories: false)
      let later = book.look(now: time(0), monotonic: .minutes(31), isLast: false)
      #expect(later != nil && later?.fault == nil)
    }
  }

  private func faults(_ state: String, _ key: String?) throws -> [String] {
    let proof = try JournalNotary.verify(stateDirectory: state, checkpoints: nil, key: key)
    return proof.faults
  }

  @Test("a key that is pinned is the only one that counts")
  func pinnedKeys() throws {
    try withState { path in
      let directory = try StateDirectory(path, create: true)
      let journal = try Journal(directory.acquireLock())
      try journal.append([
        JournalEntry(time: time(0), actor: .system, kind: "noted", endpoint: nil, body: [])
      ])
      let made = try JournalNotary.checkpoint(stateDirectory: path)
      #expect(made.key == (try JournalNotary.publicKey(stateDirectory: path)))
      #expect(try faults(path, nil) == [])
      #expect(try faults(path, made.key) == [])
      let other = String(repeating: "ab", count: 32)
      #expect(try faults(path, other).first?.contains("foreign") == true)
      #expect(throws: InvalidValue.self) { try faults(path, "abc") }
    }
  }
}
