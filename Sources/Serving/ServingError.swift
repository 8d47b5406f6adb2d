import Core

/// Why the data plane refused something on its cold side: a table, a traffic file, a thread.
///
/// Requests never throw; they answer with a status.
public struct ServingError: Failure, Equatable {
  /// What kind of refusal it is.
  public enum Code: String, Sendable {
    /// A split that the routing table cannot hold.
    case badSplit
    /// More versions than an endpoint can hold.
    case tooManyVersions
    /// More rules than an endpoint looks at.
    case tooManyRules
    /// A version that is not loaded on the endpoint.
    case notLoaded
    /// A model that cannot be given what requests carry.
    case badSignature
    /// A session could not be made.
    case noSession
    /// A row that does not fit the endpoint's columns.
    case badRow
    /// A traffic file that breaks its format.
    case badTraffic
    /// The system gave no thread or no memory.
    case system
  }

  /// What kind of refusal it is.
  public let code: Code
  /// What was wrong, where, and what to do.
  public let message: String
  /// ``ExitCode/system`` for `system`, else ``ExitCode/usage``.
  public var exitCode: ExitCode { code == .system ? .system : .usage }

  /// Puts the two together.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
