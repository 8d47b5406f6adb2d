/// What a theme file says, as a neutral tree with line numbers: the decoder knows no file format.
public indirect enum ThemeSource: Sendable, Hashable {
  /// A plain value.
  case text(String, line: Int)
  /// Keys in the order of the file.
  case map([Entry], line: Int)
  /// Values in a row.
  case list([ThemeSource], line: Int)

  /// One key with its value.
  public struct Entry: Sendable, Hashable {
    /// The key.
    public var key: String
    /// The line of the key, from 1.
    public var line: Int
    /// What belongs to it.
    public var value: ThemeSource

    /// Puts them together.
    public init(key: String, line: Int, value: ThemeSource) {
      self.key = key
      self.line = line
      self.value = value
    }
  }

  /// The line it begins on, from 1.
  public var line: Int {
    switch self {
    case .text(_, let line), .map(_, let line), .list(_, let line): line
    }
  }
}

/// Something in a theme file that does no harm but is not what its writer meant.
public struct ThemeWarning: Sendable, Hashable, CustomStringConvertible {
  /// The line, from 1.
  public var line: Int
  /// What was wrong and what is done instead.
  public var message: String

  /// Puts the two together.
  public init(line: Int, message: String) {
    self.line = line
    self.message = message
  }

  /// The line and the message: `12: unknown key "bordr"; did you mean "border"?`.
  public var description: String { "\(line): \(message)" }
}
