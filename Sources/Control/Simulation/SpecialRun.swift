import Core
import Statistics

/// One canary of a ``SpecialWorld``.
struct SpecialRun {
  private static let looks = 60
  private static let requestsPerLook = 1_000
  /// The requests that are copied before the canary, and how often is looked meanwhile.
  private static let copies = 10_000
  private static let shadowLooks = 200
  private static let segmentShares = [0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05]
  private static let segmentRates = [0.005, 0.01, 0.01, 0.02, 0.01, 0.03, 0.005, 0.04]
  private static let harmedSegment = 1

  private let world: SpecialWorld
  private let plan: Plan
  private var random: SplitMix64
  private var evidence: RolloutEvidence
  /// The probabilities of a value below and above the stable's usual, which were estimated.
  private var tails: [Double] = []
  private var seen = 0

  init(_ world: SpecialWorld, seed: UInt64) {
    self.world = world
    plan = world.plan
    random = SplitMix64(seed: seed)
    evidence = .begin(
      weight: world.isShadow ? 0 : world.weight(look: 0),
      thresholds: LatencyThresholds(p50Microseconds: 1, p90Microseconds: 2, p99Microseconds: 3))
    let range = StableProfile.Range(low: 0, high: 1)
    evidence.judgeAnswers(
      by: StableProfile(labels: [], scoreRange: range, confidenceRange: range))
    switch world.kind {
    case .segments: evidence.judgeSegments(SpecialRun.segmentShares.indices.map { "\($0)" })
    case .rivals:
      let versions = (2...3).compactMap { number in
        (try? Name("simulated")).map { VersionID(model: $0, number: number) }
      }
      evidence.beginRivals(versions)
    case .spread:
      let wobble = (0.05 * 0.95 / 5_000).squareRoot()
      tails = (0..<4).map { _ in max(0.01, 0.05 + wobble * random.nextNormal()) }
    default: break
    }
  }

  /// Plays the whole canary.
  mutating func play() -> JudgeRun.Result {
    var result = JudgeRun.Result(others: [])
    if case .shadow(let shared, let wrong, let differs, let clone) = world.kind {
      for look in 0..<SpecialRun.shadowLooks where result.rolledBack == nil {
        // A good version's requests become harder on the way, for both.
        let past = Double(look) / Double(SpecialRun.shadowLooks - 1)
        let difficulty = world.isGood ? 0.5 + 1.5 * past : 1
        gatherPairs(
          shared: shared * difficulty, stableOnly: (0.1 - shared) * difficulty,
          candidateOnly: (wrong - shared) * difficulty, differs: differs, clone: clone)
        judge(&result)
      }
    }
    for look in 0..<SpecialRun.looks where result.rolledBack == nil {
      let weight = world.weight(look: look)
      if weight != evidence.epochs[evidence.epoch].weight { evidence.beginEpoch(weight: weight) }
      gather(look)
      judge(&result)
    }
    return result
  }

  private mutating func judge(_ result: inout JudgeRun.Result) {
    let judgedEvidence: RolloutEvidence
    if case .rivals = world.kind {
      judgedEvidence = evidence[rival: 0]
    } else {
      judgedEvidence = evidence
    }
    let metrics = Judge.evaluate(judgedEvidence, plan: plan)
    let segments = Judge.segments(judgedEvidence, plan: plan)
    let isSuspect =
      metrics.contains(where: \.isSuspect) || segments.contains { $0.suspect != nil }
      || Judge.sampleRatio(judgedEvidence).isSuspect
    if result.held == nil, isSuspect { result.held = seen }
    if metrics.contains(where: \.isBreach) || segments.contains(where: { $0.breach != nil }) {
      result.rolledBack = seen
    }
  }

  private mutating func gather(_ look: Int) {
    let epoch = evidence.epochs[evidence.epoch]
    // Of three candidates two are left out of the count of the third and the stable.
    let whole = Double(epoch.whole ?? Split.whole) / Double(Split.whole)
    let requests = random.nextBinomial(SpecialRun.requestsPerLook, whole)
    let candidate = random.nextBinomial(requests, epoch.share)
    let stable = requests - candidate
    seen += candidate
    let base = 0.005 + 0.015 * Double(look) / Double(SpecialRun.looks - 1)
    switch world.kind {
    case .shadow: gatherCanary(candidate, stable, base)
    case .segments(let points): gatherSegments(candidate, stable, points, base * 100)
    case .rivals(let points):
      record(.errors, .candidate, candidate, base + points, rival: 0)
      record(.errors, .stable, stable, base, rival: 0)
    case .labels(let ofWrong):
      gatherLabels(.candidate, candidate, ofWrong: ofWrong)
      gatherLabels(.stable, stable, ofWrong: 0.5)
    case .lostRecords(let lost):
      let kept = random.nextBinomial(candidate, 1 - lost)
      for _ in 0..<kept { evidence.recordDraw(.candidate) }
      for _ in 0..<stable { evidence.recordDraw(.stable) }
    case .spread(let factor):
      gatherTails(.candidate, candidate, factor)
      gatherTails(.stable, stable, 1)
    }
  }

  private mutating func record(
    _ metric: Metric, _ arm: RolloutEvidence.Arm, _ count: Int, _ rate: Double,
    stream: Int = 0, segment: Int? = nil, rival: Int? = nil
  ) {
    let bad = random.nextBinomial(count, rate)
    evidence[rival: rival].record(
      metric: metric, arm: arm, bad: bad, count: count, stream: stream, segment: segment)
  }

  private mutating func gatherCanary(_ candidate: Int, _ stable: Int, _ base: Double) {
    for (arm, count) in [(RolloutEvidence.Arm.candidate, candidate), (.stable, stable)] {
      record(.errors, arm, count, base)
      record(.wrongAnswers, arm, count / 2, base * 10)
      for (stream, rate) in [0.5, 0.1, 0.01].enumerated() {
        record(.latency, arm, count, rate, stream: stream)
      }
    }
  }

  private mutating func gatherSegments(
    _ candidate: Int, _ stable: Int, _ points: Double, _ factor: Double
  ) {
    for (arm, count) in [(RolloutEvidence.Arm.candidate, candidate), (.stable, stable)] {
      var rest = count
      var left = 1.0
      for (segment, share) in SpecialRun.segmentShares.enumerated() {
        let here = random.nextBinomial(rest, min(1, share / left))
        rest -= here
        left -= share
        let isHarmed = arm == .candidate && segment == SpecialRun.harmedSegment
        let rate = SpecialRun.segmentRates[segment] * factor + (isHarmed ? points : 0)
        record(.errors, arm, here, rate, segment: segment)
      }
    }
  }

  private mutating func gatherLabels(
    _ arm: RolloutEvidence.Arm, _ count: Int, ofWrong: Double
  ) {
    let wrong = random.nextBinomial(count, 0.1)
    let wrongLabels = random.nextBinomial(wrong, ofWrong)
    let rightLabels = random.nextBinomial(count - wrong, 0.5)
    evidence.record(
      metric: .wrongAnswers, arm: arm, bad: wrongLabels, count: wrongLabels + rightLabels)
  }

  private mutating func gatherTails(
    _ arm: RolloutEvidence.Arm, _ count: Int, _ factor: Double
  ) {
    for (index, tail) in tails.enumerated() {
      let rate = factor == 1 ? tail : Normal.survival(Normal.quantile(1 - tail) / factor)
      record(index < 2 ? .confidence : .scores, arm, count, rate, stream: index % 2)
    }
  }

  private mutating func gatherPairs(
    shared: Double, stableOnly: Double, candidateOnly: Double, differs: Double, clone: Double
  ) {
    var shadow = evidence.shadow ?? ShadowEvidence()
    let count = SpecialRun.copies / SpecialRun.shadowLooks
    seen += count
    draw(&shadow.wrongAnswers, count, shared, candidateOnly, stableOnly)
    draw(&shadow.failures, count, 0.005, 0.005, 0.005)
    // The clone differs seldom, and then the candidate does as well as not.
    draw(&shadow.disagreements, count, clone / 2, differs - clone / 2, clone / 2)
    for (stream, rate) in [0.1, 0.03, 0.004].enumerated() {
      draw(&shadow.slow[stream], count, rate, rate, rate)
    }
    evidence.shadow = shadow
  }

  private mutating func draw(
    _ pairs: inout ShadowEvidence.Pairs, _ count: Int, _ both: Double, _ candidateOnly: Double,
    _ otherOnly: Double
  ) {
    let inBoth = random.nextBinomial(count, both)
    let inCandidate = random.nextBinomial(count - inBoth, candidateOnly / (1 - both))
    let inOther = random.nextBinomial(
      count - inBoth - inCandidate, otherOnly / (1 - both - candidateOnly))
    pairs.both += inBoth
    pairs.candidateOnly += inCandidate
    pairs.otherOnly += inOther
    pairs.neither += count - inBoth - inCandidate - inOther
  }
}

extension SpecialWorld {
  /// Whether requests are copied first.
  var isShadow: Bool { if case .shadow = kind { true } else { false } }

  /// A candidate's weight during a look; of three candidates each has a quarter at most.
  func weight(look: Int) -> BasisPoints {
    let weight = JudgeWorld.weights[min(3, look / 10)]
    if case .rivals = kind { return weight / 2 }
    return weight
  }
}
