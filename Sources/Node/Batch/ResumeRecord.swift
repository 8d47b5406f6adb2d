import Core
import Glibc
import Storage

/// How far a run has come, in a file beside its unfinished answers.
///
/// The first line says which run it is, each further one that everything before some place of the
/// input is answered and safe. A line begins with a digest of itself, so that one that was cut by
/// a crash is known; the last good one counts.
final class ResumeRecord {
  /// The file.
  let path: String
  private let descriptor: Int32
  private static let bytesMax = 64 << 20

  private init(_ path: String, _ descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Begins a record anew.
  /// - Throws: ``NodeError`` (`system`).
  static func begin(_ path: String, _ identity: RunIdentity) throws -> ResumeRecord {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw AnswerFile.failure(path) }
    let record = ResumeRecord(path, descriptor)
    try record.append(identity)
    return record
  }

  /// What a record says.
  struct Content {
    let identity: RunIdentity
    let last: BatchCheckpoint?
    /// How much of the file is good.
    let goodBytes: Int
  }

  /// Reads a record.
  /// - Returns: nil when there is none, or none that says which run it is.
  static func read(_ path: String) -> Content? {
    guard let bytes = try? TextFile.read(path, limitBytes: bytesMax) else { return nil }
    var identity: RunIdentity?
    var last: BatchCheckpoint?
    var goodBytes = 0
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast() {
      guard let body = body(of: Array(line)) else { break }
      if identity == nil {
        guard let read = try? CanonicalJSON.decode(RunIdentity.self, from: body) else { return nil }
        identity = read
      } else {
        guard let read = try? CanonicalJSON.decode(BatchCheckpoint.self, from: body) else { break }
        last = read
      }
      goodBytes += line.count + 1
    }
    return identity.map { Content(identity: $0, last: last, goodBytes: goodBytes) }
  }

  /// Goes on with a record behind its good bytes.
  /// - Throws: ``NodeError`` (`system`).
  static func goOn(_ path: String, after content: Content) throws -> ResumeRecord {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw AnswerFile.failure(path) }
    let record = ResumeRecord(path, descriptor)
    guard ftruncate(descriptor, content.goodBytes) == 0,
      lseek(descriptor, 0, SEEK_END) == content.goodBytes
    else { throw AnswerFile.failure(path) }
    return record
  }

  /// Adds a line and waits until it is safe.
  /// - Throws: ``NodeError`` (`system`).
  func append(_ value: some Encodable) throws {
    let body = try CanonicalJSON.encode(value)
    let line = Array(Digest(ofBytes: body).short.utf8) + [0x20] + body + [0x0A]
    var sent = 0
    while sent < line.count {
      let count = line.withUnsafeBytes { bytes in
        Glibc.write(descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent)
      }
      if count >= 0 {
        sent += count
      } else if errno != EINTR {
        throw AnswerFile.failure(path)
      }
    }
    guard fdatasync(descriptor) == 0 else { throw AnswerFile.failure(path) }
  }

  private static func body(of line: [UInt8]) -> [UInt8]? {
    guard line.count > 13, line[12] == 0x20 else { return nil }
    let body = Array(line[13...])
    return Digest(ofBytes: body).short.utf8.elementsEqual(line[..<12]) ? body : nil
  }
}
