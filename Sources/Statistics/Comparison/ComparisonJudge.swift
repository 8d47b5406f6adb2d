/// The rules by which other canary tools decide, to be set beside this product's own on the same
/// stream: written from the documentation and the behaviour of those tools.
///
/// They look at intervals, not events: each look sees how many requests both arms answered since
/// the last one, and how many of those were bad.
public enum ComparisonJudge: Sendable, Hashable, Codable {
  /// Flagger: a look fails when the candidate's rate is over the limit or there is no value; the
  /// failures are counted and never forgotten, and at the threshold the canary is rolled back.
  case flagger(limit: Double, threshold: Int)
  /// Argo Rollouts: the same with a limit of failures that must be exceeded; the rate may be taken
  /// over a window of the last looks, as a query with a longer range does.
  case argo(limit: Double, failureLimit: Int, window: Int)
  /// Kayenta: from its tenth point on the Mann-Whitney interval of the shift of the rate a look;
  /// a shift surely over `tolerance` of the stable's mean fails.
  case kayenta(confidence: Double, tolerance: Double, pointsMin: Int)
  /// A two-proportion z test on all that was seen, at each look, once there are 100 requests and
  /// 10 events: what a hand-made script does.
  case peeking(pValue: Double)

  /// The four with the settings their documentation shows.
  public static let documented: [ComparisonJudge] = [
    .flagger(limit: 0.02, threshold: 10), .argo(limit: 0.02, failureLimit: 3, window: 1),
    .argo(limit: 0.02, failureLimit: 3, window: 5),
    .kayenta(confidence: 0.98, tolerance: 0.25, pointsMin: 10), .peeking(pValue: 0.05),
  ]

  /// As people read it.
  public var words: String {
    switch self {
    case .flagger(let limit, let threshold):
      "Flagger: limit \(limit * 100) %, \(threshold) failed looks"
    case .argo(let limit, let failureLimit, let window):
      "Argo Rollouts: limit \(limit * 100) %, failureLimit \(failureLimit)"
        + (window > 1 ? ", \(window)-look window" : "")
    case .kayenta(let confidence, let tolerance, _):
      "Kayenta: Mann-Whitney \(confidence * 100) %, tolerance \(tolerance)"
    case .peeking(let pValue): "z test p < \(pValue) at each look"
    }
  }

  /// What one look saw of both arms.
  public struct Look: Sendable, Hashable {
    /// Requests that the candidate answered.
    public var candidateTotal: Int
    /// How many of them were bad.
    public var candidateBad: Int
    /// The same for the stable.
    public var stableTotal: Int
    /// The same for the stable.
    public var stableBad: Int

    /// Puts them together.
    public init(candidateTotal: Int, candidateBad: Int, stableTotal: Int, stableBad: Int) {
      self.candidateTotal = candidateTotal
      self.candidateBad = candidateBad
      self.stableTotal = stableTotal
      self.stableBad = stableBad
    }
  }
}

extension ComparisonJudge {
  /// How many of the last looks the rule needs to see; `Int.max` when all.
  public var looksNeeded: Int {
    switch self {
    case .flagger, .peeking: 1
    case .argo(_, _, let window): max(1, window)
    case .kayenta: .max
    }
  }

  /// Whether the last look failed, of rules that count failed looks; others have none.
  /// - Parameter window: the last looks, as many as ``looksNeeded``; oldest first.
  public func isFailed(_ window: [Look]) -> Bool {
    switch self {
    case .flagger(let limit, _), .argo(let limit, _, _):
      let bad = window.reduce(0) { $0 + $1.candidateBad }
      let total = window.reduce(0) { $0 + $1.candidateTotal }
      // A look without values fails as well.
      return total == 0 || Double(bad) / Double(total) > limit
    case .kayenta, .peeking: return false
    }
  }
}

/// One of the ``ComparisonJudge`` rules at work on a stream of looks.
public struct ComparisonRun: Sendable {
  private let judge: ComparisonJudge
  private var failures = 0
  private var window: [ComparisonJudge.Look] = []
  private var candidateRates: [Double] = []
  private var stableRates: [Double] = []
  private var sum = ComparisonJudge.Look(
    candidateTotal: 0, candidateBad: 0, stableTotal: 0, stableBad: 0)

  /// Nothing seen yet.
  public init(_ judge: ComparisonJudge) { self.judge = judge }

  /// Takes a look in.
  /// - Returns: whether the rule rolls the candidate back now.
  public mutating func rollsBack(after look: ComparisonJudge.Look) -> Bool {
    switch judge {
    case .flagger(let limit, let threshold):
      if isOver(look.candidateBad, look.candidateTotal, limit) { failures += 1 }
      return failures >= threshold
    case .argo(let limit, let failureLimit, let length):
      window.append(look)
      if window.count > length { window.removeFirst() }
      let bad = window.reduce(0) { $0 + $1.candidateBad }
      let total = window.reduce(0) { $0 + $1.candidateTotal }
      if isOver(bad, total, limit) { failures += 1 }
      return failures > failureLimit
    case .kayenta(let confidence, let tolerance, let pointsMin):
      guard look.candidateTotal > 0, look.stableTotal > 0 else { return false }
      candidateRates.append(Double(look.candidateBad) / Double(look.candidateTotal))
      stableRates.append(Double(look.stableBad) / Double(look.stableTotal))
      guard candidateRates.count >= pointsMin,
        let shift = MannWhitney.shiftInterval(stableRates, candidateRates, confidence: confidence)
      else { return false }
      let mean = stableRates.reduce(0, +) / Double(stableRates.count)
      return shift.low > tolerance * mean
    case .peeking(let pValue):
      sum.candidateTotal += look.candidateTotal
      sum.candidateBad += look.candidateBad
      sum.stableTotal += look.stableTotal
      sum.stableBad += look.stableBad
      return isSignificant(sum, pValue)
    }
  }

  /// Whether a rate is over the limit; a look without values fails as well.
  private func isOver(_ bad: Int, _ total: Int, _ limit: Double) -> Bool {
    total == 0 || Double(bad) / Double(total) > limit
  }

  private func isSignificant(_ sum: ComparisonJudge.Look, _ pValue: Double) -> Bool {
    let bad = sum.candidateBad + sum.stableBad
    guard sum.candidateTotal >= 100, sum.stableTotal > 0, bad >= 10 else { return false }
    let (m, n) = (Double(sum.candidateTotal), Double(sum.stableTotal))
    let pooled = Double(bad) / (m + n)
    let spread = (pooled * (1 - pooled) * (1 / m + 1 / n)).squareRoot()
    guard spread > 0 else { return false }
    let z = (Double(sum.candidateBad) / m - Double(sum.stableBad) / n) / spread
    // Two-sided, as such scripts test; only harm rolls back.
    return z > 0 && 2 * Normal.survival(z) < pValue
  }
}
