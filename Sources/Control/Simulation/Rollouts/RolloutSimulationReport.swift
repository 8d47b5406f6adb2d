import Core

/// What many simulated runs came to.
public struct RolloutSimulationReport: Sendable, Encodable {
  /// A run that broke a promise.
  public struct Violation: Sendable, Encodable {
    /// The run's seed.
    public let seed: UInt64
    /// Which promise: `I3`, or a word.
    public let invariant: String
    /// What was seen.
    public let message: String
    /// How many steps are left of the run after shrinking.
    public let steps: Int
    /// What happened in them, a line each.
    public let trace: [String]
    /// The state before the step in which it was seen.
    public let before: ControlState
    /// The state when it was seen.
    public let after: ControlState
  }

  /// The first seed.
  public let seed: UInt64
  /// Runs that were played.
  public internal(set) var runs = 0
  /// The most steps that a run had.
  public let steps: Int
  /// Events that were committed in all runs.
  public internal(set) var events = 0
  /// Starts after the first.
  public internal(set) var restarts = 0
  /// Changes that only a tombstone held at first.
  public internal(set) var tombstones = 0
  /// The kinds of events that came.
  public internal(set) var kinds: [String] = []
  /// The hash of all runs' traces in the order of their seeds.
  public internal(set) var traceHash: String
  /// Runs that broke a promise.
  public internal(set) var broken = 0
  /// The first of them, shrunk; nil when there is none.
  public internal(set) var violation: Violation?

  private enum CodingKeys: String, CodingKey {
    case seed, runs, steps, events, restarts, tombstones, kinds, broken, violation
    case traceHash = "trace_hash"
  }

  private var hash = TraceHash()

  /// Nothing yet.
  package init(seed: UInt64, steps: Int) {
    self.seed = seed
    self.steps = steps
    traceHash = hash.text
  }

  /// Whether every promise was kept.
  public var keepsItsPromises: Bool { broken == 0 }

  /// Counts the run of the next seed.
  package mutating func add(_ result: RolloutRunResult) {
    runs += 1
    events += result.events
    restarts += result.restarts
    tombstones += result.tombstones
    if !Set(kinds).isSuperset(of: result.kinds) {
      kinds = Set(kinds).union(result.kinds).sorted()
    }
    hash.add(result.traceHash)
    traceHash = hash.text
    if result.violation != nil { broken += 1 }
  }

  /// Keeps a shrunk run that broke a promise.
  package mutating func keep(_ violation: Violation) { self.violation = violation }
}

extension EndpointState {
  /// Where it stands, on one line, for a simulation's report.
  public var simulationSummary: String {
    var words = "\(name) generation \(generation): \(split.map { "\($0)" } ?? "empty")"
    words += ", stable \(stable.map { "\($0)" } ?? "none")"
    if !closed.isEmpty { words += ", closed \(closed.map(\.description).joined(separator: " "))" }
    if isDrained { words += ", drained" }
    guard let rollout else { return words }
    words += ", rollout \(rollout.id) of \(rollout.candidate) \(rollout.phaseWord)"
    if let hold = rollout.hold { words += " (\(hold.words))" }
    return words + " in step \(rollout.step + 1) at \(percentText(rollout.weight)), epoch "
      + "\(rollout.epoch), stage \(rollout.stage)"
  }
}

extension RolloutSimulation {
  /// Shrinks a run that broke a promise and plays it once more.
  package func explained(
    seed: UInt64, invariant: String, program: any SimulatedProgram
  ) -> RolloutSimulationReport.Violation? {
    let script = shrunk(seed: seed, invariant: invariant, program: program)
    let result = play(seed: seed, script: script, program: program, isTracing: true)
    guard let violation = result.violation else { return nil }
    return RolloutSimulationReport.Violation(
      seed: seed, invariant: violation.invariant, message: violation.message, steps: script.count,
      trace: result.trace, before: violation.before, after: violation.after)
  }
}
