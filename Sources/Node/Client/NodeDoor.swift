import Control
import Core
import Glibc
import Storage

/// How a node is opened.
public struct NodeOptions: Sendable {
  /// All of the node's state.
  public var stateDirectory: String
  /// `dev` or `prod`: how much is asked before a risky action.
  public var profile: String
  /// Folders with plans and runbooks (YAML) beside the built-in ones.
  public var libraryDirectories: [String]
  /// Whether the control socket is opened, so that command lines can talk to this node.
  public var listens: Bool
  /// Whether the data plane is started: versions loaded, telemetry analysed, guard acting.
  public var serves: Bool
  /// A second socket for operators who are other users; nil when there is none.
  public var operators: OperatorSocket?

  /// Puts them together.
  public init(
    stateDirectory: String, profile: String = "dev", libraryDirectories: [String] = [],
    listens: Bool = true, serves: Bool = true, operators: OperatorSocket? = nil
  ) {
    self.stateDirectory = stateDirectory
    self.profile = profile
    self.libraryDirectories = libraryDirectories
    self.listens = listens
    self.serves = serves
    self.operators = operators
  }
}

/// A control socket outside of the state directory that the members of a group may use.
public struct OperatorSocket: Sendable, Hashable {
  /// Where it is; the folder is there and only this user, or root, can write it.
  public var socketPath: String
  /// The group's name.
  public var group: String

  /// Puts the two together.
  public init(socketPath: String, group: String) {
    self.socketPath = socketPath
    self.group = group
  }
}

/// Replayed traffic for an endpoint.
public struct ReplayOptions: Sendable, Codable {
  /// The endpoint that gets the traffic.
  public var endpoint: Name
  /// The CSV file of rows with labels.
  public var trafficPath: String
  /// Requests a second.
  public var requestsPerSecond: Double
  /// How much faster than life late labels arrive.
  public var speed: Double
  /// The seed of the order of rows.
  public var seed: UInt64
  /// `steady` (seeded shuffle) or `season` (time order).
  public var scenario: String

  /// Puts them together.
  public init(
    endpoint: Name, trafficPath: String, requestsPerSecond: Double = 500, speed: Double = 600,
    seed: UInt64 = 1, scenario: String = "steady"
  ) {
    self.endpoint = endpoint
    self.trafficPath = trafficPath
    self.requestsPerSecond = requestsPerSecond
    self.speed = speed
    self.seed = seed
    self.scenario = scenario
  }
}

/// Finds the node of a state directory, or becomes it.
public enum NodeDoor {
  /// `$XDG_STATE_HOME/sluice`, or its usual place under the home directory.
  public static func defaultStateDirectory() -> String {
    (try? StateDirectory.defaultPath()) ?? "/var/tmp/sluice"
  }

  /// A client of the running node.
  /// - Parameter stateDirectory: the state directory, or the path of a node's control socket.
  /// - Throws: ``NodeError`` with the code `unreachable` when none runs or it does not answer.
  public static func connect(stateDirectory: String) throws -> any NodeClient {
    if isSocket(stateDirectory) { return try SocketNodeClient(path: stateDirectory) }
    let directory = try StateDirectory(stateDirectory, create: false)
    return try SocketNodeClient(path: directory.socketPath)
  }

  /// A client of the node that runs on the directory; when none does, a node in this process, which
  /// holds the lock and listens to nobody.
  /// - Throws: a ``Failure``: the node does not answer, or the state cannot be opened.
  public static func open(stateDirectory: String, serves: Bool = false) throws -> any NodeClient {
    if isSocket(stateDirectory) { return try connect(stateDirectory: stateDirectory) }
    if let client = try? connect(stateDirectory: stateDirectory) { return client }
    // Without a node the lock is free; with one that does not answer, taking it names its process.
    return try Node.open(
      NodeOptions(stateDirectory: stateDirectory, listens: serves, serves: serves))
  }

  /// Whether a path names a socket: what operators are given who cannot enter the state directory.
  public static func isSocket(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  /// Whether a node answers on the directory's socket.
  public static func isNodeRunning(stateDirectory: String) -> Bool {
    (try? connect(stateDirectory: stateDirectory)) != nil
  }

  /// Writes a rollback that the node obeys when it wakes or restarts, without asking it.
  /// - Returns: one sentence on what was written.
  /// - Throws: a ``Failure`` when the endpoint or the target cannot be found in the journal.
  public static func forceRollback(
    stateDirectory: String, endpoint: Name, to target: VersionID?, actor: ActorID
  ) throws -> String {
    let directory = try StateDirectory(stateDirectory, create: false)
    let reader = try JournalReader(directory)
    let tombstones = try Tombstones(directory)
    // What only tombstones hold is decided too: nobody goes back to what one of them closes.
    let state = Recovery.obeyed(
      try tombstones.pending(),
      in: try Recovery.replay(
        reader, saved: SavedStates(readingFrom: directory, reader), checksAll: false
      ).state)
    let people = try People(readingFrom: directory)
    let code = actor.kind == .person ? people.knownCode(for: actor.name) : nil
    guard let known = state.endpoint(endpoint) else {
      throw NodeError(.unknown, "there is no endpoint \"\(endpoint)\": see sluice endpoint list")
    }
    let targets = known.rollbackTargets()
    guard let fallback = target ?? targets.first, targets.contains(fallback) else {
      throw NodeError(
        .refused,
        targets.isEmpty
          ? "\(endpoint) has nothing to roll back to"
          : "\(endpoint) cannot go back to \(target.map { "\($0)" } ?? "-"): choose one of "
            + targets.map { "\($0)" }.joined(separator: ", "))
    }
    // A candidate that has no traffic yet would get some later.
    let open = (known.split?.versions ?? []) + (known.rollout?.candidates ?? [])
    let closed = Set(open).subtracting([fallback]).sorted()
    _ = try tombstones.record(
      Fence(
        endpoint: endpoint, closed: closed, fallback: fallback,
        actor: ActorID(kind: actor.kind, name: code ?? actor.name), time: SystemClock.now(),
        generation: known.generation + 1))
    return "recorded: \(endpoint) goes back to \(fallback) as soon as its node wakes or restarts"
  }
}
