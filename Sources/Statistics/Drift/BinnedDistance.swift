import Glibc

/// Distances between two distributions that are known as counts over the same bins.
///
/// Every function takes the reference's and the current window's counts, of one length; where
/// either side is empty, or the lengths differ, the answer is not a number, never a false zero.
public enum BinnedDistance {
  /// The population stability index, Σ (Q - P) ln(Q / P), with P and Q the shares smoothed as
  /// (count + 1/2) / (total + k/2), so that an empty bin gives a finite number.
  ///
  /// Without drift, `effectiveSize · PSI` follows a chi-square law with k - 1 degrees of freedom.
  public static func psi(reference: [Int], current: [Int]) -> Double {
    psiContributions(reference: reference, current: current).reduce(0, +)
  }

  /// Each bin's part of the ``psi(reference:current:)``; empty when there is nothing to compare.
  public static func psiContributions(reference: [Int], current: [Int]) -> [Double] {
    guard let (n, m) = totals(reference, current) else { return [.nan] }
    let k = Double(reference.count)
    return zip(reference, current).map { a, b in
      let p = (Double(a) + 0.5) / (n + 0.5 * k)
      let q = (Double(b) + 0.5) / (m + 0.5 * k)
      return (q - p) * log(q / p)
    }
  }

  /// nm / (n + m): the size that stands for both samples in the tests' statistics.
  public static func effectiveSize(reference: [Int], current: [Int]) -> Double {
    guard let (n, m) = totals(reference, current) else { return 0 }
    return n * m / (n + m)
  }

  /// The Jensen-Shannon distance (the root of the divergence), in natural units: at most √ln 2.
  ///
  /// Divide by √ln 2 for base 2.
  public static func jensenShannon(reference: [Int], current: [Int]) -> Double {
    guard let (n, m) = totals(reference, current) else { return .nan }
    var sum = 0.0
    for (a, b) in zip(reference, current) {
      let p = Double(a) / n
      let q = Double(b) / m
      let middle = (p + q) / 2
      if p > 0 { sum += p * log(p / middle) }
      if q > 0 { sum += q * log(q / middle) }
    }
    return max(0, sum / 2).squareRoot()
  }

  /// The Hellinger distance, 0 to 1.
  public static func hellinger(reference: [Int], current: [Int]) -> Double {
    guard let (n, m) = totals(reference, current) else { return .nan }
    var sum = 0.0
    for (a, b) in zip(reference, current) {
      let d = (Double(a) / n).squareRoot() - (Double(b) / m).squareRoot()
      sum += d * d
    }
    return (sum / 2).squareRoot()
  }

  /// The total variation distance, 0 to 1: the share of traffic that would have to move.
  public static func totalVariation(reference: [Int], current: [Int]) -> Double {
    guard let (n, m) = totals(reference, current) else { return .nan }
    return zip(reference, current).reduce(0) { $0 + abs(Double($1.0) / n - Double($1.1) / m) } / 2
  }

  /// The greatest difference of one bin's share.
  public static func greatestDifference(reference: [Int], current: [Int]) -> Double {
    guard let (n, m) = totals(reference, current) else { return .nan }
    return zip(reference, current).reduce(0) { max($0, abs(Double($1.0) / n - Double($1.1) / m)) }
  }

  /// Both totals, or nil when there is nothing to compare.
  static func totals(_ reference: [Int], _ current: [Int]) -> (Double, Double)? {
    guard reference.count == current.count else { return nil }
    let n = reference.reduce(0.0) { $0 + Double($1) }
    let m = current.reduce(0.0) { $0 + Double($1) }
    return n > 0 && m > 0 ? (n, m) : nil
  }
}
