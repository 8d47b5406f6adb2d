import Core
import Glibc
import Testing

/// The built program in a real terminal: a private tmux server whose only window runs it.
///
/// tmux is the terminal emulator, so what a test reads is what a person would see. Every wait is
/// bounded, and whatever was started is gone when the object is: also after a failed check, and,
/// by the limits of `timeout` and `sleep`, also after the test process itself was killed.
final class Terminal {
  /// A folder that goes away with the terminal: home, state and temporary files of the program.
  let folder: TestFolder
  private let socket: String
  /// The window's shell: the leader of the session and process group that all the rest belong to.
  private var shell: pid_t = 0

  /// Starts `sluice` with `words` in a terminal of the given size.
  ///
  /// When it has ended, the screen shows `exit=` and its code.
  init(
    columns: Int, rows: Int, _ words: String, environment: [String: String] = [:],
    folder: TestFolder? = nil
  ) throws {
    let folder = try folder ?? TestFolder()
    self.folder = folder
    socket = String(folder.path.drop { $0 != "-" }.dropFirst())
    var start = ["-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)"]
    let own = [
      "HOME": folder.path, "TMPDIR": folder.path, "XDG_STATE_HOME": folder.path + "/state",
      "LC_ALL": "C.UTF-8", "SLUICE_SAMPLES": Executable.root + "/samples",
    ]
    for (name, value) in own.merging(environment, uniquingKeysWith: { $1 }) {
      start += ["-e", "\(name)=\(value)"]
    }
    // The shell stays after the program has ended, so that what it left on the screen can be read.
    let line = "timeout --foreground -s KILL 120 \(Executable.built) \(words)"
    try tmux(start + ["sh", "-c", "\(line); echo exit=$?; exec sleep 60"])
    try tmux(["set-option", "-g", "escape-time", "0"])
    shell = pid_t(try tmux(["display-message", "-p", "#{pane_pid}"]).trimmed) ?? 0
  }

  deinit {
    _ = try? tmux(["kill-server"])
    // What survives a lost terminal, as it should, ends here.
    if shell > 1 { kill(-shell, SIGKILL) }
    // The folder goes next: nothing may be writing into it any more.
    _ = try? Terminal.isSo(within: 2) { kill(-shell, 0) != 0 }
  }

  /// Types keys by tmux's names (`R`, `Enter`, `Escape`, `C-c`, `Tab`).
  func type(_ keys: String...) throws {
    for key in keys { try tmux(["send-keys", key]) }
  }

  /// Types bytes as they are.
  func typeBytes(_ text: String) throws { try tmux(["send-keys", "-l", text]) }

  /// Presses and lets go the left mouse button in a cell, counted from 0.
  func click(_ column: Int, _ row: Int) throws {
    // SGR mouse reports (xterm control sequences, mode 1006) count from 1.
    try typeBytes("\u{1B}[<0;\(column + 1);\(row + 1)M\u{1B}[<0;\(column + 1);\(row + 1)m")
  }

  /// The cell where `text` begins on the screen; the last one when it is there more than once.
  func place(of text: String) throws -> (column: Int, row: Int)? {
    for (row, line) in try rows().enumerated().reversed() {
      let cells = Array(line)
      let wanted = Array(text)
      guard cells.count >= wanted.count else { continue }
      for column in 0...(cells.count - wanted.count)
      where Array(cells[column..<(column + wanted.count)]) == wanted {
        return (column, row)
      }
    }
    return nil
  }

  /// The whole screen.
  func screen() throws -> String { try tmux(["capture-pane", "-p"]) }

  /// The screen's rows, trailing blanks cut.
  func rows() throws -> [String] {
    try screen().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  /// The screen for a failure's message.
  var picture: String { (try? screen()) ?? "(the terminal is gone)" }

  /// The screen with its colours and attributes as escape sequences.
  func styledScreen() throws -> String { try tmux(["capture-pane", "-p", "-e"]) }

  /// What tmux knows of the terminal: `alternate_on`, `mouse_any_flag`, `pane_title`.
  func property(_ name: String) throws -> String {
    try tmux(["display-message", "-p", "#{\(name)}"]).trimmed
  }

  /// Waits until the screen holds `text`; false when it never does.
  func shows(_ text: String, within seconds: Double = 15) throws -> Bool {
    try shows(within: seconds) { $0.contains(text) }
  }

  /// Waits until the screen satisfies `condition`.
  func shows(within seconds: Double = 15, _ condition: (String) -> Bool) throws -> Bool {
    try Terminal.isSo(within: seconds) { condition(try screen()) }
  }

  /// Waits until `condition` holds; false when it never does.
  static func isSo(within seconds: Double, _ condition: () throws -> Bool) throws -> Bool {
    for _ in 0..<max(1, Int(seconds * 25)) {
      if try condition() { return true }
      usleep(40_000)
    }
    return try condition()
  }

  /// Gives the window a new size.
  func resize(columns: Int, rows: Int) throws {
    try tmux(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
  }

  /// The process of the program, nil when it has ended.
  func program() throws -> pid_t? {
    let found = try Executable.run(
      "/usr/bin/pgrep", ["-s", "\(shell)", "-x", "sluice"], limitSeconds: 10)
    return found.output.split(separator: "\n").first.flatMap { pid_t($0) }
  }

  /// Takes the terminal away, as a lost connection does.
  func hangUp() throws { try tmux(["kill-server"]) }

  @discardableResult
  private func tmux(_ words: [String]) throws -> String {
    // Its own limit ends a client that waits for a server that does not answer.
    let result = try Executable.run(
      Executable.tmux, ["-u", "-L", socket] + words, limitSeconds: 10)
    guard result.exitCode == 0 else {
      throw InvalidValue("tmux \(words.first ?? ""): \(result.errors)")
    }
    return result.output
  }
}

extension String {
  /// Without the line's end.
  fileprivate var trimmed: String {
    String(drop { $0.isWhitespace }.prefix { !$0.isNewline })
  }
}

extension Executable {
  /// The repository's root.
  static let root: String = #filePath.split(separator: "/").dropLast(4)
    .reduce("") { $0 + "/" + $1 }

  /// The program as people run it: what `SLUICE_PROGRAM` names, else the release build, else the
  /// one beside the tests.
  static let built: String = {
    if let named = getenv("SLUICE_PROGRAM").map({ String(cString: $0) }), !named.isEmpty {
      return named
    }
    let release = root + "/.build/release/sluice"
    return access(release, X_OK) == 0 ? release : sluice
  }()

  /// tmux; the tests in a terminal are left out where it is not installed.
  static let tmux = find("tmux") ?? ""
}
