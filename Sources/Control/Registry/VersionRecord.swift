import Core

/// A word and a value that people put on a version, as `team=search`.
public struct Tag: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
  /// 1 to 63 of `a-z A-Z 0-9 . _ - /`.
  public let key: String
  /// Any text of at most 256 characters; may be empty.
  public let value: String

  /// Checks and keeps the two.
  /// - Throws: ``InvalidValue`` that says what a key may hold.
  public init(key: String, value: String = "") throws(InvalidValue) {
    guard (1...63).contains(key.utf8.count), key.utf8.allSatisfy(Tag.isLegal) else {
      throw InvalidValue(
        "the tag \"\(printable(key, limit: 70))\" must have 1 to 63 of a-z, A-Z, 0-9, '.', '_', "
          + "'-' and '/'")
    }
    guard value.unicodeScalars.count <= 256 else {
      throw InvalidValue("the value of the tag \(key) is longer than 256 characters: shorten it")
    }
    self.key = key
    self.value = value
  }

  /// Reads `key=value`, or a key alone.
  /// - Throws: ``InvalidValue`` as ``init(key:value:)``.
  public init(_ text: String) throws(InvalidValue) {
    guard let equals = text.firstIndex(of: "=") else {
      try self.init(key: text)
      return
    }
    try self.init(
      key: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
  }

  /// `key=value`, or the key alone; harmless for a terminal.
  public var description: String {
    value.isEmpty ? key : "\(key)=\(printable(value, limit: 256))"
  }

  /// Orders by key, then value.
  public static func < (a: Tag, b: Tag) -> Bool { (a.key, a.value) < (b.key, b.value) }

  /// Whether the tag keeps its version from being deleted: `protected`, unless it says `false`.
  public var protects: Bool { key == "protected" && value != "false" && value != "no" }

  private static func isLegal(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
      || [0x2D, 0x2E, 0x2F, 0x5F].contains(byte)
  }

  private enum Key: String, CodingKey { case key, value }

  /// Decodes with the checks of ``init(key:value:)``.
  public init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: Key.self)
    try self.init(
      key: try box.decode(String.self, forKey: .key),
      value: try box.decode(String.self, forKey: .value))
  }
}

/// What people have decided of a version.
public enum ReviewStatus: String, Sendable, Hashable, Codable, CaseIterable {
  /// Nobody has looked yet.
  case draft
  /// Somebody looks.
  case inReview = "in-review"
  /// It may serve.
  case approved
  /// It may not serve.
  case rejected
  /// It has served its time.
  case archived

  /// Whether a ramp of such a version is refused by every plan.
  public var forbidsTraffic: Bool { self == .rejected || self == .archived }
}

/// A status with who gave it.
public struct VersionApproval: Sendable, Hashable, Codable {
  /// What was decided.
  public let status: ReviewStatus
  /// By whom.
  public let by: ActorID
  /// When.
  public let time: Timestamp
  /// Why; text from outside.
  public let reason: String?
}

/// What one gate found, as it is kept with the version.
public struct GateLine: Sendable, Hashable, Codable {
  /// What was looked at: `accuracy`, `golden rows`.
  public let gate: String
  /// Whether it is so.
  public let passed: Bool
  /// What was found.
  public let measured: String
  /// What was asked for.
  public let limit: String

  /// Puts the four together.
  public init(gate: String, passed: Bool, measured: String, limit: String) {
    self.gate = gate
    self.passed = passed
    self.measured = measured
    self.limit = limit
  }
}

/// A run of the gates, as whoever ran it tells it.
public struct GateRun: Sendable, Hashable, Codable {
  /// The name of the gates.
  public let gates: String
  /// The SHA-256 of the file of gates.
  public let digest: Digest
  /// The stable that the version was compared with; nil without one.
  public let against: VersionID?
  /// The name of the file of rows; nil when none were needed.
  public let rows: String?
  /// What each gate found; items of the checklist are not among them.
  public let lines: [GateLine]
  /// The checklist of the file of gates; nil leaves the version's own.
  public let checklist: Checklist?

  /// Puts them together.
  public init(
    gates: String, digest: Digest, against: VersionID?, rows: String?, lines: [GateLine],
    checklist: Checklist? = nil
  ) {
    self.gates = gates
    self.digest = digest
    self.against = against
    self.rows = rows
    self.lines = lines
    self.checklist = checklist
  }

  /// Whether every gate passed.
  public var passed: Bool { lines.allSatisfy(\.passed) }
  /// The names of the gates that failed.
  public var failed: [String] { lines.filter { !$0.passed }.map(\.gate) }
}

/// A run of the gates that the journal holds.
public struct GateRecord: Sendable, Hashable, Codable {
  /// What was found.
  public let run: GateRun
  /// When it was recorded.
  public let time: Timestamp
  /// Who ran it.
  public let by: ActorID
}

/// What people have to have done before a version gets traffic.
public struct Checklist: Sendable, Hashable, Codable {
  /// The items, each once.
  public let items: [String]
  /// Whether who imported the version may sign none of them.
  public let fourEyes: Bool

  /// Puts the two together.
  public init(items: [String], fourEyes: Bool = false) {
    self.items = items
    self.fourEyes = fourEyes
  }

  /// What is to be signed when no file of gates says otherwise.
  public static let standard = Checklist(items: [
    "model card read", "evaluation reviewed", "rollback rehearsed", "callers told",
  ])
}

/// An item that somebody has signed off.
public struct SignOff: Sendable, Hashable, Codable {
  /// Which one.
  public let item: String
  /// Who did.
  public let by: ActorID
  /// When.
  public let time: Timestamp
}

/// That a version was deleted: its number and history stay, its model file is gone.
public struct VersionDeletion: Sendable, Hashable, Codable {
  /// Who did it.
  public let by: ActorID
  /// When.
  public let time: Timestamp
  /// Why; text from outside.
  public let reason: String?
}

/// What became of a version after it was registered.
public struct VersionRecord: Sendable, Hashable, Codable {
  /// Which one.
  public let version: VersionID
  /// Its tags, by key; each key once.
  public internal(set) var tags: [Tag] = []
  /// What was decided of it; nil is a draft.
  public internal(set) var approval: VersionApproval?
  /// Runs of the gates, newest first.
  public internal(set) var gates: [GateRecord] = []
  /// Its checklist; nil is the standard one.
  public internal(set) var checklist: Checklist?
  /// What was signed off, in order.
  public internal(set) var signOffs: [SignOff] = []
  /// The endpoints on which it has had weight, by name.
  public internal(set) var servedOn: [Name] = []
  /// Set when it was deleted.
  public internal(set) var deletion: VersionDeletion?

  init(version: VersionID) { self.version = version }

  /// What was decided of it.
  public var status: ReviewStatus { approval?.status ?? .draft }
  /// What people have to sign off.
  public var items: [String] { (checklist ?? .standard).items }
  /// The items that nobody has signed off.
  public var unsigned: [String] {
    items.filter { item in !signOffs.contains { $0.item == item } }
  }
}
