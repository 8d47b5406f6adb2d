import Control
import Core

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

  /// Puts them together.
  public init(
    stateDirectory: String, profile: String = "dev", libraryDirectories: [String] = [],
    listens: Bool = true, serves: Bool = true
  ) {
    self.stateDirectory = stateDirectory
    self.profile = profile
    self.libraryDirectories = libraryDirectories
    self.listens = listens
    self.serves = serves
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
