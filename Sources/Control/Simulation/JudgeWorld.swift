import Core
import Glibc
import Statistics

/// A made-up world in which a judge looks at a canary: what both arms do, and when.
///
/// Sixty looks of a thousand requests each; the share goes 5, 10 and 25 %, ten looks each, and then
/// is 50 %; a good version fails 1 % of its requests.
public struct JudgeWorld: Sendable, Hashable {
  /// What moves in both arms alike, or how requests come: none of it is the candidate's doing.
  public enum Weather: String, Sendable, Hashable, CaseIterable {
    /// Nothing moves.
    case steady
    /// The failure rate of both arms rises from 0.5 to 2 %.
    case drift
    /// Six looks with eight times the failures in both arms.
    case incident
    /// Few keys send most requests, keys differ in how often they fail, and a key stays with its
    /// version; only its first request counts.
    case stickyKeys = "sticky keys"
    /// The candidate's first 200 answers fail ten times as often. Until it has given so many, no
    /// request of either arm is judged: to leave out the candidate's alone would make its share of
    /// what is judged smaller than drawn.
    case coldStart = "cold start"
    /// Sixty requests a look.
    case lowTraffic = "low traffic"
  }

  /// What the candidate does worse.
  public enum Harm: Sendable, Hashable {
    /// Nothing: whoever rolls it back is wrong.
    case none
    /// So much is added to its failure rate, from a look on.
    case errors(points: Double, fromLook: Int)
    /// It fails so many times as often, in every weather.
    case ratio(Double)
    /// All answers take 20 % longer.
    case latencyBody
    /// The slowest twentieth takes so much longer that p99 rises by 20 %.
    case latencyTail
    /// Of ten classes one is answered 13 instead of 10 times in a hundred, and one 7 times.
    case classDrift
    /// 88 instead of 90 of a hundred labelled answers are right.
    case accuracy
  }

  /// What both arms meet.
  public var weather: Weather
  /// What the candidate does.
  public var harm: Harm
  /// How often the judge looks.
  public var looks = 60
  /// A good version's failure rate.
  public var errorRate = 0.01

  /// A world.
  public init(weather: Weather = .steady, harm: Harm = .none) {
    self.weather = weather
    self.harm = harm
  }

  /// Requests between two looks.
  public var requestsPerLook: Int { weather == .lowTraffic ? 60 : 1_000 }

  /// The candidate's shares in their order.
  static let weights: [BasisPoints] = [500, 1_000, 2_500, 5_000]
  /// The candidate's share while the look is gathered.
  public func weight(look: Int) -> BasisPoints { JudgeWorld.weights[min(3, look / 10)] }

  /// A good version's failure rate during a look.
  func baseRate(look: Int) -> Double {
    switch weather {
    case .drift: 0.005 + 0.015 * Double(look) / Double(looks - 1)
    case .incident where (20..<26).contains(look): errorRate * 8
    default: errorRate
    }
  }

  /// The candidate's failure rate during a look.
  func candidateRate(look: Int) -> Double {
    if case .errors(let points, let from) = harm, look >= from {
      return baseRate(look: look) + points
    }
    if case .ratio(let ratio) = harm { return baseRate(look: look) * ratio }
    return baseRate(look: look)
  }
}

/// How often an answer is slower than the stable's p50, p90 and p99, by the distribution of times.
///
/// Times are log-normal with a spread of 0.5; the judge's thresholds come from 5,000 answers of the
/// stable, so they are a little off, for both arms alike.
struct SlownessRates {
  /// For the stable: over p50, p90, p99.
  let stable: [Double]
  /// For the candidate.
  let candidate: [Double]

  private static let spread = 0.5
  private static let quantiles = [0.5, 0.9, 0.99]
  private static let sample = 5_000.0

  init(_ harm: JudgeWorld.Harm, _ random: inout SplitMix64) {
    var stable: [Double] = []
    var candidate: [Double] = []
    for p in SlownessRates.quantiles {
      // What share of the stable's answers an estimated quantile truly leaves above.
      let wobble = (p * (1 - p) / SlownessRates.sample).squareRoot()
      let over = min(0.999, max(1e-5, 1 - p + wobble * random.nextNormal()))
      let threshold = Normal.quantile(1 - over)
      stable.append(over)
      switch harm {
      case .latencyBody:
        candidate.append(Normal.survival(threshold - log(1.2) / SlownessRates.spread))
      case .latencyTail:
        candidate.append(SlownessRates.withTail(threshold))
      default: candidate.append(over)
      }
    }
    self.stable = stable
    self.candidate = candidate
  }

  /// Times above the 95th percentile are stretched, growing from nothing there, so that the 99th
  /// comes to lie 20 % higher.
  private static func withTail(_ threshold: Double) -> Double {
    let from = Normal.quantile(0.95)
    guard threshold > from else { return Normal.survival(threshold) }
    let p99 = Normal.quantile(0.99)
    let stretch = log(1.2) / spread / (p99 - from)
    return Normal.survival(from + (threshold - from) / (1 + stretch))
  }
}

extension SplitMix64 {
  /// A standard normal number (Box and Muller 1958).
  mutating func nextNormal() -> Double {
    let radius = (-2 * log(1 - nextUnit())).squareRoot()
    return radius * cos(2 * .pi * nextUnit())
  }

  /// How many of `count` trials succeed, each with probability `p`.
  mutating func nextBinomial(_ count: Int, _ p: Double) -> Int {
    guard p > 0, count > 0 else { return 0 }
    if p >= 1 { return count }
    if p * Double(count) < 4 { return nextRare(count, p) }
    var successes = 0
    var left = count
    while left > 0 {
      let lanes = left >= 64 ? UInt64.max : (1 << UInt64(left)) - 1
      successes += nextTrials(p, lanes: lanes).nonzeroBitCount
      left -= 64
    }
    return successes
  }

  /// Trials of one bit each, decided together: a bit succeeds when its uniform number, drawn digit
  /// by digit, is below `p`.
  private mutating func nextTrials(_ p: Double, lanes: UInt64) -> UInt64 {
    var undecided = lanes
    var successes: UInt64 = 0
    var digits = UInt64(p * 0x1p53)
    digits <<= 11
    while undecided != 0, digits != 0 {
      let random = next()
      if digits >> 63 == 1 {
        successes |= undecided & ~random
        undecided &= random
      } else {
        undecided &= ~random
      }
      digits <<= 1
    }
    return successes
  }

  /// The same by the gaps between successes, which costs little when they are rare.
  private mutating func nextRare(_ count: Int, _ p: Double) -> Int {
    let scale = 1 / log1p(-p)
    var successes = 0
    var at = -1.0
    while true {
      at += 1 + (log(1 - nextUnit()) * scale).rounded(.down)
      if at >= Double(count) { return successes }
      successes += 1
    }
  }
}
