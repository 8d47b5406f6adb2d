import Core
import Glibc

/// Why a control socket could not be opened, or a call over it was not answered.
public struct GatewayError: Failure, Equatable {
  /// What kind of trouble it is; callers choose by it what to do next.
  public enum Code: String, Sendable, Codable {
    /// Nobody listens there: no node runs on this state directory.
    case noNode
    /// A node listens but does not answer in time: it hangs, or is stopped.
    case timeout
    /// The node serves as many connections as it may.
    case busy
    /// The node refused this user.
    case refused
    /// The other side does not speak our protocol, or hung up in the middle of it.
    case protocolViolation
    /// A message is longer than a frame may be.
    case tooLong
    /// The system could not open, bind or listen.
    case system
  }

  /// What kind of trouble it is.
  public let code: Code
  /// One sentence that says what was wrong, where, and what to do.
  public let message: String

  /// Puts the two together.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// Always ``ExitCode/system``.
  public var exitCode: ExitCode { .system }

  /// The error for a failed system call on a socket.
  static func system(_ doing: String, _ path: String, _ number: Int32) -> GatewayError {
    var buffer = [CChar](repeating: 0, count: 128)
    let known = strerror_r(number, &buffer, buffer.count) == 0
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let words = known ? String(decoding: bytes, as: UTF8.self) : "error \(number)"
    return GatewayError(
      .system, "cannot \(doing) the control socket \(printable(path)): \(words)")
  }
}
