// A process that tests kill: it appends to the journal of a state directory as fast as it can and
// acknowledges every append on standard output, eight bytes of its last sequence at a time.
//
// Arguments: the state directory; a seed. It ends by itself after a minute at the latest.
import Core
import Glibc
import Storage

func run(_ path: String, seed: UInt64) throws {
  let lock = try StateDirectory(path, create: true).acquireLock()
  let journal = try Journal(lock)
  let tombstones = try Tombstones(lock)
  let people = try People(lock)
  let key = try SigningKey(of: lock.directory)
  let artifacts = ArtifactStore(lock.directory)
  var random = SplitMix64(seed: seed)
  let endpoint = try Name("crash-test")
  for round in 0..<100_000 {
    let count = Int(random.next() % 3) + 1
    let entries = (0..<count).map { index in
      let body = [UInt8](
        repeating: UInt8(truncatingIfNeeded: index), count: Int(random.next() % 6_000))
      return JournalEntry(
        time: Timestamp(microseconds: Int64(round)), actor: .system, kind: "test",
        endpoint: endpoint, body: body)
    }
    guard let last = try journal.append(entries).last else { continue }
    var acknowledged = UInt64(last).littleEndian
    guard write(STDOUT_FILENO, &acknowledged, 8) == 8 else { return }
    // What else a node writes goes on between appends, and may be cut anywhere as well.
    if round % 4 == 0 {
      try journal.saveEvidence(
        [UInt8](repeating: 7, count: 900), key: "k", time: Timestamp(microseconds: 1))
    }
    if round % 8 == 0 { _ = try artifacts.put([UInt8]("artifact \(random.next() % 16)".utf8)) }
    if round % 5 == 1 {
      let head = journal.head
      let text = "\(head.sequence) \(head.hash) "
      let body = Array(text.utf8) + [UInt8](repeating: 0x20, count: Int(random.next() % 9_000))
      try journal.saveState(
        SavedState(head, of: journal.reader.beginning, program: "tests", body: body, key: key))
    }
    if round % 8 == 2 { _ = try people.code(for: "person \(random.next() % 40)") }
    if round % 16 == 10, let known = people.all.filter({ $0.name != nil }).last {
      try people.forget([known.pseudonym], at: Timestamp(microseconds: 1))
    }
    if round % 8 == 4 {
      let version = try VersionID("m@\(round + 2)")
      let fence = Fence(
        endpoint: endpoint, closed: [version], fallback: try VersionID("m@1"), actor: .guard,
        time: Timestamp(microseconds: Int64(round)))
      try tombstones.clear([try tombstones.record(fence).sequence])
    }
    if round % 50 == 49 { try journal.checkpoint() }
  }
}

alarm(60)
let arguments = CommandLine.arguments
guard arguments.count == 3, let seed = UInt64(arguments[2]) else { exit(2) }
do {
  try run(arguments[1], seed: seed)
} catch {
  // The parent shows standard error when a cycle goes wrong.
  let text = Array("\(error)\n".utf8)
  _ = write(STDERR_FILENO, text, text.count)
  exit(3)
}
