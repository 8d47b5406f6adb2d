import Core

/// What the journal comes to after one of its rows, kept so that a start need not read them all.
///
/// It is believed only when this state's own key signed it, the program that reads it is the one
/// that made it, and the journal's row has the hash that it names; then only the rows after it are
/// replayed. The signature is Ed25519 over the UTF-8 bytes of seven lines, each ended by a line
/// feed: `sluice-saved-state-1`, the journal's beginning, the row's sequence and hash, the SHA-256
/// of ``program`` and of ``body``, and the public key.
public struct SavedState: Sendable, Hashable {
  /// The most bytes of a ``body``.
  public static let bodyLimitBytes = 64 << 20

  /// The row after which it is.
  public let head: JournalHead
  /// Which program made it, so exactly that another one replays instead of believing it.
  public let program: String
  /// The state, in the caller's bytes.
  public let body: [UInt8]
  /// Who signed it.
  public let key: PublicKey
  /// 64 bytes.
  public let signature: [UInt8]

  /// Signs a state.
  /// - Parameter beginning: what row 1 of the journal follows.
  public init(
    _ head: JournalHead, of beginning: Digest, program: String, body: [UInt8], key: SigningKey
  ) {
    self.head = head
    self.program = program
    self.body = body
    self.key = key.publicKey
    signature = key.sign(SavedState.message(head, beginning, program, body, key.publicKey))
  }

  /// As it is on disk.
  init(
    head: JournalHead, program: String, body: [UInt8], key: PublicKey, signature: [UInt8]
  ) {
    self.head = head
    self.program = program
    self.body = body
    self.key = key
    self.signature = signature
  }

  /// Whether ``key`` signed exactly this for the journal of that beginning.
  func isAuthentic(of beginning: Digest) -> Bool {
    key.verifies(signature, of: SavedState.message(head, beginning, program, body, key))
  }

  private static func message(
    _ head: JournalHead, _ beginning: Digest, _ program: String, _ body: [UInt8], _ key: PublicKey
  ) -> [UInt8] {
    let made = SHA256.digest(of: Array(program.utf8))
    let state = SHA256.digest(of: body)
    let place = "\(beginning)\n\(head.sequence)\n\(head.hash)\n"
    return Array("sluice-saved-state-1\n\(place)\(made)\n\(state)\n\(key)\n".utf8)
  }
}

/// How many saved states a journal keeps: many close to its end, fewer further back.
enum SavedStateRetention {
  /// The most that are kept beside the newest two.
  private static let countMax = 32
  /// The most bytes of all of them together, when one is not larger than that.
  private static let totalBytesMax = 64 << 20
  /// The smallest distance between two that are kept for long, in events.
  private static let spacingMin = 1_000

  /// Which of them to remove.
  ///
  /// The newest two stay, and of the others one in each stretch of events; stretches double in
  /// length as the journal grows, so that those kept now are also kept later.
  /// - Parameters:
  ///   - sequences: all that there are, in rising order.
  ///   - bodyBytes: the size of the newest.
  static func superfluous(_ sequences: [Int], bodyBytes: Int) -> [Int] {
    guard let last = sequences.last else { return [] }
    let count = max(1, min(countMax, totalBytesMax / max(1, bodyBytes)))
    var spacing = spacingMin
    while last / spacing >= count { spacing *= 2 }
    var removed: [Int] = []
    var stretch = -1
    for sequence in sequences.dropLast(2) {
      if sequence / spacing == stretch { removed.append(sequence) }
      stretch = sequence / spacing
    }
    return removed
  }
}
