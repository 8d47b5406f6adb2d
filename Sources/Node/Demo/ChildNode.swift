import Core
import Glibc

/// A node in a process of its own, started by the demonstration so that it can be killed.
final class ChildNode {
  private let executable: String
  private let arguments: [String]
  private let logPath: String
  private var process: pid_t = 0

  /// Remembers how to start it; ``start()`` does it.
  init(executable: String, arguments: [String], logPath: String) {
    self.executable = executable
    self.arguments = arguments
    self.logPath = logPath
  }

  deinit { kill(signal: SIGKILL) }

  /// Starts the process with its output in the log file.
  /// - Throws: ``NodeError`` when it cannot be started.
  func start() throws(NodeError) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, logPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    let status = posix_spawn(&process, executable, &actions, nil, words, environ)
    guard status == 0 else {
      process = 0
      throw NodeError(
        .system, "cannot start \(printable(executable)): \(String(cString: strerror(status)))")
    }
  }

  /// Sends a signal and waits until the process is gone.
  func kill(signal: Int32) {
    guard process > 0 else { return }
    Glibc.kill(process, signal)
    var status: Int32 = 0
    waitpid(process, &status, 0)
    process = 0
  }

  /// Whether the process still runs.
  var isRunning: Bool {
    guard process > 0 else { return false }
    var status: Int32 = 0
    if waitpid(process, &status, WNOHANG) == process {
      process = 0
      return false
    }
    return true
  }

  /// The last lines of its log, for an error message.
  func logTail() -> String {
    guard let file = fopen(logPath, "r") else { return "" }
    defer { fclose(file) }
    var lines: [String] = []
    var buffer = [CChar](repeating: 0, count: 4096)
    while fgets(&buffer, 4096, file) != nil {
      lines.append(
        String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
      if lines.count > 5 { lines.removeFirst() }
    }
    return printable(lines.joined(), limit: 800)
  }
}
