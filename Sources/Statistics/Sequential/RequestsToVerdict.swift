import Glibc

extension EProcess {
  /// What the mixture over ratios and restarts costs on the way to a verdict, in nats.
  public static let mixtureCost = 1.0
  /// The same for a test without restarts.
  public static let singleStartCost = 0.3

  /// About how many candidate requests it takes until the evidence reaches `line`, if the
  /// candidate's bad rate were `ratio` times the stable's.
  ///
  ///     n = w (ln(line) + cost) / (KL(q(ratio) || q(tolerance)) · p_pool)
  ///
  /// with KL between Bernoulli laws and p_pool the rate of bad events over both arms; within 15 %
  /// of simulated medians for shares of 1 to 50 % and ratios of 2 to 3.
  /// - Parameters:
  ///   - share: the candidate's share w, over 0 and under 1.
  ///   - stableRate: the stable's rate of bad events, over 0 to 1.
  ///   - ratio: the true ratio asked about, over `tolerance`.
  ///   - tolerance: ρ₀.
  ///   - line: the evidence wanted, over 1.
  ///   - logEvidence: what has been gathered already (ln E); a negative value has to be made up
  ///     for.
  ///   - cost: see ``mixtureCost``.
  /// - Returns: nil when the question has no finite answer.
  public static func requestsToVerdict(
    share w: Double, stableRate: Double, ratio: Double, tolerance: Double = 1, line: Double,
    logEvidence: Double = 0, cost: Double = mixtureCost
  ) -> Int? {
    guard w > 0, w < 1, stableRate > 0, stableRate <= 1, ratio > tolerance, tolerance > 0, line > 1
    else { return nil }
    let q = w * ratio / (w * ratio + 1 - w)
    let q0 = w * tolerance / (w * tolerance + 1 - w)
    let divergence = q * log(q / q0) + (1 - q) * log((1 - q) / (1 - q0))
    let pooled = stableRate * (w * ratio + 1 - w)
    let missing = log(line) + cost - logEvidence
    if missing <= 0 { return 0 }
    let count = w * missing / (divergence * pooled)
    return count.isFinite && count < 1e15 ? Int(count.rounded(.up)) : nil
  }
}
