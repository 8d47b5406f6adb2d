/// A SHA-256 digest: the name of an artifact, the link of the journal's chain.
public struct Digest: Sendable, Hashable, CustomStringConvertible {
  /// The 32 bytes.
  public let bytes: [UInt8]

  /// Keeps 32 bytes.
  /// - Throws: ``InvalidValue`` for any other count.
  public init(bytes: [UInt8]) throws(InvalidValue) {
    guard bytes.count == 32 else {
      throw InvalidValue("a SHA-256 digest has 32 bytes, got \(bytes.count)")
    }
    self.bytes = bytes
  }

  /// Reads 64 hexadecimal digits.
  /// - Throws: ``InvalidValue`` for anything else.
  public init(hex: String) throws(InvalidValue) {
    let digits = Array(hex.utf8)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(32)
    guard digits.count == 64 else {
      throw InvalidValue("a SHA-256 digest has 64 hexadecimal digits, got \(digits.count)")
    }
    for i in stride(from: 0, to: 64, by: 2) {
      guard let high = Digest.value(digits[i]), let low = Digest.value(digits[i + 1]) else {
        throw InvalidValue("\"\(printable(hex))\" is not a hexadecimal digest")
      }
      bytes.append(high << 4 | low)
    }
    self.bytes = bytes
  }

  /// 64 lower-case hexadecimal digits.
  public var description: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
  /// The first 12 digits, enough for a person to compare.
  public var short: String { String(description.prefix(12)) }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x61...0x66: digit - 0x61 + 10
    case 0x41...0x46: digit - 0x41 + 10
    default: nil
    }
  }
}

extension Digest: Codable {
  /// Decodes from 64 hexadecimal digits.
  public init(from decoder: any Decoder) throws {
    try self.init(hex: try decoder.singleValueContainer().decode(String.self))
  }
  /// Encodes as 64 hexadecimal digits.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
