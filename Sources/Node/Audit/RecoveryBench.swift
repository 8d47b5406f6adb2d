import Control
import Core
import Glibc
import Storage

/// How long a state takes to come back, measured on a made-up journal.
public struct RecoveryBench: Sendable, Codable {
  /// Events in the journal.
  public let events: Int
  /// The database's length.
  public let sizeBytes: Int
  /// The chain's check alone.
  public let verifyMilliseconds: Double
  /// From the newest saved state, which is ``eventsAfterSaved`` older, as at a node's start: wall
  /// clock.
  public let recoveryMilliseconds: Double
  /// The same in processor time of all threads.
  public let recoveryProcessorMilliseconds: Double
  /// Events after the newest saved state: as many as a kill can leave.
  public let eventsAfterSaved: Int
  /// The newest saved state's size.
  public let savedBytes: Int
  /// The chain's check and the fold of all events, as without a saved state: wall clock.
  public let fullMilliseconds: Double
  /// Who served in the middle of the journal.
  public let asOfMilliseconds: Double

  /// Writes a journal of rollouts on eight endpoints into a folder that is removed again, and
  /// recovers it `rounds` times.
  /// - Returns: the median of each time.
  /// - Throws: a ``Failure`` when the journal cannot be written or does not come back.
  public static func run(events count: Int, rounds: Int = 5) throws -> RecoveryBench {
    let path = "/tmp/sluice-recovery-\(getpid())"
    defer { remove(path) }
    let directory = try StateDirectory(path, create: true)
    let expected = try write(count, directory)
    var times: [[Double]] = [[], [], [], [], []]
    let key = try SigningKey(of: directory)
    for _ in 0..<max(1, rounds) {
      let journal = try Journal(directory.acquireLock(), program: Product.version)
      times[0].append(try milliseconds { _ = try journal.reader.verify() })
      let used = SystemClock.processNanoseconds()
      times[1].append(
        try milliseconds {
          let saved = SavedStates(of: journal.reader, key: key.publicKey)
          let people = try People(readingFrom: directory)
          let recovered = try Recovery.replay(
            journal, saved: saved, people: people, checksAll: false)
          guard recovered.unchecked != nil else {
            throw NodeError(.system, "no saved state was believed")
          }
          try check(recovered, expected)
        })
      times[2].append(Double(SystemClock.processNanoseconds() - used) / 1e6)
      let middle = try journal.reader.records(after: count / 2, limit: 1)
      let time = middle.first?.entry.time ?? SystemClock.now()
      times[3].append(
        try milliseconds { _ = try AsOf.read(stateDirectory: path, time: time) })
      times[4].append(
        try milliseconds {
          try check(
            try Recovery.replay(journal, people: People(readingFrom: directory)), expected)
        })
    }
    let medians = times.map { $0.sorted()[$0.count / 2] }
    var status = stat()
    stat(directory.databasePath, &status)
    let reader = try JournalReader(directory)
    let last = try reader.savedSequences().last ?? 0
    return RecoveryBench(
      events: count, sizeBytes: Int(status.st_size), verifyMilliseconds: medians[0],
      recoveryMilliseconds: medians[1], recoveryProcessorMilliseconds: medians[2],
      eventsAfterSaved: count - last,
      savedBytes: try reader.savedState(at: last)?.body.count ?? 0, fullMilliseconds: medians[4],
      asOfMilliseconds: medians[3])
  }

  private static func check(_ recovered: Recovered, _ expected: ControlState) throws {
    guard recovered.fault == nil, recovered.state == expected else {
      throw NodeError(.system, "the journal came back as another state")
    }
  }

  private static func milliseconds(_ body: () throws -> Void) rethrows -> Double {
    let start = SystemClock.monotonicNanoseconds()
    try body()
    return Double(SystemClock.monotonicNanoseconds() - start) / 1e6
  }

  /// Journals what real commands decide, and saves the state every 1,000 events but at the end.
  /// - Returns: the state at the end.
  private static func write(_ count: Int, _ directory: StateDirectory) throws -> ControlState {
    let lock = try directory.acquireLock()
    let journal = try Journal(lock, program: Product.version)
    let people = try People(lock)
    let key = try SigningKey(of: directory)
    var saver = StateSaver(
      journal.reader, to: StateSink(journal), from: JournalFold(), savedSequence: 0)
    var script = RecoveryScript()
    var written = 0
    while written < count {
      let size = min(Journal.batchLimit, count - written)
      var entries: [JournalEntry] = []
      while entries.count < size {
        entries.append(try ControlCore.entry(try script.next(), people))
      }
      try journal.append(entries)
      written += size
      if written < count { try saver.save(at: journal.head, key: key) }
    }
    try journal.checkpoint()
    return script.state
  }

  private static func remove(_ path: String) {
    let names = [
      "sluice.db", "sluice.db-wal", "sluice.db-shm", "lock", "people.jsonl", "signing.key",
      "signing.pub",
    ]
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }
}

/// An endless series of commands: versions, ramps by the built-in plan, steps, holds, rollbacks.
struct RecoveryScript {
  private(set) var state = ControlState()
  private var time = Timestamp(microseconds: 1_700_000_000_000_000)
  private var setUp: [Command] = []
  private var count = 0
  private var endpoints: [Name] = []
  /// Nil for the same order in every round.
  private var random: SplitMix64?

  /// - Parameter seed: for commands in an order of their own, by several persons.
  init(seed: UInt64? = nil) {
    random = seed.map { SplitMix64(seed: $0) }
    guard let model = try? Name("model") else { return }
    let spec = TensorSpec(name: "x", elementType: .float32, shape: [nil, 4])
    for number in 1...3 {
      setUp.append(
        .registerVersion(
          VersionDraft(
            model: model, artifact: Digest(ofBytes: [UInt8(number)]), artifactBytes: 1,
            signature: Signature(inputs: [spec], outputs: [spec]))))
    }
    endpoints = (1...8).compactMap { try? Name("endpoint-\($0)") }
    for name in endpoints {
      setUp.append(.createEndpoint(name))
      setUp.append(.deploy(endpoint: name, version: VersionID(model: model, number: 1)))
    }
    setUp.reverse()
  }

  /// The next event, folded into the state.
  mutating func next() throws -> Event {
    time = time + .seconds(7)
    let context = DecisionContext(
      now: time, actor: ActorID(kind: .person, name: person()),
      prepared: Set(state.versions.map(\.version)))
    let command = setUp.popLast() ?? later()
    let events: [Event]
    do {
      events = try decide(state, command, context)
    } catch {
      // What is refused at this moment is remarked instead, so that the series goes on.
      let note = Command.annotate(endpoint: command.endpoint, text: error.message)
      events = try decide(state, note, context)
    }
    guard let event = events.first else { throw NodeError(.system, "a command gave no event") }
    state.fold(event)
    return event
  }

  private mutating func person() -> String {
    guard let number = random?.next() else { return "ana" }
    return ["ana", "bob", "zoë \"z\" o'neil", "~0123456789abcde~"][Int(number % 4)]
  }

  private mutating func later() -> Command {
    defer { count += 1 }
    if let number = random?.next() { count = Int(number % 1_000) }
    let endpoint = endpoints[count % endpoints.count]
    let version = VersionID(model: state.versions[0].version.model, number: 2)
    switch count / endpoints.count % 6 {
    case 0:
      guard let plan = PlanFile.builtIn(name: "standard-launch") else { break }
      return .startRamp(endpoint: endpoint, version: version, plan: plan)
    case 1: return .step(endpoint: endpoint, direction: .next, reason: "looked at by hand")
    case 2: return .pause(endpoint: endpoint)
    case 3: return .resume(endpoint: endpoint, reason: "looked at by hand")
    case 4: return .rollBack(endpoint: endpoint, to: nil, symptom: "answers look wrong")
    default: break
    }
    return .annotate(endpoint: endpoint, text: "a remark of some length about what was seen")
  }
}
