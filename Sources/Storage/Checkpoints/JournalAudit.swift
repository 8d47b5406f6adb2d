import Core

/// Checkpoints to check a journal against, and whose signatures count for them.
public struct CheckpointSource: Sendable {
  /// The lines.
  public let file: CheckpointFile
  /// A checkpoint that another key signed is a fault, not a proof.
  public let trusted: [PublicKey]

  /// Puts the two together.
  public init(_ file: CheckpointFile, trusted: [PublicKey]) {
    self.file = file
    self.trusted = trusted
  }
}

/// What checking a journal against signed checkpoints found.
public struct JournalAudit: Sendable {
  /// What the walk over the chain found, the authentic checkpoints included.
  public let chain: ChainCheck
  /// How many checkpoints of the last source are authentic and of this journal.
  public let checkpointCount: Int
  /// The newest of them: up to here the journal is proven.
  public let proven: JournalHead?
  /// What is wrong, in sentences: the chain's fault first, then checkpoints.
  public let faults: [String]
}

extension JournalReader {
  /// Checks the chain, each checkpoint's signature, and the chain against the checkpoints.
  ///
  /// - Parameter sources: checkpoints noted earlier; the last source is what counts as proof.
  /// - Throws: ``StorageError`` when the database cannot be read.
  public func audit(_ sources: [CheckpointSource]) throws(StorageError) -> JournalAudit {
    var faults: [String] = []
    var heads: [JournalHead] = []
    var proofCount = 0
    for source in sources {
      proofCount = heads.count
      for line in source.file.lines {
        let place = "line \(line.number) of \(printable(source.file.path))"
        switch line.content {
        case .failure(let error): faults.append("\(place) is no checkpoint: \(error.message)")
        case .success(let checkpoint):
          if let fault = fault(of: checkpoint, source.trusted) {
            faults.append("\(place): \(fault)")
          } else {
            heads.append(checkpoint.head)
          }
        }
      }
    }
    let chain = try verify(checkpoints: heads)
    if let fault = chain.fault { faults.insert(fault, at: 0) }
    let proofs = heads[proofCount...]
    return JournalAudit(
      chain: chain, checkpointCount: proofs.count,
      proven: proofs.max { $0.sequence < $1.sequence }, faults: faults)
  }

  /// Why a checkpoint proves nothing about this journal, or nil.
  private func fault(of checkpoint: Checkpoint, _ trusted: [PublicKey]) -> String? {
    if checkpoint.version != Checkpoint.currentVersion {
      return "a checkpoint of version \(checkpoint.version): use the newer sluice that wrote it"
    }
    if !trusted.contains(checkpoint.key) {
      return "a foreign checkpoint, signed by the key \(checkpoint.key), which is not trusted here"
    }
    if !checkpoint.isAuthentic {
      return "a forged checkpoint: its signature does not fit what it says"
    }
    if checkpoint.beginning != beginning {
      return
        "it is of another journal: the journal was replaced, or this file belongs to another state"
    }
    return nil
  }
}
