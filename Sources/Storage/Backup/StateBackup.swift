import Core
import Glibc

/// Writes a consistent copy of a state directory into one file, while a node may be writing it.
///
/// The file is a plain `tar` archive whose first member, the manifest, has the SHA-256 of all
/// others. It appears under its name whole and flushed, or not at all.
public struct StateBackup {
  private let directory: StateDirectory
  private let path: String
  private let partial: String
  private let snapshot: String
  private let program: String
  private let time: Timestamp

  /// Makes a backup.
  /// - Parameters:
  ///   - path: the file; an ordinary file that is there is replaced.
  ///   - withKey: whether the secret signing key is in it: who has the file can then sign.
  ///   - program: the version of this program, for the manifest.
  /// - Returns: the manifest.
  /// - Throws: ``StorageError`` when something cannot be read or written, or does not fit its
  ///   digest or the chain: a backup is never made of a state that is already damaged.
  public static func write(
    _ directory: StateDirectory, to path: String, withKey: Bool, program: String, time: Timestamp
  ) throws(StorageError) -> BackupManifest {
    let suffix = "partial-\(getpid())"
    let backup = StateBackup(
      directory: directory, path: path, partial: "\(path).\(suffix)",
      snapshot: "\(path).database-\(suffix)", program: program, time: time)
    defer {
      for leftover in [backup.partial, backup.snapshot, backup.snapshot + "-journal"] {
        unlink(leftover)
      }
    }
    return try backup.write(withKey: withKey)
  }

  private func write(withKey: Bool) throws(StorageError) -> BackupManifest {
    try checkTarget()
    // Before the journal: a checkpoint must not know more than the copy, and a fence that is
    // cleared meanwhile is in the copy of the journal.
    var small: [(name: String, content: [UInt8])] = []
    for name in [BackupLayout.checkpoints, BackupLayout.tombstones] {
      if let content = try content(name) { small.append((name, content)) }
    }
    // After the journal: what it refers to was stored before it was referred to.
    let head = try takeSnapshot()
    let last = [BackupLayout.publicKeys, BackupLayout.people]
    for name in last + (withKey ? [BackupLayout.signingKey] : []) {
      if let content = try content(name) { small.append((name, content)) }
    }
    small += try libraryFiles()
    let manifest = BackupManifest(
      format: BackupManifest.currentFormat, program: program, created: time,
      beginning: head.beginning, head: head.head, members: try members(small))
    try writeArchive(manifest, small)
    return manifest
  }

  private func checkTarget() throws(StorageError) {
    guard let status = try FileSystem.status(ofLinkAt: path) else { return }
    guard status.isRegularFile else {
      throw StorageError(
        .unacceptable, "\(printable(path)) is not an ordinary file: give another name")
    }
  }

  /// Copies the database as of one moment, without keeping a writer waiting, and checks the copy.
  private func takeSnapshot() throws(StorageError) -> (beginning: Digest, head: JournalHead) {
    // Refuses a directory without a journal, and a database that is not ours.
    _ = try JournalReader(directory)
    // Made here, so that nobody else can read it; SQLite takes an empty file.
    _ = try OpenFile(
      snapshot, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, doing: "create the copy of the journal")
    let connection = try SQLiteConnection(directory.databasePath, role: .reader)
    let copy = try connection.prepare("VACUUM INTO ?1")
    try copy.bind(1, snapshot)
    try copy.run()
    let reader = try JournalReader(path: snapshot, vfs: nil)
    let check = try reader.verify()
    if let fault = check.fault {
      throw StorageError(
        .damaged,
        "the journal is damaged (\(fault)): nothing was backed up; keep the earlier backups")
    }
    return (reader.beginning, check.head)
  }

  /// A small file of the state, nil when there is none.
  private func content(_ name: String) throws(StorageError) -> [UInt8]? {
    let path = "\(directory.path)/\(name)"
    guard try FileSystem.status(ofLinkAt: path) != nil else { return nil }
    let file = try OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, doing: "back up")
    let status = try file.status()
    let limit = BackupLayout.sizeLimitBytes(of: name)
    guard status.isRegularFile, Int(status.st_size) <= limit else {
      throw StorageError(
        .unacceptable,
        "\(printable(path)) cannot be backed up: it is no ordinary file of at most "
          + "\(limit >> 20) MiB")
    }
    return try file.read(count: Int(status.st_size), at: 0)
  }

  private func libraryFiles() throws(StorageError) -> [(name: String, content: [UInt8])] {
    var files: [(name: String, content: [UInt8])] = []
    for folder in BackupLayout.libraryFolders {
      for name in try FileSystem.names(in: "\(directory.path)/\(folder)").sorted()
      where BackupLayout.isLibraryFile(name) {
        if let content = try content("\(folder)/\(name)") {
          files.append(("\(folder)/\(name)", content))
        }
      }
    }
    return files
  }

  private func members(
    _ small: [(name: String, content: [UInt8])]
  ) throws(StorageError) -> [BackupManifest.Member] {
    let database = try OpenFile(snapshot, O_RDONLY, doing: "read the copy of the journal")
    var members = [
      BackupManifest.Member(
        name: BackupLayout.database, sizeBytes: Int(try database.status().st_size),
        sha256: try digest(of: database))
    ]
    for (name, content) in small {
      members.append(
        BackupManifest.Member(
          name: name, sizeBytes: content.count, sha256: SHA256.digest(of: content)))
    }
    let store = ArtifactStore(directory)
    for digest in try store.digests().sorted(by: { $0.description < $1.description }) {
      members.append(
        BackupManifest.Member(
          name: BackupLayout.path(of: digest), sizeBytes: try store.verify(digest), sha256: digest))
    }
    return members
  }

  private func digest(of file: borrowing OpenFile) throws(StorageError) -> Digest {
    var hash = SHA256()
    var offset = 0
    while true {
      let piece = try file.read(count: 1 << 20, at: offset)
      if piece.isEmpty { return hash.finish() }
      hash.update(piece)
      offset += piece.count
    }
  }

  // MARK: The archive

  private func writeArchive(
    _ manifest: BackupManifest, _ small: [(name: String, content: [UInt8])]
  ) throws(StorageError) {
    let file = try OpenFile(
      partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, doing: "create the backup")
    var end = 0
    let text: [UInt8]
    do {
      text = try CanonicalJSON.encode(manifest)
    } catch {
      throw StorageError(.unacceptable, error.message)
    }
    try add(BackupManifest.name, text, to: file, at: &end)
    let contents = Dictionary(uniqueKeysWithValues: small.map { ($0.name, $0.content) })
    for member in manifest.members {
      if let content = contents[member.name] {
        try add(member.name, content, to: file, at: &end)
      } else {
        let isDatabase = member.name == BackupLayout.database
        try copy(
          member, from: isDatabase ? snapshot : "\(directory.path)/\(member.name)", to: file,
          at: &end)
      }
    }
    try file.write([UInt8](repeating: 0, count: 2 * TarHeader.blockBytes), at: end)
    try file.synchronize()
    guard rename(partial, path) == 0 else {
      throw StorageError.system("name the backup", path, errno)
    }
    try FileSystem.synchronizeDirectory(FileSystem.folder(of: path))
  }

  private func add(
    _ name: String, _ content: [UInt8], to file: borrowing OpenFile, at end: inout Int
  ) throws(StorageError) {
    try file.write(
      try TarHeader(name: name, sizeBytes: content.count).block(time: time), at: end)
    try file.write(content, at: end + TarHeader.blockBytes)
    try pad(content.count, file, &end)
  }

  /// Copies a file in pieces, and makes sure that it is still what the manifest says.
  private func copy(
    _ member: BackupManifest.Member, from path: String, to file: borrowing OpenFile,
    at end: inout Int
  ) throws(StorageError) {
    let source = try OpenFile(path, O_RDONLY | O_NOFOLLOW, doing: "back up")
    try file.write(
      try TarHeader(name: member.name, sizeBytes: member.sizeBytes).block(time: time), at: end)
    var hash = SHA256()
    var offset = 0
    while offset < member.sizeBytes {
      let piece = try source.read(count: min(1 << 20, member.sizeBytes - offset), at: offset)
      if piece.isEmpty { break }
      hash.update(piece)
      try file.write(piece, at: end + TarHeader.blockBytes + offset)
      offset += piece.count
    }
    guard hash.finish() == member.sha256 else {
      throw StorageError(
        .damaged, "\(printable(path)) changed while it was backed up: try again")
    }
    try pad(member.sizeBytes, file, &end)
  }

  private func pad(
    _ size: Int, _ file: borrowing OpenFile, _ end: inout Int
  ) throws(StorageError) {
    let padding = TarHeader.padding(after: size)
    end += TarHeader.blockBytes + size
    try file.write([UInt8](repeating: 0, count: padding), at: end)
    end += padding
  }
}
