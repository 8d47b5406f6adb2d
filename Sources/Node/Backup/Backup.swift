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
  /// - Throws: a ``Failure``; then the directory is as it was.
  public static func restore(_ path: String, to stateDirectory: String) throws -> BackupReport {
    BackupReport(try StateRestore.read(path, into: stateDirectory))
  }
}
