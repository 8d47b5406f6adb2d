import CSystem
import Core
import Glibc
import Storage

/// Runs an operator's command: a process group of its own, little of the environment, output into a
/// bounded file, an end after a set time.
struct CommandRunner {
  /// What is run, and how.
  struct Order {
    /// The command and its arguments.
    var arguments: [String]
    /// Where it runs.
    var directory: String
    /// What it finds in its environment beside ``passedOn``.
    var environment: [String: String]
    /// Where its output goes.
    var logPath: String
    /// How long it may take.
    var timeout: TimeSpan
    /// How long it has after SIGTERM until SIGKILL.
    var grace = TimeSpan.seconds(10)
    /// How much its priority is lowered, 0 to 19.
    var nice: Int32 = 10
  }

  /// How it ended.
  enum Ending: Equatable {
    /// By itself, with this exit code.
    case exited(Int32)
    /// By a signal that was not sent from here.
    case killed(Int32)
    /// It took longer than it may.
    case timedOut
    /// It was stopped.
    case stopped
  }

  /// What of the node's environment a command gets.
  static let passedOn = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR",
  ]

  /// Runs it to its end; blocks.
  /// - Parameter shouldStop: asked about twenty times a second.
  /// - Throws: ``NodeError`` when it cannot be started.
  static func run(_ order: Order, shouldStop: () -> Bool) throws(NodeError) -> Ending {
    let child = try Child(order)
    return child.wait(order, shouldStop)
  }

  /// `python3 train.py --data '/a b/data.csv'`: the command as it can be typed.
  static func line(_ arguments: [String]) -> String {
    arguments.map { word in
      let isPlain =
        !word.isEmpty
        && word.utf8.allSatisfy {
          (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20)
            || "-_./=:,@+%".utf8.contains($0)
        }
      return isPlain
        ? word
        : "'"
          + word.split(separator: "'", omittingEmptySubsequences: false)
          .joined(separator: "'\\''") + "'"
    }.joined(separator: " ")
  }
}

/// A process that was started.
private final class Child {
  /// Between two looks at the clock and the process, milliseconds.
  private static let pollMilliseconds: Int32 = 50

  private let process: pid_t
  private let output: Int32
  private var log: BoundedLog

  init(_ order: CommandRunner.Order) throws(NodeError) {
    guard let name = order.arguments.first, !name.isEmpty else {
      throw NodeError(.badInput, "the command is empty")
    }
    log = try BoundedLog(order.logPath)
    var ends: [Int32] = [-1, -1]
    guard sluice_pipe(&ends) == 0 else {
      throw NodeError(.system, "no pipe for the command: \(String(cString: strerror(errno)))")
    }
    defer { close(ends[1]) }
    var process: pid_t = 0
    let status = Child.spawn(order, output: ends[1], &process)
    guard status == 0 else {
      close(ends[0])
      throw NodeError(
        .badInput,
        "cannot start \(printable(name)) in \(printable(order.directory)): "
          + String(cString: strerror(status)))
    }
    output = ends[0]
    self.process = process
    _ = fcntl(output, F_SETFL, O_NONBLOCK)
  }

  deinit { close(output) }

  private static func spawn(
    _ order: CommandRunner.Order, output: Int32, _ process: inout pid_t
  ) -> Int32 {
    var words: [UnsafeMutablePointer<CChar>?] = order.arguments.map { strdup($0) } + [nil]
    var values: [UnsafeMutablePointer<CChar>?] = environment(order).map { strdup($0) } + [nil]
    defer { for word in words + values { free(word) } }
    return words.withUnsafeMutableBufferPointer { words in
      values.withUnsafeMutableBufferPointer { values in
        guard let arguments = words.baseAddress, let environment = values.baseAddress else {
          return EINVAL
        }
        return sluice_spawn_group(
          arguments, environment, order.directory, output, order.nice, &process)
      }
    }
  }

  private static func environment(_ order: CommandRunner.Order) -> [String] {
    let passed = CommandRunner.passedOn.compactMap { name in
      getenv(name).map { "\(name)=\(String(cString: $0))" }
    }
    return passed + order.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
  }

  /// Takes its output in until it ends; then ends what it left running.
  func wait(
    _ order: CommandRunner.Order, _ shouldStop: () -> Bool
  ) -> CommandRunner.Ending {
    let began = SystemClock.monotonicNanoseconds()
    let timeout = UInt64(max(0, order.timeout.microseconds)) * 1_000
    let grace = UInt64(max(0, order.grace.microseconds)) * 1_000
    var ordered: (ending: CommandRunner.Ending, time: UInt64)?
    var isForced = false
    while !hasEnded {
      takeOutput()
      let now = SystemClock.monotonicNanoseconds()
      if let (_, time) = ordered {
        if !isForced, now - time >= grace {
          isForced = true
          kill(-process, SIGKILL)
        }
      } else if shouldStop() {
        ordered = (.stopped, now)
        kill(-process, SIGTERM)
      } else if now - began >= timeout {
        ordered = (.timedOut, now)
        kill(-process, SIGTERM)
      }
    }
    // The number of the group is the process's own until that is waited for.
    kill(-process, SIGKILL)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    drain()
    log.close()
    if let ordered { return ordered.ending }
    let signal = status & 0x7F
    return signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal)
  }

  private var hasEnded: Bool { sluice_has_ended(process) != 0 }

  /// Waits a moment for output and takes it.
  private func takeOutput() {
    var poll = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    guard Glibc.poll(&poll, 1, Child.pollMilliseconds) > 0 else { return }
    guard poll.revents & Int16(POLLIN) != 0 else {
      // All writers have closed it; the process may still run.
      usleep(UInt32(Child.pollMilliseconds) * 1_000)
      return
    }
    _ = readOnce()
  }

  /// What is still in the pipe, which holds little.
  private func drain() {
    for _ in 0..<64 where !readOnce() { return }
  }

  private func readOnce() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = buffer.withUnsafeMutableBytes { read(output, $0.baseAddress, $0.count) }
    guard count > 0 else { return count < 0 && errno == EINTR }
    log.add(buffer[..<count])
    return true
  }
}

/// A file that keeps the beginning and the end of what is written to it.
struct BoundedLog {
  /// The most bytes kept of the beginning.
  static let headBytes = 1 << 20
  /// The most bytes kept of the end, where errors are.
  static let tailBytes = 64 << 10

  private let file: Int32
  private var written = 0
  private var tail: [UInt8] = []
  private var leftOut = 0

  /// Makes the file, mode 0600.
  /// - Throws: ``NodeError`` when it cannot be made.
  init(_ path: String) throws(NodeError) {
    file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else {
      throw NodeError(
        .system, "cannot write \(printable(path)): \(String(cString: strerror(errno)))")
    }
  }

  /// Adds output; a full disk loses it, the command goes on.
  mutating func add(_ bytes: ArraySlice<UInt8>) {
    let room = max(0, BoundedLog.headBytes - written)
    put(Array(bytes.prefix(room)))
    written += min(room, bytes.count)
    tail += bytes.dropFirst(room)
    if tail.count > 2 * BoundedLog.tailBytes { shorten() }
  }

  private mutating func shorten() {
    let extra = tail.count - BoundedLog.tailBytes
    guard extra > 0 else { return }
    leftOut += extra
    tail.removeFirst(extra)
  }

  /// Writes the end and closes the file.
  mutating func close() {
    shorten()
    if leftOut > 0 { put(Array("\n… \(leftOut) bytes are left out …\n".utf8)) }
    put(tail)
    Glibc.close(file)
  }

  private func put(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        write(file, $0.baseAddress?.advanced(by: sent), bytes.count - sent)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      sent += count
    }
  }
}
