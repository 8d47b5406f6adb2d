import Core
import Statistics

/// One line of recorded evidence: how a request of one arm came out under one metric.
public struct RecordedEvent: Sendable, Hashable, Codable {
  /// Which side answered.
  public var arm: RolloutEvidence.Arm
  /// The candidate's share when the request was routed, basis points.
  public var weight: BasisPoints
  /// Any name: `errors`, `wrong_answers`, one of your own.
  public var metric: String
  /// Whether what the metric counts happened.
  public var isBad: Bool
  /// The sticky key, when routing goes by one.
  public var key: String?

  enum CodingKeys: String, CodingKey {
    case arm, metric, key
    case weight = "weight_bp"
    case isBad = "bad"
  }

  /// Puts them together.
  public init(
    arm: RolloutEvidence.Arm, weight: BasisPoints, metric: String, isBad: Bool, key: String? = nil
  ) {
    self.arm = arm
    self.weight = weight
    self.metric = metric
    self.isBad = isBad
    self.key = key
  }
}

/// The judge on a recorded stream, event by event.
///
/// An epoch is a weight, in the order in which the weights first came: a late label that still
/// carries an earlier weight counts where its request was routed. Of the events of a key only the
/// first of each metric counts: later ones come by the same draw.
public struct RecordedJudge: Sendable {
  /// What to judge by.
  public struct Settings: Sendable, Hashable {
    /// ρ₀, the tolerated ratio of rates, at least 1.
    public var tolerance: Double
    /// The risks whose lines are watched, each over 0 and under 1.
    public var alphas: [Double]
    /// The part of each risk that a metric may spend; a metric not named may spend all of it.
    public var shares: [String: Double]
    /// Events of a metric that make a look of the rules of other tools; nil leaves those out.
    public var lookEvents: Int?

    /// Puts them together.
    public init(
      tolerance: Double = 1, alphas: [Double] = [0.05, 0.01], shares: [String: Double] = [:],
      lookEvents: Int? = nil
    ) {
      self.tolerance = tolerance
      self.alphas = alphas
      self.shares = shares
      self.lookEvents = lookEvents
    }
  }

  /// The most metrics in one stream.
  public static let metricsMax = 64
  /// The most weights in one stream.
  public static let weightsMax = 1_000
  /// The most keys that are told apart, over all metrics.
  public static let keysMax = 20_000_000

  fileprivate struct Page {
    var running: RunningEvidence
    var totals: [RolloutEvidence.Counts] = []
    var keys: Set<UInt64> = []
    var repeated = 0
    var greatest = 1.0
    var crossed: [Int?]
    var comparison: RecordedComparison?
  }

  private let settings: Settings
  private var weights: [BasisPoints] = []
  private var pages: [String: Page] = [:]
  private var keyCount = 0
  private var events = 0

  /// Nothing seen yet.
  /// - Throws: ``InvalidValue`` for settings that mean nothing.
  public init(_ settings: Settings) throws(InvalidValue) {
    guard settings.tolerance >= 1, settings.tolerance <= ControlLimits.toleranceMax else {
      throw InvalidValue(
        "the tolerance must be 1 to \(Int(ControlLimits.toleranceMax)), got \(settings.tolerance)")
    }
    guard !settings.alphas.isEmpty, settings.alphas.allSatisfy({ $0 > 1e-9 && $0 < 1 }) else {
      throw InvalidValue("a risk must be over 0 and under 1, as 0.05")
    }
    guard settings.shares.values.allSatisfy({ $0 > 1e-9 && $0 <= 1 }),
      settings.shares.values.reduce(0, +) <= 1 + 1e-9
    else {
      throw InvalidValue("the metrics' shares must be over 0 and sum to at most 1")
    }
    self.settings = settings
  }

  /// Takes the event of a line in.
  /// - Throws: ``InvalidValue`` when the event means nothing or the stream has too many metrics,
  ///   weights or keys.
  public mutating func take(_ event: RecordedEvent, line: Int) throws(InvalidValue) {
    guard (0...Split.whole).contains(event.weight) else {
      throw InvalidValue("weight_bp must be 0 to 10000, got \(event.weight)")
    }
    guard !event.metric.isEmpty, event.metric.unicodeScalars.count <= 100 else {
      throw InvalidValue("metric must have 1 to 100 characters")
    }
    let epoch = try place(of: event.weight)
    if pages[event.metric] == nil { try addPage(event.metric) }
    events += 1
    pages[event.metric]?.comparison?.take(event, line: line)
    if let key = event.key {
      guard keyCount < RecordedJudge.keysMax else {
        throw InvalidValue("more than \(RecordedJudge.keysMax) keys; judge a shorter stretch")
      }
      guard pages[event.metric]?.keys.insert(TextHash.of(key)).inserted ?? false else {
        pages[event.metric]?.repeated += 1
        return
      }
      keyCount += 1
    }
    let lines = self.lines(event.metric)
    pages[event.metric]?.count(event, epoch: epoch, line: line, weights: weights, lines: lines)
  }

  private mutating func place(of weight: BasisPoints) throws(InvalidValue) -> Int {
    if let last = weights.lastIndex(of: weight) { return last }
    guard weights.count < RecordedJudge.weightsMax else {
      throw InvalidValue("more than \(RecordedJudge.weightsMax) different weights")
    }
    weights.append(weight)
    return weights.count - 1
  }

  private mutating func addPage(_ metric: String) throws(InvalidValue) {
    guard pages.count < RecordedJudge.metricsMax else {
      throw InvalidValue("more than \(RecordedJudge.metricsMax) metrics")
    }
    pages[metric] = Page(
      running: RunningEvidence(tolerance: settings.tolerance),
      crossed: [Int?](repeating: nil, count: settings.alphas.count),
      comparison: settings.lookEvents.map { RecordedComparison(lookEvents: $0) })
  }

  private func lines(_ metric: String) -> [Double] {
    settings.alphas.map { 1 / ($0 * (settings.shares[metric] ?? 1)) }
  }
}

extension RecordedJudge.Page {
  fileprivate mutating func count(
    _ event: RecordedEvent, epoch: Int, line: Int, weights: [BasisPoints], lines: [Double]
  ) {
    while totals.count < weights.count {
      running.beginEpoch(shareBasisPoints: weights[totals.count])
      totals.append(.init())
    }
    totals[epoch].add(event.arm, bad: event.isBad ? 1 : 0, total: 1)
    guard event.isBad else { return }
    running.addBad(isCandidate: event.arm == .candidate, epoch: epoch)
    let value = running.evidence
    greatest = max(greatest, value)
    for (index, threshold) in lines.enumerated() where crossed[index] == nil && value >= threshold {
      crossed[index] = line
    }
  }
}

extension RecordedJudge {
  /// What a recorded stream came to.
  public struct Report: Sendable, Encodable {
    /// Events taken in.
    public let events: Int
    /// By metric, in the order of their names.
    public let metrics: [MetricReport]
  }

  /// What one metric came to.
  public struct MetricReport: Sendable, Encodable {
    /// Its name.
    public let metric: String
    /// The evidence that the candidate is worse than tolerated, computed from ``epochs``.
    public let eValue: Double
    /// The greatest evidence on the way.
    public let eValueMax: Double
    /// ρ₀.
    public let tolerance: Double
    /// Events left out because their key had come before.
    public let repeatedKeys: Int
    /// Counts by weight, in the order in which the weights first came.
    public let epochs: [EpochReport]
    /// When each line was first reached.
    public let thresholds: [Threshold]
    /// What the rules of other tools said; nil when that was not asked for.
    public let comparison: [RecordedComparison.Verdict]?

    enum CodingKeys: String, CodingKey {
      case metric, tolerance, epochs, thresholds, comparison
      case eValue = "e_value"
      case eValueMax = "e_value_max"
      case repeatedKeys = "repeated_keys"
    }
  }

  /// The counts under one weight.
  public struct EpochReport: Sendable, Encodable {
    /// The candidate's share, basis points.
    public let weight: BasisPoints
    /// The counts of both arms.
    public let candidateBad: Int
    /// Good and bad.
    public let candidateTotal: Int
    /// The stable's.
    public let stableBad: Int
    /// Good and bad.
    public let stableTotal: Int

    enum CodingKeys: String, CodingKey {
      case weight = "weight_bp"
      case candidateBad = "candidate_bad"
      case candidateTotal = "candidate_total"
      case stableBad = "stable_bad"
      case stableTotal = "stable_total"
    }
  }

  /// A line and when it was reached.
  public struct Threshold: Sendable, Encodable {
    /// The risk.
    public let alpha: Double
    /// The metric's part of it.
    public let share: Double
    /// The evidence wanted: `1 / (alpha · share)`.
    public let evidence: Double
    /// The line of the input at which it was first reached; nil when never.
    public let line: Int?
  }

  /// What was seen so far.
  public func report() -> Report {
    Report(events: events, metrics: pages.keys.sorted().compactMap { report($0) })
  }

  private func report(_ metric: String) -> MetricReport? {
    guard let page = pages[metric] else { return nil }
    let share = settings.shares[metric] ?? 1
    let thresholds = zip(settings.alphas, page.crossed).map { alpha, line in
      Threshold(alpha: alpha, share: share, evidence: 1 / (alpha * share), line: line)
    }
    return MetricReport(
      metric: metric,
      eValue: EProcess.evidence(page.running.epochs, tolerance: settings.tolerance),
      eValueMax: page.greatest, tolerance: settings.tolerance, repeatedKeys: page.repeated,
      epochs: zip(weights, page.totals).map { weight, counts in
        EpochReport(
          weight: weight, candidateBad: counts.candidateBad, candidateTotal: counts.candidateTotal,
          stableBad: counts.stableBad, stableTotal: counts.stableTotal)
      }, thresholds: thresholds, comparison: page.comparison?.verdicts)
  }
}

/// A 64-bit hash of a text that is the same in every process.
enum TextHash {
  static func of(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return SplitMix64.mix(hash)
  }
}
