import Core

/// One value of a parsed document, with its place in the file.
///
/// The value is what the user wrote; what it should have been is asked for with the typed getters,
/// each of which says file, line, column and path when the value is something else.
public struct DocumentNode: Sendable {
  /// What a node holds.
  public enum Content: Sendable {
    /// A text, number, truth value or nothing: YAML's types are not guessed, so that a country `no`
    /// stays a text.
    case scalar(Scalar)
    /// Items in order.
    case sequence([DocumentNode])
    /// Keys and values in order; no key twice.
    case mapping([Entry])
  }

  /// A scalar's text.
  public struct Scalar: Sendable, Hashable {
    /// The text, with quotes and escapes resolved.
    public let text: String
    /// Whether it was written without quotes.
    public let isPlain: Bool

    /// Whether it means "nothing": empty, `~` or `null` without quotes.
    public var isNull: Bool { isPlain && ["", "~", "null", "Null", "NULL"].contains(text) }
  }

  /// One key of a mapping with its value.
  public struct Entry: Sendable {
    /// The key.
    public let key: String
    /// The key's line, from 1.
    public let line: Int
    /// The key's column in characters, from 1.
    public let column: Int
    /// The value.
    public let value: DocumentNode
  }

  /// What it holds.
  public let content: Content
  /// The file's name, for messages.
  public let file: String
  /// The line, from 1.
  public let line: Int
  /// The column in characters, from 1.
  public let column: Int
  let location: DocumentPath?

  /// The path of keys, as `steps[2].hold`; empty for the document itself.
  public var path: String { location?.text ?? "" }

  /// An error at this node: `file:line:column: path: problem`.
  /// - Parameter problem: made of the program's own words and of ``Core/printable(_:limit:)``
  ///   texts.
  public func error(_ problem: String) -> DocumentError {
    error(problem, line: line, column: column)
  }

  /// An error under this node's path, at another place.
  func error(_ problem: String, line: Int, column: Int) -> DocumentError {
    let path = path
    return DocumentError(
      file: file, line: line, column: column,
      problem: path.isEmpty ? problem : "\(path): \(problem)")
  }

  /// The node in a few words, for "expected …, got …".
  var shown: String {
    switch content {
    case .scalar(let scalar):
      scalar.isNull ? "nothing" : "\"\(printable(scalar.text, limit: 60))\""
    case .sequence(let items): items.isEmpty ? "an empty list" : "a list"
    case .mapping: "a mapping"
    }
  }

  /// The error for a value of another kind.
  func unexpected(_ expected: String) -> DocumentError {
    error("expected \(expected), got \(shown)")
  }
}
