import Glibc

/// Small files that are there whole or not at all.
public enum WholeFile {
  /// Writes a file beside the place that it gets, flushes it and gives it its name, in the place of
  /// one that has it; on the disk when it returns.
  ///
  /// Until then its name begins with a dot. Its folder is made when it is missing.
  /// - Parameter what: what the file is, for sentences, as `plan`.
  /// - Throws: ``StorageError``; a file that had the name is as it was.
  public static func replace(
    _ path: String, with bytes: [UInt8], what: String
  ) throws(StorageError) {
    let folder = FileSystem.folder(of: path)
    try FileSystem.makeDirectory(folder)
    let partial = "\(folder)/.partial-\(getpid())"
    unlink(partial)
    defer { unlink(partial) }
    let file = try OpenFile(
      partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, doing: "write the \(what)")
    try file.write(bytes, at: 0)
    try file.synchronize()
    guard rename(partial, path) == 0 else {
      throw StorageError.system("name the \(what)", path, errno)
    }
    try FileSystem.synchronizeDirectory(folder)
  }
}
