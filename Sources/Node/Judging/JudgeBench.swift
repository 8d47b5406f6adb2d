import Control
import Core
import Statistics
import Telemetry

/// What judging costs, in processor time on one thread.
public enum JudgeBench {
  /// One way of judging.
  public struct Figure: Sendable, Encodable {
    /// What was timed.
    public let name: String
    /// Judged events in each round: an answer is one event for each metric.
    public let events: Int
    /// Median over rounds of the time an event and metric, nanoseconds.
    public let nanosecondsPerEvent: Double
    /// The best round.
    public let bestNanosecondsPerEvent: Double

    enum CodingKeys: String, CodingKey {
      case name, events
      case nanosecondsPerEvent = "ns_per_event_p50"
      case bestNanosecondsPerEvent = "ns_per_event_min"
    }
  }

  /// All figures.
  public struct Report: Sendable, Encodable {
    /// One a way of judging.
    public let figures: [Figure]
  }

  private static let rounds = 9
  private static let eventsPerRound = 1_000_000
  private static let weights: [BasisPoints] = [500, 1_000, 2_500, 5_000]

  /// Times the running test alone and the way of a live answer through the node's collector.
  /// - Throws: ``ControlError`` never in practice: the state it makes up is a legal one.
  public static func run() throws -> Report {
    let page = try makePage()
    return Report(figures: [
      running(badEvery: 1, "running test, every event bad"),
      running(badEvery: 100, "running test, one event in 100 bad"),
      collector(page), look(page),
    ])
  }

  /// The test event by event, its value computed after each bad one.
  private static func running(badEvery: Int, _ name: String) -> Figure {
    var test = RunningEvidence(tolerance: 1.25)
    for weight in weights { test.beginEpoch(shareBasisPoints: weight) }
    var random = SplitMix64(seed: 1)
    var greatest = 0.0
    let figure = time(name, events: eventsPerRound) {
      for event in 0..<eventsPerRound {
        guard event % badEvery == 0 else { continue }
        test.addBad(isCandidate: random.next() & 1 == 0)
        greatest = max(greatest, test.evidence)
      }
    }
    // The value is used, so that computing it is not left out.
    precondition(greatest > 0)
    return figure
  }

  /// An answer through the collector, as the analyst takes it: draw, failure, three latency
  /// streams, classes, confidence, scores.
  private static func collector(_ page: EvidencePage) -> Figure {
    let metrics = 5
    let answers = eventsPerRound / metrics
    var random = SplitMix64(seed: 2)
    let labels = [TextKey(decimal: 0), TextKey(decimal: 1)]
    guard let rollout = page.running else { preconditionFailure("the page runs a rollout") }
    let (candidate, fallback) = (rollout.candidate, rollout.fallback)
    return time("collector, five metrics of an answer", events: answers * metrics) {
      for _ in 0..<answers {
        let bits = random.next()
        _ = page.take(
          DrawnAnswer(
            route: 1, version: bits & 1 == 0 ? candidate : fallback, failed: bits & 0x7E == 0,
            latencyMicroseconds: Int(bits >> 8 & 0xFF), key: nil,
            label: labels[Int(bits >> 16 & 1)], score: Float(bits >> 40) / Float(1 << 24)))
      }
    }
  }

  /// A look of the guard: every line computed from the counts, an event being one look at a metric.
  private static func look(_ page: EvidencePage) -> Figure {
    guard let evidence = page.evidence, let plan = page.running?.plan else {
      preconditionFailure("the page runs a rollout")
    }
    let looks = 2_000
    var greatest = 0.0
    let figure = time("a look of the guard", events: looks * plan.metrics.count) {
      for _ in 0..<looks {
        for metric in Judge.evaluate(evidence, plan: plan) {
          greatest = max(greatest, metric.eValue)
        }
      }
    }
    precondition(greatest > 0)
    return figure
  }

  private static func time(_ name: String, events: Int, _ body: () -> Void) -> Figure {
    body()
    var each: [Double] = []
    for _ in 0..<rounds {
      let begin = SystemClock.processNanoseconds()
      body()
      each.append(Double(SystemClock.processNanoseconds() - begin) / Double(events))
    }
    each.sort()
    return Figure(
      name: name, events: events, nanosecondsPerEvent: each[rounds / 2],
      bestNanosecondsPerEvent: each[0])
  }

  /// A page that follows a rollout in which every metric is judged.
  static func makePage(keysMax: Int = KeyLedger.keysMax, warmUp: Int = 0) throws -> EvidencePage {
    let name = try Name("bench")
    var state = ControlState()
    let versions = [1, 2].map { VersionID(model: name, number: $0) }
    let signature = Signature(
      inputs: [TensorSpec(name: "x", elementType: .float32, shape: [nil, 1])],
      outputs: [TensorSpec(name: "y", elementType: .float32, shape: [nil, 1])])
    let draft = VersionDraft(
      model: name, artifact: try Digest(bytes: [UInt8](repeating: 1, count: 32)), artifactBytes: 1,
      signature: signature, summary: "", metrics: [:])
    let share = 1 / Double(Metric.allCases.count)
    let plan = Plan(
      name: "bench", summary: "",
      steps: [PlanStep(weight: 5_000, hold: .zero), PlanStep(weight: Split.whole, hold: .zero)],
      metrics: Metric.allCases.map {
        JudgedMetric(metric: $0, tolerance: 1.25, riskShare: share)
      }, warmUp: warmUp)
    for command in [
      Command.registerVersion(draft), .registerVersion(draft), .createEndpoint(name),
      .deploy(endpoint: name, version: versions[0]),
      .startRamp(endpoint: name, version: versions[1], plan: plan),
    ] {
      let context = DecisionContext(
        now: Timestamp(microseconds: 0), actor: .system, prepared: Set(versions))
      for event in try decide(state, command, context) { state = apply(state, event) }
    }
    let page = EvidencePage(keysMax: keysMax)
    guard let endpoint = state.endpoint(name) else {
      throw NodeError(.unknown, "the endpoint of the bench was not made")
    }
    page.follow(endpoint, route: 1)
    page.judgeLatency(
      by: LatencyThresholds(p50Microseconds: 128, p90Microseconds: 230, p99Microseconds: 253))
    page.judgeAnswers(
      by: StableProfile(
        labels: ["0", "1"], scoreRange: .init(low: 0.05, high: 0.95),
        confidenceRange: .init(low: 0.52, high: 0.98), isTwoClass: true))
    return page
  }
}
