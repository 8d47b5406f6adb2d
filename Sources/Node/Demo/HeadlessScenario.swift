import Control
import Core
import Glibc

/// The scripted scenario of `sluice demo --headless`: a real node in a process of its own is
/// operated through its control socket, exactly as a person would, and killed once.
final class HeadlessScenario {
  /// How the scenario runs.
  struct Settings {
    var executable: String
    var stateDirectory: String
    var sample: SampleFiles
    var requestsPerSecond: Double
    var speed: Double
    var seed: UInt64
    var scenario: String
    var steady: TimeSpan
    /// Rollbacks by hand under load.
    var rollbacks = 1_000
  }

  private let settings: Settings
  private let progress: (String) -> Void
  private let endpoint: Name
  private let node: ChildNode
  private var report = DemoReport()
  /// Counts of the node's earlier lives, which a kill took with them.
  private var earlier = DemoReport.Requests()
  private let actor = ActorID.currentPerson()

  init(_ settings: Settings, progress: @escaping (String) -> Void) throws {
    self.settings = settings
    self.progress = progress
    endpoint = settings.sample.model
    node = ChildNode(
      executable: settings.executable,
      arguments: [
        "serve", "--state", settings.stateDirectory, "--replay", settings.sample.trafficPath,
        "--endpoint", "\(endpoint)", "--rate", "\(settings.requestsPerSecond)",
        "--speed", "\(settings.speed)", "--seed", "\(settings.seed)",
        "--scenario", settings.scenario,
      ],
      logPath: settings.stateDirectory + "/serve.log")
  }

  /// Runs every phase; a phase that fails is reported and the next ones still run where they can.
  func run() throws -> DemoReport {
    try node.start()
    try awaitNode()
    defer { node.kill(signal: SIGTERM) }
    try phase("steady", steady)
    try phase("good-ramp", goodRamp)
    try phase("bad-candidate", badCandidate)
    try phase("rollbacks", rollbacks)
    try phase("crash", crash)
    try phase("after", after)
    return report
  }

  // MARK: Phases

  /// Traffic on `@1` alone: requests and labels flow, nothing fails, drift is quiet.
  private func steady() throws -> (Bool, String) {
    sleep(settings.steady)
    let snapshot = try self.snapshot()
    let traffic = snapshot.detail?.traffic
    let worst = snapshot.detail?.drift?.features.map(\.severity).max() ?? .ok
    let passed = (traffic?.totalRequests ?? 0) > 0 && traffic?.totalFailed == 0 && worst != .bad
    return (
      passed,
      "\(traffic?.totalRequests ?? 0) requests and \(traffic?.totalLabels ?? 0) labels on "
        + "\(version(1)), drift \(worst.rawValue)"
    )
  }

  /// `@2` by the demonstration plan to 100 % and through its soak.
  private func goodRamp() throws -> (Bool, String) {
    try perform(.startRamp(endpoint: endpoint, version: version(2), plan: DemoPlan.plan))
    let ended = try awaitRollout(limit: .seconds(240)) { $0.phase == "completed" || $0.hasEnded }
    guard let ended else { return (false, "the ramp of \(version(2)) did not end in time") }
    let evidence = ended.evidence.map(\.eValue).max() ?? 0
    return (
      ended.phase == "completed",
      "\(version(2)) \(ended.phase) after \(ended.candidateRequests) requests, "
        + "largest evidence \(decimal(evidence, 2))"
    )
  }

  /// `@4`, which no off-line gate can see to be bad: the guard must take it off by itself.
  private func badCandidate() throws -> (Bool, String) {
    try perform(.startRamp(endpoint: endpoint, version: version(4), plan: DemoPlan.plan))
    let ended = try awaitRollout(limit: .seconds(240)) { $0.hasEnded }
    guard let ended else { return (false, "\(version(4)) was not taken off in time") }
    let wrong = ended.evidence.first { $0.metric == .wrongAnswers }
    report.badCandidate.rolledBack = ended.phase == "rolled back"
    report.badCandidate.candidateRequests = ended.candidateRequests
    report.badCandidate.cause = ended.cause
    if let wrong {
      let stableRate = Double(wrong.stableBad) / Double(max(1, wrong.stableTotal))
      report.badCandidate.wrong = wrong.candidateBad
      report.badCandidate.labelled = wrong.candidateTotal
      report.badCandidate.stableWrongRate = stableRate
      report.badCandidate.evidence = wrong.eValue
      report.badCandidate.extraBadAnswers =
        Double(wrong.candidateBad) - stableRate * Double(wrong.candidateTotal)
    }
    return (
      report.badCandidate.rolledBack,
      "\(version(4)) \(ended.phase) after \(ended.candidateRequests) requests: \(ended.cause)"
    )
  }

  /// Rollbacks by hand: a candidate gets half of the traffic, and loses it again.
  private func rollbacks() throws -> (Bool, String) {
    var lastRouted: [Double] = []
    var durable: [Double] = []
    for _ in 0..<settings.rollbacks {
      try perform(.startRamp(endpoint: endpoint, version: version(3), plan: DemoPlan.half))
      let outcome = try perform(.rollBack(endpoint: endpoint, to: nil, symptom: "demonstration"))
      lastRouted.append(Double(outcome.fenceMicroseconds ?? 0))
      durable.append(Double(outcome.durableMicroseconds) / 1_000)
    }
    lastRouted.sort()
    durable.sort()
    report.rollback = DemoReport.Rollback(
      count: durable.count, decisionToLastRoutedMedian: quantile(lastRouted, 0.5),
      decisionToLastRouted99: quantile(lastRouted, 0.99),
      decisionToLastRoutedMax: lastRouted.last ?? 0, durableMedian: quantile(durable, 0.5),
      durable99: quantile(durable, 0.99), durableMax: durable.last ?? 0)
    let split = try snapshot().detail?.split
    return (
      durable.count == settings.rollbacks && split == Split(all: version(2)),
      "\(durable.count) rollbacks, all traffic back on \(version(2))"
    )
  }

  /// `kill -9` in the middle of a ramp; the restarted node must hold the acknowledged state.
  private func crash() throws -> (Bool, String) {
    try perform(.startRamp(endpoint: endpoint, version: version(3), plan: DemoPlan.plan))
    sleep(.milliseconds(1_500))
    let stepped = try perform(.step(endpoint: endpoint, direction: .next, reason: "demonstration"))
    let before = try snapshot()
    remember(before)
    node.kill(signal: SIGKILL)
    let start = SystemClock.monotonicNanoseconds()
    try node.start()
    try awaitNode()
    report.crash.restartMilliseconds =
      Double(SystemClock.monotonicNanoseconds() - start) / 1e6
    let after = try snapshot()
    report.crash.sequenceBefore = before.node.sequence
    report.crash.sequenceAfter = after.node.sequence
    report.crash.stateKept =
      after.detail?.split == before.detail?.split
      && after.node.sequence >= stepped.sequence
      && after.detail?.rollout?.candidate == before.detail?.rollout?.candidate
      && after.detail?.rollout?.step == before.detail?.rollout?.step
    sleep(.seconds(2))
    let serving = try snapshot().detail?.traffic.totalRequests ?? 0
    try perform(.abort(endpoint: endpoint, reason: "demonstration"))
    return (
      report.crash.stateKept && serving > 0,
      "killed at \(before.detail?.split.map { "\($0)" } ?? "-"), serving the same "
        + "\(decimal(report.crash.restartMilliseconds, 0)) ms after the restart began"
    )
  }

  /// The journal's chain and the final counts.
  private func after() throws -> (Bool, String) {
    guard case .journalCheck(let check) = try client().send(.verifyJournal) else {
      return (false, "the node did not check its journal")
    }
    report.journalRows = check.events
    report.journalFault = check.fault
    let last = try snapshot()
    remember(last)
    report.requests = earlier
    return (check.fault == nil, "\(check.events) journal rows, every link checked")
  }

  // MARK: Means

  private func phase(_ name: String, _ body: () throws -> (Bool, String)) throws {
    progress("\(name) …")
    let start = SystemClock.monotonicNanoseconds()
    let requestsBefore = try totalRequests()
    var result: (Bool, String)
    do { result = try body() } catch { result = (false, NodeError(describing: error).message) }
    let requests = ((try? totalRequests()) ?? requestsBefore) - requestsBefore
    let seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
    report.phases.append(
      .init(
        name: name, passed: result.0, seconds: (seconds * 1_000).rounded() / 1_000,
        requests: name == "after" ? 0 : requests, summary: result.1))
    progress("\(result.0 ? "ok  " : "FAIL") \(name): \(result.1)")
  }

  private func totalRequests() throws -> Int {
    earlier.total + (try snapshot().detail?.traffic.totalRequests ?? 0)
  }

  /// Adds a life's counts before they are lost or at the end.
  private func remember(_ snapshot: NodeSnapshot) {
    guard let traffic = snapshot.detail?.traffic else { return }
    earlier.total += traffic.totalRequests
    earlier.failed += traffic.totalFailed
    earlier.routedAfterFence += traffic.routedAfterFence
    earlier.labels += traffic.totalLabels
  }

  private func version(_ number: Int) -> VersionID { VersionID(model: endpoint, number: number) }

  private func client() throws -> any NodeClient {
    try NodeDoor.connect(stateDirectory: settings.stateDirectory)
  }

  private lazy var connection: (any NodeClient)? = nil

  private func send(_ request: NodeRequest) throws -> NodeReply {
    let open = try connection ?? client()
    connection = open
    do {
      return try open.send(request)
    } catch {
      connection = nil
      throw error
    }
  }

  private func snapshot() throws -> NodeSnapshot {
    guard
      case .snapshot(let snapshot) = try send(
        .snapshot(SnapshotRequest(endpoint: endpoint, eventLimit: 1)))
    else { throw NodeError(.system, "the node answered a snapshot request with something else") }
    return snapshot
  }

  @discardableResult
  private func perform(_ command: Command) throws -> Outcome {
    guard case .outcome(let outcome) = try send(.perform(Order(command: command, actor: actor)))
    else { throw NodeError(.system, "the node answered a command with something else") }
    return outcome
  }

  private func awaitNode() throws {
    connection = nil
    for _ in 0..<600 {
      if let open = try? client(), case .ready = try open.send(.ping) { return }
      guard node.isRunning else {
        throw NodeError(.system, "the node stopped while starting: \(node.logTail())")
      }
      sleep(.milliseconds(10))
    }
    throw NodeError(.system, "the node did not answer within 6 s: \(node.logTail())")
  }

  private func awaitRollout(
    limit: TimeSpan, until done: (RolloutView) -> Bool
  ) throws -> RolloutView? {
    let end = SystemClock.monotonicNanoseconds() + UInt64(limit.microseconds) * 1_000
    while SystemClock.monotonicNanoseconds() < end {
      if let rollout = try snapshot().detail?.rollout, done(rollout) { return rollout }
      sleep(.milliseconds(100))
    }
    return nil
  }

  private func sleep(_ span: TimeSpan) { usleep(UInt32(clamping: span.microseconds)) }

  private func quantile(_ sorted: [Double], _ q: Double) -> Double {
    guard !sorted.isEmpty else { return 0 }
    return sorted[min(sorted.count - 1, Int(q * Double(sorted.count)))]
  }
}

extension RolloutView {
  /// Whether nothing more will happen to it.
  var hasEnded: Bool { !["baking", "held", "soaking"].contains(phase) }
}

/// Plans of the demonstration: the quick ramp with shorter steps, and one that stays at half.
enum DemoPlan {
  private static let metrics = [
    JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 0.4),
    JudgedMetric(metric: .wrongAnswers, tolerance: 1.25, riskShare: 0.4),
    JudgedMetric(metric: .latency, tolerance: 1.25, riskShare: 0.2),
  ]

  /// 5, 25 and 50 % for five seconds each, then 100 % with a short soak.
  static let plan = Plan(
    name: "demonstration", summary: "5 %, 25 %, 50 % for 5 s each, 100 %, soak 5 s",
    steps: [
      PlanStep(weight: 500, hold: .seconds(5), minRequests: 50),
      PlanStep(weight: 2_500, hold: .seconds(5), minRequests: 200),
      PlanStep(weight: 5_000, hold: .seconds(5), minRequests: 400),
      PlanStep(weight: 10_000, hold: .zero),
    ],
    metrics: metrics, soak: .seconds(5))

  /// Half of the traffic at once, for rollbacks by hand.
  static let half = Plan(
    name: "half", summary: "50 % for 10 min, then 100 %",
    steps: [
      PlanStep(weight: 5_000, hold: .minutes(10)), PlanStep(weight: 10_000, hold: .zero),
    ],
    metrics: metrics)
}
