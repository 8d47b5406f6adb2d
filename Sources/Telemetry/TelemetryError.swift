import Core

/// Why telemetry refused something from outside: a reference file, a merge.
public struct TelemetryError: Failure, Equatable {
  /// What kind of refusal it is.
  public enum Code: String, Sendable {
    /// A reference file breaks its format.
    case badReference
    /// The columns served do not fit the reference.
    case columnMismatch
    /// Two sketches that do not count the same thing were to be merged.
    case notMergeable
  }

  /// What kind of refusal it is.
  public let code: Code
  /// What was wrong, where, and what to do.
  public let message: String
  /// Always ``ExitCode/usage``: the input is at fault.
  public var exitCode: ExitCode { .usage }

  /// Puts the two together.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
