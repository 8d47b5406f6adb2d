import CSystem
import Core
import Glibc
import Synchronization

/// Calls a node over its control socket.
///
/// Any number of threads may call at the same time: each call has a connection to itself, and idle
/// ones are kept for the next calls. A call is sent at most once: when its fate is unknown (a
/// timeout, a broken connection) the error says so and nothing is repeated.
public final class ControlSocketClient: Sendable {
  /// The most idle connections that are kept.
  private static let idleLimit = 4

  /// Where the node listens.
  public let path: String
  private let idle = Mutex<[Connection]>([])

  /// Makes a client; it connects at the first call.
  public init(path: String) { self.path = path }

  /// Connects now, if no connection is open yet.
  /// - Throws: ``GatewayError`` with code `noNode`, `timeout`, `busy`, `refused` or
  ///   `protocolViolation`.
  public func connect(timeout: TimeSpan = .seconds(2)) throws(GatewayError) {
    keep(try takeOrOpen(Deadline(after: timeout), timeout))
  }

  /// Sends a request and waits for its answer.
  /// - Parameters:
  ///   - request: at most 16 MiB.
  ///   - timeout: for all of it, connecting included.
  /// - Throws: ``GatewayError``. With `noNode`, `busy` and `refused` the node did not see the
  ///   request; with `timeout` and `protocolViolation` it may have carried it out.
  public func call(
    _ request: [UInt8], timeout: TimeSpan = .seconds(10)
  ) throws(GatewayError) -> [UInt8] {
    let deadline = Deadline(after: timeout)
    let connection = try takeOrOpen(deadline, timeout)
    do throws(FrameFault) {
      try connection.stream.write(request, by: deadline)
      let left = TimeSpan.milliseconds(Int(deadline.remainingMilliseconds))
      let answer = try connection.stream.read(
        limitBytes: ControlProtocol.frameLimitBytes, first: left, whole: left)
      keep(connection)
      return answer
    } catch {
      throw explain(error, timeout)
    }
  }

  /// Closes the idle connections.
  public func close() { idle.withLock { $0.removeAll() } }

  /// An idle connection that still stands, or a new one.
  private func takeOrOpen(
    _ deadline: Deadline, _ timeout: TimeSpan
  ) throws(GatewayError) -> Connection {
    while let kept = idle.withLock({ $0.popLast() }) {
      if !kept.stream.isStale { return kept }
    }
    return try open(deadline, timeout)
  }

  private func keep(_ connection: Connection) {
    idle.withLock { idle in
      if idle.count < ControlSocketClient.idleLimit { idle.append(connection) }
    }
  }

  private func open(
    _ deadline: Deadline, _ timeout: TimeSpan
  ) throws(GatewayError) -> Connection {
    let descriptor = sluice_unix_socket()
    guard descriptor >= 0 else { throw GatewayError.system("open", path, errno) }
    let connection = Connection(FrameStream(owning: descriptor))
    while sluice_unix_connect(descriptor, path) != 0 {
      switch errno {
      case EAGAIN, EINTR:
        // The listener's queue is full: whoever accepts there hangs, or is just very busy.
        if deadline.hasPassed { throw explain(.late, timeout) }
        usleep(5_000)
      case ENOENT, ECONNREFUSED, ENOTDIR:
        throw GatewayError(
          .noNode, "no node listens on \(printable(path)): start one with 'sluice serve'")
      default: throw GatewayError.system("connect to", path, errno)
      }
    }
    try greet(connection, deadline, timeout)
    return connection
  }

  /// Exchanges the hello.
  private func greet(
    _ connection: Connection, _ deadline: Deadline, _ timeout: TimeSpan
  ) throws(GatewayError) {
    // A server that is busy may have answered and closed already: the write fails then, and the
    // answer can still be read.
    try? connection.stream.write(ControlProtocol.hello, by: deadline)
    let answer: [UInt8]
    do throws(FrameFault) {
      let left = TimeSpan.milliseconds(Int(deadline.remainingMilliseconds))
      answer = try connection.stream.read(
        limitBytes: ControlProtocol.helloLimitBytes, first: left, whole: left)
    } catch {
      throw explain(error, timeout)
    }
    switch answer {
    case ControlProtocol.ok: return
    case ControlProtocol.busy:
      throw GatewayError(
        .busy, "the node serves as many consoles and commands as it may: close one and try again")
    case ControlProtocol.refused:
      throw GatewayError(
        .refused,
        "the node on \(printable(path)) runs as another user and does not admit you: use that "
          + "user, or join the group that it admits")
    default:
      throw GatewayError(
        .protocolViolation,
        "the node on \(printable(path)) does not speak "
          + "\(String(decoding: ControlProtocol.hello, as: UTF8.self)): use the same version of "
          + "sluice on both sides")
    }
  }

  private func explain(_ fault: FrameFault, _ timeout: TimeSpan) -> GatewayError {
    switch fault {
    case .late:
      GatewayError(
        .timeout,
        "the node on \(printable(path)) does not answer within \(timeout): it hangs or is stopped; "
          + "'sluice rollback --force' works without it")
    case .tooLong:
      GatewayError(
        .tooLong, "a message to or from the node is longer than 16 MiB: ask for less at a time")
    case .ended, .broken:
      GatewayError(
        .protocolViolation,
        "the node on \(printable(path)) closed the connection without an answer: look at its state "
          + "before trying again")
    }
  }

  private final class Connection: Sendable {
    let stream: FrameStream
    init(_ stream: consuming FrameStream) { self.stream = stream }
  }
}
