import Core

/// Why there is no screen.
public struct ScreenError: Failure, Equatable {
  /// The kinds of trouble.
  public enum Code: Sendable, Hashable {
    /// Standard input or output is no terminal.
    case notATerminal
    /// The terminal's type has no description.
    case unknownTerminal
    /// The terminal cannot place its cursor.
    case noCursorAddressing
    /// The system refused a call.
    case system
  }

  /// The kind.
  public let code: Code
  /// One sentence: what was wrong and what to do.
  public let message: String
  /// 2 for a terminal that cannot do it, 3 when the system refused.
  public var exitCode: ExitCode { code == .system ? .system : .usage }

  /// Puts them together.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
