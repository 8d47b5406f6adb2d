import Core
import Glibc

/// Why the state on disk could not be read or changed.
///
/// The message says what was being done, to which file, and what helps. An action that failed with
/// this error is whole or absent, never half done, and may be tried again.
public struct StorageError: Failure, Equatable {
  /// What kind of trouble it is; the console and the recovery choose by it.
  public enum Code: String, Sendable, Codable {
    /// The state directory is missing, no directory, or not ours to use.
    case directory
    /// Another process holds the state directory.
    case locked
    /// The disk, the quota or a preallocated file is full.
    case full
    /// The system refused a read or a write.
    case inputOutput
    /// What is on disk is not what was written: a digest, a checksum or the chain does not fit.
    case damaged
    /// The state was written by a newer program.
    case newerSchema
    /// The thing asked for is not stored.
    case notFound
    /// A file or value given by the caller cannot be stored.
    case unacceptable
    /// The database refused a statement.
    case database
  }

  /// What kind of trouble it is.
  public let code: Code
  /// One sentence that says what was wrong, where, and what to do.
  public let message: String
  /// The system's `errno`, or SQLite's extended result code; 0 when neither said anything.
  public let detail: Int32

  /// Puts the three together.
  public init(_ code: Code, _ message: String, detail: Int32 = 0) {
    self.code = code
    self.message = message
    self.detail = detail
  }

  /// Bad input of the caller is wrong usage, all else is the system's.
  public var exitCode: ExitCode {
    switch code {
    case .notFound, .unacceptable: .usage
    default: .system
    }
  }
}

extension StorageError {
  /// The error for a failed system call.
  /// - Parameters:
  ///   - doing: what was tried, as `write the artifact`.
  ///   - path: the file it was tried on.
  ///   - number: `errno` right after the call.
  static func system(_ doing: String, _ path: String, _ number: Int32) -> StorageError {
    StorageError(
      isFull(number) ? .full : .inputOutput,
      "cannot \(doing) \(printable(path)): \(reason(number))\(advice(number))", detail: number)
  }

  /// Whether the system says that no space is left.
  private static func isFull(_ number: Int32) -> Bool { number == ENOSPC || number == EDQUOT }

  /// The system's own words for an error number.
  static func reason(_ number: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    guard fillReason(number, &buffer) else { return "error \(number)" }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What usually helps, with its leading separator, or nothing.
  private static func advice(_ number: Int32) -> String {
    switch number {
    case ENOSPC, EDQUOT: "; free some space and try again"
    case EROFS: "; the file system is mounted read-only: choose another directory with --state"
    case EACCES, EPERM: "; give this user the permission, or choose another directory with --state"
    case EMFILE, ENFILE: "; raise the limit of open files (ulimit -n)"
    case EIO: "; the disk may be failing: see the system's log"
    default: ""
    }
  }
}

/// Fills `buffer` with the text of an error number; false when the system knows none.
private func fillReason(_ number: Int32, _ buffer: inout [CChar]) -> Bool {
  strerror_r(number, &buffer, buffer.count) == 0
}
