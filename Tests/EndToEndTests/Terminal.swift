import Foundation

/// The built program in a real terminal: a private tmux server whose only window runs it.
///
/// tmux is the terminal emulator, so what a test reads is what a person would see.
final class Terminal: Sendable {
  private let socket: String
  private let directory: String

  /// Starts `command` in a terminal of the given size.
  init(columns: Int, rows: Int, command: String, environment: [String: String] = [:]) throws {
    socket = "sluice-test-\(UUID().uuidString.prefix(8))"
    directory = try Scratch.directory()
    var words = ["-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)"]
    for (key, value) in environment.sorted(by: { $0.key < $1.key }) {
      words += ["-e", "\(key)=\(value)"]
    }
    // The shell stays after the program has ended, so that what it left on the screen can be read.
    words += ["sh", "-c", "\(command); echo exit=$?; exec sleep 600"]
    try tmux(words)
    _ = try? tmux(["set-option", "-g", "escape-time", "0"])
  }

  deinit {
    _ = try? tmux(["kill-server"])
    try? FileManager.default.removeItem(atPath: directory)
  }

  /// Types keys by tmux's names (`R`, `Enter`, `Escape`, `C-c`, `Tab`).
  func type(_ keys: String...) throws {
    for key in keys { try tmux(["send-keys", key]) }
  }

  /// Types text as it is.
  func typeText(_ text: String) throws { try tmux(["send-keys", "-l", text]) }

  /// The screen's rows, trailing blanks cut.
  func rows() throws -> [String] {
    try tmux(["capture-pane", "-p"]).split(separator: "\n", omittingEmptySubsequences: false)
      .map(String.init)
  }

  /// The whole screen.
  func screen() throws -> String { try tmux(["capture-pane", "-p"]) }

  /// The screen for a failure's message.
  var picture: String { (try? screen()) ?? "(the terminal is gone)" }

  /// The screen with its colours and attributes as escape sequences.
  func styledScreen() throws -> String { try tmux(["capture-pane", "-p", "-e"]) }

  /// Waits until the screen holds `text`; false when it never does.
  func shows(_ text: String, within seconds: Double = 10) throws -> Bool {
    try shows(within: seconds) { $0.contains(text) }
  }

  /// Waits until the screen satisfies `condition`.
  func shows(within seconds: Double = 10, _ condition: (String) -> Bool) throws -> Bool {
    let end = Date().addingTimeInterval(seconds)
    repeat {
      if condition(try screen()) { return true }
      usleep(20_000)
    } while Date() < end
    return false
  }

  /// Gives the window a new size.
  func resize(columns: Int, rows: Int) throws {
    try tmux(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
  }

  /// The process id of the program under test: the newest child of the window's shell.
  func programProcess() throws -> pid_t? {
    let shell = try tmux(["display-message", "-p", "#{pane_pid}"])
      .trimmingCharacters(in: .whitespacesAndNewlines)
    let children = try Shell.run("/usr/bin/pgrep", ["-P", shell]).output
    return children.split(separator: "\n").last.flatMap { pid_t($0) }
  }

  /// Takes the terminal away, as a closed ssh session does.
  func hangUp() throws { try tmux(["kill-server"]) }

  @discardableResult
  private func tmux(_ words: [String]) throws -> String {
    let result = try Shell.run("/usr/bin/tmux", ["-L", socket] + words)
    guard result.status == 0 else {
      throw TerminalFailure(message: "tmux \(words.first ?? ""): \(result.errors)")
    }
    return result.output
  }
}

/// tmux could not do what a test asked for.
struct TerminalFailure: Error, CustomStringConvertible {
  let message: String
  var description: String { message }
}

/// Runs programs for tests.
enum Shell {
  struct Result {
    let status: Int32
    let output: String
    let errors: String
  }

  /// Runs a program to its end with no standard input.
  static func run(
    _ program: String, _ words: [String], environment: [String: String] = [:], input: String? = nil
  ) throws -> Result {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = words
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output = Pipe()
    let errors = Pipe()
    process.standardOutput = output
    process.standardError = errors
    if let input {
      let pipe = Pipe()
      process.standardInput = pipe
      try process.run()
      pipe.fileHandleForWriting.write(Data(input.utf8))
      try pipe.fileHandleForWriting.close()
    } else {
      process.standardInput = FileHandle.nullDevice
      try process.run()
    }
    // Both pipes are read at once: a program that fills one while we wait on the other would hang.
    let errorText = Reader(errors.fileHandleForReading)
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Result(
      status: process.terminationReason == .uncaughtSignal
        ? 128 + process.terminationStatus : process.terminationStatus,
      output: String(decoding: text, as: UTF8.self), errors: errorText.finish())
  }

  /// Reads a pipe to its end on a thread of its own.
  private final class Reader: @unchecked Sendable {
    // Safe: `text` is written by the thread before `done` is signalled and read only after it.
    private var text = Data()
    private let done = DispatchSemaphore(value: 0)

    init(_ handle: FileHandle) {
      Thread.detachNewThread { [self] in
        text = handle.readDataToEndOfFile()
        done.signal()
      }
    }

    func finish() -> String {
      done.wait()
      return String(decoding: text, as: UTF8.self)
    }
  }
}

/// Throw-away folders and the program under test.
enum Scratch {
  /// A new empty folder with a short path (socket paths are limited to 108 bytes).
  static func directory() throws -> String {
    let path = "/tmp/slt-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return path
  }

  /// The repository's root.
  static let root: String = {
    var path = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { path.deleteLastPathComponent() }
    return path.path
  }()

  /// The release build of the program when there is one (figures and the screen are tested on it),
  /// else the debug build.
  static let program: String = {
    let builds = ["release", "debug"].map { "\(root)/.build/\($0)/sluice" }
    return builds.first { FileManager.default.isExecutableFile(atPath: $0) } ?? builds[1]
  }()
}
