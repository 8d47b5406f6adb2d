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
  /// How many saved states of this program were compared with the replay of the whole journal.
  public let savedStates: Int
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

  /// Checks the chain, and it against the state's own checkpoints and those of `path`; and that
  /// each saved state that a start would believe is, byte for byte, what its rows come to.
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
    let states = try SavedStateProof.check(
      reader, key: (try? SigningKey.existing(in: directory))?.publicKey)
    let faults = audit.faults + states.faults
    return JournalProof(
      events: audit.chain.count, head: audit.chain.count > 0 ? audit.chain.head.hash : nil,
      checkpoints: audit.checkpointCount, provenSequence: audit.proven?.sequence ?? 0,
      savedStates: states.compared, fault: faults.first, faults: faults)
  }
}

/// Whether the saved states are what the journal comes to.
struct SavedStateProof {
  /// How many were compared.
  var compared = 0
  /// What does not fit.
  var faults: [String] = []

  /// Replays the journal from its first row up to the last saved state, and compares at each.
  ///
  /// Those of another program or key are left out: no start believes them.
  static func check(
    _ reader: JournalReader, key: PublicKey?, program: String = ProgramIdentity.current
  ) throws -> SavedStateProof {
    var proof = SavedStateProof()
    guard let key else { return proof }
    var wanted: [Int: SavedState] = [:]
    for sequence in try reader.savedSequences() {
      guard let saved = try reader.savedState(at: sequence) else {
        proof.faults.append("the saved state after event \(sequence) is damaged")
        continue
      }
      guard saved.key == key, saved.program == program else { continue }
      if let refusal = try reader.refusal(of: saved, program: program, key: key) {
        proof.faults.append("the saved state after event \(sequence) is not believed: \(refusal)")
      } else {
        wanted[sequence] = saved
      }
    }
    guard let last = wanted.keys.max() else { return proof }
    var fold = JournalFold()
    var cursor = reader.cursor()
    while fold.sequence < last, let record = try cursor.next() {
      fold.take(try Recovery.event(of: record), at: record.sequence)
      guard let saved = wanted[record.sequence] else { continue }
      proof.compared += 1
      if try CanonicalJSON.encode(fold) != saved.body {
        proof.faults.append(
          "the saved state after event \(record.sequence) is not what the events come to")
      }
    }
    return proof
  }
}
