import Control
import Core
import Glibc
import Serving
import Storage
import Synchronization
import Telemetry

/// How long it takes from the answer that breaks a candidate's rollout to the fence that closes the
/// candidate, in a whole node: worker, analyst, guard, decision.
public enum BreachBench {
  /// The measurement.
  public struct Report: Sendable, Encodable {
    /// Rollouts that were broken.
    public let runs: Int
    /// Requests a second while it was measured.
    public let requestsPerSecond: Int
    /// Milliseconds from the answer to the fence's ticket: half of the runs were quicker.
    public let p50Milliseconds: Double
    /// 99 of 100 runs were quicker.
    public let p99Milliseconds: Double
    /// The slowest run.
    public let maxMilliseconds: Double
    /// Requests routed to a candidate after its fence; must be 0.
    public let routedAfterFence: Int
    /// Requests that nobody answered; must be 0.
    public let unanswered: Int

    enum CodingKeys: String, CodingKey {
      case runs, unanswered
      case requestsPerSecond = "requests_per_s"
      case p50Milliseconds = "p50_ms"
      case p99Milliseconds = "p99_ms"
      case maxMilliseconds = "max_ms"
      case routedAfterFence = "routed_after_fence"
    }
  }

  private static let requestsPerSecond = 2_000
  /// Failures in a row that the guard's breaker takes.
  private static let breakerFailures = 5
  private static let waitNanoseconds: Int64 = 5_000_000_000

  /// Breaks `runs` rollouts, one after another, in a state directory of its own.
  /// - Throws: a ``Failure`` when no folder can be made, or a candidate is never closed.
  public static func run(runs: Int) throws -> Report {
    let directory = try Demo.temporaryDirectory()
    defer { Demo.removeTree(directory) }
    let bench = try World(directory)
    defer { bench.node.stop() }
    var milliseconds: [Double] = []
    for _ in 0..<runs { milliseconds.append(try bench.breakOnce()) }
    milliseconds.sort()
    let figures = bench.node.analyst.withDesk { $0.figures(bench.endpoint).routedAfterFence }
    func quantile(_ share: Double) -> Double {
      milliseconds[min(milliseconds.count - 1, Int(share * Double(milliseconds.count)))]
    }
    return Report(
      runs: runs, requestsPerSecond: requestsPerSecond, p50Milliseconds: quantile(0.5),
      p99Milliseconds: quantile(0.99), maxMilliseconds: milliseconds[milliseconds.count - 1],
      routedAfterFence: figures, unanswered: bench.unanswered)
  }

  /// A node with two versions that are no models.
  private final class World {
    let node: Node
    let endpoint: Name
    private let runtime: EndpointRuntime
    private let worker: Worker
    private let fails: FailureSwitch
    private let candidate: VersionID
    private let plan: Plan
    private var requests: UInt64 = 0
    private(set) var unanswered = 0

    init(_ directory: String) throws {
      node = try Node.openState(
        NodeOptions(stateDirectory: directory, listens: false, serves: true))
      endpoint = try Name("bench")
      candidate = VersionID(model: endpoint, number: 2)
      fails = FailureSwitch()
      plan = Plan(
        name: "bench", summary: "",
        steps: [
          PlanStep(weight: 5_000, hold: .minutes(60)),
          PlanStep(weight: Split.whole, hold: .zero),
        ], metrics: [JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 1)], warmUp: 0)
      try World.prepare(node, endpoint, fails)
      try node.begin()
      // It would close the candidate on its own account.
      node.stopProbing()
      guard let runtime = node.plane.runtime(of: endpoint) else {
        throw NodeError(.system, "the bench's endpoint does not serve")
      }
      self.runtime = runtime
      worker = runtime.makeWorker(seed: 1)
    }

    private static func prepare(
      _ node: Node, _ endpoint: Name, _ fails: FailureSwitch
    ) throws {
      let signature = Signature(
        inputs: [TensorSpec(name: "x", elementType: .float32, shape: [nil, 1])],
        outputs: [TensorSpec(name: "y", elementType: .float32, shape: [nil, 1])])
      let draft = VersionDraft(
        model: endpoint, artifact: try Digest(bytes: [UInt8](repeating: 1, count: 32)),
        artifactBytes: 1, signature: signature, summary: "", metrics: [:])
      for number in 1...2 {
        let version = VersionID(model: endpoint, number: number)
        let source =
          number == 1 ? ConstantSource() : ConstantSource(isFailing: { fails.isOn })
        node.shelf.put(
          ModelShelf.Loaded(
            version: try LoadedVersion(version, source: source, warm: 2), signature: signature,
            reference: nil, referenceFault: nil))
        // No command of its own reads an artifact that is not there.
        node.shelf.reserve(version)
        try give(node, .registerVersion(draft))
      }
      try give(node, .createEndpoint(endpoint))
      try give(
        node, .deploy(endpoint: endpoint, version: VersionID(model: endpoint, number: 1)))
    }

    private static func give(_ node: Node, _ command: Command) throws {
      _ = try node.core.transact(on: node.plane) { state in
        try decide(
          state, command,
          DecisionContext(
            now: SystemClock.now(), actor: .system, prepared: node.shelf.prepared))
      }
    }

    /// One rollout, from its start to its fence.
    func breakOnce() throws -> Double {
      fails.set(false)
      try World.give(
        node, .startRamp(endpoint: endpoint, version: candidate, plan: plan))
      let tag = runtime.tag(of: candidate)
      // Some good answers, so that the round before the breach is one like any other.
      for _ in 0..<20 { _ = send() }
      fails.set(true)
      var failures = 0
      var broken: Int64?
      let limit = MonotonicClock.nanoseconds() + BreachBench.waitNanoseconds
      while !runtime.isFenced(candidate) {
        let answer = send()
        if broken == nil, answer.routedTo == tag {
          failures = answer.outcome == .fellBack ? failures + 1 : 0
          if failures == BreachBench.breakerFailures { broken = MonotonicClock.nanoseconds() }
        }
        guard MonotonicClock.nanoseconds() < limit else {
          throw NodeError(.system, "a candidate that fails was not closed within 5 s")
        }
      }
      // The state follows the fence; the next rollout needs it.
      while node.core.state.endpoint(endpoint)?.rollout != nil {
        _ = send()
        guard MonotonicClock.nanoseconds() < limit else {
          throw NodeError(.system, "a broken rollout did not end within 5 s")
        }
      }
      guard let broken, let closed = node.plane.lastClosed(on: endpoint) else {
        throw NodeError(.system, "a candidate was closed before it broke")
      }
      return Double(Int64(closed) - broken) / 1e6
    }

    private func send() -> Answer {
      requests += 1
      worker.row.setNumber(0, 1.0)
      let answer = worker.predict(Request(id: requests))
      if answer.outcome != .answered, answer.outcome != .fellBack { unanswered += 1 }
      usleep(UInt32(1_000_000 / BreachBench.requestsPerSecond))
      return answer
    }
  }

  /// Says to predictors on other threads whether they fail.
  private final class FailureSwitch: Sendable {
    private let value = Atomic<Bool>(false)
    var isOn: Bool { value.load(ordering: .acquiring) }
    func set(_ isOn: Bool) { value.store(isOn, ordering: .releasing) }
  }
}
