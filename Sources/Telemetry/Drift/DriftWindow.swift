import Core

/// The counts of one window of rows, all features; what is compared with the reference, and what
/// nodes of a fleet send each other.
///
/// Merging adds integers over equal bins, so it is exact, associative and commutative. (Only the
/// *names* of unseen categories are a sketch, exact up to 64 names; their number is exact.)
public struct DriftWindow: Sendable, Equatable {
  /// The reference whose bins these are.
  public let fingerprint: UInt64
  /// Rows counted.
  public private(set) var rows: Int
  /// All features' counters, as the layout places them.
  var counters: [Int]
  /// For each feature, the names that the reference does not have; empty for numbers.
  var unseen: [HeavyHitters]

  init(fingerprint: UInt64, rows: Int, counters: [Int], unseen: [HeavyHitters]) {
    self.fingerprint = fingerprint
    self.rows = rows
    self.counters = counters
    self.unseen = unseen
  }

  /// Adds another window over the same reference.
  /// - Throws: ``TelemetryError`` with the code `notMergeable` when the references differ; nothing
  ///   is changed then.
  public mutating func merge(_ other: DriftWindow) throws(TelemetryError) {
    guard fingerprint == other.fingerprint, counters.count == other.counters.count else {
      throw TelemetryError(
        .notMergeable,
        "windows over different references cannot be added: compare them with one reference")
    }
    rows += other.rows
    for i in counters.indices { counters[i] += other.counters[i] }
    for i in unseen.indices { unseen[i].merge(other.unseen[i]) }
  }
}
