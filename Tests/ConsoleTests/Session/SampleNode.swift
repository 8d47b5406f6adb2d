import Control
import Core
import Node

@testable import Console

/// A settled picture of a node, the same in every run: an endpoint with a canary at 25 %.
enum Sample {
  static let start = Timestamp(microseconds: 1_773_496_951_000_000)  // 2026-03-14T14:02:31Z
  static let endpoint = name("flight-delay")

  static func name(_ text: String) -> Name {
    do { return try Name(text) } catch { preconditionFailure(error.message) }
  }
  static func version(_ number: Int) -> VersionID {
    VersionID(model: name("flight-delay"), number: number)
  }
  static func digest(_ byte: UInt8) -> Digest {
    do { return try Digest(bytes: (0..<32).map { byte &+ $0 &* 7 }) } catch {
      preconditionFailure(error.message)
    }
  }
  static let ana = ActorID(kind: .person, name: "ana")

  static let standard = Plan(
    name: "standard-launch", summary: "1, 5, 25, 50, 100 % with five minutes each",
    steps: [100, 500, 2500, 5000, 10_000].map {
      PlanStep(weight: $0, hold: .minutes(5), minRequests: 1000)
    },
    metrics: [
      JudgedMetric(metric: .errors, tolerance: 1.5, riskShare: 0.4),
      JudgedMetric(metric: .wrongAnswers, tolerance: 1.2, riskShare: 0.4),
      JudgedMetric(metric: .latency, tolerance: 1.5, riskShare: 0.2),
    ], soak: .minutes(10))
  static let quick = Plan(
    name: "quick", summary: "10 % and then all",
    steps: [
      PlanStep(weight: 1000, hold: .minutes(1)), PlanStep(weight: 10_000, hold: .minutes(1)),
    ], metrics: [JudgedMetric(metric: .errors, tolerance: 2, riskShare: 1)])

  static func info(profile: String = "dev", sequence: Int = 118) -> NodeInfo {
    NodeInfo(
      program: "0.1.0", pid: 4242, started: start + .seconds(-90_000),
      stateDirectory: "/var/lib/sluice", profile: profile, processors: 1.2,
      residentBytes: 412 << 20, trafficSource: "replay 500/s", sequence: sequence, durable: true)
  }

  static func row(
    _ number: Int, _ state: String, _ weight: BasisPoints, rate: Double?, p50: Double?,
    p99: Double?, errors: Double?, wrong: Double?, psi: Double?, age: TimeSpan, _ summary: String
  ) -> VersionRow {
    VersionRow(
      version: version(number), state: state, weight: weight, requestsPerSecond: rate,
      p50Milliseconds: p50, p99Milliseconds: p99, errorRate: errors, wrongRate: wrong,
      labels: wrong == nil ? 0 : 4120, driftScore: psi, registered: start + (.zero - age),
      summary: summary, digest: digest(UInt8(number)))
  }

  static let rows = [
    row(
      1, "live", 7500, rate: 381.2, p50: 0.21, p99: 1.44, errors: 0.0018, wrong: 0.2105, psi: 0.03,
      age: .seconds(6 * 86_400), "logistic regression"),
    row(
      2, "canary", 2500, rate: 127.4, p50: 0.48, p99: 2.31, errors: 0.0031, wrong: 0.1922,
      psi: 0.08, age: .minutes(131), "gradient-boosted trees, 300"),
    row(
      3, "standby", 0, rate: nil, p50: nil, p99: nil, errors: nil, wrong: nil, psi: nil,
      age: .minutes(40), "MLP 128-64-32"),
    row(
      4, "registered", 0, rate: nil, p50: nil, p99: nil, errors: nil, wrong: nil, psi: nil,
      age: .minutes(12), "retrained by the airline team"),
  ]

  static func wave(_ seed: UInt64, _ count: Int, base: Double, swing: Double) -> [Double?] {
    var random = SplitMix64(seed: seed)
    var level = 0.5
    return (0..<count).map { _ in
      level = max(0, min(1, level + (random.nextUnit() - 0.5) * 0.2))
      return base + swing * (level - 0.5)
    }
  }

  static func series(
    _ version: VersionID?, _ seed: UInt64, rate: Double, p99: Double, wrong: Double
  )
    -> TrafficView.Series
  {
    let n = 150
    return TrafficView.Series(
      version: version, requestsPerSecond: wave(seed, n, base: rate, swing: rate * 0.3),
      p50Milliseconds: wave(seed + 1, n, base: p99 / 6, swing: p99 / 20),
      p90Milliseconds: wave(seed + 2, n, base: p99 / 2, swing: p99 / 10),
      p99Milliseconds: wave(seed + 3, n, base: p99, swing: p99 * 0.5),
      errorRate: wave(seed + 4, n, base: 0.002, swing: 0.002),
      wrongRate: wave(seed + 5, n, base: wrong, swing: 0.04))
  }

  static let traffic = TrafficView(
    end: start, secondsPerPoint: 2,
    series: [
      series(nil, 1, rate: 508, p99: 1.7, wrong: 0.206),
      series(version(1), 11, rate: 381, p99: 1.44, wrong: 0.2105),
      series(version(2), 21, rate: 127, p99: 2.31, wrong: 0.1922),
    ], totalRequests: 45_120_331, totalFailed: 1204, droppedTaps: 0, totalLabels: 1_902_118)

  static func evidence(_ metric: Metric, _ e: Double, _ bad: Int, _ verdict: Int?)
    -> RolloutView.Evidence
  {
    RolloutView.Evidence(
      metric: metric, eValue: e, holdAt: 20, rollbackAt: 100, candidateBad: bad, stableBad: bad * 3,
      candidateTotal: 4610, stableTotal: 13_830, tolerance: 1.5, requestsToVerdict: verdict)
  }

  static func rollout(
    phase: String = "baking", cause: String = "", worst: Double = 1.8, weight: BasisPoints = 2500
  ) -> RolloutView {
    var view = RolloutView(
      identifier: 7, candidate: version(2), fallback: version(1), plan: standard, phase: phase,
      cause: cause, step: 2, candidateWeight: weight, observed: .seconds(166),
      remaining: phase == "held" ? nil : .seconds(134), stepRequests: 4610,
      candidateRequests: 6204,
      evidence: [
        evidence(.errors, worst, 14, 2300), evidence(.wrongAnswers, 0.4, 886, 5100),
        evidence(.latency, 0.9, 51, nil),
      ], started: start + .minutes(-11), startedBy: ana)
    guard view.isRunning else { return view }
    view.facts = RolloutFacts(
      phaseSince: start + .seconds(-166), needsReason: phase == "held" && worst >= 20,
      holdEnds: phase == "held" ? start + .minutes(27) : nil, nextWeight: 5000,
      requests: .init(used: 6204, limit: 50_000), errors: .init(used: 900, limit: 1000),
      missing: phase == "held" ? [] : ["step 3 has seen 2m46s of 5m"])
    view.evidence[0].promotion = decoded(
      #"{"eValue":12.5,"margin":1.5,"neededAt":50,"requestsToCertainty":3400}"#)
    view.evidence[2].stream = "p99"
    return view
  }

  /// A value that only its own module can make.
  static func decoded<Value: Decodable>(_ json: String) -> Value {
    do { return try CanonicalJSON.decode(Value.self, from: Array(json.utf8)) } catch {
      preconditionFailure("\(error)")
    }
  }

  static let verdict: VerdictView = decoded(
    """
    {"candidate":"flight-delay@2","candidateRequests":6204,"cause":"","endpoint":"flight-delay",\
    "fallback":"flight-delay@1","metrics":[\(metric("errors", 1.8, 14, 42)),\
    \(metric("latency", 0.9, 51, 150, stream: "p99"))],"missing":["step 3 has seen 2m46s of 5m"],\
    "phase":"baking","plan":"standard-launch","rollout":7,"sampleRatio":{"candidate":4610,\
    "eValue":0.2,"expectedCandidate":4600,"holdAt":1000,"stable":13790},"step":2,"steps":5,\
    "streams":[\(stream("p50", 0.4, 2200, 6790)),\(stream("p90", 0.7, 460, 1391)),\
    \(stream("p99", 0.9, 51, 150))],"warmUp":200,"weight":2500}
    """)

  private static func metric(
    _ name: String, _ e: Double, _ bad: Int, _ stableBad: Int, stream: String? = nil
  ) -> String {
    let promotion =
      stream == nil
      ? #","promotion":{"eValue":12.5,"margin":1.5,"neededAt":50,"requestsToCertainty":3400}"# : ""
    let shown = stream.map { ",\"stream\":\"\($0)\"" } ?? ""
    return """
      {"candidate":{"high":0.0051,"low":0.0017,"rate":0.00304},"evidence":{"candidateBad":\(bad),\
      "candidateTotal":4610,"eValue":\(e),"holdAt":50,"metric":"\(name)"\(promotion),\
      "requestsToVerdict":2300,"rollbackAt":250,"stableBad":\(stableBad),"stableTotal":13830\(shown),\
      "tolerance":1.5},"isCompared":true,"ratio":1.0,"ratioHigh":2.31,"ratioLow":0.42,\
      "stable":{"high":0.0041,"low":0.0022,"rate":0.00304}}
      """
  }

  private static func stream(_ name: String, _ e: Double, _ bad: Int, _ stableBad: Int) -> String {
    """
    {"candidateBad":\(bad),"candidateTotal":4610,"eValue":\(e),"metric":"latency",\
    "stableBad":\(stableBad),"stableTotal":13830,"stream":"\(name)"}
    """
  }

  static let freeze = frozen(reason: "incident 42", by: "li")

  static func frozen(reason: String, by: String) -> Freeze {
    let words = [reason, by].map { text -> String in
      guard let bytes = try? CanonicalJSON.encode([text]) else { return "[\"\"]" }
      return String(String(decoding: bytes, as: UTF8.self).dropFirst().dropLast())
    }
    return decoded(
      """
      {"by":{"kind":"person","name":\(words[1])},"id":3,"reason":\(words[0]),"since":\
      \((start + .minutes(-3)).microseconds),"window":"until released"}
      """)
  }

  static func history() -> [GenerationView] {
    [(118, 2500), (117, 500), (114, 100)].map { generation, weight in
      GenerationView(
        generation: generation, summary: "flight-delay: @2 to \(percentText(weight))", actor: ana,
        split: Split(stable: version(1), candidate: version(2), weight: weight))
    }
  }

  static func feature(
    _ name: String, _ psi: Double, _ severity: Severity = .ok, kind: String = "numeric",
    isOutput: Bool = false, bins: Bool = true
  ) -> DriftView.Feature {
    var random = SplitMix64(seed: UInt64(name.utf8.reduce(7) { $0 &* 31 &+ Int($1) } & 0xFFFF))
    let reference = (0..<32).map { i in 0.02 + 0.06 * (1 - abs(Double(i) - 15) / 16) }
    return DriftView.Feature(
      name: name, kind: kind, isOutput: isOutput, psi: psi,
      ksLow: kind == "numeric" ? psi / 2 : nil, ksHigh: kind == "numeric" ? psi / 2 + 0.01 : nil,
      qValue: severity == .ok ? 0.81 : 0.002, missingReference: name == "wind_gust" ? 0.748 : 0,
      missingCurrent: name == "wind_gust" ? 0.751 : 0, unseen: kind == "categorical" ? 0.0004 : 0,
      severity: severity, history: wave(random.next(), 20, base: psi, swing: psi * 0.6),
      bins: bins
        ? reference.enumerated().map { i, r in
          DriftView.Bin(
            label: "\(i * 4) to \(i * 4 + 4)", reference: r,
            current: max(0, r + (random.nextUnit() - 0.5) * psi / 4),
            contribution: psi / 32 * random.nextUnit())
        } : [])
  }

  static func drift(worst: Severity = .warn) -> DriftView {
    DriftView(
      version: version(2), rows: 41_802, referenceRows: 202_066, windowRows: 50_000,
      features: [
        feature("temperature", worst == .ok ? 0.06 : 0.19, worst),
        feature("probability", 0.08, isOutput: true), feature("carrier", 0.05, kind: "categorical"),
        feature("sched_hour", 0.04), feature("wind_gust", 0.03), feature("distance", 0.02),
        feature("origin", 0.02, kind: "categorical"),
        feature("destination", 0.01, kind: "categorical"), feature("pressure", 0.01),
      ], enough: true)
  }

  static func rollback(generation: Int = 118) -> RollbackPreview {
    RollbackPreview(
      from: Split(stable: version(1), candidate: version(2), weight: 2500), target: version(1),
      alternatives: [version(3)], targetLive: .seconds(6 * 86_400), targetP99Milliseconds: 1.44,
      targetErrorRate: 0.0018, targetReady: true, generation: generation,
      symptom: "flight-delay@2 p99 2.31 ms is near its limit")
  }

  static func detail(generation: Int = 118, rollout: RolloutView? = Sample.rollout())
    -> EndpointDetail
  {
    EndpointDetail(
      name: endpoint, status: "serving", generation: generation,
      split: Split(
        stable: version(1), candidate: version(2), weight: rollout?.candidateWeight ?? 2500),
      versions: rows, traffic: traffic, rollout: rollout, drift: drift(),
      rollback: rollback(generation: generation),
      undo: UndoView(
        changed: start + .seconds(-40), change: "flight-delay: @2 5% to 25%",
        split: Split(stable: version(1), candidate: version(2), weight: 500)))
  }

  static func event(
    _ sequence: Int, _ age: Int, _ actor: ActorID, _ kind: String, _ summary: String,
    _ severity: Severity = .ok, reason: String? = nil, command: String? = nil
  ) -> JournalRow {
    JournalRow(
      sequence: sequence, time: start + .seconds(-age), actor: actor, kind: kind,
      endpoint: endpoint, summary: summary, generation: sequence, reason: reason,
      severity: severity, commandLine: command)
  }

  static let events = [
    event(
      118, 17, ana, "step", "flight-delay: @2 5% to 25%", reason: "looks good",
      command: "sluice step flight-delay"),
    event(117, 22, .guard, "notice", "@2 errors: evidence 1.8, holds at 20"),
    event(
      116, 330, .system, "step", "flight-delay: @2 1% to 5%"),
    event(
      115, 631, ana, "ramp", "flight-delay: @1 to @2 by standard-launch",
      command: "sluice ramp flight-delay flight-delay@2 --plan standard-launch"),
    event(
      114, 640, ana, "deploy", "flight-delay: @2 loaded, self-test 512 of 512",
      command: "sluice deploy flight-delay flight-delay@2"),
    event(113, 1322, .guard, "hold", "flight-delay: @4 held, wrong answers E 24", .warn),
    event(112, 1330, .guard, "rollback", "flight-delay: @4 rolled back to @1", .bad),
  ]

  static let runbooks = [
    RunbookView(
      name: "high-latency", title: "High latency", symptom: "high-latency", proposed: true,
      steps: [
        "check p99 of the stable", "pause the rollout", "if it stays: roll back to the last good",
      ], lastRun: "3d ago by li: done"),
    RunbookView(
      name: "high-error-rate", title: "High error rate", symptom: "high-error-rate",
      proposed: false, steps: ["check errors by version", "roll back"], lastRun: nil),
    RunbookView(
      name: "drift", title: "Drift detected", symptom: "drift", proposed: false,
      steps: ["check the worst feature", "note it"], lastRun: nil),
  ]

  static func registered(_ number: Int) -> RegisteredVersionView {
    let row = rows[number - 1]
    var view = RegisteredVersionView(
      version: row.version, digest: row.digest, bytes: 1_204_000 * number,
      registered: row.registered, summary: row.summary,
      metrics: ["accuracy": 0.79 + Double(number) / 100, "roc_auc": 0.74 + Double(number) / 100],
      loadedOn: row.state == "registered" ? [] : [endpoint])
    view.traits = VersionTraits(
      hasCard: number < 4, hasReference: number < 3, hasGolden: number == 2,
      parent: number == 4 ? version(2) : nil, by: ana,
      places: row.state == "registered"
        ? [] : [.init(endpoint: endpoint, role: row.state, weight: row.weight)])
    return view
  }

  static func summary(_ name: Name = endpoint, severity: Severity = .warn) -> EndpointSummary {
    EndpointSummary(
      name: name, status: "serving", generation: 118, stable: version(1), candidate: version(2),
      candidateWeight: 2500, requestsPerSecond: 508.6, p99Milliseconds: 1.72, errorRate: 0.0021,
      rollout: "baking 3/5", severity: severity)
  }

  static let symptom = Symptom(
    kind: "high-latency", endpoint: endpoint, severity: .warn,
    sentence: "flight-delay@2 p99 2.31 ms is 0.19 below its limit", since: start + .seconds(-30))

  static func snapshot(
    generation: Int = 118, seconds: Int = 0, profile: String = "dev",
    rollout: RolloutView? = Sample.rollout(), symptoms: [Symptom] = [symptom]
  ) -> NodeSnapshot {
    NodeSnapshot(
      time: start + .seconds(seconds), node: info(profile: profile), endpoints: [summary()],
      detail: detail(generation: generation, rollout: rollout),
      registry: (1...4).map(registered), events: events, symptoms: symptoms, runbooks: runbooks,
      plans: [standard, quick])
  }

  static func preview(_ version: VersionID, _ plan: Plan, refusal: String? = nil) -> RampPreview {
    RampPreview(
      endpoint: endpoint, candidate: version, fallback: Sample.version(1), plan: plan,
      steps: plan.steps.map {
        "\(percentText($0.weight)) for \($0.hold), about "
          + "\(Format.count(508 * $0.weight / 10_000 * Int($0.hold.seconds))) requests"
      },
      summary:
        "\(plan.steps.count) steps over \(TimeSpan.minutes(5 * plan.steps.count)); back to "
        + "flight-delay@1 by itself when the guard says so", refusal: refusal)
  }
}
