import Core
import Glibc

/// A few files in one `tar` archive, read into memory: what one version of a model is carried in.
///
/// Written and read are ordinary files only, with names that the caller knows; folders are passed
/// over. Nothing is ever written to a path that an archive names.
public enum BundleArchive {
  /// The most members of an archive.
  private static let membersMax = 64

  /// Writes an archive; it appears under its name whole and flushed, or not at all.
  /// - Throws: ``StorageError`` when a name is too long or the file cannot be written.
  public static func write(
    _ members: [(name: String, content: [UInt8])], to path: String, time: Timestamp
  ) throws(StorageError) {
    if let status = try FileSystem.status(ofLinkAt: path), !status.isRegularFile {
      throw StorageError(
        .unacceptable, "\(printable(path)) is not an ordinary file: give another name")
    }
    let partial = "\(path).partial-\(getpid())"
    defer { unlink(partial) }
    let file = try OpenFile(
      partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644, doing: "create the bundle")
    var offset = 0
    for (name, content) in members {
      let head = try TarHeader(name: name, sizeBytes: content.count).block(time: time)
      try file.write(head, at: offset)
      offset += head.count
      try file.write(content, at: offset)
      offset += content.count
      let padding = [UInt8](repeating: 0, count: TarHeader.padding(after: content.count))
      try file.write(padding, at: offset)
      offset += padding.count
    }
    try file.write([UInt8](repeating: 0, count: 2 * TarHeader.blockBytes), at: offset)
    try file.synchronize()
    guard rename(partial, path) == 0 else {
      throw StorageError.system("name the bundle", path, errno)
    }
  }

  /// Reads an archive.
  /// - Parameter limits: the names that may be in it, with the most bytes of each.
  /// - Returns: the content of each member by its name.
  /// - Throws: ``StorageError`` (`damaged`) in one clause: it is cut off, it holds what it may not
  ///   hold, or it is no archive.
  public static func read(
    _ path: String, limits: [String: Int]
  ) throws(StorageError) -> [String: [UInt8]] {
    guard access(path, F_OK) == 0 else {
      throw StorageError(.notFound, "there is no file \(printable(path)): check the path")
    }
    let file = try OpenFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, doing: "read the bundle")
    let status = try file.status()
    guard status.isRegularFile else { throw refusal("it is not an ordinary file") }
    let size = Int(status.st_size)
    var offset = 0
    var members: [String: [UInt8]] = [:]
    for _ in 0...membersMax {
      let block = try file.read(count: TarHeader.blockBytes, at: offset)
      guard block.count == TarHeader.blockBytes else { throw refusal("it is cut off") }
      offset += block.count
      if block.allSatisfy({ $0 == 0 }) {
        try checkEnd(file, size, offset)
        return members
      }
      if try isFolder(block) { continue }
      let header = try header(block)
      let name = plain(header.name)
      try check(name, header, limits)
      guard members[name] == nil else { throw refusal("\"\(name)\" is in it twice") }
      guard header.sizeBytes <= size - offset else { throw refusal("it is cut off in \(name)") }
      let content = try file.read(count: header.sizeBytes, at: offset)
      guard content.count == header.sizeBytes else { throw refusal("it is cut off in \(name)") }
      members[name] = content
      offset += header.sizeBytes + TarHeader.padding(after: header.sizeBytes)
    }
    throw refusal("it has more than \(membersMax) members")
  }

  private static func checkEnd(
    _ file: borrowing OpenFile, _ size: Int, _ offset: Int
  ) throws(StorageError) {
    // `tar` fills its last record of 20 blocks, or as many as it was told, with zeros.
    let rest = try file.read(count: min(max(size - offset, 0), 1 << 20), at: offset)
    guard rest.count >= TarHeader.blockBytes, size - offset == rest.count else {
      throw refusal("its end is cut off, or more follows after it")
    }
    guard rest.allSatisfy({ $0 == 0 }) else { throw refusal("more follows after its end") }
  }

  private static func check(
    _ name: String, _ header: TarHeader, _ limits: [String: Int]
  ) throws(StorageError) {
    let shown = printable(name, limit: 100)
    guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
      throw refusal("\"\(shown)\" points out of the bundle")
    }
    guard let limit = limits[name] else {
      let near = limits.keys.sorted().prefix(12).joined(separator: ", ")
      throw refusal("\"\(shown)\" does not belong into a bundle (known are: \(near))")
    }
    guard header.sizeBytes <= limit else {
      throw refusal("\(shown) has \(header.sizeBytes) bytes, at most \(limit) are accepted")
    }
  }

  private static func header(_ block: [UInt8]) throws(StorageError) -> TarHeader {
    let header: TarHeader?
    do {
      header = try TarHeader(block)
    } catch { throw refusal(error.message) }
    guard let header else { throw refusal("it ends too early") }
    return header
  }

  /// `version/card.md` of `./version/card.md`.
  private static func plain(_ name: String) -> String {
    name.hasPrefix("./") ? String(name.dropFirst(2)) : name
  }

  /// Whether a block is the header of a folder, which is nothing to read.
  private static func isFolder(_ block: [UInt8]) throws(StorageError) -> Bool {
    guard block[156] == UInt8(ascii: "5") else { return false }
    guard block[124..<136].allSatisfy({ [0x30, 0x20, 0].contains($0) }) else {
      throw refusal("a folder in it has content")
    }
    let name = String(decoding: block[..<100].prefix { $0 != 0 }, as: UTF8.self)
    guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
      throw refusal("\"\(printable(name, limit: 100))\" points out of the bundle")
    }
    return true
  }

  private static func refusal(_ words: String) -> StorageError { StorageError(.damaged, words) }
}
