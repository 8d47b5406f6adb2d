import Core
import Glibc

/// The SHA-256 of files that are not stored here.
public enum FileDigest {
  /// Reads an ordinary file in pieces.
  /// - Throws: ``StorageError`` (`notFound`, `unacceptable`) when there is none, or it is a folder,
  ///   pipe or device.
  public static func read(_ path: String) throws(StorageError) -> Digest {
    guard access(path, F_OK) == 0 else {
      throw StorageError(
        .notFound, "there is no file \(printable(path)): check the path", detail: errno)
    }
    let file = try OpenFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, doing: "read the file")
    guard try file.status().isRegularFile else {
      throw StorageError(
        .unacceptable, "\(printable(path)) is not an ordinary file: give the path of a file")
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    var hash = SHA256()
    while true {
      let count = try file.read(into: buffer)
      if count == 0 { return hash.finish() }
      hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }
}
