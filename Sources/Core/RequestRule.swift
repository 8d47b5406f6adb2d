/// One condition on a request: a named part of it has one of some values.
public enum RequestCondition: Sendable, Hashable, Codable {
  /// A column of the row; numbers are compared as numbers.
  case input(String, anyOf: [String])
  /// An attribute sent with the request; its name's case does not matter.
  case header(String, anyOf: [String])
  /// The caller's sticky key.
  case key(anyOf: [String])

  /// The values of which the request must have one.
  public var values: [String] {
    switch self {
    case .input(_, let values), .header(_, let values), .key(let values): values
    }
  }
}

/// Which requests a rule is about: those for which all conditions hold.
///
/// Written `carrier=AA|UA header:x-beta=1 key=alice`: conditions between blanks, values between
/// bars. A backslash takes the next character as it is; a column whose name would be read as
/// something else is written `input:key=1`.
public struct RequestRule: Sendable, Hashable {
  /// What must hold, all of it.
  public let conditions: [RequestCondition]

  /// Puts conditions together; see ``validate()`` for what is legal.
  public init(_ conditions: [RequestCondition]) { self.conditions = conditions }

  /// Conditions of one rule.
  public static let conditionsMax = 8
  /// Values of one condition.
  public static let valuesMax = 64
  /// Bytes of a name or value.
  public static let textMaxBytes = 200

  /// Checks the limits: 1 to 8 conditions, 1 to 64 values each, names and values of at most 200
  /// bytes without control characters.
  /// - Throws: ``InvalidValue`` that says what is wrong.
  public func validate() throws(InvalidValue) {
    guard (1...RequestRule.conditionsMax).contains(conditions.count) else {
      throw InvalidValue(
        "a rule has 1 to \(RequestRule.conditionsMax) conditions, got \(conditions.count)")
    }
    for condition in conditions {
      guard (1...RequestRule.valuesMax).contains(condition.values.count) else {
        throw InvalidValue(
          "a condition has 1 to \(RequestRule.valuesMax) values, got \(condition.values.count)")
      }
      var texts = condition.values
      switch condition {
      case .input(let name, _), .header(let name, _):
        guard !name.isEmpty else { throw InvalidValue("a condition needs a name before \"=\"") }
        texts.append(name)
      case .key: break
      }
      for text in texts {
        guard text.utf8.count <= RequestRule.textMaxBytes else {
          throw InvalidValue(
            "\"\(printable(text, limit: 40))\" is longer than \(RequestRule.textMaxBytes) bytes")
        }
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
          throw InvalidValue("\"\(printable(text, limit: 40))\" holds a control character")
        }
      }
    }
  }
}

extension RequestRule: CustomStringConvertible {
  /// The text form, which ``init(_:)-(String)`` reads back.
  public var description: String { conditions.map(\.description).joined(separator: " ") }

  /// Reads the text form.
  /// - Throws: ``InvalidValue`` that shows the condition that is wrong, or a limit that is broken.
  public init(_ text: String) throws(InvalidValue) {
    var conditions: [RequestCondition] = []
    for word in words(of: text) { conditions.append(try RequestCondition(word)) }
    self.init(conditions)
    try validate()
  }
}

extension RequestRule: Codable {
  /// Encodes as the text form.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
  /// Decodes from the text form, with the same checks as ``init(_:)-(String)``.
  public init(from decoder: any Decoder) throws {
    try self.init(try decoder.singleValueContainer().decode(String.self))
  }
}

extension RequestCondition: CustomStringConvertible {
  /// The text form.
  public var description: String {
    let values = self.values.map { escaped($0) }.joined(separator: "|")
    switch self {
    case .key: return "key=\(values)"
    case .header(let name, _): return "header:\(escaped(name))=\(values)"
    case .input(let name, _):
      let isPlain = name != "key" && !name.hasPrefix("header:") && !name.hasPrefix("input:")
      return "\(isPlain ? "" : "input:")\(escaped(name))=\(values)"
    }
  }

  /// Reads one condition, whose characters say whether they were escaped.
  fileprivate init(_ word: [RuleCharacter]) throws(InvalidValue) {
    let shown = printable(String(String.UnicodeScalarView(word.map(\.scalar))), limit: 60)
    guard let equals = word.firstIndex(where: { $0.isBare("=") }) else {
      throw InvalidValue(
        "expected a condition like carrier=AA|UA, header:x-beta=1 or key=alice, got \"\(shown)\"")
    }
    let values = word[(equals + 1)...]
      .split(omittingEmptySubsequences: false) { $0.isBare("|") }.map { text(of: $0) }
    let left = word[..<equals]
    let name = text(of: left)
    if name == "key" {
      self = .key(anyOf: values)
    } else if name.hasPrefix("header:") {
      self = .header(text(of: left.dropFirst(7)), anyOf: values)
    } else if name.hasPrefix("input:") {
      self = .input(text(of: left.dropFirst(6)), anyOf: values)
    } else {
      self = .input(name, anyOf: values)
    }
  }
}

/// A character of a rule's text, and whether a backslash took its meaning away.
private struct RuleCharacter {
  let scalar: Unicode.Scalar
  let isEscaped: Bool

  func isBare(_ other: Unicode.Scalar) -> Bool { !isEscaped && scalar == other }
}

/// The text in words between bare blanks.
private func words(of text: String) -> [[RuleCharacter]] {
  var words: [[RuleCharacter]] = []
  var word: [RuleCharacter] = []
  var isEscaped = false
  for scalar in text.unicodeScalars {
    if isEscaped {
      word.append(RuleCharacter(scalar: scalar, isEscaped: true))
      isEscaped = false
    } else if scalar == "\\" {
      isEscaped = true
    } else if scalar == " " {
      if !word.isEmpty { words.append(word) }
      word = []
    } else {
      word.append(RuleCharacter(scalar: scalar, isEscaped: false))
    }
  }
  // A backslash at the end stands for itself.
  if isEscaped { word.append(RuleCharacter(scalar: "\\", isEscaped: true)) }
  if !word.isEmpty { words.append(word) }
  return words
}

private func text(of characters: ArraySlice<RuleCharacter>) -> String {
  String(String.UnicodeScalarView(characters.map(\.scalar)))
}

/// `text` with a backslash before what has a meaning.
private func escaped(_ text: String) -> String {
  var result = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    if scalar == " " || scalar == "|" || scalar == "=" || scalar == "\\" { result.append("\\") }
    result.append(scalar)
  }
  return String(result)
}
