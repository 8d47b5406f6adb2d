import Core
import Glibc
import Testing

@testable import Storage

/// Signed checkpoints: made once, checked by anyone, and no tampering passes them.
@Suite struct CheckpointTests {
  private let now = Timestamp(microseconds: 1_700_000_000_000_000)

  /// RFC 8032 section 7.1, tests 1 to 3.
  @Test(arguments: [
    (
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    ),
    (
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ),
    (
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    ),
  ])
  func signsAsTheStandardSays(_ seed: String, _ key: String, _ message: String, _ expected: String)
    throws
  {
    let signing = SigningKey(seed: try #require(Hexadecimal.bytes(seed)))
    let bytes = try #require(Hexadecimal.bytes(message))
    #expect("\(signing.publicKey)" == key)
    #expect(Hexadecimal.text(signing.sign(bytes)) == expected)
    #expect(signing.publicKey.verifies(signing.sign(bytes), of: bytes))
    #expect(!signing.publicKey.verifies(signing.sign(bytes), of: bytes + [0]))
  }

  @Test func theKeyIsMadeOnceAndIsPrivate() throws {
    let state = try TemporaryState()
    #expect(try SigningKey.known(in: state.directory) == [])
    let key = try SigningKey(of: state.directory)
    #expect(try SigningKey(of: state.directory).publicKey == key.publicKey)
    #expect(try SigningKey.known(in: state.directory) == [key.publicKey])
    let status = try #require(try FileSystem.status(ofLinkAt: state.directory.signingKeyPath))
    #expect(status.st_mode & 0o777 == 0o600)
    chmod(state.directory.signingKeyPath, 0o640)
    #expect(storageError { _ = try SigningKey(of: state.directory) }?.code == .unacceptable)
    // A key that is gone is replaced, and the old one's checkpoints stay checkable.
    unlink(state.directory.signingKeyPath)
    let second = try SigningKey(of: state.directory)
    #expect(try SigningKey.known(in: state.directory) == [key.publicKey, second.publicKey])
    try TextLines.append("nonsense", to: state.directory.publicKeysPath)
    #expect(storageError { _ = try SigningKey(of: state.directory) }?.code == .damaged)
  }

  @Test func aDamagedKeyFileIsRefused() throws {
    for content in ["", "sluice-signing-key-1 abcd\n", "sluice-signing-key-1 ", "\u{0}\u{1}"] {
      let state = try TemporaryState()
      let file = try OpenFile(
        state.directory.signingKeyPath, O_WRONLY | O_CREAT, doing: "write")
      try file.write(Array(content.utf8), at: 0)
      #expect(storageError { _ = try SigningKey(of: state.directory) }?.code == .damaged)
    }
  }

  @Test func everyMemberIsSigned() throws {
    let key = SigningKey(seed: [UInt8](repeating: 7, count: 32))
    let other = SigningKey(seed: [UInt8](repeating: 8, count: 32))
    let digest = SHA256.digest(of: [1])
    let made = Checkpoint(
      JournalHead(sequence: 12, hash: digest), of: digest, time: now, key: key)
    #expect(made.isAuthentic)
    let decoded = try CanonicalJSON.decode(Checkpoint.self, from: Array(made.line.utf8))
    #expect(decoded == made)
    let signature = made.signature
    for (old, new) in [
      ("\"sequence\":12", "\"sequence\":13"), ("\"time\":17", "\"time\":18"),
      ("\"version\":1", "\"version\":2"), ("\"hash\":\"4b", "\"hash\":\"4c"),
      ("\"beginning\":\"4b", "\"beginning\":\"4c"), ("\(key.publicKey)", "\(other.publicKey)"),
      (signature, String(signature.reversed())), (signature, ""), (signature, "zz"),
    ] {
      #expect(made.line.contains(old), "\(old) in \(made.line)")
      let line = made.line.replacing(old, with: new)
      let forged = try CanonicalJSON.decode(Checkpoint.self, from: Array(line.utf8))
      #expect(!forged.isAuthentic, "\(line)")
    }
  }

  /// Two journals with checkpoints, and what is said of each kind of wrong one.
  @Test func everyKindOfWrongCheckpointHasItsOwnSentence() throws {
    let state = try TemporaryState()
    let key = try SigningKey(of: state.directory)
    let journal = try state.journal()
    try journal.append((1...9).map { sampleEntry($0) })
    let reader = journal.reader
    let good = Checkpoint(journal.head, of: reader.beginning, time: now, key: key)
    try CheckpointFile.append(good, to: state.directory.checkpointsPath)
    func faults(_ line: String) throws -> [String] {
      let other = try TemporaryState()
      let path = other.path + "/c.jsonl"
      try TextLines.append(line, to: path)
      return try reader.audit(
        [CheckpointSource(try CheckpointFile(path), trusted: [key.publicKey])]
      ).faults
    }
    #expect(try faults(good.line) == [])
    let stranger = SigningKey(seed: [UInt8](repeating: 3, count: 32))
    let foreign = Checkpoint(journal.head, of: reader.beginning, time: now, key: stranger)
    #expect(try faults(foreign.line).first?.contains("a foreign checkpoint") == true)
    let forged = good.line.replacing("\"sequence\":9", with: "\"sequence\":8")
    #expect(try faults(forged).first?.contains("a forged checkpoint") == true)
    let elsewhere = Checkpoint(
      journal.head, of: SHA256.digest(of: [9]), time: now, key: key)
    #expect(try faults(elsewhere.line).first?.contains("of another journal") == true)
    #expect(try faults("{}").first?.contains("is no checkpoint") == true)
    let longer = Checkpoint(
      JournalHead(sequence: 11, hash: journal.head.hash), of: reader.beginning, time: now, key: key)
    #expect(try faults(longer.line).first?.contains("the journal was cut") == true)
    let rewritten = Checkpoint(
      JournalHead(sequence: 5, hash: journal.head.hash), of: reader.beginning, time: now, key: key)
    #expect(try faults(rewritten.line).first?.contains("the chain was rewritten") == true)
    // Of two that contradict each other, one is false, whichever comes first.
    for lines in [[good, rewritten], [rewritten, good]] {
      #expect(try faults(lines.map(\.line).joined(separator: "\n")).count == 1)
    }
  }

  @Test func aTornLastLineIsNoFaultAndTheNextOneIsWhole() throws {
    let state = try TemporaryState()
    let key = try SigningKey(of: state.directory)
    let head = JournalHead(sequence: 1, hash: SHA256.digest(of: [1]))
    let made = Checkpoint(head, of: head.hash, time: now, key: key)
    let path = state.directory.checkpointsPath
    try CheckpointFile.append(made, to: path)
    let file = try OpenFile(path, O_WRONLY | O_APPEND, doing: "tear")
    let torn = Array(made.line.utf8.prefix(40))
    try file.write(torn, at: made.line.utf8.count + 1)
    let read = try CheckpointFile(path)
    #expect(read.isTorn && read.lines.count == 1)
    try CheckpointFile.append(made, to: path)
    let again = try CheckpointFile(path)
    // What was torn stays as a line that is no checkpoint; nothing is lost.
    #expect(again.lines.compactMap { try? $0.content.get() } == [made, made])
    #expect(storageError { _ = try CheckpointFile(state.path + "/none") }?.code == .notFound)
    #expect(storageError { _ = try CheckpointFile("/dev/null") }?.code == .unacceptable)
  }

  // MARK: Random tampering

  /// Somebody with the whole database and the program's own code, but not the secret, changes the
  /// journal at random; a checkpoint taken before finds it each time.
  @Test func noRandomTamperingPassesACheckpoint() throws {
    var random = SplitMix64(seed: 2_024)
    var kinds: [Tampering: Int] = [:]
    for round in 0..<repetitions("SLUICE_TAMPERINGS", 120) {
      let state = try TemporaryState()
      let count = Int(random.next() % 30) + 4
      let key = try SigningKey(of: state.directory)
      do {
        let journal = try state.journal()
        try journal.append((1...count).map { sampleEntry($0) })
        let head = journal.head
        try CheckpointFile.append(
          Checkpoint(head, of: journal.reader.beginning, time: now, key: key),
          to: state.directory.checkpointsPath)
      }
      let kind = Tampering.allCases[round % Tampering.allCases.count]
      try kind.apply(to: state, count: count, &random)
      kinds[kind, default: 0] += 1
      let reader = try JournalReader(state.directory)
      let file = try CheckpointFile(state.directory.checkpointsPath)
      let audit = try reader.audit([CheckpointSource(file, trusted: [key.publicKey])])
      #expect(!audit.faults.isEmpty, "round \(round): \(kind)")
      // What the chain alone must find, and what only a checkpoint can.
      #expect((try reader.verify().fault != nil) == kind.breaksTheChain, "round \(round): \(kind)")
    }
    #expect(kinds.count == Tampering.allCases.count)
  }
}

/// A way to change a journal.
private enum Tampering: String, CaseIterable {
  case editColumn, delete, insert, swap, rotate, truncate, rewrite, replaceAll

  /// Whether the chain itself shows it.
  var breaksTheChain: Bool {
    switch self {
    case .editColumn, .delete, .insert, .swap, .rotate: true
    case .truncate, .rewrite, .replaceAll: false
    }
  }

  func apply(to state: TemporaryState, count: Int, _ random: inout SplitMix64) throws {
    /// A row that is not the last one.
    let row = Int(random.next() % UInt64(count - 2)) + 1
    switch self {
    case .editColumn:
      let changes = [
        "time = time + 1", "actor = actor || 'x'", "kind = kind || 'x'",
        "endpoint = coalesce(endpoint, '') || 'x'", "body = CAST(body || ' ' AS BLOB)",
        "previous = randomblob(32)", "hash = randomblob(32)",
      ]
      let change = changes[Int(random.next() % UInt64(changes.count))]
      try state.tamper("UPDATE journal SET \(change) WHERE sequence = \(row)")
    case .delete: try state.tamper("DELETE FROM journal WHERE sequence = \(row)")
    case .insert:
      try state.tamper(
        Tampering.move("sequence >= \(row)", by: 1)
          + "INSERT INTO journal SELECT \(row), time, actor, kind, endpoint, body, previous, hash "
          + "FROM journal WHERE sequence = \(row + 1)")
    case .swap:
      try state.tamper(
        "UPDATE journal SET sequence = 999999 WHERE sequence = \(row);"
          + "UPDATE journal SET sequence = \(row) WHERE sequence = \(row + 1);"
          + "UPDATE journal SET sequence = \(row + 1) WHERE sequence = 999999")
    case .rotate:
      try state.tamper(
        "UPDATE journal SET sequence = 999999 WHERE sequence = \(count);"
          + Tampering.move("sequence < 999999 AND sequence >= \(row)", by: 1)
          + "UPDATE journal SET sequence = \(row) WHERE sequence = 999999")
    case .truncate: try state.tamper("DELETE FROM journal WHERE sequence > \(row)")
    case .rewrite:
      // All hashes recomputed by the program itself: the chain is consistent.
      try state.tamper("DELETE FROM journal WHERE sequence > \(row)")
      let journal = try state.journal()
      try journal.append((row + 1...count + 3).map { sampleEntry($0 + 500) })
    case .replaceAll:
      for suffix in ["", "-wal", "-shm"] { unlink(state.directory.databasePath + suffix) }
      let journal = try state.journal()
      try journal.append((1...count).map { sampleEntry($0) })
    }
  }

  private static func move(_ rows: String, by count: Int) -> String {
    "UPDATE journal SET sequence = sequence + 100000 WHERE \(rows);"
      + "UPDATE journal SET sequence = sequence - \(100_000 - count) "
      + "WHERE sequence >= 100000 AND sequence < 999999;"
  }
}
