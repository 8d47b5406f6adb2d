import CSodium
import Core

/// An Ed25519 public key (RFC 8032): 32 bytes, written as 64 hexadecimal digits.
public struct PublicKey: Sendable, Hashable, CustomStringConvertible {
  /// The 32 bytes.
  public let bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Reads 64 hexadecimal digits.
  /// - Throws: ``InvalidValue`` for anything else.
  public init(hex: String) throws(InvalidValue) {
    guard let bytes = Hexadecimal.bytes(hex), bytes.count == 32 else {
      throw InvalidValue(
        "expected a public key of 64 hexadecimal digits, got \"\(printable(hex, limit: 80))\"")
    }
    self.bytes = bytes
  }

  /// 64 lower-case hexadecimal digits.
  public var description: String { Hexadecimal.text(bytes) }

  /// Whether `signature` (64 bytes) was made over `message` with this key's secret.
  func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
    guard signature.count == Int(crypto_sign_BYTES) else { return false }
    return crypto_sign_verify_detached(signature, message, UInt64(message.count), bytes) == 0
  }
}

extension PublicKey: Codable {
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

/// Bytes as hexadecimal digits and back.
enum Hexadecimal {
  private static let digits = Array("0123456789abcdef".utf8)

  /// Two lower-case digits a byte.
  static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// The bytes, nil for an odd count or another character.
  static func bytes(_ text: String) -> [UInt8]? {
    let values = text.utf8.map(value)
    guard values.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: values.count, by: 2) {
      guard let high = values[index], let low = values[index + 1] else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x61...0x66: digit - 0x61 + 10
    case 0x41...0x46: digit - 0x41 + 10
    default: nil
    }
  }
}
