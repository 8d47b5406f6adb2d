import Core

/// What a walk over the journal's chain found.
public struct ChainCheck: Sendable, Hashable {
  /// How many rows were read and fitted.
  public let count: Int
  /// The last row that fitted; sequence 0 when none did.
  public let head: JournalHead
  /// The first row that does not fit and what is wrong with it, nil when the chain holds.
  public let fault: String?
}

extension JournalReader {
  /// Recomputes every hash from the first row on, and compares the chain with heads seen earlier.
  ///
  /// Editing, inserting, removing or reordering rows is found by the chain alone. A chain that was
  /// rewritten from some row on, or cut at its end, is consistent in itself: it is found by a head
  /// that was noted outside of the database before (`checkpoints`).
  ///
  /// - Parameters:
  ///   - start: a head that was checked before; the walk begins after it. Nil checks everything.
  ///   - end: the last row that is looked at; nil for all.
  ///   - checkpoints: heads of this journal that were noted earlier, in any order; those before
  ///     `start` are not looked at.
  ///   - isCancelled: asked now and then; true ends the walk early, without a fault.
  /// - Returns: the result; a fault is a result, not an error.
  /// - Throws: ``StorageError`` when the database cannot be read.
  public func verify(
    after start: JournalHead? = nil, until end: Int? = nil, checkpoints: [JournalHead] = [],
    isCancelled: () -> Bool = { false }
  ) throws(StorageError) -> ChainCheck {
    // Two that contradict each other cannot both fit.
    let expectedHashes = Dictionary(grouping: checkpoints, by: \.sequence)
    var head = start ?? JournalHead(sequence: 0, hash: beginning)
    if start == nil, let noted = expectedHashes[0], noted.contains(where: { $0.hash != beginning })
    {
      return check(head, "the journal's beginning differs from the checkpoint: it was replaced")
    }
    while true {
      if isCancelled() { return check(head, nil) }
      let limit = end.map { max(0, min(512, $0 - head.sequence)) } ?? 512
      let rows = try rows(after: Int64(head.sequence), limit: limit)
      for row in rows {
        if let fault = try fault(of: row, after: head) { return check(head, fault) }
        guard let hash = try? Digest(bytes: row.hash) else {
          return check(head, "row \(row.sequence) has no legal hash")
        }
        head = JournalHead(sequence: Int(row.sequence), hash: hash)
        if let noted = expectedHashes[head.sequence], noted.contains(where: { $0.hash != hash }) {
          return check(
            head, "row \(head.sequence) differs from the checkpoint: the chain was rewritten")
        }
      }
      if rows.isEmpty { break }
    }
    if let end, head.sequence < end {
      return check(head, "row \(head.sequence + 1) is missing")
    }
    if let last = checkpoints.max(by: { $0.sequence < $1.sequence }), last.sequence > head.sequence
    {
      return check(
        head,
        "row \(head.sequence + 1) is missing: the journal was cut, a checkpoint knows "
          + "\(last.sequence) rows")
    }
    return check(head, nil)
  }

  private func check(_ head: JournalHead, _ fault: String?) -> ChainCheck {
    ChainCheck(count: head.sequence, head: head, fault: fault)
  }

  /// What is wrong with `row` as the successor of `head`, or nil.
  private func fault(of row: JournalRow, after head: JournalHead) throws(StorageError) -> String? {
    let expected = Int64(head.sequence) + 1
    if row.sequence != expected { return "row \(expected) is missing" }
    let isIntact = row.chainHash(as: row.sequence).bytes == row.hash
    if isIntact && row.previous == head.hash.bytes { return nil }
    if isIntact {
      return
        "row \(row.sequence) does not follow row \(head.sequence): rows before it were edited, "
        + "inserted or removed"
    }
    if let origin = try origin(of: row) {
      return
        "row \(row.sequence) was written as row \(origin): rows were reordered, inserted or removed"
    }
    return "row \(row.sequence) was edited"
  }

  /// The sequence under which a row was written, nil for an edited row.
  ///
  /// It is searched where the row's own link points, and close to where the row stands.
  private func origin(of row: JournalRow) throws(StorageError) -> Int64? {
    var candidates: [Int64] = []
    if row.previous == beginning.bytes { candidates.append(1) }
    if let before = try sequence(ofHash: row.previous) { candidates.append(before &+ 1) }
    // Where the row before it is gone, a few neighbours are tried: so many that it takes no time.
    candidates += (1...64).flatMap { [row.sequence &- $0, row.sequence &+ $0] }
    return candidates.first { $0 != row.sequence && row.chainHash(as: $0).bytes == row.hash }
  }
}
