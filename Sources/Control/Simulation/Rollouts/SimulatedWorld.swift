import Core

/// The made-up world around a node: how versions behave, what comes late, which files are damaged.
final class SimulatedWorld {
  /// How a version answers.
  struct Behaviour {
    /// Failed answers in a million.
    var failing = 10_000
    /// The same, a minute later each.
    var failingMoreEachMinute = 0
    /// Wrong answers in a million.
    var wrong = 50_000
    /// Slow answers, in times of what is usual, in hundredths.
    var slowness = 100
    /// Whether it answers another class more often.
    var isShifted = false
    /// Whether it fails many times in a row.
    var isBroken = false
    /// How long its labels take, seconds; nil when none come.
    var labelDelay: Int? = 0
  }

  /// Labels on the way.
  struct LateLabels {
    let endpoint: Name
    let route: Int
    let version: VersionID
    let wrong: Int
    let total: Int
    let due: Int64
  }

  /// Answers on the way.
  struct LateAnswers {
    let endpoint: Name
    let batch: AnswerBatch
  }

  private(set) var behaviours: [Behaviour] = []
  /// Versions whose files cannot be loaded at the next start.
  var damaged: Set<VersionID> = []
  /// Versions whose probes fail.
  var unwell: Set<VersionID> = []
  /// What is wrong on the node that is no candidate's fault.
  var incident: String?
  /// Why the node cannot bear more.
  var overCapacity: String?
  var labels: [LateLabels] = []
  var answers: [LateAnswers] = []
  private var stableAnswers: [Name: Int] = [:]

  /// What the stable's answer times were.
  let stableLatency = LatencyThresholds(
    p50Microseconds: 1_000, p90Microseconds: 2_000, p99Microseconds: 4_000)
  /// What the stable usually answers.
  let profile = StableProfile(
    labels: ["no", "yes"], scoreRange: StableProfile.Range(low: 0.125, high: 0.875),
    confidenceRange: nil)

  private static let labelsMax = 64

  init(_ draw: inout Draw, versions: Int) {
    for number in 1...versions {
      var behaviour = Behaviour()
      switch number == 1 ? 0 : draw.below(8) {
      case 0, 1, 2: break
      case 3: behaviour.failing *= 2 + draw.below(20)
      case 4: behaviour.failingMoreEachMinute = 1 + draw.below(40_000)
      case 5: behaviour.wrong *= 2 + draw.below(4)
      case 6:
        behaviour.slowness = 120 + draw.below(400)
        behaviour.isShifted = draw.once(in: 2)
      default: behaviour.isBroken = true
      }
      behaviour.labelDelay = [0, 0, 5, 30, 120, nil][draw.below(6)]
      behaviours.append(behaviour)
    }
  }

  /// Whether the stable has answered enough for its usual answers to be known.
  func knowsStable(_ endpoint: Name) -> Bool {
    stableAnswers[endpoint, default: 0] >= LatencyThresholds.minimumAnswers
  }

  /// What a version answers to so many requests.
  func batch(
    _ version: VersionID, route: Int, total: Int, monotonic: Int64, _ draw: inout Draw
  ) -> AnswerBatch {
    let behaviour = behaviours[min(version.number, behaviours.count) - 1]
    var batch = AnswerBatch(version: version, route: route)
    batch.total = total
    let minutes = Int(monotonic / 60_000_000)
    let failing = min(
      1_000_000, behaviour.failing + min(60, minutes) * behaviour.failingMoreEachMinute)
    batch.failed = draw.about(total, millionths: failing)
    batch.failedLast = batch.failed == total ? total : draw.below(min(4, batch.failed + 1))
    if behaviour.isBroken, draw.once(in: 3), total > 0 {
      batch.failedLast = min(total, 3 + draw.below(5))
      batch.failed = max(batch.failed, batch.failedLast)
    }
    let answered = total - batch.failed
    batch.slow = [500_000, 100_000, 10_000].map {
      draw.about(answered, millionths: min(1_000_000, $0 * behaviour.slowness / 100))
    }
    let yes = draw.about(answered, millionths: behaviour.isShifted ? 600_000 : 400_000)
    let other = draw.about(answered - yes, millionths: 1_000)
    batch.classes = [answered - yes - other, yes, other]
    batch.unusual = [50_000, 50_000].map {
      draw.about(answered, millionths: behaviour.isShifted ? $0 * 3 : $0)
    }
    return batch
  }

  /// How copies of requests come out.
  func copies(_ version: VersionID, _ count: Int, _ draw: inout Draw) -> [ShadowPair] {
    let behaviour = behaviours[min(version.number, behaviours.count) - 1]
    return (0..<count).map { _ in
      let failed = draw.below(1_000_000) < behaviour.failing
      let isOther = draw.below(1_000) < (behaviour.isShifted ? 200 : 20)
      return ShadowPair(
        stableFailed: false, candidateFailed: failed, candidateDiffers: failed ? nil : isOther,
        cloneDiffers: draw.below(1_000) < 20,
        candidateMicroseconds: failed ? nil : 500 + draw.below(20) * behaviour.slowness,
        cloneMicroseconds: 500 + draw.below(20) * 100)
    }
  }

  /// Counts what the stable answered.
  func noteStable(_ endpoint: Name, _ total: Int) { stableAnswers[endpoint, default: 0] += total }

  /// Sends the labels of a batch on their way.
  func sendLabels(_ batch: AnswerBatch, on endpoint: Name, monotonic: Int64, _ draw: inout Draw) {
    let behaviour = behaviours[min(batch.version.number, behaviours.count) - 1]
    let total = (batch.total - batch.failed) / 2
    guard let delay = behaviour.labelDelay, total > 0, labels.count < SimulatedWorld.labelsMax
    else { return }
    labels.append(
      LateLabels(
        endpoint: endpoint, route: batch.route, version: batch.version,
        wrong: draw.about(total, millionths: behaviour.wrong), total: total,
        due: monotonic + Int64(delay) * 1_000_000))
  }
}
