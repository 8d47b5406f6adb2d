import Glibc

/// The sequential test of "an event happens to the candidate at most `tolerance` times as often as
/// to the other, plus `limit`", where both were given the same requests.
///
/// With x = 1 when the event happened to the candidate, y = 1 when it happened to the other, the
/// claim is that x - ρ₀ y - L has a mean of at most 0, given the past. So betting a part λ of what
/// one has on it gains nothing in the mean:
///
///     M_λ = Π (1 + λ (x - ρ₀ y - L)),   0 <= λ < 1 / (ρ₀ + L)
///
/// is a nonnegative supermartingale from 1 (Waudby-Smith and Ramdas 2024, arXiv 2010.09686), and so
/// is the mean over seven λ. It is a function of the four counts of pairs alone. With ρ₀ = 1 and
/// L = 0 it is McNemar's test made sequential: only pairs on which the two differ count, each a
/// Bernoulli(1/2) draw if the two are alike, and λ = (r - 1) / (r + 1) is the likelihood ratio of
/// odds r against even odds, with the ratios of ``EProcess``.
public enum PairedTest {
  /// Pairs by whom the event happened to.
  public struct Counts: Sendable, Hashable {
    /// To both.
    public var both: Int
    /// To the candidate alone.
    public var candidateOnly: Int
    /// To the other alone.
    public var otherOnly: Int
    /// To neither.
    public var neither: Int

    /// Puts them together.
    public init(both: Int = 0, candidateOnly: Int = 0, otherOnly: Int = 0, neither: Int = 0) {
      self.both = both
      self.candidateOnly = candidateOnly
      self.otherOnly = otherOnly
      self.neither = neither
    }
  }

  /// ln E of the pairs; 0 when there are none.
  /// - Parameters:
  ///   - tolerance: ρ₀, 0 or more and finite; at 0 the other is not compared with.
  ///   - limit: L, 0 or more and under 1; `tolerance` and `limit` are not both 0.
  public static func logEvidence(
    _ counts: Counts, tolerance: Double, limit: Double = 0
  ) -> Double {
    let bound = tolerance + limit
    guard bound > 0 else { return 0 }
    let logs = EProcess.ratios.map { ratio in
      let bet = (ratio - 1) / (ratio + 1) / bound
      return term(counts.candidateOnly, bet * (1 - limit))
        + term(counts.otherOnly, -bet * (tolerance + limit))
        + term(counts.both, bet * (1 - tolerance - limit)) + term(counts.neither, -bet * limit)
    }
    return EProcess.logMean(logs)
  }

  private static func term(_ count: Int, _ gain: Double) -> Double {
    count <= 0 || gain == 0 ? 0 : Double(count) * log1p(gain)
  }
}
