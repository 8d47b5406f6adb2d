import Core
import Glibc
import Synchronization

/// What has been stored: its name and its length.
public struct StoredArtifact: Sendable, Hashable, Codable {
  /// SHA-256 of the content, which is also its name.
  public let digest: Digest
  /// The length in bytes.
  public let sizeBytes: Int

  /// Puts the two together.
  public init(digest: Digest, sizeBytes: Int) {
    self.digest = digest
    self.sizeBytes = sizeBytes
  }
}

/// Files named by their content: models, model cards, references, evaluations.
///
/// No text of a user ever becomes part of a path: a name is 64 hexadecimal digits, made here. What
/// is read is hashed first, so that a file that was altered or has rotted is refused before
/// anything parses it. A file appears whole, by a rename, or not at all.
public final class ArtifactStore: Sendable {
  /// The most bytes of one artifact.
  public static let sizeLimitBytes = 4 << 30
  private static let chunkBytes = 1 << 20

  private let root: String
  private let temporaryCount = Atomic<Int>(0)

  /// The store of a state directory; creates nothing before the first ``put(_:)``.
  public init(_ directory: StateDirectory) { root = directory.artifactsPath + "/sha256" }

  /// Stores bytes; storing what is there already changes nothing.
  /// - Returns: the name; on return the file is on the disk.
  public func put(_ bytes: [UInt8]) throws(StorageError) -> StoredArtifact {
    let stored = StoredArtifact(digest: SHA256.digest(of: bytes), sizeBytes: bytes.count)
    if isIntact(stored.digest) { return stored }
    let temporary = try makeTemporary()
    do throws(StorageError) {
      let file = try OpenFile(
        temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, doing: "create the artifact")
      try file.write(bytes, at: 0)
      try publish(file, as: stored.digest)
    } catch {
      unlink(temporary)
      throw error
    }
    return stored
  }

  /// Stores a copy of the ordinary file at `path`, read in pieces.
  /// - Throws: ``StorageError`` with code `notFound` or `unacceptable` when there is no such file,
  ///   it is a directory, pipe or device, or longer than ``sizeLimitBytes``.
  public func put(file path: String) throws(StorageError) -> StoredArtifact {
    let source = try ArtifactStore.openSource(path)
    let temporary = try makeTemporary()
    do throws(StorageError) {
      let file = try OpenFile(
        temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, doing: "create the artifact")
      let stored = try ArtifactStore.copy(source, to: file)
      try publish(file, as: stored.digest)
      return stored
    } catch {
      unlink(temporary)
      throw error
    }
  }

  /// The content of an artifact, checked against its name.
  /// - Parameter limitBytes: the most that is read into memory.
  /// - Throws: ``StorageError`` with code `notFound`, `damaged` or `unacceptable` (too long).
  public func read(
    _ digest: Digest, limitBytes: Int = ArtifactStore.sizeLimitBytes
  ) throws(StorageError) -> [UInt8] {
    let file = try open(digest)
    let size = Int(try file.status().st_size)
    guard size <= limitBytes else {
      throw StorageError(
        .unacceptable,
        "artifact \(digest.short) has \(size) bytes, more than the \(limitBytes) allowed here")
    }
    let bytes = try file.read(count: size, at: 0)
    guard bytes.count == size, SHA256.digest(of: bytes) == digest else {
      throw ArtifactStore.damaged(digest)
    }
    return bytes
  }

  /// Whether a file of that name is there; says nothing of its content.
  public func exists(_ digest: Digest) -> Bool { access(path(of: digest), F_OK) == 0 }

  /// Reads an artifact in pieces and compares it with its name.
  /// - Returns: its length in bytes.
  /// - Throws: ``StorageError`` with code `notFound` or `damaged`.
  @discardableResult
  public func verify(_ digest: Digest) throws(StorageError) -> Int {
    let file = try open(digest)
    let found = try ArtifactStore.hash(file, limitBytes: ArtifactStore.sizeLimitBytes) { _ in }
    guard found.digest == digest else { throw ArtifactStore.damaged(digest) }
    return found.sizeBytes
  }

  /// Removes an artifact; that there is none is no error.
  public func remove(_ digest: Digest) throws(StorageError) {
    if unlink(path(of: digest)) == 0 {
      return try FileSystem.synchronizeDirectory(folder(of: digest))
    }
    let number = errno
    guard number == ENOENT else {
      throw StorageError.system("remove the artifact", path(of: digest), number)
    }
  }

  /// The names of everything stored, in order.
  public func digests() throws(StorageError) -> [Digest] {
    var found: [Digest] = []
    for folder in try FileSystem.names(in: root) where folder.utf8.count == 2 {
      for name in try FileSystem.names(in: "\(root)/\(folder)") {
        if let digest = try? Digest(hex: name), name.hasPrefix(folder) { found.append(digest) }
      }
    }
    return found.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
  }

  /// Removes what interrupted writes have left.
  ///
  /// Only the holder of the lock may, at its start.
  public func removeLeftovers(_ lock: borrowing DirectoryLock) throws(StorageError) {
    for name in try FileSystem.names(in: root) where name.hasPrefix(ArtifactStore.temporaryPrefix) {
      unlink("\(root)/\(name)")
    }
  }

  private static let temporaryPrefix = "tmp-"

  private func folder(of digest: Digest) -> String { "\(root)/\(digest.description.prefix(2))" }

  private func path(of digest: Digest) -> String { "\(folder(of: digest))/\(digest)" }

  private func isIntact(_ digest: Digest) -> Bool { (try? verify(digest)) != nil }

  private func open(_ digest: Digest) throws(StorageError) -> OpenFile {
    guard exists(digest) else {
      throw StorageError(
        .notFound,
        "artifact \(digest.short) is not stored here: import it again, or restore the last backup")
    }
    return try OpenFile(path(of: digest), O_RDONLY | O_NOFOLLOW, doing: "read the artifact")
  }

  /// A fresh path in the store's root, whose folders exist afterwards.
  private func makeTemporary() throws(StorageError) -> String {
    let parent = String(root.dropLast("/sha256".utf8.count))
    let isNew = try FileSystem.makeDirectory(parent)
    if try FileSystem.makeDirectory(root) || isNew {
      try FileSystem.synchronizeDirectory(parent)
      try FileSystem.synchronizeDirectory(parent + "/..")
    }
    let number = temporaryCount.wrappingAdd(1, ordering: .relaxed).newValue
    return "\(root)/\(ArtifactStore.temporaryPrefix)\(getpid())-\(number)"
  }

  /// Gives a written file its name, durably: the content first, then the name.
  private func publish(_ file: borrowing OpenFile, as digest: Digest) throws(StorageError) {
    // Read-only for its owner too: an artifact is never edited.
    guard fchmod(file.descriptor, 0o400) == 0 else {
      throw StorageError.system("protect the artifact", file.path, errno)
    }
    try file.synchronize()
    if try FileSystem.makeDirectory(folder(of: digest)) {
      try FileSystem.synchronizeDirectory(root)
    }
    guard rename(file.path, path(of: digest)) == 0 else {
      throw StorageError.system("name the artifact", path(of: digest), errno)
    }
    try FileSystem.synchronizeDirectory(folder(of: digest))
  }

  /// Opens a user's file without waiting for a pipe's other end, and admits ordinary files only.
  private static func openSource(_ path: String) throws(StorageError) -> OpenFile {
    guard access(path, F_OK) == 0 else {
      throw StorageError(
        .notFound, "there is no file \(printable(path)): check the path", detail: errno)
    }
    let source = try OpenFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, doing: "read the file")
    let status = try source.status()
    guard status.isRegularFile else {
      throw StorageError(
        .unacceptable, "\(printable(path)) is not an ordinary file: give the path of a file")
    }
    guard status.st_size <= sizeLimitBytes else {
      throw StorageError(
        .unacceptable,
        "\(printable(path)) has \(status.st_size) bytes, more than the \(sizeLimitBytes) that "
          + "are stored"
      )
    }
    return source
  }

  /// Copies all of `source` and hashes what was copied.
  private static func copy(
    _ source: borrowing OpenFile, to target: borrowing OpenFile
  ) throws(StorageError) -> StoredArtifact {
    try hash(source, limitBytes: sizeLimitBytes) { (piece) throws(StorageError) in
      try target.write(piece)
    }
  }

  /// Reads a file from its current position to its end, giving each piece to `use`.
  private static func hash(
    _ file: borrowing OpenFile, limitBytes: Int,
    _ use: (UnsafeRawBufferPointer) throws(StorageError) -> Void
  ) throws(StorageError) -> StoredArtifact {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 16)
    defer { buffer.deallocate() }
    var hash = SHA256()
    var sizeBytes = 0
    while true {
      let count = try file.read(into: buffer)
      if count == 0 { break }
      let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      hash.update(piece)
      try use(piece)
      sizeBytes += count
      guard sizeBytes <= limitBytes else {
        throw StorageError(
          .unacceptable, "\(printable(file.path)) grows while it is read: give a file at rest")
      }
    }
    return StoredArtifact(digest: hash.finish(), sizeBytes: sizeBytes)
  }

  private static func damaged(_ digest: Digest) -> StorageError {
    StorageError(
      .damaged,
      "artifact \(digest.short) is not what was stored: its content has another SHA-256; import "
        + "the file again, or restore the last backup")
  }
}
