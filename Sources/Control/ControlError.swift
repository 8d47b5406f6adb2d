import Core

/// Why a command was refused; nothing was changed.
public struct ControlError: Failure, Codable, Equatable {
  /// What kind of refusal it is.
  public enum Code: String, Sendable, Codable {
    /// The command makes no sense, or is not safe, in the present state.
    case refused
    /// The endpoint changed since the person looked.
    case stale
    /// No such endpoint or version.
    case unknown
    /// A value is not legal.
    case badInput
  }

  /// What kind of refusal it is.
  public let code: Code
  /// One sentence: what was wrong, where, and what to do.
  public let message: String

  /// Puts the two together.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// What a command line call returns for it.
  public var exitCode: ExitCode {
    switch code {
    case .refused, .stale: .notSo
    case .unknown, .badInput: .usage
    }
  }
}
