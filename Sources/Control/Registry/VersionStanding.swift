import Core

/// What the registry says of a version beside what it was made of, in the size of a list's row.
public struct VersionStanding: Sendable, Hashable, Codable {
  /// The aliases that stand for it, by name.
  public let aliases: [Name]
  /// Its tags, by key.
  public let tags: [Tag]
  /// What was decided of it.
  public let status: ReviewStatus
  /// Who decided, when and why; nil for a draft that nobody has looked at.
  public let approval: VersionApproval?
  /// Whether its newest run of the gates passed; nil when none were run.
  public let gatesPassed: Bool?
  /// The name of those gates.
  public let gates: String?
  /// The gates that failed in it.
  public let gatesFailed: [String]
  /// Items of its checklist that are signed off.
  public let itemsSigned: Int
  /// Items of its checklist.
  public let items: Int
  /// Endpoints on which it has had weight.
  public let servedOn: [Name]
  /// Set when it was deleted.
  public let deletion: VersionDeletion?

  /// `gates passed`, `gates failed: accuracy`, or `no gates run`.
  public var gateWords: String {
    guard let gatesPassed else { return "no gates run" }
    if gatesPassed { return "gates passed" }
    return "gates failed: "
      + gatesFailed.prefix(3).map { printable($0, limit: 40) }
      .joined(separator: ", ")
  }
}

extension ControlState {
  /// What the registry says of a version.
  public func standing(of version: VersionID) -> VersionStanding {
    let record = registry.record(of: version)
    let gates = record.gates.first
    return VersionStanding(
      aliases: registry.aliases(of: version), tags: record.tags, status: record.status,
      approval: record.approval, gatesPassed: gates?.run.passed, gates: gates?.run.gates,
      gatesFailed: gates?.run.failed ?? [],
      itemsSigned: record.items.count - record.unsigned.count, items: record.items.count,
      servedOn: record.servedOn, deletion: record.deletion)
  }
}
