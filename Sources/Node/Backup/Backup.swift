import Core
import Storage

/// What a backup holds, as `sluice backup` and `sluice restore` tell it.
public struct BackupReport: Sendable, Codable {
  /// The journal's last event in it.
  public let sequence: Int
  /// That event's hash.
  public let head: Digest
  /// How many files it has, the manifest not counted.
  public let files: Int
  /// The length of them all.
  public let sizeBytes: Int
  /// When it was made.
  public let created: Timestamp
  /// The version of the program that made it.
  public let program: String
  /// How many persons' names came with it; nil when it was made.
  public var names: Int?

  init(_ manifest: BackupManifest) {
    sequence = manifest.head.sequence
    head = manifest.head.hash
    files = manifest.members.count
    sizeBytes = manifest.members.reduce(0) { $0 + $1.sizeBytes }
    created = manifest.created
    program = manifest.program
  }
}

/// Copying a state into one file and back.
public enum Backup {
  /// Writes a consistent copy of the state, while a node may be writing it.
  /// - Throws: a ``Failure``; then there is no new file.
  public static func write(
    stateDirectory: String, to path: String, withKey: Bool
  ) throws -> BackupReport {
    let directory = try StateDirectory(stateDirectory, create: false)
    return BackupReport(
      try StateBackup.write(
        directory, to: path, withKey: withKey, program: Product.version, time: SystemClock.now()))
  }

  /// Makes a state directory from a backup; the directory is missing or empty before.
  ///
  /// Names that its journal says are erased are erased in it, and those that a later journal says
  /// are.
  /// - Parameter later: a state directory with a later journal of the same state; nil for none.
  /// - Throws: a ``Failure``; then the directory is as it was.
  public static func restore(
    _ path: String, to stateDirectory: String, forgottenIn later: String? = nil
  ) throws -> BackupReport {
    // Before anything is written: a list that cannot be read must not be passed over.
    let erased = try later.map { path in
      let reader = try JournalReader(StateDirectory(path, create: false))
      return (beginning: reader.beginning, pseudonyms: try Actors.forgotten(in: reader))
    }
    let manifest = try StateRestore.read(path, into: stateDirectory) { manifest in
      guard let erased, erased.beginning != manifest.beginning else { return nil }
      return "the state that --forgotten names is another one"
    }
    let directory = try StateDirectory(stateDirectory, create: false)
    let all = try Actors.forgotten(in: JournalReader(directory)) + (erased?.pseudonyms ?? [])
    if !all.isEmpty {
      let lock = try directory.acquireLock()
      defer { lock.release() }
      try People(lock).forget(all, at: SystemClock.now())
    }
    var report = BackupReport(manifest)
    report.names = try People(readingFrom: directory).all.count { $0.name != nil }
    return report
  }
}
