import Core

/// A signed statement of where a journal stood: what proves later, from outside of the state, that
/// nothing before it was changed.
///
/// It is one line of JSON. The signature is Ed25519 over the UTF-8 bytes of six lines, each ended
/// by a line feed: `sluice-checkpoint-1`, then `beginning`, `sequence`, `hash`, `time` and `key` as
/// they stand in the JSON.
public struct Checkpoint: Sendable, Hashable, Codable {
  /// The only version of the format.
  public static let currentVersion = 1

  /// The format's version.
  public let version: Int
  /// What row 1 of the journal follows: tells one journal from another.
  public let beginning: Digest
  /// The last row's sequence, 0 for an empty journal.
  public let sequence: Int
  /// The last row's hash.
  public let hash: Digest
  /// When it was signed.
  public let time: Timestamp
  /// Whom to check it with.
  public let key: PublicKey
  /// 128 hexadecimal digits.
  public let signature: String

  /// Signs a head.
  public init(_ head: JournalHead, of beginning: Digest, time: Timestamp, key: SigningKey) {
    version = Checkpoint.currentVersion
    self.beginning = beginning
    sequence = head.sequence
    hash = head.hash
    self.time = time
    self.key = key.publicKey
    signature = Hexadecimal.text(
      key.sign(
        Checkpoint.message(beginning, head.sequence, head.hash, time, key.publicKey)))
  }

  /// The head that it states.
  public var head: JournalHead { JournalHead(sequence: sequence, hash: hash) }

  /// Whether ``key`` signed exactly this; nothing is said about whose key it is.
  public var isAuthentic: Bool {
    guard version == Checkpoint.currentVersion, let signature = Hexadecimal.bytes(signature) else {
      return false
    }
    return key.verifies(
      signature, of: Checkpoint.message(beginning, sequence, hash, time, key))
  }

  /// One line, without a line feed.
  public var line: String {
    // All its members are digits and hexadecimal digits, which JSON can always hold.
    guard let bytes = try? CanonicalJSON.encode(self) else { return "" }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func message(
    _ beginning: Digest, _ sequence: Int, _ hash: Digest, _ time: Timestamp, _ key: PublicKey
  ) -> [UInt8] {
    Array(
      "sluice-checkpoint-1\n\(beginning)\n\(sequence)\n\(hash)\n\(time.microseconds)\n\(key)\n".utf8
    )
  }
}
