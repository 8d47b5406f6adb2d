import Core
import Storage

/// What `sluice journal verify` found.
public struct JournalProof: Sendable, Codable {
  /// How many rows fit.
  public let events: Int
  /// The last of them; nil for an empty journal.
  public let head: Digest?
  /// How many authentic checkpoints of this journal there are.
  public let checkpoints: Int
  /// The newest row that a checkpoint proves; 0 when none does.
  public let provenSequence: Int
  /// What is wrong first; nil when all is well.
  public let fault: String?
  /// All that is wrong, in sentences.
  public let faults: [String]
}

/// A checkpoint as `sluice journal checkpoint` tells it.
public struct SignedCheckpoint: Sendable {
  /// Its one line of JSON, without a line feed.
  public let line: String
  /// The last event that it covers.
  public let sequence: Int
  /// Whom to check it with: 64 hexadecimal digits.
  public let key: String
}

/// Signing and checking a journal from outside of the node: it reads the same files as a node that
/// runs, so that a node that hangs or lies is not asked.
public enum JournalNotary {
  /// Signs where the journal stands, after checking all of its chain.
  ///
  /// The checkpoint is also kept in the state directory.
  /// - Parameter output: a file that it is added to; nil for none.
  /// - Throws: a ``Failure``: there is no journal, it is damaged, or a file cannot be written.
  public static func checkpoint(
    stateDirectory: String, output: String? = nil
  ) throws -> SignedCheckpoint {
    let directory = try StateDirectory(stateDirectory, create: false)
    let reader = try JournalReader(directory)
    let check = try reader.verify()
    if let fault = check.fault {
      throw NodeError(
        .refused, "the journal is damaged (\(fault)): a damaged journal is not signed")
    }
    let checkpoint = Checkpoint(
      check.head, of: reader.beginning, time: SystemClock.now(), key: try SigningKey(of: directory))
    try CheckpointFile.append(checkpoint, to: directory.checkpointsPath)
    if let output {
      try CheckpointFile.append(
        checkpoint, to: CheckpointFile.path(in: output, journal: reader.beginning))
    }
    return SignedCheckpoint(
      line: checkpoint.line, sequence: checkpoint.sequence, key: "\(checkpoint.key)")
  }

  /// The key that checkpoints are signed with; made at its first use.
  /// - Returns: 64 hexadecimal digits.
  public static func publicKey(stateDirectory: String) throws -> String {
    "\(try SigningKey(of: StateDirectory(stateDirectory, create: false)).publicKey)"
  }

  /// Checks the chain, and it against the state's own checkpoints and those of `path`.
  /// - Parameters:
  ///   - path: a file of checkpoints, or the folder that a node wrote them to; nil for none.
  ///   - key: the only key that counts, for `path` or else for the state's own: 64 hexadecimal
  ///     digits; nil for those that the state knows.
  /// - Throws: a ``Failure`` when something cannot be read.
  public static func verify(
    stateDirectory: String, checkpoints path: String?, key: String?
  ) throws -> JournalProof {
    let pinned = try key.map { [try PublicKey(hex: $0)] }
    let directory = try StateDirectory(stateDirectory, create: false)
    // What the files say before what the journal says: it only grows meanwhile.
    let own = try CheckpointFile(directory.checkpointsPath, mayBeMissing: true)
    let known = try SigningKey.known(in: directory)
    let reader = try JournalReader(directory)
    var sources = [CheckpointSource(own, trusted: path == nil ? pinned ?? known : known)]
    if let path {
      let file = try CheckpointFile(CheckpointFile.path(in: path, journal: reader.beginning))
      sources.append(CheckpointSource(file, trusted: pinned ?? known))
    }
    let audit = try reader.audit(sources)
    return JournalProof(
      events: audit.chain.count, head: audit.chain.count > 0 ? audit.chain.head.hash : nil,
      checkpoints: audit.checkpointCount, provenSequence: audit.proven?.sequence ?? 0,
      fault: audit.faults.first, faults: audit.faults)
  }
}
