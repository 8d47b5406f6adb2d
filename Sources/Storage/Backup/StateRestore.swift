import Core
import Glibc

/// Makes a state directory from a backup: all of it, or nothing.
///
/// A backup may come from anywhere, so nothing in it is believed: names are only those that a state
/// directory has, sizes and digests are those of the manifest, and the journal's chain is checked
/// before the directory gets its name.
public struct StateRestore {
  private let path: String
  private let target: String
  private let partial: String

  /// Restores `path` into the directory `target`, which is missing or empty.
  /// - Parameter objection: what the caller has against a manifest; nil for nothing.
  /// - Returns: the manifest of what is there now.
  /// - Throws: ``StorageError``: `unacceptable` or `damaged` names what is wrong with the backup,
  ///   `directory` that the target is in use; `target` is as it was before.
  public static func read(
    _ path: String, into target: String, objection: (BackupManifest) -> String? = { _ in nil }
  ) throws(StorageError) -> BackupManifest {
    var trimmed = target
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    let restore = StateRestore(
      path: path, target: trimmed, partial: "\(trimmed).restoring-\(getpid())")
    try restore.checkTarget()
    defer { FileSystem.removeTree(restore.partial) }
    let manifest = try restore.unpack()
    try restore.check(manifest)
    if let words = objection(manifest) { throw restore.refusal(words) }
    try restore.publish()
    return manifest
  }

  private func checkTarget() throws(StorageError) {
    guard let status = try FileSystem.status(ofLinkAt: target) else { return }
    guard status.isDirectory else {
      throw StorageError(
        .directory, "\(printable(target)) is not a folder: choose another with --state")
    }
    guard try FileSystem.names(in: target).isEmpty else {
      throw StorageError(
        .directory,
        "\(printable(target)) is not empty: a backup is restored into a new or empty folder; "
          + "choose another with --state")
    }
  }

  private func refusal(_ words: String) -> StorageError {
    StorageError(.unacceptable, "the backup \(printable(path)) was not restored: \(words)")
  }

  // MARK: Reading

  private func unpack() throws(StorageError) -> BackupManifest {
    let file = try OpenFile(path, O_RDONLY | O_NONBLOCK, doing: "read the backup")
    let status = try file.status()
    guard status.isRegularFile else { throw refusal("it is not an ordinary file") }
    let size = Int(status.st_size)
    var offset = 0
    let manifest = try readManifest(file, size, &offset)
    try makeFolder(partial)
    for member in manifest.members { try unpack(member, file, size, &offset) }
    let rest = try file.read(count: min(size - offset, 1 << 20), at: offset)
    guard rest.count >= 2 * TarHeader.blockBytes, size - offset == rest.count,
      rest.allSatisfy({ $0 == 0 })
    else {
      throw refusal("after the members that its manifest names, more follows, or its end is cut")
    }
    return manifest
  }

  private func header(
    _ file: borrowing OpenFile, _ size: Int, _ offset: inout Int
  ) throws(StorageError) -> TarHeader {
    let block = try file.read(count: TarHeader.blockBytes, at: offset)
    guard block.count == TarHeader.blockBytes else { throw refusal("it is cut off") }
    let header: TarHeader?
    do {
      header = try TarHeader(block)
    } catch {
      throw refusal(error.message)
    }
    guard let header else { throw refusal("it ends before all members of its manifest are there") }
    offset += TarHeader.blockBytes
    guard header.sizeBytes <= size - offset else { throw refusal("it is cut off") }
    return header
  }

  private func readManifest(
    _ file: borrowing OpenFile, _ size: Int, _ offset: inout Int
  ) throws(StorageError) -> BackupManifest {
    let header = try header(file, size, &offset)
    guard header.name == BackupManifest.name,
      header.sizeBytes <= BackupManifest.sizeLimitBytes
    else { throw refusal("its first member is no manifest of legal size") }
    let text = try file.read(count: header.sizeBytes, at: offset)
    offset += header.sizeBytes + TarHeader.padding(after: header.sizeBytes)
    do {
      let manifest = try CanonicalJSON.decode(BackupManifest.self, from: text)
      try manifest.check()
      return manifest
    } catch {
      throw refusal("manifest.json: \(error.message)")
    }
  }

  private func unpack(
    _ member: BackupManifest.Member, _ file: borrowing OpenFile, _ size: Int, _ offset: inout Int
  ) throws(StorageError) {
    let header = try header(file, size, &offset)
    let shown = printable(member.name, limit: 120)
    guard header == TarHeader(name: member.name, sizeBytes: member.sizeBytes) else {
      throw refusal(
        "where its manifest has \"\(shown)\" of \(member.sizeBytes) bytes, it has "
          + "\"\(printable(header.name, limit: 120))\" of \(header.sizeBytes)")
    }
    let path = "\(partial)/\(member.name)"
    try makeFolders(of: member.name)
    let target = try OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, doing: "restore")
    var hash = SHA256()
    var done = 0
    while done < member.sizeBytes {
      let piece = try file.read(count: min(1 << 20, member.sizeBytes - done), at: offset + done)
      if piece.isEmpty { break }
      hash.update(piece)
      try target.write(piece, at: done)
      done += piece.count
    }
    guard hash.finish() == member.sha256 else {
      throw refusal("\"\(shown)\" is not what its manifest says: the backup is damaged")
    }
    try target.synchronize()
    offset += member.sizeBytes + TarHeader.padding(after: member.sizeBytes)
  }

  private func makeFolder(_ path: String) throws(StorageError) {
    guard mkdir(path, 0o700) == 0 else {
      throw StorageError.system("create the directory", path, errno)
    }
  }

  /// Makes the folders above a member; its name was checked, so they are all inside.
  private func makeFolders(of name: String) throws(StorageError) {
    var prefix = partial
    for part in name.split(separator: "/").dropLast() {
      prefix += "/\(part)"
      try FileSystem.makeDirectory(prefix)
    }
  }

  // MARK: Checking and publishing

  private func check(_ manifest: BackupManifest) throws(StorageError) {
    let reader = try JournalReader(path: "\(partial)/\(BackupLayout.database)", vfs: nil)
    let check = try reader.verify(checkpoints: [manifest.head])
    if let fault = check.fault { throw refusal("its journal is damaged: \(fault)") }
    guard check.head == manifest.head, reader.beginning == manifest.beginning else {
      throw refusal("its journal is not the one that its manifest names")
    }
  }

  private func publish() throws(StorageError) {
    try synchronizeFolders(partial)
    // Onto an empty folder too: rename(2) replaces that, and nothing else.
    guard rename(partial, target) == 0 else {
      throw StorageError.system("name the restored state", target, errno)
    }
    try FileSystem.synchronizeDirectory(FileSystem.folder(of: target))
  }

  private func synchronizeFolders(_ path: String) throws(StorageError) {
    for name in try FileSystem.names(in: path) {
      guard let status = try FileSystem.status(ofLinkAt: "\(path)/\(name)") else { continue }
      if status.isDirectory { try synchronizeFolders("\(path)/\(name)") }
    }
    try FileSystem.synchronizeDirectory(path)
  }
}

extension FileSystem {
  /// Removes a directory with all that is in it, as far as it can; links are not followed.
  static func removeTree(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.isDirectory else {
      unlink(path)
      return
    }
    for name in (try? names(in: path)) ?? [] { removeTree("\(path)/\(name)") }
    rmdir(path)
  }
}
