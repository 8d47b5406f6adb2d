import Core

/// Why a node refused a request or could not be reached.
public struct NodeError: Failure, Codable {
  /// What kind of refusal it is.
  public enum Code: String, Sendable, Codable {
    /// The request makes no sense in the present state.
    case refused
    /// The endpoint changed since the person looked.
    case stale
    /// No such endpoint, version, plan or runbook.
    case unknown
    /// A file, value or model is not acceptable.
    case badInput
    /// The state directory, journal, socket or system failed.
    case system
    /// No node answers.
    case unreachable
  }

  /// What kind of refusal it is.
  public let code: Code
  /// One sentence that says what was wrong and what to do.
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
    case .system, .unreachable: .system
    }
  }
}
