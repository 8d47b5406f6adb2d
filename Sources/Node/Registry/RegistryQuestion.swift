import Control
import Core

/// What can be asked of a node's registry.
public enum RegistryQuestion: Sendable, Codable {
  /// The versions that a query matches, by version.
  case search(VersionQuery)
  /// The version that `model@number` or `model@alias` stands for.
  case resolve(String)
  /// Everything that is kept of one version, a deleted one too.
  case record(VersionID)
  /// Where a version came from and what became of it.
  case lineage(VersionID)
  /// What retention makes of the versions of one model, or of all that have a rule.
  case retention(Name?)
  /// What endpoints require of every version.
  case policies
}

/// A node's answer to a ``RegistryQuestion``.
public enum RegistryAnswer: Sendable, Codable {
  case versions([RegisteredVersionView])
  case version(VersionID)
  case record(VersionRecordView)
  case lineage(VersionLineage)
  case retention([RetentionView])
  case policies([EndpointPolicy])
}

/// Everything that the registry keeps of one version.
public struct VersionRecordView: Sendable, Codable {
  /// What was registered, when and by whom.
  public let registered: RegisteredVersion
  /// Tags, approval, gates, sign-offs, deletion.
  public let record: VersionRecord
  /// The aliases that stand for it.
  public let aliases: [ModelAlias]
  /// Why it cannot be deleted now; empty when it can.
  public let deletionBlockers: [String]

  /// The items of its checklist in order, each with who signed it off.
  public var checklist: [ChecklistRow] {
    record.items.map { item in
      ChecklistRow(item: item, signOff: record.signOffs.first { $0.item == item })
    }
  }
  /// Whether who imported it may sign nothing.
  public var fourEyes: Bool { record.checklist?.fourEyes ?? false }
}

/// One item of a checklist.
public struct ChecklistRow: Sendable, Codable, Hashable {
  /// What is to be done.
  public let item: String
  /// Who signed it off, and when; nil while nobody has.
  public let signOff: SignOff?
}

/// A retention rule and what it makes of each version of its model.
public struct RetentionView: Sendable, Codable {
  /// The rule.
  public let rule: RetentionRule
  /// Oldest first.
  public let versions: [RetentionVerdict]

  /// The versions that go.
  public var leaving: [RetentionVerdict] { versions.filter { $0.stays == nil } }
}

extension NodeClient {
  /// Asks the registry.
  /// - Throws: ``NodeError`` when the node refuses, or answers with something else.
  public func ask(_ question: RegistryQuestion) throws -> RegistryAnswer {
    guard case .registry(let answer) = try send(.registry(question)) else {
      throw NodeError(.system, "the node answered a question to the registry with something else")
    }
    return answer
  }

  /// Everything that the registry keeps of one version.
  /// - Throws: as ``ask(_:)``.
  public func record(of version: VersionID) throws -> VersionRecordView {
    guard case .record(let record) = try ask(.record(version)) else { throw oddAnswer }
    return record
  }

  /// The versions that a query matches.
  /// - Throws: as ``ask(_:)``.
  public func search(_ query: VersionQuery) throws -> [RegisteredVersionView] {
    guard case .versions(let versions) = try ask(.search(query)) else { throw oddAnswer }
    return versions
  }

  /// Where a version came from and what became of it.
  /// - Throws: as ``ask(_:)``.
  public func lineage(of version: VersionID) throws -> VersionLineage {
    guard case .lineage(let lineage) = try ask(.lineage(version)) else { throw oddAnswer }
    return lineage
  }

  /// What retention makes of versions.
  /// - Throws: as ``ask(_:)``.
  public func retention(_ model: Name?) throws -> [RetentionView] {
    guard case .retention(let views) = try ask(.retention(model)) else { throw oddAnswer }
    return views
  }

  /// The version that `model@number` or `model@alias` stands for.
  /// - Throws: as ``ask(_:)``.
  public func resolve(_ text: String) throws -> VersionID {
    guard case .version(let version) = try ask(.resolve(text)) else { throw oddAnswer }
    return version
  }

  private var oddAnswer: NodeError {
    NodeError(.system, "the node answered a question to the registry with something else")
  }
}
