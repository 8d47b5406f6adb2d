import Core
import Glibc
import Storage

/// The folder of one run: `retraining/POLICY/RUN` in the state directory, mode 0700.
struct RunFolder: Sendable {
  /// The folder itself.
  let path: String

  /// The rows that the command gets.
  var dataPath: String { path + "/data.csv" }
  /// The newest rows, which the gates get.
  var holdoutPath: String { path + "/holdout.csv" }
  /// Where the command leaves what it made.
  var outPath: String { path + "/out" }
  /// What the command said.
  var logPath: String { path + "/log.txt" }
  /// What was found of the rows.
  var reportPath: String { path + "/report.json" }

  /// The folder of a policy's run; nothing is made.
  init(_ directory: StateDirectory, policy: Name, run: Int) {
    path = "\(directory.path)/retraining/\(policy)/\(run)"
  }

  /// Makes the folder of a run, after removing those of all but the newest `keep - 1` before it.
  /// - Throws: ``NodeError`` (`system`) when it cannot be made.
  static func make(
    _ directory: StateDirectory, policy: Name, run: Int, keep: Int
  ) throws(NodeError) -> RunFolder {
    let folder = RunFolder(directory, policy: policy, run: run)
    let parent = "\(directory.path)/retraining/\(policy)"
    for path in ["\(directory.path)/retraining", parent] { try makeFolder(path) }
    let old = FolderTree.names(in: parent).compactMap(Int.init).filter { $0 != run }.sorted()
    for number in old.dropLast(max(0, keep - 1)) { FolderTree.remove("\(parent)/\(number)") }
    // One of the same number is of a state that was restored to before it.
    FolderTree.remove(folder.path)
    for path in [folder.path, folder.outPath] { try makeFolder(path) }
    return folder
  }

  private static func makeFolder(_ path: String) throws(NodeError) {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw NodeError(
        .system,
        "cannot make the folder \(printable(path)): \(String(cString: strerror(errno)))")
    }
  }

  /// Writes a small file over what is there.
  /// - Throws: ``NodeError`` (`system`).
  static func write(_ bytes: [UInt8], to path: String) throws {
    try withFile(path) { sink in try sink.write(bytes) }
  }

  /// Gives `body` a file of mode 0600 to write, and flushes it.
  /// - Throws: ``NodeError`` (`system`), or what `body` throws.
  static func withFile(_ path: String, _ body: (ByteSink) throws -> Void) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else {
      throw NodeError(
        .system, "cannot write \(printable(path)): \(String(cString: strerror(errno)))")
    }
    defer { close(file) }
    let sink = ByteSink(descriptor: file, name: path)
    try body(sink)
    try sink.flush()
  }
}

/// Folders with all that is in them.
enum FolderTree {
  private static let depthMax = 32

  /// The names in a folder; none when there is no such folder.
  static func names(in path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder), names.count < 100_000 {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Removes a folder; links in it are removed and not followed.
  ///
  /// What cannot be removed stays.
  static func remove(_ path: String, depth: Int = 0) {
    var status = stat()
    guard depth < depthMax, lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      unlink(path)
      return
    }
    for name in names(in: path) { remove("\(path)/\(name)", depth: depth + 1) }
    rmdir(path)
  }
}
