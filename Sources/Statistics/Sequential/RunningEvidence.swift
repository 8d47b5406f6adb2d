import Glibc

/// ``EProcess`` event by event: what a judge of live or recorded streams keeps.
///
/// Its value is that of ``EProcess/evidence(_:tolerance:)`` over the same counts, but for rounding.
/// No restarts are planned: a stream tells its weights as they come. An event costs one vector multiplication an epoch and allocates nothing; late events, which
/// count in the epoch their request was routed in, cost the same.
public struct RunningEvidence: Sendable {
  /// The counts so far, oldest epoch first.
  public private(set) var epochs: [EProcess.Epoch] = []
  private let tolerance: Double
  /// For each epoch the likelihood ratios of its events, a lane a ratio; the eighth stays 0.
  private var growth: [Lanes] = []
  private var factors: [(candidate: Lanes, stable: Lanes)] = []

  private typealias Lanes = SIMD8<Double>
  /// Likelihood ratios are kept under this: a little evidence is given away rather than infinity
  /// met.
  private static let growthMax = 1e150
  private static let runningMax = 1e290

  /// No events yet, and no epoch.
  /// - Parameters:
  ///   - tolerance: ρ₀, over 0 and finite.
  ///   - epochsMax: room taken beforehand; more epochs allocate.
  public init(tolerance: Double, epochsMax: Int = 16) {
    self.tolerance = tolerance
    epochs.reserveCapacity(epochsMax)
    growth.reserveCapacity(epochsMax)
    factors.reserveCapacity(epochsMax)
  }

  /// Begins an epoch with another share of the candidate.
  public mutating func beginEpoch(shareBasisPoints: Int) {
    epochs.append(EProcess.Epoch(shareBasisPoints: shareBasisPoints))
    var ones = Lanes(repeating: 1)
    ones[7] = 0
    growth.append(ones)
    var candidate = ones
    var stable = ones
    let w = Double(shareBasisPoints) / 10_000
    if w > 0, w < 1 {
      for (lane, ratio) in EProcess.ratios.enumerated() {
        let growth = 1 + w * tolerance * (ratio - 1) / (w * tolerance + 1 - w)
        candidate[lane] = ratio / growth
        stable[lane] = 1 / growth
      }
    }
    factors.append((candidate, stable))
  }

  /// Counts a bad event; one of an epoch that never was is ignored.
  /// - Parameter epoch: where its request was routed; nil is the latest.
  public mutating func addBad(isCandidate: Bool, epoch: Int? = nil) {
    let index = epoch ?? epochs.count - 1
    guard epochs.indices.contains(index) else { return }
    if isCandidate { epochs[index].candidateBad += 1 } else { epochs[index].stableBad += 1 }
    let factor = isCandidate ? factors[index].candidate : factors[index].stable
    let next = growth[index] * factor
    growth[index] = next.replacing(
      with: RunningEvidence.growthMax, where: next .> RunningEvidence.growthMax)
  }

  /// E of the events so far, at most ``EProcess/evidenceLimit``.
  public var evidence: Double {
    guard !epochs.isEmpty else { return 1 }
    var running = Lanes(repeating: 1)
    running[7] = 0
    var total = 0.0
    var k = epochs.count - 1
    while k >= 0 {
      running *= growth[k]
      running.replace(
        with: RunningEvidence.runningMax, where: running .> RunningEvidence.runningMax)
      let weight = EProcess.startWeight(k, plannedRestarts: 0)
      total += weight * running.sum() / Double(EProcess.ratios.count)
      k -= 1
    }
    // Cash: the weight of epochs that have not begun.
    return min(
      total + EProcess.cash(afterEpochs: epochs.count, plannedRestarts: 0), EProcess.evidenceLimit)
  }
}
