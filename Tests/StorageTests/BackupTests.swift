import Core
import Glibc
import Synchronization
import Testing

@testable import Storage

/// A backup taken at any moment is a state that once was; a damaged or hostile one restores
/// nothing.
@Suite struct BackupTests {
  private let now = Timestamp(microseconds: 1_700_000_000_000_000)

  /// A state with everything that a backup takes, and some things that it does not.
  private func sampleState(events: Int = 30) throws -> (TemporaryState, Digest) {
    let state = try TemporaryState()
    let lock = try state.directory.acquireLock()
    let journal = try Journal(lock)
    try journal.append((1...events).map { sampleEntry($0) })
    try journal.saveEvidence([1, 2, 3], key: "k", time: now)
    let stored = try ArtifactStore(state.directory).put([UInt8](repeating: 9, count: 70_000))
    _ = try ArtifactStore(state.directory).put([])
    _ = try Tombstones(lock)
    let key = try SigningKey(of: state.directory)
    try CheckpointFile.append(
      Checkpoint(journal.head, of: journal.reader.beginning, time: now, key: key),
      to: state.directory.checkpointsPath)
    for folder in ["plans", "runbooks"] { try FileSystem.makeDirectory("\(state.path)/\(folder)") }
    try writeFile(Array("name: a\n".utf8), "\(state.path)/plans/a.yaml")
    try writeFile([], "\(state.path)/runbooks/b.yml")
    try writeFile([1], "\(state.path)/plans/notes.txt")
    try writeFile([1], "\(state.path)/crash.log")
    return (state, stored.digest)
  }

  private func writeFile(_ bytes: [UInt8], _ path: String) throws {
    unlink(path)
    let file = try OpenFile(path, O_WRONLY | O_CREAT | O_EXCL, doing: "write")
    try file.write(bytes, at: 0)
  }

  private func content(_ path: String) throws -> [UInt8] {
    let file = try OpenFile(path, O_RDONLY, doing: "read")
    return try file.read(count: Int(try file.status().st_size), at: 0)
  }

  private func backUp(_ state: TemporaryState, to path: String, withKey: Bool = false) throws
    -> BackupManifest
  {
    try StateBackup.write(
      state.directory, to: path, withKey: withKey, program: "1.2.3", time: now)
  }

  @Test func whatIsBackedUpComesBack() throws {
    let (state, digest) = try sampleState()
    let folder = try TemporaryState()
    let manifest = try backUp(state, to: folder.path + "/b.tar")
    #expect(
      manifest.members.map(\.name).filter { !$0.hasPrefix("artifacts/") } == [
        "sluice.db", "checkpoints.jsonl", "tombstones", "signing.pub", "plans/a.yaml",
        "runbooks/b.yml",
      ])
    #expect(manifest.program == "1.2.3" && manifest.head.sequence == 30)
    #expect(try FileSystem.names(in: folder.path) == ["b.tar"])
    let target = folder.path + "/new"
    #expect(try StateRestore.read(folder.path + "/b.tar", into: target + "/") == manifest)
    #expect(try FileSystem.names(in: folder.path).sorted() == ["b.tar", "new"])
    let restored = try StateDirectory(target, create: false)
    let old = try JournalReader(state.directory)
    let new = try JournalReader(restored)
    #expect(try new.records(after: 0, limit: 99) == old.records(after: 0, limit: 99))
    #expect(try new.evidence("k") == [1, 2, 3])
    #expect(try ArtifactStore(restored).read(digest).count == 70_000)
    #expect(try ArtifactStore(restored).digests().count == 2)
    for name in ["checkpoints.jsonl", "tombstones", "signing.pub", "plans/a.yaml"] {
      #expect(try content("\(target)/\(name)") == content("\(state.path)/\(name)"), "\(name)")
    }
    // Its own checkpoints prove it, though it has no secret yet; then it goes on.
    let audit = try new.audit([
      CheckpointSource(
        try CheckpointFile(restored.checkpointsPath), trusted: SigningKey.known(in: restored))
    ])
    #expect(audit.faults == [] && audit.proven?.sequence == 30)
    let journal = try Journal(restored.acquireLock())
    try journal.append([sampleEntry(31)])
    #expect(try journal.reader.verify().count == 31)
  }

  @Test func theSecretIsOnlyInABackupThatAsksForIt() throws {
    let (state, _) = try sampleState(events: 3)
    let folder = try TemporaryState()
    let secret = try content(state.directory.signingKeyPath)
    for withKey in [false, true] {
      let path = "\(folder.path)/\(withKey).tar"
      _ = try backUp(state, to: path, withKey: withKey)
      let bytes = try content(path)
      #expect((bytes.firstRange(of: secret.dropLast().suffix(64)) != nil) == withKey)
      let target = "\(folder.path)/\(withKey)"
      _ = try StateRestore.read(path, into: target)
      #expect((access(target + "/signing.key", F_OK) == 0) == withKey)
    }
  }

  /// What another program makes of it.
  @Test func tarListsAndUnpacksIt() throws {
    let (state, digest) = try sampleState(events: 3)
    let folder = try TemporaryState()
    let manifest = try backUp(state, to: folder.path + "/b.tar")
    let command =
      "cd \(folder.path) && tar tf b.tar > list && mkdir out && tar xf b.tar -C out"
      + " && cd out && sha256sum artifacts/sha256/*/* > ../sums"
    #expect(system(command) == 0)
    let list = String(decoding: try content(folder.path + "/list"), as: UTF8.self)
    #expect(
      list.split(separator: "\n").map(String.init)
        == ["manifest.json"] + manifest.members.map(\.name))
    let sums = String(decoding: try content(folder.path + "/sums"), as: UTF8.self)
    #expect(sums.contains("\(digest)  artifacts/sha256/\("\(digest)".prefix(2))/\(digest)"))
  }

  /// Backups while a writer appends: each is a prefix of what the journal became.
  @Test func aBackupWhileItIsWrittenIsAPrefix() throws {
    let (state, _) = try sampleState(events: 5)
    let folder = try TemporaryState()
    let journal = try state.journal()
    let writer = try AppendingThread(journal)
    var heads: [JournalHead] = []
    for number in 0..<8 {
      // Something new between two of them, however slow the machine is.
      let before = journal.head.sequence
      while journal.head.sequence == before { usleep(1_000) }
      heads.append(try backUp(state, to: "\(folder.path)/\(number).tar").head)
    }
    #expect(writer.stop() == nil)
    #expect(Set(heads.map(\.sequence)).count == heads.count)
    var all: [JournalRecord] = []
    var cursor = journal.reader.cursor()
    while let record = try cursor.next() { all.append(record) }
    for (number, head) in heads.enumerated() {
      let target = "\(folder.path)/restored-\(number)"
      _ = try StateRestore.read("\(folder.path)/\(number).tar", into: target)
      let reader = try JournalReader(StateDirectory(target, create: false))
      #expect(try reader.verify().head == head)
      #expect(try reader.records(after: 0, limit: 10_000) == Array(all.prefix(head.sequence)))
    }
  }

  // MARK: What is refused

  @Test func aDirectoryThatIsInUseIsNotTouched() throws {
    let (state, _) = try sampleState(events: 3)
    let folder = try TemporaryState()
    let path = folder.path + "/b.tar"
    _ = try backUp(state, to: path)
    #expect(storageError { _ = try StateRestore.read(path, into: state.path) }?.code == .directory)
    try writeFile([1], folder.path + "/file")
    #expect(
      storageError { _ = try StateRestore.read(path, into: folder.path + "/file") }?.code
        == .directory)
    // An empty one is taken.
    try FileSystem.makeDirectory(folder.path + "/empty")
    _ = try StateRestore.read(path, into: folder.path + "/empty")
    #expect(storageError { _ = try backUp(state, to: folder.path) }?.code == .unacceptable)
  }

  @Test func aDamagedStateIsNotBackedUp() throws {
    let (state, digest) = try sampleState()
    let folder = try TemporaryState()
    let path = "\(state.path)/\(BackupLayout.path(of: digest))"
    let file = try OpenFile(path, O_RDWR, doing: "damage")
    try file.write([8], at: 1_000)
    #expect(storageError { _ = try backUp(state, to: folder.path + "/b") }?.code == .damaged)
    try file.write([9], at: 1_000)
    try state.tamper("UPDATE journal SET time = time + 1 WHERE sequence = 5")
    let error = storageError { _ = try backUp(state, to: folder.path + "/b") }
    #expect(error?.message.contains("row 5 was edited") == true)
    #expect(try FileSystem.names(in: folder.path) == [])
  }

  /// Any flipped byte and any cut is found, and nothing is left of the attempt.
  @Test func damageIsFound() throws {
    let (state, _) = try sampleState(events: 3)
    let folder = try TemporaryState()
    let path = folder.path + "/b.tar"
    _ = try backUp(state, to: path)
    let good = try content(path)
    var random = SplitMix64(seed: 5)
    var refused = 0
    for round in 0..<150 {
      var bad = good
      if round % 3 == 0 {
        bad.removeLast(Int(random.next() % UInt64(good.count)) + 1)
      } else {
        bad[Int(random.next() % UInt64(good.count))] ^= 1 << UInt8(random.next() % 8)
      }
      try writeFile(bad, path)
      do {
        _ = try StateRestore.read(path, into: folder.path + "/new")
        // Only padding between members and unused header fields hold nothing.
        try check(folder.path + "/new", equals: state)
        removeTree(folder.path + "/new")
      } catch let error as StorageError {
        #expect([.unacceptable, .damaged].contains(error.code), "\(error)")
        refused += 1
      }
      #expect(try FileSystem.names(in: folder.path) == ["b.tar"], "round \(round)")
    }
    #expect(refused > 130)
  }

  private func check(_ path: String, equals state: TemporaryState) throws {
    let reader = try JournalReader(StateDirectory(path, create: false))
    #expect(
      try reader.records(after: 0, limit: 99)
        == JournalReader(state.directory).records(after: 0, limit: 99))
  }

  /// An archive by hand: a manifest that says `members`, then headers and contents as given.
  private func hostile(
    _ path: String, says members: [(name: String, content: [UInt8])],
    has blocks: [(name: String, kind: String, content: [UInt8])]
  ) throws {
    let manifest = BackupManifest(
      format: BackupManifest.currentFormat, program: "x", created: now,
      beginning: SHA256.digest(of: []), head: JournalHead(sequence: 0, hash: SHA256.digest(of: [])),
      members: members.map {
        BackupManifest.Member(
          name: $0.name, sizeBytes: $0.content.count, sha256: SHA256.digest(of: $0.content))
      })
    var bytes: [UInt8] = []
    func add(_ name: String, _ kind: String, _ content: [UInt8]) throws {
      var block = try TarHeader(name: name, sizeBytes: content.count).block(time: now)
      block[156] = Array(kind.utf8)[0]
      if kind == "1" || kind == "2" {
        block.replaceSubrange(157..<168, with: Array("/etc/passwd".utf8))
      }
      block.replaceSubrange(148..<156, with: Array("        ".utf8))
      let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
      block.replaceSubrange(
        148..<156,
        with: Array((String(repeating: "0", count: 6 - sum.count) + sum).utf8) + [0, 0x20])
      bytes += block + content
      bytes += [UInt8](repeating: 0, count: TarHeader.padding(after: content.count))
    }
    try add("manifest.json", "0", try CanonicalJSON.encode(manifest))
    for block in blocks { try add(block.name, block.kind, block.content) }
    try writeFile(bytes + [UInt8](repeating: 0, count: 1_024), path)
  }

  @Test(arguments: [
    "../evil", "/etc/evil", "plans/../evil.yaml", "plans//a.yaml", "plans/.hidden.yaml",
    "plans/a/b.yaml", "plans/a.sh", "lock", "control.sock", "artifacts/sha256/aa/evil",
    "artifacts/sha256/../evil", "", "plans/a\u{0}.yaml", "sluice.db/x", "./sluice.db",
  ])
  func namesThatNoStateHasAreRefused(_ name: String) throws {
    let folder = try TemporaryState()
    let path = folder.path + "/b.tar"
    let database = (name: "sluice.db", content: [UInt8](repeating: 1, count: 10))
    try hostile(
      path, says: [database, (name, [1])], has: [(database.name, "0", database.content)])
    let error = storageError { _ = try StateRestore.read(path, into: folder.path + "/new") }
    #expect(error?.message.contains("is no file of a state directory") == true, "\(name)")
    #expect(try FileSystem.names(in: folder.path) == ["b.tar"])
  }

  @Test func otherKindsOfMembersAreRefused() throws {
    let folder = try TemporaryState()
    let path = folder.path + "/b.tar"
    let database = (name: "sluice.db", content: [UInt8](repeating: 1, count: 10))
    for (kind, words) in [
      ("1", "a hard link"), ("2", "a symbolic link"), ("3", "a device"), ("5", "a folder"),
      ("6", "a pipe"), ("x", "an extended header"), ("L", "an extended header"), ("S", "unknown"),
    ] {
      try hostile(path, says: [database], has: [(database.name, kind, database.content)])
      let error = storageError { _ = try StateRestore.read(path, into: folder.path + "/new") }
      #expect(error?.message.contains(words) == true, "\(kind): \(error?.message ?? "")")
    }
    // Members that the manifest does not say, says twice, in another size, or that are not there.
    let plan = (name: "plans/a.yaml", content: [UInt8](repeating: 2, count: 10))
    let both = [(database.name, "0", database.content), (plan.name, "0", plan.content)]
    for (members, blocks) in [
      ([database], both), ([database, database], both), ([plan], both), ([], []),
      ([database, plan], Array(both.prefix(1))), ([plan, database], both),
      ([database, (plan.name, [2])], both),
      ([database, (plan.name, [UInt8](repeating: 3, count: 10))], both),
    ] {
      try hostile(path, says: members, has: blocks)
      let error = storageError { _ = try StateRestore.read(path, into: folder.path + "/new") }
      #expect(error?.code == .unacceptable, "\(error?.message ?? "restored")")
      #expect(try FileSystem.names(in: folder.path) == ["b.tar"])
    }
    // All as the manifest says, and the database is none.
    try hostile(path, says: [database, plan], has: both)
    #expect(storageError { _ = try StateRestore.read(path, into: folder.path + "/new") } != nil)
    #expect(try FileSystem.names(in: folder.path) == ["b.tar"])
  }

  @Test func aSizeThatIsNotThereIsRefusedBeforeItIsRead() throws {
    let folder = try TemporaryState()
    let path = folder.path + "/b.tar"
    let header = TarHeader(name: "manifest.json", sizeBytes: TarHeader.sizeLimitBytes)
    try writeFile(header.block(time: now), path)
    #expect(
      storageError { _ = try StateRestore.read(path, into: folder.path + "/new") }?.message
        .contains("cut off") == true)
    for other in ["/dev/zero", "/etc", folder.path + "/none"] {
      #expect(storageError { _ = try StateRestore.read(other, into: folder.path + "/new") } != nil)
    }
  }
}

/// Appends to a journal on a thread of its own until it is stopped.
private final class AppendingThread: Sendable {
  private struct Progress {
    var isStopped = false
    var error: StorageError?
  }

  private let journal: Journal
  private let progress = Mutex(Progress())
  private let thread: Mutex<pthread_t>

  init(_ journal: Journal) throws {
    self.journal = journal
    thread = Mutex(pthread_t())
    var started = pthread_t()
    let code = pthread_create(
      &started, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<AppendingThread>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    guard code == 0 else { throw StorageError(.inputOutput, "no thread") }
    thread.withLock { $0 = started }
  }

  private func run() {
    var number = 0
    while !progress.withLock({ $0.isStopped }) {
      do throws(StorageError) {
        try journal.append([sampleEntry(number, bodyBytes: 2_000)])
        if number % 50 == 0 { try journal.checkpoint() }
      } catch {
        // A reader that copies the database keeps the log from being cut: that is no failure.
        if error.code != .locked { progress.withLock { $0.error = error } }
      }
      number += 1
    }
  }

  /// Ends it; what failed, if anything did.
  func stop() -> StorageError? {
    progress.withLock { $0.isStopped = true }
    pthread_join(thread.withLock { $0 }, nil)
    return progress.withLock { $0.error }
  }
}
