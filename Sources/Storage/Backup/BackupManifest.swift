import Core

/// What a backup holds: its first member, `manifest.json`.
public struct BackupManifest: Sendable, Hashable, Codable {
  /// The format's name.
  public static let currentFormat = "sluice-backup-1"
  /// The manifest's own name in the archive.
  static let name = "manifest.json"
  /// The most bytes of a manifest: about 500,000 members.
  static let sizeLimitBytes = 64 << 20

  /// One file of the state.
  public struct Member: Sendable, Hashable, Codable {
    /// Its path in the state directory.
    public let name: String
    /// The length of its content.
    public let sizeBytes: Int
    /// Of its content.
    public let sha256: Digest
  }

  /// ``currentFormat``.
  public let format: String
  /// The version of the program that made it.
  public let program: String
  /// When it was made.
  public let created: Timestamp
  /// What row 1 of the journal follows.
  public let beginning: Digest
  /// Where the journal in it ends.
  public let head: JournalHead
  /// All other members, in their order.
  public let members: [Member]

  /// Refuses what no backup of this program holds.
  /// - Throws: ``InvalidValue`` that says which member and why.
  func check() throws(InvalidValue) {
    guard format == BackupManifest.currentFormat else {
      throw InvalidValue(
        "its format is \"\(printable(format, limit: 40))\" and this program knows "
          + "\(BackupManifest.currentFormat): use the newer sluice that wrote it")
    }
    var seen: Set<String> = []
    for member in members {
      let shown = printable(member.name, limit: 120)
      guard BackupLayout.isLegal(member.name) else {
        throw InvalidValue("\"\(shown)\" is no file of a state directory")
      }
      guard seen.insert(member.name).inserted else {
        throw InvalidValue("\"\(shown)\" is in it twice")
      }
      guard (0...BackupLayout.sizeLimitBytes(of: member.name)).contains(member.sizeBytes) else {
        throw InvalidValue("\"\(shown)\" is larger than such a file may be")
      }
      if let digest = BackupLayout.artifact(member.name), digest != member.sha256 {
        throw InvalidValue("the artifact \"\(shown)\" has another content than its name says")
      }
    }
    guard seen.contains(BackupLayout.database) else {
      throw InvalidValue("it has no \(BackupLayout.database)")
    }
  }
}

/// Which files of a state directory a backup may hold, and under which names.
enum BackupLayout {
  static let database = "sluice.db"
  static let tombstones = "tombstones"
  static let checkpoints = "checkpoints.jsonl"
  static let publicKeys = "signing.pub"
  static let signingKey = "signing.key"
  static let people = "people.jsonl"
  /// Folders of files that a person wrote.
  static let libraryFolders = ["plans", "runbooks"]

  /// Whether a name is one of the few that a state directory has; no `..`, no leading slash, no
  /// other folder can be.
  static func isLegal(_ name: String) -> Bool {
    if [database, tombstones, checkpoints, publicKeys, signingKey, people].contains(name) {
      return true
    }
    if artifact(name) != nil { return true }
    return libraryFolders.contains { folder in
      name.hasPrefix(folder + "/") && isLibraryFile(String(name.dropFirst(folder.count + 1)))
    }
  }

  /// Whether a file of `plans/` or `runbooks/` is one that the program reads: YAML, not hidden.
  static func isLibraryFile(_ name: String) -> Bool {
    (name.hasSuffix(".yaml") || name.hasSuffix(".yml")) && !name.hasPrefix(".")
      && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 < 0x20 || $0 == 0x7F }
  }

  /// The digest in the name of an artifact, nil for all other names.
  static func artifact(_ name: String) -> Digest? {
    guard let digest = try? Digest(hex: String(name.suffix(64))), path(of: digest) == name else {
      return nil
    }
    return digest
  }

  /// An artifact's path in the state directory.
  static func path(of digest: Digest) -> String {
    "artifacts/sha256/\(digest.description.prefix(2))/\(digest)"
  }

  static func sizeLimitBytes(of name: String) -> Int {
    if name == database { return TarHeader.sizeLimitBytes }
    if artifact(name) != nil { return ArtifactStore.sizeLimitBytes }
    if name == people { return People.sizeLimitBytes }
    return name == checkpoints ? CheckpointFile.sizeLimitBytes : 1 << 20
  }
}
