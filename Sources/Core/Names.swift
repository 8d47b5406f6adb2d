/// A legal name of a model or an endpoint: 1 to 63 of `a-z 0-9 - _ .`, beginning with a letter or
/// digit.
///
/// Names become file names, label values and screen text, so nothing else is admitted.
public struct Name: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The text, as typed.
  public let text: String

  /// Checks and keeps `text`.
  /// - Throws: ``InvalidValue`` that names the first offending character.
  public init(_ text: String) throws(InvalidValue) {
    guard let first = text.utf8.first, text.utf8.count <= 63 else {
      throw InvalidValue(
        "a name has 1 to 63 characters, got \(text.utf8.count)")
    }
    guard Name.isAlphanumeric(first) else {
      throw InvalidValue("the name \"\(printable(text))\" must begin with a-z or 0-9")
    }
    for byte in text.utf8 where !Name.isLegal(byte) {
      throw InvalidValue(
        "the name \"\(printable(text))\" may hold only a-z, 0-9, '-', '_' and '.'")
    }
    self.text = text
  }

  /// The text, as typed.
  public var description: String { text }
  /// Orders names by their bytes.
  public static func < (a: Name, b: Name) -> Bool { a.text < b.text }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
  }
  private static func isLegal(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || byte == 0x2D || byte == 0x5F || byte == 0x2E
  }
}

extension Name: Codable {
  /// Decodes from a plain string, with the same checks as ``init(_:)``.
  public init(from decoder: any Decoder) throws {
    try self.init(try decoder.singleValueContainer().decode(String.self))
  }
  /// Encodes as a plain string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

/// One immutable registered version of a model, written `flight-delay@3`.
public struct VersionID: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The model's name.
  public let model: Name
  /// The version's number, from 1 upwards, given by the registry.
  public let number: Int

  /// Puts a model and a number together.
  /// - Precondition: `number` is at least 1.
  public init(model: Name, number: Int) {
    precondition(number >= 1, "version numbers begin at 1")
    self.model = model
    self.number = number
  }

  /// Reads `model@number`.
  /// - Throws: ``InvalidValue`` that says which part is wrong.
  public init(_ text: String) throws(InvalidValue) {
    guard let at = text.lastIndex(of: "@") else {
      throw InvalidValue(
        "\"\(printable(text))\" is not a version: expected MODEL@NUMBER, like flight-delay@3")
    }
    let digits = text[text.index(after: at)...]
    guard let number = Int(digits), number >= 1, digits.allSatisfy(\.isNumber) else {
      throw InvalidValue(
        "\"\(printable(text))\" is not a version: after '@' expected a number from 1 upwards")
    }
    self.init(model: try Name(String(text[..<at])), number: number)
  }

  /// `model@number`.
  public var description: String { "\(model)@\(number)" }
  /// The short form for narrow columns: `@3`.
  public var short: String { "@\(number)" }
  /// Orders by model, then number.
  public static func < (a: VersionID, b: VersionID) -> Bool {
    (a.model, a.number) < (b.model, b.number)
  }
}

extension VersionID: Codable {
  /// Decodes from `model@number`.
  public init(from decoder: any Decoder) throws {
    try self.init(try decoder.singleValueContainer().decode(String.self))
  }
  /// Encodes as `model@number`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
