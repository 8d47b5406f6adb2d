import Core

/// What one gate found.
public struct GateResult: Sendable, Encodable, Equatable {
  /// What was looked at: `accuracy`, `golden rows`.
  public let gate: String
  /// Whether it is so.
  public let passed: Bool
  /// What was found: `0.8072 (0.7893 to 0.8239)`.
  public let measured: String
  /// What was asked for: `at least 0.75`.
  public let limit: String
  /// Why it failed and what to do; empty when it passed.
  public let advice: String
}

/// What all gates found of a version.
public struct GateReport: Sendable, Encodable {
  /// The version.
  public let version: VersionID
  /// The name of the gates.
  public let gates: String
  /// The SHA-256 of the file of gates.
  public let gatesDigest: Digest
  /// The stable that it was compared with; nil without one.
  public let against: VersionID?
  /// The file of rows; nil when none were needed.
  public let rows: String?
  /// Each gate in the order of the file.
  public let results: [GateResult]
  /// Who signed off which item.
  public let signed: [String: String]
  /// The journal's row that tells of it; nil when it was not recorded.
  public var sequence: Int?

  /// Whether all gates passed.
  public var passed: Bool { results.allSatisfy(\.passed) }

  enum CodingKeys: String, CodingKey {
    case version, gates, against, rows, results, signed, sequence, passed
    case gatesDigest = "gates_digest"
  }

  /// Writes ``passed`` as well.
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(version, forKey: .version)
    try box.encode(gates, forKey: .gates)
    try box.encode(gatesDigest, forKey: .gatesDigest)
    try box.encodeIfPresent(against, forKey: .against)
    try box.encodeIfPresent(rows, forKey: .rows)
    try box.encode(results, forKey: .results)
    try box.encode(signed, forKey: .signed)
    try box.encodeIfPresent(sequence, forKey: .sequence)
    try box.encode(passed, forKey: .passed)
  }
}
