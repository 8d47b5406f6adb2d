import CSystem
import Core
import Glibc
import Synchronization
import Testing

@testable import Gateway

/// A fresh private directory for a socket.
final class TemporaryFolder: Sendable {
  let path: String
  var socket: String { path + "/control.sock" }

  init() throws {
    var template = Array("/tmp/sluice-gateway-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw GatewayError(.system, "no temporary directory") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    unlink(socket)
    rmdir(path)
  }
}

/// What a throwing call of this module threw.
func gatewayError(_ body: () throws -> Void) -> GatewayError? {
  do {
    try body()
    return nil
  } catch {
    return error as? GatewayError
  }
}

/// A number that threads count down.
private final class Counter: Sendable {
  let left: Atomic<Int>
  init(_ count: Int) { left = Atomic(count) }
}

/// A mark that one thread sets and another sees.
private final class Flag: Sendable {
  let isSet = Atomic<Bool>(false)
}

/// Runs each of `bodies` on a thread of its own, as blocking callers do, and returns when all have
/// ended.
func onThreads(_ bodies: [@Sendable () throws -> Void]) {
  let count = Counter(bodies.count)
  for body in bodies {
    let isStarted = Thread.start("test-caller") {
      #expect(throws: Never.self) { try body() }
      count.left.wrappingSubtract(1, ordering: .releasing)
    }
    #expect(isStarted)
  }
  let deadline = Deadline(after: .seconds(20))
  while count.left.load(ordering: .acquiring) > 0 && !deadline.hasPassed { usleep(500) }
  #expect(count.left.load(ordering: .acquiring) == 0)
}

/// Answers with the request reversed.
private let reversing: ControlSocketServer.Handler = { _, request in Array(request.reversed()) }

/// Limits that let a test see a peer being cut.
private func impatient(connections: Int = 32) -> ControlSocketServer.Limits {
  var limits = ControlSocketServer.Limits()
  limits.connections = connections
  limits.frame = .milliseconds(200)
  limits.idle = .milliseconds(400)
  limits.stop = .milliseconds(500)
  return limits
}

@Suite struct ControlSocketTests {
  @Test func requestsAreAnsweredInOrder() throws {
    let folder = try TemporaryFolder()
    let server = try ControlSocketServer(path: folder.socket, handler: reversing)
    defer { server.stop() }
    let client = ControlSocketClient(path: folder.socket)
    for size in [0, 1, 5, 70_000, 400_000] {
      let request = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      #expect(try client.call(request) == request.reversed())
    }
    // The one connection was used for all.
    #expect(server.connectionCount == 1)
  }

  @Test func theHandlerLearnsWhoAsks() throws {
    let folder = try TemporaryFolder()
    let seen = Mutex<PeerCredentials?>(nil)
    let server = try ControlSocketServer(path: folder.socket) { peer, _ in
      seen.withLock { $0 = peer }
      return []
    }
    defer { server.stop() }
    _ = try ControlSocketClient(path: folder.socket).call([1])
    #expect(seen.withLock { $0 } == PeerCredentials.current())
    #expect(PeerCredentials.current().userID == geteuid())
    #expect(PeerCredentials.current().processID == getpid())
    #expect(PeerCredentials.current().userName.isEmpty == false)
  }

  @Test func theSocketIsTheOwnersOnly() throws {
    let folder = try TemporaryFolder()
    let server = try ControlSocketServer(path: folder.socket, handler: reversing)
    var status = stat()
    #expect(lstat(folder.socket, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
    server.stop()
    server.stop()
    #expect(lstat(folder.socket, &status) != 0)
  }

  @Test func noNodeIsSaidAtOnce() throws {
    let folder = try TemporaryFolder()
    let client = ControlSocketClient(path: folder.socket)
    #expect(gatewayError { _ = try client.call([1]) }?.code == .noNode)
    // The file of a node that was killed.
    let dead = sluice_unix_socket()
    #expect(sluice_unix_bind(dead, folder.socket) == 0)
    close(dead)
    #expect(gatewayError { try client.connect() }?.code == .noNode)
    // A new node takes its place.
    let server = try ControlSocketServer(path: folder.socket, handler: reversing)
    defer { server.stop() }
    #expect(try client.call([1, 2]) == [2, 1])
  }

  @Test func aLivingNodesSocketIsNotTaken() throws {
    let folder = try TemporaryFolder()
    let server = try ControlSocketServer(path: folder.socket, handler: reversing)
    defer { server.stop() }
    let error = gatewayError {
      _ = try ControlSocketServer(path: folder.socket, handler: reversing)
    }
    #expect(error?.message.contains("another process listens") == true)
    #expect(try ControlSocketClient(path: folder.socket).call([1, 2]) == [2, 1])
  }

  @Test func whatIsInTheWayIsNotRemoved() throws {
    let folder = try TemporaryFolder()
    close(open(folder.socket, O_CREAT | O_WRONLY, 0o600))
    let error = gatewayError {
      _ = try ControlSocketServer(path: folder.socket, handler: reversing)
    }
    #expect(error?.code == .system)
    #expect(access(folder.socket, F_OK) == 0)
    let long = folder.path + "/" + String(repeating: "x", count: 120)
    #expect(
      gatewayError { _ = try ControlSocketServer(path: long, handler: reversing) }?.message
        .contains(
          "107 bytes") == true)
  }

  @Test func aHangingNodeTimesOut() throws {
    let folder = try TemporaryFolder()
    // Listens and never accepts, as a stopped process does.
    let listener = sluice_unix_socket()
    #expect(sluice_unix_bind(listener, folder.socket) == 0)
    #expect(listen(listener, 0) == 0)
    defer { close(listener) }
    let client = ControlSocketClient(path: folder.socket)
    let started = ContinuousClock.now
    for _ in 0..<3 {
      let error = gatewayError { _ = try client.call([1], timeout: .milliseconds(60)) }
      #expect(error?.code == .timeout)
      #expect(error?.message.contains("rollback --force") == true)
    }
    #expect(ContinuousClock.now - started < .seconds(3))
  }

  @Test func aSlowHandlerDelaysNobodyElse() throws {
    let folder = try TemporaryFolder()
    let server = try ControlSocketServer(path: folder.socket) { _, request in
      if request == [9] { usleep(1_500_000) }
      return request
    }
    defer { server.stop() }
    let client = ControlSocketClient(path: folder.socket)
    onThreads([
      {
        let error = gatewayError { _ = try client.call([9], timeout: .milliseconds(100)) }
        #expect(error?.code == .timeout)
      },
      {
        let started = ContinuousClock.now
        for number in 0..<50 {
          let answer = try client.call([1, UInt8(number)])
          #expect(answer == [1, UInt8(number)])
        }
        #expect(ContinuousClock.now - started < .milliseconds(1_300))
      },
    ])
    // The late answer of the call that timed out is never taken for the answer of another.
    #expect(try client.call([5]) == [5])
  }

  @Test func manyThreadsShareAClient() throws {
    let folder = try TemporaryFolder()
    let server = try ControlSocketServer(path: folder.socket, handler: reversing)
    defer { server.stop() }
    let client = ControlSocketClient(path: folder.socket)
    onThreads(
      (0..<8).map { task in
        {
          for number in 0..<100 {
            let request = [UInt8(task), UInt8(number)] + [UInt8](repeating: 3, count: task * 1_000)
            let answer = try client.call(request)
            #expect(answer == request.reversed())
          }
        }
      })
    #expect(server.connectionCount <= 8)
  }

  @Test func aRestartedNodeIsFoundAgain() throws {
    let folder = try TemporaryFolder()
    let client = ControlSocketClient(path: folder.socket)
    let first = try ControlSocketServer(path: folder.socket, handler: reversing)
    #expect(try client.call([1, 2]) == [2, 1])
    first.stop()
    #expect(gatewayError { _ = try client.call([1]) }?.code == .noNode)
    let second = try ControlSocketServer(path: folder.socket, handler: reversing)
    defer { second.stop() }
    #expect(try client.call([3, 4]) == [4, 3])
  }

  @Test func stopAnswersWhatRuns() throws {
    let folder = try TemporaryFolder()
    let begun = Flag()
    let server = try ControlSocketServer(path: folder.socket) { _, request in
      begun.isSet.store(true, ordering: .releasing)
      usleep(150_000)
      return request
    }
    let client = ControlSocketClient(path: folder.socket)
    onThreads([
      {
        let answer = try client.call([7])
        #expect(answer == [7])
      },
      {
        for _ in 0..<5_000 where !begun.isSet.load(ordering: .acquiring) { usleep(1_000) }
        server.stop()
      },
    ])
    #expect(server.connectionCount == 0)
  }
}

@Suite struct HostilePeerTests {
  /// A stream that a list can hold.
  private final class Peer {
    let stream: FrameStream
    init(_ stream: consuming FrameStream) { self.stream = stream }
  }

  /// A raw connection that says whatever a test wants.
  private func raw(_ folder: TemporaryFolder) -> FrameStream {
    let descriptor = sluice_unix_socket()
    for _ in 0..<1_000 where sluice_unix_connect(descriptor, folder.socket) != 0 && errno == EAGAIN
    {
      usleep(1_000)
    }
    return FrameStream(owning: descriptor)
  }

  private func sendRaw(_ bytes: [UInt8], on stream: borrowing FrameStream) {
    _ = send(stream.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  /// Whether the server closes the connection within `patience`; what it says before is skipped.
  private func isCut(_ stream: borrowing FrameStream, within patience: TimeSpan = .seconds(2))
    -> Bool
  {
    let deadline = Deadline(after: patience)
    var buffer = [UInt8](repeating: 0, count: 256)
    while !deadline.hasPassed {
      var waited = pollfd(fd: stream.descriptor, events: Int16(POLLIN), revents: 0)
      poll(&waited, 1, deadline.remainingMilliseconds)
      let count = recv(stream.descriptor, &buffer, buffer.count, 0)
      if count == 0 || (count < 0 && errno != EAGAIN) { return true }
    }
    return false
  }

  private func frame(_ content: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: UInt32(content.count).bigEndian) { Array($0) } + content
  }

  @Test func nonsenseIsCutAndOthersAreServed() throws {
    let folder = try TemporaryFolder()
    let server = try ControlSocketServer(
      path: folder.socket, limits: impatient(), handler: reversing)
    defer { server.stop() }
    let hello = frame(ControlProtocol.hello)
    let openings: [[UInt8]] = [
      [], [0], [0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], Array("GET / HTTP/1.1\r\n\r\n".utf8),
      frame(Array("sluice-control/2".utf8)), frame([]),
      frame(Array(ControlProtocol.hello.dropLast())),
      Array(hello.dropLast()), hello + [0x01, 0, 0, 1], hello + [0x00, 0xFF, 0xFF, 0xFF, 1, 2, 3],
      hello + frame([1, 2, 3]).dropLast(), hello,
    ]
    let client = ControlSocketClient(path: folder.socket)
    let peers = openings.map { opening in
      let peer = Peer(raw(folder))
      sendRaw(opening, on: peer.stream)
      return peer
    }
    #expect(try client.call([1, 2]) == [2, 1])
    for (opening, peer) in zip(openings, peers) {
      let cut = isCut(peer.stream)
      #expect(cut, "\(opening)")
    }
    var random = SplitMix64(seed: 4)
    for _ in 0..<100 {
      let peer = raw(folder)
      let noise = (0..<(random.next() % 300)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      sendRaw((random.next() % 2 == 0 ? hello : []) + noise, on: peer)
    }
    #expect(try client.call([1, 2]) == [2, 1])
  }

  @Test func aDrippingPeerIsCutInTime() throws {
    let folder = try TemporaryFolder()
    let server = try ControlSocketServer(
      path: folder.socket, limits: impatient(), handler: reversing)
    defer { server.stop() }
    let peer = raw(folder)
    sendRaw(frame(ControlProtocol.hello) + [0, 0, 1, 0], on: peer)
    // A byte each 50 ms never lets a single read time out; the deadline of the whole frame does.
    var cut = false
    for _ in 0..<40 where !cut {
      sendRaw([0x20], on: peer)
      cut = isCut(peer, within: .milliseconds(50))
    }
    #expect(cut)
  }

  @Test func aPeerThatDoesNotReadIsCut() throws {
    let folder = try TemporaryFolder()
    let server = try ControlSocketServer(path: folder.socket, limits: impatient()) { _, _ in
      [UInt8](repeating: 1, count: 8 << 20)
    }
    defer { server.stop() }
    let peer = raw(folder)
    sendRaw(frame(ControlProtocol.hello) + frame([1]), on: peer)
    let deadline = Deadline(after: .seconds(3))
    while server.connectionCount == 0 && !deadline.hasPassed { usleep(1_000) }
    while server.connectionCount > 0 && !deadline.hasPassed { usleep(5_000) }
    #expect(server.connectionCount == 0)
    withExtendedLifetime(peer.descriptor) {}
  }

  @Test func oneTooManyIsToldSo() throws {
    let folder = try TemporaryFolder()
    let server = try ControlSocketServer(
      path: folder.socket, limits: impatient(connections: 3), handler: reversing)
    defer { server.stop() }
    let clients = (0..<3).map { _ in ControlSocketClient(path: folder.socket) }
    for client in clients { try client.connect() }
    let late = ControlSocketClient(path: folder.socket)
    #expect(gatewayError { _ = try late.call([1]) }?.code == .busy)
    clients[0].close()
    let deadline = Deadline(after: .seconds(2))
    while server.connectionCount == 3 && !deadline.hasPassed { usleep(1_000) }
    #expect(try late.call([1, 2]) == [2, 1])
  }

  @Test func aHundredConnectionsDoNotBlockTheDoor() throws {
    let folder = try TemporaryFolder()
    let server = try ControlSocketServer(
      path: folder.socket, limits: impatient(connections: 8), handler: reversing)
    defer { server.stop() }
    let silent = (0..<100).map { _ -> Int32 in
      let descriptor = sluice_unix_socket()
      for _ in 0..<500 where sluice_unix_connect(descriptor, folder.socket) != 0 && errno == EAGAIN
      {
        usleep(1_000)
      }
      return descriptor
    }
    defer { for descriptor in silent { close(descriptor) } }
    #expect(server.connectionCount <= 8)
    // The silent ones are cut after their time, and the door is open again.
    let client = ControlSocketClient(path: folder.socket)
    let deadline = Deadline(after: .seconds(4))
    var answer: [UInt8]?
    while answer == nil && !deadline.hasPassed {
      answer = try? client.call([1, 2], timeout: .seconds(1))
      if answer == nil { usleep(20_000) }
    }
    #expect(answer == [2, 1])
  }

  @Test func anotherVersionIsSaid() throws {
    let folder = try TemporaryFolder()
    let listener = sluice_unix_socket()
    #expect(sluice_unix_bind(listener, folder.socket) == 0)
    #expect(listen(listener, 4) == 0)
    defer { close(listener) }
    let word = frame(Array("version sluice-control/9".utf8))
    let isStarted = Thread.start("test-peer") {
      for _ in 0..<2_000 {
        let connection = sluice_accept(listener)
        if connection >= 0 {
          _ = send(connection, word, word.count, Int32(MSG_NOSIGNAL))
          usleep(20_000)
          close(connection)
          return
        }
        usleep(1_000)
      }
    }
    #expect(isStarted)
    let error = gatewayError { try ControlSocketClient(path: folder.socket).connect() }
    #expect(error?.code == .protocolViolation)
    #expect(error?.message.contains("same version") == true)
  }

  @Test func aMessageOverTheLimitIsRefusedBeforeItIsSent() throws {
    let folder = try TemporaryFolder()
    let server = try ControlSocketServer(path: folder.socket, handler: reversing)
    defer { server.stop() }
    let client = ControlSocketClient(path: folder.socket)
    let long = [UInt8](repeating: 0, count: ControlProtocol.frameLimitBytes + 1)
    #expect(gatewayError { _ = try client.call(long) }?.code == .tooLong)
    #expect(try client.call([1, 2]) == [2, 1])
  }
}
