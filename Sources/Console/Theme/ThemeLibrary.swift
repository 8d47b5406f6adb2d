import Core
import Documents

/// Why a theme cannot be used at all.
public struct ThemeError: Failure, Equatable {
  /// One sentence: which theme, what was wrong, what to do.
  public let message: String
  /// Always ``ExitCode/usage``.
  public var exitCode: ExitCode { .usage }

  /// Makes the error from its sentence.
  public init(_ message: String) { self.message = message }
}

/// Themes by name: the built-in ones, and files.
public struct ThemeLibrary: Sendable {
  /// Reads the text of a theme file; the error says the line.
  public typealias Parse =
    @Sendable (_ text: String, _ origin: String) throws(ThemeError) -> ThemeSource
  /// The text of the theme file with a name, for themes that are not built in.
  public typealias Find = @Sendable (_ name: String) -> String?

  /// No chain of inheritance is longer.
  public static let inheritanceMax = 8
  /// No theme file is larger.
  public static let fileBytesMax = 64 * 1024

  private let parse: Parse
  private let find: Find

  /// A library over a parser; `find` gives the text of the user's own themes.
  public init(parse: @escaping Parse, find: @escaping Find = { _ in nil }) {
    self.parse = parse
    self.find = find
  }

  /// The names of the built-in themes, the default one first.
  public static var builtInNames: [String] { BuiltInThemes.texts.map(\.name) }

  /// The theme for a name, and what its file says wrongly.
  ///
  /// A user's theme goes before a built-in one of the same name, unless it inherits that one.
  /// - Throws: ``ThemeError`` for an unknown name, a file that is no YAML, or inheritance in a
  ///   circle.
  public func theme(
    named name: String
  ) throws(ThemeError) -> (theme: Theme, warnings: [ThemeWarning]) {
    guard let text = find(name) ?? BuiltInThemes.text(name) else { throw unknown(name) }
    return try theme(from: text, name: name)
  }

  /// The theme a text says, with what it inherits.
  /// - Throws: ``ThemeError`` as ``theme(named:)`` does.
  public func theme(
    from text: String, name: String
  ) throws(ThemeError) -> (theme: Theme, warnings: [ThemeWarning]) {
    var chain: [ThemeSource] = []
    var seen = [name]
    var next = (name: name, text: text)
    while true {
      guard next.text.utf8.count <= ThemeLibrary.fileBytesMax else {
        throw ThemeError("the theme \"\(printable(next.name))\" is larger than 64 KiB")
      }
      let source = try parse(next.text, next.name)
      chain.insert(source, at: 0)
      guard let parent = ThemeDecoder.inherited(by: source) else { break }
      guard chain.count < ThemeLibrary.inheritanceMax else {
        throw ThemeError(
          "the theme \"\(printable(name))\" inherits through more than "
            + "\(ThemeLibrary.inheritanceMax) files; shorten the chain")
      }
      // A user's `dark` may build on the built-in `dark`.
      let own = seen.contains(parent) ? nil : find(parent)
      guard let text = own ?? BuiltInThemes.text(parent), text != next.text else {
        if seen.contains(parent) {
          throw ThemeError("the theme \"\(printable(parent))\" inherits itself")
        }
        throw unknown(parent)
      }
      seen.append(parent)
      next = (parent, text)
    }
    return ThemeDecoder.decode(chain, fallbackName: name)
  }

  private func unknown(_ name: String) -> ThemeError {
    let known = ThemeLibrary.builtInNames
    let hint = nearMiss(name, among: known)
    return ThemeError(
      "there is no theme \"\(printable(name, limit: 60))\"; "
        + (hint.map { "did you mean \"\($0)\"?" } ?? "built in: \(known.joined(separator: ", "))"))
  }
}
