import Core
import Glibc
import Statistics

/// One simulated canary: requests come, evidence is gathered, the judge looks.
struct JudgeRun {
  /// What came of it.
  struct Result {
    /// Candidate requests when the judge first held, and when it rolled back; nil when it did not.
    var held: Int?
    var rolledBack: Int?
    /// Failed candidate answers beyond those of a good version, when each happened.
    var extraAtHold = 0.0
    var extraAtRollback = 0.0
    /// Candidate requests when non-inferiority was certain; nil when never.
    var certified: Int?
    /// Candidate requests at which each comparison judge rolled back.
    var others: [Int?]
  }

  private static let rangeStreams = 3
  private static let classes = 10
  private static let warmUp = 200
  /// Of the answers so many are labelled, and a label comes so many looks later.
  private static let labelledShare = 0.5
  private static let labelDelayLooks = 2

  private let world: JudgeWorld
  private let plan: Plan
  private var random: SplitMix64
  private var evidence: RolloutEvidence
  private let slowness: SlownessRates
  private var candidateSeen = 0
  private var extra = 0.0
  private var pendingLabels: [(look: Int, epoch: Int, arm: RolloutEvidence.Arm, count: Int)] = []
  private var keys: KeyPopulation?

  init(_ world: JudgeWorld, plan: Plan, seed: UInt64) {
    self.world = world
    self.plan = plan
    random = SplitMix64(seed: seed)
    slowness = SlownessRates(world.harm, &random)
    evidence = .begin(
      weight: world.weight(look: 0),
      thresholds: LatencyThresholds(p50Microseconds: 1, p90Microseconds: 2, p99Microseconds: 3))
    evidence.judgeAnswers(
      by: StableProfile(
        labels: (0..<JudgeRun.classes).map { "\($0)" }, scoreRange: nil, confidenceRange: nil))
    if world.weather == .stickyKeys { keys = KeyPopulation(&random) }
  }

  /// Plays the whole canary.
  /// - Parameters:
  ///   - others: the comparison judges that see the same requests' failures.
  ///   - margin: certification is for a ratio under this.
  ///   - certifyingRisk: at this risk.
  mutating func play(
    others: [ComparisonJudge], margin: Double?, certifyingRisk: Double
  ) -> Result {
    var result = Result(others: others.map { _ in nil })
    var runs = others.map { ComparisonRun($0) }
    for look in 0..<world.looks {
      if look > 0, world.weight(look: look) != world.weight(look: look - 1) {
        evidence.beginEpoch(weight: world.weight(look: look))
      }
      let seen = gather(look)
      for index in runs.indices where result.others[index] == nil {
        if runs[index].rollsBack(after: seen) { result.others[index] = candidateSeen }
      }
      judge(&result)
      if let margin, result.certified == nil, isCertified(margin, certifyingRisk) {
        result.certified = candidateSeen
      }
    }
    return result
  }

  private mutating func judge(_ result: inout Result) {
    guard result.rolledBack == nil else { return }
    let metrics = Judge.evaluate(evidence, plan: plan)
    if result.held == nil, metrics.contains(where: \.isSuspect) {
      result.held = candidateSeen
      result.extraAtHold = extra
    }
    if metrics.contains(where: \.isBreach) {
      result.rolledBack = candidateSeen
      result.extraAtRollback = extra
    }
  }

  private func isCertified(_ margin: Double, _ risk: Double) -> Bool {
    let epochs = evidence.epochs.map {
      EProcess.Epoch(
        shareBasisPoints: $0.weight, candidateBad: $0.errors.candidateBad,
        stableBad: $0.errors.stableBad)
    }
    return EProcess.logEvidenceOfFewer(
      epochs, tolerance: margin, plannedRestarts: plan.plannedRestarts) >= log(1 / risk)
  }

  /// A look's requests, of both arms.
  private mutating func gather(_ look: Int) -> ComparisonJudge.Look {
    if keys != nil { return gatherKeys(look) }
    let share = Double(world.weight(look: look)) / 10_000
    let candidate = random.nextBinomial(world.requestsPerLook, share)
    let stable = world.requestsPerLook - candidate
    var seen = ComparisonJudge.Look(
      candidateTotal: candidate, candidateBad: 0, stableTotal: stable, stableBad: 0)
    let isCold = world.weather == .coldStart && candidateSeen < JudgeRun.warmUp
    let rate = world.candidateRate(look: look)
    candidateSeen += candidate
    seen.candidateBad = random.nextBinomial(candidate, isCold ? rate * 10 : rate)
    seen.stableBad = random.nextBinomial(stable, world.baseRate(look: look))
    extra += Double(candidate) * (rate - world.baseRate(look: look))
    if isCold { return seen }
    evidence.record(metric: .errors, arm: .candidate, bad: seen.candidateBad, count: candidate)
    evidence.record(metric: .errors, arm: .stable, bad: seen.stableBad, count: stable)
    record(.candidate, candidate, slowness.candidate, look)
    record(.stable, stable, slowness.stable, look)
    settleLabels(look)
    return seen
  }

  /// Latency, classes and labels of so many answers.
  private mutating func record(
    _ arm: RolloutEvidence.Arm, _ count: Int, _ slow: [Double], _ look: Int
  ) {
    // Over p50, of those over p90, of those over p99.
    var left = count
    var before = 1.0
    for stream in 0..<JudgeRun.rangeStreams {
      left = random.nextBinomial(left, min(1, slow[stream] / before))
      before = slow[stream]
      evidence.record(metric: .latency, arm: arm, bad: left, count: count, stream: stream)
    }
    var rest = count
    var probability = 1.0
    for label in 0..<JudgeRun.classes {
      let p = classRate(label, arm)
      let answers =
        label == JudgeRun.classes - 1 ? rest : random.nextBinomial(rest, p / probability)
      rest -= answers
      probability -= p
      evidence.record(metric: .predictions, arm: arm, bad: answers, count: count, stream: label)
    }
    let labelled = random.nextBinomial(count, JudgeRun.labelledShare)
    pendingLabels.append((look + JudgeRun.labelDelayLooks, evidence.epoch, arm, labelled))
  }

  private func classRate(_ label: Int, _ arm: RolloutEvidence.Arm) -> Double {
    guard world.harm == .classDrift, arm == .candidate else { return 0.1 }
    return label == 0 ? 0.13 : label == 1 ? 0.07 : 0.1
  }

  private mutating func settleLabels(_ look: Int) {
    while let first = pendingLabels.first, first.look <= look {
      pendingLabels.removeFirst()
      let isWorse = world.harm == .accuracy && first.arm == .candidate
      let wrong = random.nextBinomial(first.count, isWorse ? 0.12 : 0.1)
      evidence.record(
        metric: .wrongAnswers, arm: first.arm, bad: wrong, count: first.count, epoch: first.epoch)
    }
  }

  /// Requests of a population of keys; only a key's first is evidence.
  private mutating func gatherKeys(_ look: Int) -> ComparisonJudge.Look {
    var seen = ComparisonJudge.Look(
      candidateTotal: 0, candidateBad: 0, stableTotal: 0, stableBad: 0)
    guard var population = keys else { return seen }
    let weight = world.weight(look: look)
    for _ in 0..<world.requestsPerLook {
      let key = population.nextKey(&random)
      let isCandidate = Int(population.bucket[key]) < weight
      let rate =
        population.rate[key]
        * (isCandidate ? world.candidateRate(look: look) : world.baseRate(look: look))
      let failed = random.nextUnit() < rate
      if isCandidate {
        seen.candidateTotal += 1
        seen.candidateBad += failed ? 1 : 0
      } else {
        seen.stableTotal += 1
        seen.stableBad += failed ? 1 : 0
      }
      guard population.isFirst(key) else { continue }
      evidence.record(
        metric: .errors, arm: isCandidate ? .candidate : .stable, bad: failed ? 1 : 0, count: 1)
    }
    candidateSeen += seen.candidateTotal
    extra +=
      Double(seen.candidateTotal) * (world.candidateRate(look: look) - world.baseRate(look: look))
    keys = population
    return seen
  }
}

/// Callers of very different activity, each with a failure rate of its own.
struct KeyPopulation {
  static let count = 20_000
  /// Relative failure rates, 1 on average.
  private(set) var rate: [Double] = []
  /// The bucket of each key, 0 to 9,999: below the weight it goes to the candidate.
  private(set) var bucket: [UInt16] = []
  private var seen: [Bool]

  init(_ random: inout SplitMix64) {
    seen = [Bool](repeating: false, count: KeyPopulation.count)
    rate.reserveCapacity(KeyPopulation.count)
    bucket.reserveCapacity(KeyPopulation.count)
    for _ in 0..<KeyPopulation.count {
      // One key in ten fails five and a half times as often as the others.
      rate.append(random.nextUnit() < 0.1 ? 3.793 : 0.6897)
      bucket.append(UInt16(random.next() % 10_000))
    }
  }

  /// A key; the density falls like the square root of its number, so a few send much.
  mutating func nextKey(_ random: inout SplitMix64) -> Int {
    let u = random.nextUnit()
    return min(KeyPopulation.count - 1, Int(u * u * Double(KeyPopulation.count)))
  }

  mutating func isFirst(_ key: Int) -> Bool {
    if seen[key] { return false }
    seen[key] = true
    return true
  }
}
