import Console
import Core
import Glibc
import Node

/// How a console is put on the terminal of this process.
enum ConsoleScreen {
  private static let theme = Option<String>(
    "theme", .text.named("NAME"), help: "a built-in theme, or one in $XDG_CONFIG_HOME/sluice/themes"
  )
  private static let endpoint = Option<Name>(
    "endpoint", .name.named("ENDPOINT"), help: "the endpoint that is shown first")
  private static let refresh = DefaultedOption<Double>(
    "refresh", .number(0.1...10), default: 1, shown: "1", help: "pictures a second")
  private static let readOnly = Flag("read-only", help: "every change is refused")
  private static let linear = Flag(
    "linear", help: "lines instead of a screen, for screen readers and simple terminals")

  /// What every command that opens a console takes.
  static let parameters: [any ParameterConvertible] = [theme, endpoint, refresh, readOnly, linear]

  /// Refuses what no console can be put on, before anything is opened.
  static func requireTerminal(_ call: Invocation) throws {
    guard !call.wantsJSON else {
      throw InvalidValue("the console has no JSON: sluice status --json tells the same")
    }
    if call[linear] { return }
    guard call.streams.outputIsTerminal, isatty(STDIN_FILENO) == 1 else {
      throw NodeError(
        .badInput, "the console needs a terminal: sluice status and sluice serve work without one")
    }
  }

  /// Makes the process ready for a screen, before any thread is started.
  ///
  /// A crash then gives the terminal back and leaves its trace in the log.
  static func prepareProcess(stateDirectory: String) {
    TerminalGuard.prepareProcess(crashLog: crashLog(stateDirectory))
  }

  /// Shows the console until the person leaves or the terminal is lost.
  /// - Parameter inProcess: whether the node runs in this process, so that leaving may stop it.
  static func show(
    _ client: any NodeClient, inProcess: Bool, _ call: Invocation
  ) throws -> ConsoleExit {
    var settings = ConsoleSettings(
      actor: ActorID.currentPerson(), endpoint: call[endpoint], readOnly: call[readOnly],
      inProcess: inProcess, hertz: call[refresh])
    settings.processID = Int(getpid())
    let log = crashLog(call.stateDirectory)
    let options = ConsoleOptions(
      settings: settings, theme: call[theme], themeFolders: themeFolders(), isLinear: call[linear],
      crashNotice: "sluice: the program crashed; its trace is in \(printable(log))")
    return try ConsoleApp(client: client, options: options).run()
  }

  private static func crashLog(_ stateDirectory: String) -> String {
    // Beside the socket of another user's node there is nothing to write to.
    NodeDoor.isSocket(stateDirectory) ? "/dev/stderr" : stateDirectory + "/crash.log"
  }

  /// Where a person keeps their own themes (XDG Base Directory Specification 0.8).
  static func themeFolders() -> [String] {
    func variable(_ name: String) -> String? {
      getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
    }
    let configuration = variable("XDG_CONFIG_HOME") ?? variable("HOME").map { $0 + "/.config" }
    return configuration.map { [$0 + "/sluice/themes"] } ?? []
  }
}
