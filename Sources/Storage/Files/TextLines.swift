import Core
import Glibc

/// Small files of lines that are only ever appended to.
enum TextLines {
  /// Reads a whole file.
  /// - Returns: its lines without their line feeds, and whether the last one has none: it was torn
  ///   by a crash, or is being written; nil when there is no file.
  /// - Throws: ``StorageError`` when it is no ordinary file or longer than `limitBytes`.
  static func read(
    _ path: String, limitBytes: Int
  ) throws(StorageError) -> (lines: [String], isTorn: Bool)? {
    guard access(path, F_OK) == 0 || errno != ENOENT else { return nil }
    let file = try OpenFile(path, O_RDONLY | O_NONBLOCK, doing: "read")
    let status = try file.status()
    guard status.isRegularFile, Int(status.st_size) <= limitBytes else {
      throw StorageError(
        .unacceptable,
        "\(printable(path)) is not an ordinary file of at most \(limitBytes >> 20) MiB: give "
          + "another")
    }
    let bytes = try file.read(count: Int(status.st_size), at: 0)
    if bytes.isEmpty { return ([], false) }
    let isTorn = bytes.last != 0x0A
    var parts = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    if !isTorn { parts.removeLast() }
    return (parts.map { String(decoding: $0, as: UTF8.self) }, isTorn)
  }

  /// Appends one line with its line feed; on return it is on the disk.
  ///
  /// A torn line before it is ended first, so that the new one is whole.
  static func append(_ line: String, to path: String) throws(StorageError) {
    let isNew = access(path, F_OK) != 0
    let file = try OpenFile(
      path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, doing: "append to")
    let status = try file.status()
    guard status.isRegularFile else {
      throw StorageError(.unacceptable, "\(printable(path)) is not an ordinary file: give another")
    }
    let size = Int(status.st_size)
    let isTorn = size > 0 ? try file.read(count: 1, at: size - 1) != [0x0A] : false
    let bytes = Array(((isTorn ? "\n" : "") + line + "\n").utf8)
    // With O_APPEND the system writes at the end, wherever that is by then (pwrite(2)).
    try file.write(bytes, at: size)
    try file.synchronizeData()
    if isNew { try FileSystem.synchronizeDirectory(FileSystem.folder(of: path)) }
  }
}

extension FileSystem {
  /// The folder that a file is in.
  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
