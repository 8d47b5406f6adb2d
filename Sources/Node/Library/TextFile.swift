import Core
import Glibc

/// Small files that people write.
enum TextFile {
  /// All bytes of a file.
  /// - Throws: ``NodeError`` when it is missing, unreadable, no plain file, or too long.
  static func read(_ path: String, limitBytes: Int) throws(NodeError) -> [UInt8] {
    let shown = printable(path)
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      throw NodeError(.badInput, "cannot read \(shown): \(String(cString: strerror(errno)))")
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw NodeError(.badInput, "\(shown) is not a file")
    }
    guard status.st_size <= limitBytes else {
      throw NodeError(
        .badInput, "\(shown) has \(status.st_size) bytes, at most \(limitBytes) are accepted")
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var filled = 0
    while filled < bytes.count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(file, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
      }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { break }
      filled += got
    }
    guard filled == bytes.count else {
      throw NodeError(.badInput, "cannot read all of \(shown): it changed while it was read")
    }
    return bytes
  }

  /// The YAML files in a folder, by name; none when there is no such folder.
  static func yamlFiles(in directory: String) -> [String] {
    guard let folder = opendir(directory) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder), names.count < 1_000 {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".yaml") || name.hasSuffix(".yml"), !name.hasPrefix(".") {
        names.append("\(directory)/\(name)")
      }
    }
    return names.sorted()
  }
}
