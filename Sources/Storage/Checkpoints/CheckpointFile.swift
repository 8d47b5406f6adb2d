import Core
import Glibc

/// A file of checkpoints, one a line, oldest first; nothing in it is believed before it is checked.
public struct CheckpointFile: Sendable {
  /// The most bytes of one that is read: about 130,000 checkpoints.
  public static let sizeLimitBytes = 64 << 20

  /// One line of the file.
  public struct Line: Sendable {
    /// From 1.
    public let number: Int
    /// What it says, or why it says nothing.
    public let content: Result<Checkpoint, InvalidValue>
  }

  /// For sentences.
  public let path: String
  /// Its lines without empty ones, and without one at the end that a crash tore.
  public let lines: [Line]
  /// Whether a torn line was left out.
  public let isTorn: Bool

  /// Reads a file; one that does not exist is empty when `mayBeMissing`.
  /// - Throws: ``StorageError``; `notFound` names a file that is not there.
  public init(_ path: String, mayBeMissing: Bool = false) throws(StorageError) {
    self.path = path
    let text = try TextLines.read(path, limitBytes: CheckpointFile.sizeLimitBytes)
    guard let text else {
      guard mayBeMissing else {
        throw StorageError(
          .notFound, "there is no file \(printable(path)): check --checkpoints")
      }
      (lines, isTorn) = ([], false)
      return
    }
    var lines: [Line] = []
    for (index, line) in text.lines.enumerated() where !line.isEmpty {
      do {
        let checkpoint = try CanonicalJSON.decode(Checkpoint.self, from: Array(line.utf8))
        lines.append(Line(number: index + 1, content: .success(checkpoint)))
      } catch {
        lines.append(Line(number: index + 1, content: .failure(error)))
      }
    }
    // An unfinished last line acknowledges nothing.
    var isTorn = false
    if text.isTorn, let last = lines.last, case .failure = last.content {
      lines.removeLast()
      isTorn = true
    }
    self.lines = lines
    self.isTorn = isTorn
  }

  /// Where checkpoints of a journal go when `target` is a file, or a folder: there a file that is
  /// named after the journal.
  public static func path(in target: String, journal beginning: Digest) -> String {
    var status = stat()
    guard stat(target, &status) == 0, status.isDirectory else { return target }
    let folder = target.hasSuffix("/") ? String(target.dropLast()) : target
    return "\(folder)/sluice-\(beginning.description.prefix(16)).jsonl"
  }

  /// Appends a checkpoint; on return it is on the disk.
  public static func append(_ checkpoint: Checkpoint, to path: String) throws(StorageError) {
    try TextLines.append(checkpoint.line, to: path)
  }
}
