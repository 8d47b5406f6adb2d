import Glibc

/// The exact sequential test of "the candidate's bad events are at most `tolerance` times as
/// frequent as the stable's", on nothing but counts of bad events.
///
/// **Idea.** A request's arm is drawn at random with the candidate's share w. If the candidate is
/// no worse, then, given that a bad event happened, the arm is a Bernoulli(w) draw, whatever the
/// common rate is and however it moves with the hour or the load. With a risk ratio r the
/// candidate's part of the bad events is
///
///     q(r) = w r / (w r + 1 - w)
///
/// and the likelihood ratio of ratio ρρ₀ against the tolerated ρ₀ over the events y (1: candidate)
/// is
///
///     L_ρ = Π [q(ρρ₀) / q(ρ₀)]^y [(1 - q(ρρ₀)) / (1 - q(ρ₀))]^(1-y)
///         = ρ^c · D^-(c+s),   D = (w ρ ρ₀ + 1 - w) / (w ρ₀ + 1 - w)
///
/// for c bad events of the candidate and s of the stable: the second line is what is computed.
///
/// **Mixture.** The ratio is not known, so L is averaged over seven ratios. Harm may begin late, so
/// each epoch (a period of constant w) also starts the test afresh: the evidence is
///
///     E = 1/2 M₀ + Σ_{k>=1} π_k M_k
///
/// where M_k is the mean of the seven L_ρ over the events routed in epochs k, k+1, ..., and 1
/// before epoch k began. The π_k sum to 1/2. When it is not known how many epochs come they are
/// 1/2 · 1/(k(k+1)); when K restarts are planned, each of those gets an even part of 9/10 of the
/// half, which no other division beats at the worst possible beginning of harm, and epochs beyond
/// them share the last tenth as above.
///
/// **Why it is valid.** Each L_ρ is a product of factors whose conditional mean is 1 at ratio ρ₀,
/// and below 1 at a smaller ratio, since q(r) rises in r and the factor for y = 1 is the greater
/// one. So each is a nonnegative supermartingale from 1; M_k stays 1 until epoch k begins (epochs
/// begin at stopping times: the past decides them) and is one from there. The weights are fixed
/// beforehand and sum to 1, because Σ 1/(k(k+1)) = 1; the part of epochs that have not begun is
/// kept as cash. Hence E is a nonnegative supermartingale from 1, and P(E ever reaches 1/α) <= α
/// (Ville, 1939), at every look, any stopping time, and any number of epochs, which need not be
/// known beforehand. A label that comes late counts in the epoch in which its request was routed;
/// it is then no part of any M_k with a later k, so the proof stands.
///
/// Sources: Lindon and Malek, NeurIPS 2022 (arXiv 2011.03567); Turner and Grünwald 2023
/// (arXiv 2302.11401); Robbins 1970 for mixtures; the restart weights are those of a discrete
/// mixture over change points.
public enum EProcess {
  /// One period of constant share with its bad events.
  public struct Epoch: Sendable, Hashable, Codable {
    /// The candidate's weight, 0 to ``wholeBasisPoints``.
    public var shareBasisPoints: Int
    /// What candidate and stable get together, 1 to 10,000: the candidate's share among the two is
    /// its weight over this.
    public var wholeBasisPoints: Int
    /// Bad events of requests that were routed to the candidate in this epoch.
    public var candidateBad: Int
    /// Bad events of requests that were routed to the stable in this epoch.
    public var stableBad: Int

    /// Puts them together.
    public init(
      shareBasisPoints: Int, candidateBad: Int = 0, stableBad: Int = 0,
      wholeBasisPoints: Int = 10_000
    ) {
      self.shareBasisPoints = shareBasisPoints
      self.wholeBasisPoints = max(1, wholeBasisPoints)
      self.candidateBad = candidateBad
      self.stableBad = stableBad
    }

    /// The candidate's share w among the two, 0 to 1.
    public var share: Double { Double(shareBasisPoints) / Double(wholeBasisPoints) }
  }

  /// The ratios over the tolerated one that the test bets on, with equal weights.
  public static let ratios: [Double] = [1.1, 1.25, 1.5, 2, 3, 5, 8]
  private static let logRatios = ratios.map { log($0) }
  /// The most that ``evidence(_:tolerance:)`` returns, so that it stays a finite number.
  public static let evidenceLimit = 1e300

  /// ln E of the epochs, oldest first; 0 when there are none.
  ///
  /// A function of the stored integers alone: the order of arrival inside an epoch does not matter.
  /// Cost: 7 logarithms and 7 exponentials an epoch, some 0.6 microseconds.
  /// - Parameters:
  ///   - epochs: the counts.
  ///   - tolerance: ρ₀, over 0 and finite; 1 tolerates nothing, 1.25 a quarter more bad events.
  ///   - plannedRestarts: how many epochs after the first were planned before anything was seen; it
  ///     must not change on the way.
  public static func logEvidence(
    _ epochs: [Epoch], tolerance: Double, plannedRestarts: Int = 0
  ) -> Double {
    guard !epochs.isEmpty else { return 0 }
    var total = LogSum()
    // A lane a ratio.
    var growth = SIMD8<Double>.zero
    for k in epochs.indices.reversed() {
      let weight = startWeight(k, plannedRestarts: plannedRestarts) / Double(ratios.count)
      let logWeight = log(weight)
      for index in ratios.indices {
        growth[index] += increment(epochs[k], ratio: index, tolerance: tolerance)
        total.add(logWeight + growth[index])
      }
    }
    total.add(log(cash(afterEpochs: epochs.count, plannedRestarts: plannedRestarts)))
    return total.value
  }

  /// ln E of the opposite claim, "the candidate's bad events are at least `tolerance` times as
  /// frequent as the stable's": what speaks for fewer.
  ///
  /// The same test with the arms exchanged. With a tolerance over 1 it is the test of
  /// non-inferiority: at E = 1/α it is certain, but for probability α, that the ratio is under it.
  public static func logEvidenceOfFewer(
    _ epochs: [Epoch], tolerance: Double, plannedRestarts: Int = 0
  ) -> Double {
    logEvidence(
      epochs.map {
        Epoch(
          shareBasisPoints: $0.wholeBasisPoints - $0.shareBasisPoints,
          candidateBad: $0.stableBad, stableBad: $0.candidateBad,
          wholeBasisPoints: $0.wholeBasisPoints)
      }, tolerance: 1 / tolerance, plannedRestarts: plannedRestarts)
  }

  /// E of the epochs, at most ``evidenceLimit``.
  public static func evidence(
    _ epochs: [Epoch], tolerance: Double, plannedRestarts: Int = 0
  ) -> Double {
    value(
      fromLog: logEvidence(epochs, tolerance: tolerance, plannedRestarts: plannedRestarts))
  }

  /// E of ln E, at most ``evidenceLimit``.
  public static func value(fromLog logEvidence: Double) -> Double {
    let value = exp(logEvidence)
    return value < evidenceLimit ? value : evidenceLimit
  }

  /// ln of the mean of several E, given as ln E; a mean of such processes is one too.
  public static func logMean(_ logEvidence: [Double]) -> Double {
    guard !logEvidence.isEmpty else { return 0 }
    var sum = LogSum()
    for value in logEvidence { sum.add(value) }
    return sum.value - log(Double(logEvidence.count))
  }

  /// The part of the restarts' half that is kept for epochs beyond the planned ones.
  static let unplannedPart = 0.1

  /// The weight π of the test that starts with epoch `k`.
  static func startWeight(_ k: Int, plannedRestarts: Int) -> Double {
    if k == 0 { return 0.5 }
    if plannedRestarts <= 0 { return 0.5 / (Double(k) * Double(k + 1)) }
    if k <= plannedRestarts { return 0.5 * (1 - unplannedPart) / Double(plannedRestarts) }
    let beyond = Double(k - plannedRestarts)
    return 0.5 * unplannedPart / (beyond * (beyond + 1))
  }

  /// The weight of the epochs that have not begun after so many have.
  static func cash(afterEpochs count: Int, plannedRestarts: Int) -> Double {
    if plannedRestarts <= 0 { return 0.5 / Double(count) }
    let begun = count - 1
    if begun <= plannedRestarts {
      let even = (1 - unplannedPart) * Double(plannedRestarts - begun) / Double(plannedRestarts)
      return 0.5 * (even + unplannedPart)
    }
    return 0.5 * unplannedPart / Double(begun - plannedRestarts + 1)
  }

  private static func increment(_ epoch: Epoch, ratio: Int, tolerance: Double) -> Double {
    let w = epoch.share
    // With all or no traffic on the candidate there is nothing to compare.
    guard w > 0, w < 1 else { return 0 }
    let c = Double(max(0, epoch.candidateBad))
    let s = Double(max(0, epoch.stableBad))
    if c + s == 0 { return 0 }
    // D - 1 keeps its digits when w is small.
    let excess = w * tolerance * (ratios[ratio] - 1) / (w * tolerance + 1 - w)
    return c * logRatios[ratio] - (c + s) * log1p(excess)
  }
}

/// A running ln Σ exp(x), without overflow.
struct LogSum {
  private var greatest = -Double.infinity
  private var scaled = 0.0

  /// Adds exp(x).
  mutating func add(_ x: Double) {
    if x <= greatest {
      scaled += exp(x - greatest)
    } else {
      scaled = scaled * exp(greatest - x) + 1
      greatest = x
    }
  }

  /// ln of the sum; minus infinity when nothing was added.
  var value: Double { greatest + log(scaled) }
}
