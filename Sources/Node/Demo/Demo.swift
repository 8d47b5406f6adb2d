import Control
import Core
import Glibc

/// The demonstration: the sample endpoint with replayed traffic in a throw-away state.
public enum Demo {
  /// How it runs.
  public struct Options: Sendable {
    /// Runs the scripted scenario instead of serving a screen.
    public var headless: Bool
    /// How long the steady part takes (headless) or everything (with a screen: nil is for ever).
    public var duration: TimeSpan?
    /// How much faster than life late labels come.
    public var speed: Double
    /// The order of rows.
    public var seed: UInt64
    /// Requests a second.
    public var requestsPerSecond: Double
    /// `steady` or `season`.
    public var scenario: String
    /// Where the state goes; nil is a new folder under the system's temporary one.
    public var stateDirectory: String?
    /// The folder that holds the sample; nil looks in the usual places.
    public var samples: String?

    /// The default demonstration.
    public init(
      headless: Bool = false, duration: TimeSpan? = nil, speed: Double = 600, seed: UInt64 = 1,
      requestsPerSecond: Double = 500, scenario: String = "steady",
      stateDirectory: String? = nil, samples: String? = nil
    ) {
      self.headless = headless
      self.duration = duration
      self.speed = speed
      self.seed = seed
      self.requestsPerSecond = requestsPerSecond
      self.scenario = scenario
      self.stateDirectory = stateDirectory
      self.samples = samples
    }
  }

  /// A node that is getting the sample registered, `@1` live and traffic running; the state is
  /// removed by ``discard(_:_:)`` unless the person named it.
  /// - Throws: a ``Failure``: the sample is not found, the directory cannot be used.
  public static func prepare(_ options: Options) throws -> DeferredNode {
    let sample = try SampleFiles.find(explicit: options.samples)
    let state = try options.stateDirectory ?? temporaryDirectory()
    let node = try Node.openState(NodeOptions(stateDirectory: state, profile: "demo"))
    return try DeferredNode(node) { node in
      try node.begin()
      try install(sample, in: node, scenario: options.scenario)
      try node.startReplay(replay(sample, options))
    }
  }

  /// Stops a demonstration's node and removes its state when it was a throw-away one.
  public static func discard(_ deferred: DeferredNode, _ options: Options) {
    _ = deferred.finish()
    let path = deferred.node.options.stateDirectory
    deferred.node.stop()
    if options.stateDirectory == nil { removeTree(path) }
  }

  /// Runs the scripted scenario on a node in a process of its own.
  /// - Parameter executable: the program, for that process.
  /// - Throws: a ``Failure`` when the scenario could not be run at all.
  public static func runHeadless(
    _ options: Options, executable: String, progress: @escaping (String) -> Void
  ) throws -> DemoReport {
    let sample = try SampleFiles.find(explicit: options.samples)
    let state = try options.stateDirectory ?? temporaryDirectory()
    defer { if options.stateDirectory == nil { removeTree(state) } }
    let node = try Node.open(
      NodeOptions(stateDirectory: state, profile: "demo", listens: false, serves: false))
    try install(sample, in: node, scenario: options.scenario)
    node.stop()
    return try HeadlessScenario(
      .init(
        executable: executable, stateDirectory: state, sample: sample,
        requestsPerSecond: options.requestsPerSecond, speed: options.speed, seed: options.seed,
        scenario: options.scenario, steady: options.duration ?? .seconds(8)),
      progress: progress
    ).run()
  }

  /// Registers the sample's versions and deploys the first, unless the state has them already.
  private static func install(_ sample: SampleFiles, in node: Node, scenario: String) throws {
    let actor = ActorID.currentPerson()
    guard node.core.state.endpoint(sample.model) == nil else { return }
    for number in 1...4 {
      _ = try ModelImporter.importModel(
        file: sample.modelPath(number), model: sample.model, card: sample.cardPath(number),
        reference: scenario == "season" && number < 4
          ? sample.seasonReferencePath : sample.referencePath(number),
        golden: sample.goldenPath(number), stateDirectory: node.options.stateDirectory,
        client: node, actor: actor)
    }
    let first = VersionID(model: sample.model, number: 1)
    for command in [
      Command.createEndpoint(sample.model), .deploy(endpoint: sample.model, version: first),
    ] {
      _ = try node.send(.perform(Order(command: command, actor: actor)))
    }
  }

  private static func replay(_ sample: SampleFiles, _ options: Options) -> ReplayOptions {
    ReplayOptions(
      endpoint: sample.model, trafficPath: sample.trafficPath,
      requestsPerSecond: options.requestsPerSecond, speed: options.speed, seed: options.seed,
      scenario: options.scenario)
  }

  /// A new folder for a state that is thrown away.
  static func temporaryDirectory() throws(NodeError) -> String {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(base)/sluice-demo-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw NodeError(
        .system, "cannot make a folder in \(printable(base)): \(String(cString: strerror(errno)))")
    }
    return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Removes a folder that ``temporaryDirectory()`` made, with everything in it.
  static func removeTree(_ path: String, depth: Int = 0) {
    // Links are removed, not followed, and nothing of ours is nested deeper than this.
    guard depth < 8, let folder = opendir(path) else { return }
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name == "." || name == ".." { continue }
      let child = "\(path)/\(name)"
      if entry.pointee.d_type == UInt8(DT_DIR) {
        removeTree(child, depth: depth + 1)
      } else {
        unlink(child)
      }
    }
    closedir(folder)
    rmdir(path)
  }
}
