import CSystem
import Core
import Glibc
import Synchronization

/// A local door of a node: a Unix-domain socket for the node's own user and root, and where it is
/// opened for them, the members of one group.
///
/// Every connection has a thread of its own, up to a limit; the next one is told that the node is
/// busy. A peer that is slow, silent or talks nonsense is cut off and delays nobody else. The
/// handler runs on the connection's thread and may block; several may run at the same time.
///
/// It serves, and stays alive, until ``stop()``.
public final class ControlSocketServer: Sendable {
  /// How many peers, and how long they may take.
  public struct Limits: Sendable {
    /// The connections served at a time.
    public var connections = 32
    /// How long a connection may be without a request.
    public var idle = TimeSpan.minutes(10)
    /// How long a frame may take from its first byte to its last, either way.
    public var frame = TimeSpan.seconds(10)
    /// How long ``ControlSocketServer/stop()`` waits for handlers that still run.
    public var stop = TimeSpan.seconds(5)
    /// The defaults.
    public init() {}
  }

  /// Answers one request of a peer.
  ///
  /// It must return, and its answer must fit into 16 MiB.
  public typealias Handler = @Sendable (PeerCredentials, [UInt8]) -> [UInt8]

  /// Where it listens.
  public let path: String
  private let limits: Limits
  private let admission: SocketAdmission
  private let handler: Handler
  private let listener: Int32
  private let wake: Int32
  private let identity: FileIdentity
  private let state = Mutex(State())

  private struct State {
    var isStopping = false
    var acceptorRuns = false
    /// The sockets of the connections that are served.
    var connections: [Int32: Peer] = [:]
  }

  /// Who is at the other end of a connection.
  public struct Peer: Sendable, Hashable {
    /// Who, as the kernel says.
    public let credentials: PeerCredentials
    /// Since when.
    public let since: Timestamp
  }

  /// Who is connected now, one entry a connection.
  public var peers: [Peer] { state.withLock { Array($0.connections.values) } }

  /// Listens at `path` and begins to serve.
  ///
  /// A socket file without a listener, as a killed node leaves it, is replaced. Call it with the
  /// state directory's lock held: the lock is what says that such a file is a dead one's.
  /// - Throws: ``GatewayError`` with code `system`.
  public init(
    path: String, admits admission: SocketAdmission = .owner, limits: Limits = Limits(),
    handler: @escaping Handler
  ) throws(GatewayError) {
    try admission.checkFolder(of: path)
    try ControlSocketServer.removeStale(path)
    let listener = try ControlSocketServer.listen(path, admission)
    let wake = sluice_eventfd()
    guard wake >= 0, let identity = FileIdentity(path) else {
      let number = errno
      close(listener)
      close(wake)
      throw GatewayError.system("watch", path, number)
    }
    self.path = path
    self.limits = limits
    self.admission = admission
    self.handler = handler
    self.listener = listener
    self.wake = wake
    self.identity = identity
    state.withLock { $0.acceptorRuns = true }
    guard Thread.start("sluice-accept", { [self] in accept() }) else {
      state.withLock { $0.acceptorRuns = false }
      unlink(path)
      throw GatewayError(
        .system, "cannot serve the control socket: the system gives no more threads")
    }
  }

  deinit {
    close(listener)
    close(wake)
  }

  /// How many connections are served now.
  public var connectionCount: Int { state.withLock { $0.connections.count } }

  /// Stops listening, removes the socket file and cuts the connections.
  ///
  /// Waits for running handlers, no longer than ``Limits/stop``. Calling it again does nothing.
  public func stop() {
    let isFirst = state.withLock { state in
      defer { state.isStopping = true }
      if !state.isStopping {
        // Their threads see the end of the stream; the descriptors stay theirs to close.
        for connection in state.connections.keys { shutdown(connection, CInt(SHUT_RD)) }
      }
      return !state.isStopping
    }
    guard isFirst else { return }
    // Only our own: a successor may have bound the path already.
    if FileIdentity(path) == identity { unlink(path) }
    sluice_eventfd_signal(wake)
    let deadline = Deadline(after: limits.stop)
    while !deadline.hasPassed {
      if state.withLock({ !$0.acceptorRuns && $0.connections.isEmpty }) { return }
      usleep(1_000)
    }
  }

  /// The acceptor's thread.
  private func accept() {
    defer { state.withLock { $0.acceptorRuns = false } }
    while true {
      var waited = [
        pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
        pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
      ]
      poll(&waited, 2, -1)
      if state.withLock({ $0.isStopping }) { return }
      let connection = sluice_accept(listener)
      if connection >= 0 {
        admit(FrameStream(owning: connection))
      } else if errno != EAGAIN && errno != EINTR && errno != ECONNABORTED {
        // Out of descriptors or memory: others must first end theirs.
        usleep(50_000)
      }
    }
  }

  /// Gives the connection a thread, or says why not.
  private func admit(_ stream: consuming FrameStream) {
    let now = Deadline(after: .zero)
    guard let peer = PeerCredentials(ofSocket: stream.descriptor),
      admission.admits(peer)
    else {
      try? stream.write(ControlProtocol.refused, by: now)
      return
    }
    let descriptor = stream.descriptor
    let isAdmitted = state.withLock { state in
      guard !state.isStopping, state.connections.count < limits.connections else { return false }
      state.connections[descriptor] = Peer(credentials: peer, since: .wallClock())
      return true
    }
    guard isAdmitted else {
      try? stream.write(ControlProtocol.busy, by: now)
      return
    }
    let box = StreamBox(stream)
    let isStarted = Thread.start("sluice-control") { [self] in
      serve(box, peer)
      // The number leaves the set before the descriptor is closed and can mean something else.
      state.withLock { _ = $0.connections.removeValue(forKey: descriptor) }
    }
    if !isStarted { state.withLock { _ = $0.connections.removeValue(forKey: descriptor) } }
  }

  /// One connection's thread: greets, then answers requests until the peer ends, errs or is too
  /// slow.
  private func serve(_ box: StreamBox, _ peer: PeerCredentials) {
    do throws(FrameFault) {
      let hello = try box.stream.read(
        limitBytes: ControlProtocol.helloLimitBytes, first: limits.frame, whole: limits.frame)
      guard hello == ControlProtocol.hello else {
        return try box.stream.write(
          ControlProtocol.otherVersion, by: Deadline(after: limits.frame))
      }
      try box.stream.write(ControlProtocol.ok, by: Deadline(after: limits.frame))
      while true {
        let request = try box.stream.read(
          limitBytes: ControlProtocol.frameLimitBytes, first: limits.idle, whole: limits.frame)
        try box.stream.write(handler(peer, request), by: Deadline(after: limits.frame))
      }
    } catch {
      // Ended, slow or wrong: in each case the connection closes, and the peer sees that.
    }
  }

  /// Carries a stream to its thread.
  private final class StreamBox: Sendable {
    let stream: FrameStream
    init(_ stream: consuming FrameStream) { self.stream = stream }
  }
}

/// Which file a path names, so that only the own socket is ever removed.
private struct FileIdentity: Equatable {
  let device: dev_t
  let inode: ino_t

  init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    device = status.st_dev
    inode = status.st_ino
  }
}

extension ControlSocketServer {
  /// Removes the socket file of a dead node.
  /// - Throws: ``GatewayError`` when somebody listens there, or the file is no socket.
  private static func removeStale(_ path: String) throws(GatewayError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw GatewayError.system("examine", path, errno)
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw GatewayError(
        .system,
        "\(printable(path)) is in the way of the control socket and is no socket: remove it")
    }
    let probe = sluice_unix_socket()
    guard probe >= 0 else { throw GatewayError.system("open", path, errno) }
    defer { close(probe) }
    if sluice_unix_connect(probe, path) == 0 || errno == EAGAIN {
      throw GatewayError(
        .system, "another process listens on the control socket \(printable(path)): stop it first")
    }
    guard unlink(path) == 0 || errno == ENOENT else {
      throw GatewayError.system("replace", path, errno)
    }
  }

  private static func listen(
    _ path: String, _ admission: SocketAdmission
  ) throws(GatewayError) -> Int32 {
    let listener = sluice_unix_socket()
    guard listener >= 0 else { throw GatewayError.system("open", path, errno) }
    // On Linux the mode of the unbound socket is the mode that its file gets (unix(7)), so that
    // there is no moment in which others could connect.
    if fchmod(listener, 0o600) == 0, sluice_unix_bind(listener, path) == 0 {
      if admission.open(path), Glibc.listen(listener, 64) == 0 { return listener }
      let number = errno
      unlink(path)
      close(listener)
      if number == EPERM, let group = admission.group {
        throw GatewayError(
          .system,
          "the shared socket \(printable(path)) cannot be given to the group \(group.name), to "
            + "which this user does not belong: usermod -aG \(group.name) puts it in")
      }
      throw GatewayError.system("listen on", path, number)
    }
    let number = errno
    close(listener)
    if number == ENAMETOOLONG {
      throw GatewayError(
        .system,
        "the control socket's path \(printable(path)) is longer than 107 bytes: choose a shorter "
          + "state directory")
    }
    throw GatewayError.system("bind", path, number)
  }
}

extension Timestamp {
  /// The time of day.
  fileprivate static func wallClock() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
  }
}
