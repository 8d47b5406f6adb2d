/// How a command line call ends.
///
/// The numbers are a contract with scripts.
public enum ExitCode: Int32, Sendable, Codable {
  /// It was done.
  case done = 0
  /// The thing asked about is not so: a gate failed, a ramp was rolled back, a check differed.
  case notSo = 1
  /// Wrong usage or bad input; nothing was changed.
  case usage = 2
  /// The system could not do it: disk, port, permission, lock.
  case system = 3
}

/// What every error of this program can say: one sentence that names what was wrong, where, and
/// what to do, and the exit code it stands for.
///
/// Each module has one error type that conforms; the command line and the control socket map it
/// once, here, and need not know the modules.
public protocol Failure: Error, Sendable, CustomStringConvertible {
  /// One sentence for a person, without a trailing full stop.
  var message: String { get }
  /// What a command line call that fails with this error returns.
  var exitCode: ExitCode { get }
}

extension Failure {
  /// The message, so that interpolating the error gives the sentence.
  public var description: String { message }
}

/// A text or number from outside that is not a legal value of the type asked for.
public struct InvalidValue: Failure, Equatable {
  /// What was wrong, what was expected, and where.
  public let message: String
  /// Always ``ExitCode/usage``.
  public var exitCode: ExitCode { .usage }

  /// Makes the error from its sentence.
  public init(_ message: String) { self.message = message }
}
