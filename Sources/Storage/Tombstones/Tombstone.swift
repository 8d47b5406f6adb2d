import Core

/// The fence of one rollback, kept outside of the journal: these versions get no more requests on
/// this endpoint, whatever the journal says.
public struct Tombstone: Sendable, Hashable {
  /// Which fence it is, rising with every one written to this file; given by
  /// ``Tombstones/record(_:)``.
  public let sequence: UInt64
  /// What it says.
  public let fence: Fence

  /// Puts the two together.
  public init(sequence: UInt64, fence: Fence) {
    self.sequence = sequence
    self.fence = fence
  }
}

/// What a tombstone says.
public struct Fence: Sendable, Hashable, Codable {
  /// Where.
  public let endpoint: Name
  /// The versions that are closed, at least one.
  public let closed: [VersionID]
  /// The version that takes all their requests.
  public let fallback: VersionID
  /// Who closed them.
  public let actor: ActorID
  /// When.
  public let time: Timestamp
  /// The endpoint's generation that the rollback gives; nil when it was not known.
  ///
  /// What was put on the endpoint by a later one was put there after the rollback, whatever the
  /// clocks said.
  public let generation: Int?

  /// Puts them together.
  public init(
    endpoint: Name, closed: [VersionID], fallback: VersionID, actor: ActorID, time: Timestamp,
    generation: Int? = nil
  ) {
    self.endpoint = endpoint
    self.closed = closed
    self.fallback = fallback
    self.actor = actor
    self.time = time
    self.generation = generation
  }
}

/// A tombstone's bytes on disk: one slot of ``slotBytes``.
///
/// ```
/// 0   8   magic "SLTOMB01"     40  ..  fields: endpoint, fallback, actor kind, actor name,
/// 8   8   sequence                     closed..., each 2 bytes of length and UTF-8
/// 16  8   time, microseconds   4064 32  SHA-256 of bytes 0 to 4063
/// 24  8   count of closed
/// 32  8   generation, 0 when not known
/// ```
/// Numbers are little-endian. A slot whose checksum does not fit is a write that was never
/// acknowledged.
enum TombstoneCodec {
  /// One slot, a page of its own so that one write never tears a neighbour.
  static let slotBytes = 4_096
  private static let magic = Array("SLTOMB01".utf8)
  /// A longer name is cut: a rollback is not refused for the length of somebody's name.
  private static let actorLimitBytes = 128
  private static let fieldsOffset = 40
  private static let checksumOffset = slotBytes - 32

  /// The slot's bytes.
  /// - Throws: ``StorageError`` with code `unacceptable` when it does not fit into a slot.
  static func encode(_ tombstone: Tombstone) throws(StorageError) -> [UInt8] {
    let fence = tombstone.fence
    var bytes = magic
    append(tombstone.sequence, to: &bytes)
    append(UInt64(bitPattern: fence.time.microseconds), to: &bytes)
    append(UInt64(fence.closed.count), to: &bytes)
    append(UInt64(max(0, fence.generation ?? 0)), to: &bytes)
    let texts =
      [
        fence.endpoint.text, fence.fallback.description, fence.actor.kind.rawValue,
        String(decoding: fence.actor.name.utf8.prefix(actorLimitBytes), as: UTF8.self),
      ] + fence.closed.map(\.description)
    for text in texts {
      let field = Array(text.utf8)
      bytes.append(UInt8(truncatingIfNeeded: field.count))
      bytes.append(UInt8(truncatingIfNeeded: field.count >> 8))
      bytes += field
    }
    guard !fence.closed.isEmpty, bytes.count <= checksumOffset else {
      throw StorageError(
        .unacceptable,
        "a fence closes 1 to about 45 versions, got \(fence.closed.count) on \(fence.endpoint)")
    }
    bytes += [UInt8](repeating: 0, count: checksumOffset - bytes.count)
    return bytes + SHA256.digest(of: bytes).bytes
  }

  /// The tombstone in a slot, nil when the slot is free or its checksum does not fit.
  static func decode(_ bytes: [UInt8]) -> Tombstone? {
    guard bytes.count == slotBytes, Array(bytes[..<8]) == magic,
      SHA256.digest(of: Array(bytes[..<checksumOffset])).bytes == Array(bytes[checksumOffset...])
    else { return nil }
    guard let count = Int(exactly: word(bytes, 24)), (1...slotBytes).contains(count) else {
      return nil
    }
    var offset = fieldsOffset
    var texts: [String] = []
    while texts.count < 4 + count, offset + 2 <= checksumOffset {
      let length = Int(bytes[offset]) | Int(bytes[offset + 1]) << 8
      guard offset + 2 + length <= checksumOffset else { return nil }
      texts.append(String(decoding: bytes[(offset + 2)..<(offset + 2 + length)], as: UTF8.self))
      offset += 2 + length
    }
    guard texts.count == 4 + count else { return nil }
    return tombstone(
      texts, sequence: word(bytes, 8), time: word(bytes, 16), generation: word(bytes, 32))
  }

  /// Whether a slot was never used, or was cleared.
  static func isFree(_ bytes: [UInt8]) -> Bool { bytes.prefix(8).allSatisfy { $0 == 0 } }

  private static func tombstone(
    _ texts: [String], sequence: UInt64, time: UInt64, generation: UInt64
  ) -> Tombstone? {
    guard let endpoint = try? Name(texts[0]), let fallback = try? VersionID(texts[1]),
      let kind = ActorID.Kind(rawValue: texts[2])
    else { return nil }
    let closed = texts[4...].compactMap { try? VersionID($0) }
    guard closed.count == texts.count - 4 else { return nil }
    let fence = Fence(
      endpoint: endpoint, closed: closed, fallback: fallback,
      actor: ActorID(kind: kind, name: texts[3]),
      time: Timestamp(microseconds: Int64(bitPattern: time)),
      generation: generation == 0 ? nil : Int(exactly: generation))
    return Tombstone(sequence: sequence, fence: fence)
  }

  static func append(_ word: UInt64, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
  }

  static func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
  }
}
