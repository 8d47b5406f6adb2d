import Core
import Glibc
import Testing

@testable import Storage

/// A fresh state directory that is removed with everything in it at the end of a test.
final class TemporaryState: Sendable {
  let path: String
  let directory: StateDirectory

  init() throws {
    var template = Array("/tmp/sluice-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw StorageError(.directory, "no temporary directory")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    directory = try StateDirectory(path, create: false)
  }

  deinit { removeTree(path) }

  /// A journal on the locked directory.
  func journal(vfs: String? = nil) throws -> Journal {
    try Journal(directory.acquireLock(), vfs: vfs)
  }

  /// Runs SQL past the journal, as somebody with the file would.
  func tamper(_ sql: String) throws {
    let connection = try SQLiteConnection(directory.databasePath, role: .writer)
    try connection.execute("DROP TRIGGER journal_keeps_rows; DROP TRIGGER journal_keeps_values")
    try connection.execute(sql)
  }
}

/// Removes a directory and all in it.
func removeTree(_ path: String) {
  var status = stat()
  guard lstat(path, &status) == 0 else { return }
  if status.isDirectory {
    chmod(path, 0o700)
    for name in (try? FileSystem.names(in: path)) ?? [] { removeTree("\(path)/\(name)") }
    rmdir(path)
  } else {
    unlink(path)
  }
}

/// An entry that differs from the others by its number.
func sampleEntry(_ number: Int, bodyBytes: Int = 40) -> JournalEntry {
  JournalEntry(
    time: Timestamp(microseconds: 1_700_000_000_000_000 + Int64(number)),
    actor: ActorID(kind: .person, name: "ann:o'neil"), kind: "split",
    endpoint: number % 3 == 0 ? nil : try? Name("flight-delay"),
    body: Array("{\"n\":\(number)}".utf8) + [UInt8](repeating: 0x20, count: bodyBytes))
}

/// A saved state after the journal's last row, which tells by itself whether it is the right one.
func sampleSaved(_ journal: Journal, _ key: SigningKey, bodyBytes: Int = 3_000) -> SavedState {
  sampleSaved(journal.head, journal.reader.beginning, key, bodyBytes: bodyBytes)
}

/// A saved state of a head.
func sampleSaved(
  _ head: JournalHead, _ beginning: Digest, _ key: SigningKey, bodyBytes: Int = 3_000
) -> SavedState {
  SavedState(
    head, of: beginning, program: "tests",
    body: Array("\(head.sequence) \(head.hash)".utf8) + [UInt8](repeating: 0x20, count: bodyBytes),
    key: key)
}

/// Checks that every saved state is believed and is the one of its row.
/// - Returns: after which rows there are some.
@discardableResult
func checkSavedStates(_ reader: JournalReader, _ key: SigningKey) throws -> [Int] {
  let sequences = try reader.savedSequences()
  for sequence in sequences {
    guard let saved = try reader.savedState(at: sequence) else {
      Issue.record("the saved state \(sequence) is damaged")
      continue
    }
    #expect(try reader.refusal(of: saved, program: "tests", key: key.publicKey) == nil)
    let text = String(decoding: saved.body, as: UTF8.self)
    #expect(text.hasPrefix("\(sequence) \(saved.head.hash) "), "\(sequence)")
    #expect(try reader.hash(at: sequence) == saved.head.hash)
  }
  return sequences
}

/// What a throwing call of this module threw.
func storageError(_ body: () throws -> Void) -> StorageError? {
  do {
    try body()
    return nil
  } catch {
    return error as? StorageError
  }
}
