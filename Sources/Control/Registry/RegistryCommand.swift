import Core

/// What can be said and done of registered versions.
public enum RegistryCommand: Sendable, Hashable, Codable {
  /// Lets an alias stand for a version, in place of what it stood for.
  case setAlias(alias: Name, version: VersionID)
  /// Takes an alias away.
  case removeAlias(alias: Name, model: Name)
  /// Puts tags on a version, in place of those with the same keys, and takes others away.
  case tag(version: VersionID, set: [Tag], remove: [String])
  /// Decides of a version; only a person approves, a rejection needs a reason.
  case decideApproval(version: VersionID, status: ReviewStatus, reason: String?)
  /// Keeps what the gates found.
  case recordGates(version: VersionID, run: GateRun)
  /// Gives a version a checklist of its own; nil is the standard one again.
  case setChecklist(version: VersionID, checklist: Checklist?)
  /// Signs an item of a version's checklist off.
  case sign(version: VersionID, item: String)
  /// Takes a signature back.
  case unsign(version: VersionID, item: String, reason: String?)
  /// Deletes a version that nothing needs; its number is not used again.
  case delete(version: VersionID, reason: String?)
  /// Says what `retention run` keeps of a model.
  case setRetention(RetentionRule)
  /// Forgets what it keeps: nothing goes.
  case removeRetention(model: Name)
  /// Says what every version must show before it gets weight on an endpoint; empty is nothing.
  case setPolicy(endpoint: Name, requirements: [Requirement], reason: String?)
}

/// What happened to registered versions.
public enum RegistryEvent: Sendable, Hashable {
  case aliasSet(AliasChange)
  case aliasRemoved(AliasChange)
  case tagged(TagChange)
  case approvalDecided(ApprovalChange)
  case gatesRun(GateChange)
  case checklistSet(ChecklistChange)
  case signed(SignOffChange)
  case unsigned(SignOffChange)
  case deleted(VersionID)
  case retentionSet(RetentionRule)
  case retentionRemoved(RetentionRule)
  case policySet(PolicyChange)
}

/// An alias that moved or went.
public struct AliasChange: Sendable, Hashable, Codable {
  /// The alias.
  public let alias: Name
  /// What it stands for, or stood for when it was removed.
  public let version: VersionID
  /// What it stood for before.
  public let before: VersionID?
}

/// Tags that were put on a version or taken off.
public struct TagChange: Sendable, Hashable, Codable {
  /// The version.
  public let version: VersionID
  /// What was put on.
  public let set: [Tag]
  /// The keys that were taken off.
  public let removed: [String]
}

/// A version whose status changed.
public struct ApprovalChange: Sendable, Hashable, Codable {
  /// The version.
  public let version: VersionID
  /// The status now.
  public let status: ReviewStatus
  /// The status before.
  public let before: ReviewStatus
}

/// Gates that were run on a version.
public struct GateChange: Sendable, Hashable, Codable {
  /// The version.
  public let version: VersionID
  /// What they found.
  public let run: GateRun
}

/// A version that got another checklist.
public struct ChecklistChange: Sendable, Hashable, Codable {
  /// The version.
  public let version: VersionID
  /// The checklist; nil is the standard one.
  public let checklist: Checklist?
}

/// An item that was signed, or whose signature was taken back.
public struct SignOffChange: Sendable, Hashable, Codable {
  /// The version.
  public let version: VersionID
  /// The item.
  public let item: String
  /// How many items are signed afterwards.
  public let signed: Int
  /// How many there are.
  public let items: Int
}

/// What an endpoint requires from now on.
public struct PolicyChange: Sendable, Hashable, Codable {
  /// What is required.
  public let requirements: [Requirement]
  /// What was required before.
  public let before: [Requirement]
}

extension RegistryEvent {
  /// The version that it is about; nil for what is about a model or an endpoint.
  public var version: VersionID? {
    switch self {
    case .aliasSet(let change), .aliasRemoved(let change): change.version
    case .tagged(let change): change.version
    case .approvalDecided(let change): change.version
    case .gatesRun(let change): change.version
    case .checklistSet(let change): change.version
    case .signed(let change), .unsigned(let change): change.version
    case .deleted(let version): version
    case .retentionSet, .retentionRemoved, .policySet: nil
    }
  }

  /// The word under which the journal keeps it; never changes.
  var kind: String {
    switch self {
    case .aliasSet: "alias-set"
    case .aliasRemoved: "alias-removed"
    case .tagged: "version-tagged"
    case .approvalDecided: "approval-decided"
    case .gatesRun: "gates-run"
    case .checklistSet: "checklist-set"
    case .signed: "checklist-signed"
    case .unsigned: "checklist-unsigned"
    case .deleted: "version-deleted"
    case .retentionSet: "retention-set"
    case .retentionRemoved: "retention-removed"
    case .policySet: "policy-set"
    }
  }
}

extension RegistryEvent: Encodable {
  /// Writes what it says, without its kind.
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .aliasSet(let data), .aliasRemoved(let data): try data.encode(to: encoder)
    case .tagged(let data): try data.encode(to: encoder)
    case .approvalDecided(let data): try data.encode(to: encoder)
    case .gatesRun(let data): try data.encode(to: encoder)
    case .checklistSet(let data): try data.encode(to: encoder)
    case .signed(let data), .unsigned(let data): try data.encode(to: encoder)
    case .deleted(let data): try data.encode(to: encoder)
    case .retentionSet(let data), .retentionRemoved(let data): try data.encode(to: encoder)
    case .policySet(let data): try data.encode(to: encoder)
    }
  }

  /// Reads what an event of `kind` says; nil for a kind of something else.
  init?(kind: String, from data: () throws -> any Decoder) throws {
    switch kind {
    case "alias-set": self = .aliasSet(try AliasChange(from: data()))
    case "alias-removed": self = .aliasRemoved(try AliasChange(from: data()))
    case "version-tagged": self = .tagged(try TagChange(from: data()))
    case "approval-decided": self = .approvalDecided(try ApprovalChange(from: data()))
    case "gates-run": self = .gatesRun(try GateChange(from: data()))
    case "checklist-set": self = .checklistSet(try ChecklistChange(from: data()))
    case "checklist-signed": self = .signed(try SignOffChange(from: data()))
    case "checklist-unsigned": self = .unsigned(try SignOffChange(from: data()))
    case "version-deleted": self = .deleted(try VersionID(from: data()))
    case "retention-set": self = .retentionSet(try RetentionRule(from: data()))
    case "retention-removed": self = .retentionRemoved(try RetentionRule(from: data()))
    case "policy-set": self = .policySet(try PolicyChange(from: data()))
    default: return nil
    }
  }
}
