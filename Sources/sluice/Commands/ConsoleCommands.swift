import Core
import Glibc
import Node

/// `sluice` itself, `attach`, `demo` and `serve`: the commands that live until they are stopped.
enum ConsoleCommands {
  static let all: [CommandDeclaration] = [demo, serve, attachment]

  static let root = CommandDeclaration(
    "", summary: "Opens the console on a state directory and serves from it",
    discussion: [
      "When a node already runs there, the console attaches to it. When none does, the node runs "
        + "in this process; if the terminal is lost it serves on without a screen."
    ],
    parameters: [profile] + ConsoleScreen.parameters,
    examples: [
      ("sluice", "the console on the default state directory"),
      ("sluice --state /srv/sluice --theme light", "on another one, in other colours"),
    ]
  ) { call in
    try ConsoleScreen.requireTerminal(call)
    let directory = call.stateDirectory
    ConsoleScreen.prepareProcess(stateDirectory: directory)
    if NodeDoor.isNodeRunning(stateDirectory: directory) { return try attach(call) }
    let signals = SignalWait.beforeThreads()
    let node = try Node.openState(
      NodeOptions(stateDirectory: directory, profile: call[profile]))
    // The screen is there while versions are still being loaded.
    let deferred = try DeferredNode(node) { try $0.begin() }
    defer { node.stop() }
    let exit = try ConsoleScreen.show(deferred, inProcess: true, call)
    if let failure = deferred.finish() { throw failure }
    switch exit {
    case .quit: return .done
    case .detached, .terminalLost: serveOn(node, signals, call)
    }
    return .done
  }

  /// The node of this process goes on without a screen.
  private static func serveOn(_ node: Node, _ signals: SignalWait, _ call: Invocation) {
    call.note(
      "the node serves on: sluice attach --state \(printable(node.options.stateDirectory)) opens "
        + "the "
        + "console again, Ctrl-C or kill \(getpid()) stops it")
    ServeLoop.untilStopped(node, signals, call)
  }

  static let attachment = CommandDeclaration(
    "attach", summary: "Opens the console on a node that runs already",
    parameters: ConsoleScreen.parameters,
    examples: [("sluice attach --state /srv/sluice", "leaving the console leaves the node running")]
  ) { call in
    try ConsoleScreen.requireTerminal(call)
    try call.requireStateDirectory()
    ConsoleScreen.prepareProcess(stateDirectory: call.stateDirectory)
    return try attach(call)
  }

  /// A console over a node of another process.
  private static func attach(_ call: Invocation) throws -> ExitCode {
    let client = try NodeDoor.connect(stateDirectory: call.stateDirectory)
    if case .quit(stopNode: true) = try ConsoleScreen.show(client, inProcess: false, call) {
      let request = NodeRequest.shutdown(actor: ActorID.currentPerson())
      guard case .ready = try client.send(request) else { throw client.mismatch }
    }
    return .done
  }

  private static let replay = Option<String>(
    "replay", .file, help: "replays the rows of this CSV file as traffic")
  private static let endpoint = Option<Name>(
    "endpoint", .name.named("ENDPOINT"), help: "the endpoint that gets the replayed traffic")
  static let rate = DefaultedOption<Double>(
    "rate", .number(0.1...100_000), default: 500, shown: "500", help: "requests a second")
  static let speed = DefaultedOption<Double>(
    "speed", .number(1...1_000_000), default: 600, shown: "600",
    help: "how much faster than life late labels arrive")
  static let seed = DefaultedOption<UInt64>(
    "seed", .seed, default: 1, help: "of the order of the rows")
  static let scenario = DefaultedOption<String>(
    "scenario", .choice("SCENARIO", of: ["steady", "season"]), default: "steady",
    help: "steady shuffles the rows, season keeps their order in time")
  private static let profile = DefaultedOption<String>(
    "profile", .choice("PROFILE", of: ["dev", "prod"]), default: "dev",
    help: "how much is asked before a risky action")

  static let serve = CommandDeclaration(
    "serve", summary: "Runs a node without a screen until SIGTERM or Ctrl-C",
    discussion: [
      "It finishes running requests, closes the journal and ends with 0. SIGHUP reads the YAML "
        + "files in plans/, runbooks/ and retraining/ of the state directory again. `sluice "
        + "attach` opens the console.",
      "With --operators GROUP other users can work on the node: each member of the group, under "
        + "their own name, with --state SOCKET in any command. Only the node's own user can "
        + "stop it.",
    ],
    parameters: [
      replay, endpoint, rate, speed, seed, scenario, profile, operators, operatorsSocket,
    ],
    examples: [
      ("sluice serve --state /srv/sluice", "under systemd or in tmux"),
      (
        "sluice serve --replay traffic.csv --endpoint flight-delay --rate 200",
        "with recorded traffic"
      ),
      (
        "sluice serve --operators ml-ops --operators-socket /run/sluice/ops.sock",
        "others work on it with sluice attach --state /run/sluice/ops.sock"
      ),
    ]
  ) { call in
    let replay = try replayOptions(call)
    let operators = try operatorSocket(call)
    let signals = SignalWait.beforeThreads()
    let node = try Node.open(
      NodeOptions(
        stateDirectory: call.stateDirectory, profile: call[profile], operators: operators))
    defer { node.stop() }
    if let replay { try node.startReplay(replay) }
    let info = try node.info()
    call.note("serving \(printable(call.stateDirectory)) as process \(getpid())")
    if call.wantsJSON { try call.tell(info, text: "") }
    try call.streams.output.flush()
    ServeLoop.untilStopped(node, signals, call)
    return .done
  }

  private static let operators = Option<String>(
    "operators", .text.named("GROUP"), help: "the group whose members may work on the node")
  private static let operatorsSocket = Option<String>(
    "operators-socket", .file.named("SOCKET"),
    help: "where they find it; only this user, or root, may write that folder")

  private static func operatorSocket(_ call: Invocation) throws -> OperatorSocket? {
    switch (call[operators], call[operatorsSocket]) {
    case (nil, nil): return nil
    case (let group?, let path?): return OperatorSocket(socketPath: path, group: group)
    default:
      throw InvalidValue("--operators GROUP and --operators-socket SOCKET go together")
    }
  }

  private static func replayOptions(_ call: Invocation) throws -> ReplayOptions? {
    switch (call[replay], call[endpoint]) {
    case (nil, nil): return nil
    case (.some, nil): throw InvalidValue("--replay needs --endpoint ENDPOINT for its traffic")
    case (nil, .some):
      throw InvalidValue("--endpoint needs --replay FILE; without it serve takes all")
    case (let path?, let name?):
      return ReplayOptions(
        endpoint: name, trafficPath: path, requestsPerSecond: call[rate], speed: call[speed],
        seed: call[seed], scenario: call[scenario])
    }
  }

  private static let headless = Flag(
    "headless", help: "no screen: runs a scripted scenario and reports it")
  private static let duration = Option<TimeSpan>(
    "for", .duration(.seconds(1)...(.seconds(86_400))), help: "how long steady traffic is watched")
  private static let samples = Option<String>(
    "samples", .folder, help: "the folder of the sample (default: found beside the program)")

  static let demo = CommandDeclaration(
    "demo", summary: "Serves a sample model with live replayed traffic in a throw-away state",
    discussion: [
      "Without a terminal, or with --headless, a scripted scenario runs instead: a good ramp, a "
        + "bad candidate that the guard takes off, rollbacks under load, a kill and a restart. "
        + "The exit code is 1 when something did not go as it should."
    ],
    parameters: [headless, duration, speed, seed, rate, scenario, samples]
      + ConsoleScreen.parameters,
    examples: [
      ("sluice demo", "to learn the console on"),
      ("sluice demo --headless --json", "the whole scenario, with its figures"),
    ]
  ) { call in
    var options = Demo.Options()
    options.headless = call[headless] || !call.streams.outputIsTerminal || call.wantsJSON
    options.duration = call[duration]
    options.speed = call[speed]
    options.seed = call[seed]
    options.requestsPerSecond = call[rate]
    options.scenario = call[scenario]
    options.stateDirectory = call[CommandSet.state]
    options.samples = call[samples]
    guard !options.headless else { return try runHeadless(options, call) }
    try ConsoleScreen.requireTerminal(call)
    ConsoleScreen.prepareProcess(stateDirectory: call.stateDirectory)
    let signals = SignalWait.beforeThreads()
    let deferred = try Demo.prepare(options)
    defer { Demo.discard(deferred, options) }
    let exit = try ConsoleScreen.show(deferred, inProcess: true, call)
    if let failure = deferred.finish() { throw failure }
    // A throw-away state ends with its terminal: nobody would find it again. One that was named
    // serves on.
    let isNamed = options.stateDirectory != nil
    if exit == .detached || (exit == .terminalLost && isNamed) {
      serveOn(deferred.node, signals, call)
    }
    return .done
  }

  private static func runHeadless(_ options: Demo.Options, _ call: Invocation) throws -> ExitCode {
    let report = try Demo.runHeadless(options, executable: try ownPath()) { call.note($0) }
    try call.tell(report, text: report.text.joined(separator: "\n") + "\n")
    return report.succeeded ? .done : .notSo
  }

  /// The file that this process runs, so that the scenario can start it once more.
  private static func ownPath() throws -> String {
    guard let path = SampleFiles.programPath() else {
      throw NodeError(.system, "the program's own file cannot be found: \(systemMessage(errno))")
    }
    return path
  }
}
