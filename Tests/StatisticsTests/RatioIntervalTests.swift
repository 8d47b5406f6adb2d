import Core
import Testing

@testable import Statistics

@Suite struct RatioIntervalTests {
  private func epoch(_ share: Int, _ candidate: Int, _ stable: Int) -> EProcess.Epoch {
    EProcess.Epoch(shareBasisPoints: share, candidateBad: candidate, stableBad: stable)
  }

  /// At each end the one-sided test that sets it stands exactly on its line.
  @Test(arguments: [(500, 12, 90), (2_500, 40, 100), (5_000, 70, 30)])
  func theEndsStandOnTheLines(share: Int, candidate: Int, stable: Int) {
    let epochs = [epoch(share, candidate, stable), epoch(5_000, 9, 11)]
    let interval = EProcess.ratioInterval(epochs, risk: 0.05)
    #expect(abs(EProcess.evidence(epochs, tolerance: interval.low) - 40) < 1e-3)
    let fewer = EProcess.value(
      fromLog: EProcess.logEvidenceOfFewer(epochs, tolerance: interval.high))
    #expect(abs(fewer - 40) < 1e-3)
  }

  @Test func withoutCountsNothingIsExcluded() {
    for epochs in [[], [epoch(500, 0, 0)], [epoch(0, 50, 50)], [epoch(10_000, 50, 0)]] {
      let interval = EProcess.ratioInterval(epochs)
      #expect(interval.low == 0 && interval.high == .infinity)
    }
  }

  @Test func moreCountsOfTheSameRatioNarrowIt() {
    var before = Double.infinity
    for scale in [1, 4, 16, 64] {
      let interval = EProcess.ratioInterval([epoch(5_000, 30 * scale, 20 * scale)])
      #expect(interval.low < 1.5 && interval.high > 1.5)
      #expect(interval.high - interval.low < before)
      before = interval.high - interval.low
    }
  }

  /// Looked at after every event, the interval misses the true ratio in at most 5 % of streams.
  @Test func itHoldsAtEveryLookTogether() {
    var random = SplitMix64(seed: 8)
    var missed = 0
    let streams = 200
    for _ in 0..<streams {
      var now = epoch(2_000, 0, 0)
      let odds = 0.2 * 1.4 / (0.2 * 1.4 + 0.8)
      for _ in 0..<150 {
        let draw = Double(random.next() >> 11) / Double(1 << 53)
        if draw < odds { now.candidateBad += 1 } else { now.stableBad += 1 }
        let low = EProcess.evidence([now], tolerance: 1.4) >= 40
        let high =
          EProcess.value(fromLog: EProcess.logEvidenceOfFewer([now], tolerance: 1.4)) >= 40
        if low || high {
          let interval = EProcess.ratioInterval([now])
          #expect(interval.low > 1.4 - 1e-6 || interval.high < 1.4 + 1e-6)
          missed += 1
          break
        }
      }
    }
    // 5 % and five standard deviations.
    #expect(missed <= 25)
  }

  @Test func certaintyComesAboutWhenForeseen() throws {
    // Equal rates of 1 % at half the traffic, the ratio 1.5 to be excluded at 5 %.
    let foreseen = try #require(
      EProcess.requestsToCertify(share: 0.5, rate: 0.01, margin: 1.5, line: 20))
    var random = SplitMix64(seed: 4)
    var needed: [Int] = []
    for _ in 0..<60 {
      var now = epoch(5_000, 0, 0)
      while EProcess.logEvidenceOfFewer([now], tolerance: 1.5) < 2.995732 {
        if random.next() & 1 == 0 { now.candidateBad += 1 } else { now.stableBad += 1 }
      }
      // A bad event comes once in a hundred requests of both arms.
      needed.append((now.candidateBad + now.stableBad) * 100 / 2)
    }
    let median = Double(needed.sorted()[30])
    #expect(Double(foreseen) > 0.6 * median && Double(foreseen) < 1.6 * median)
    #expect(EProcess.requestsToCertify(share: 0.5, rate: 0, margin: 1.5, line: 20) == nil)
    #expect(EProcess.requestsToCertify(share: 1, rate: 0.01, margin: 1.5, line: 20) == nil)
  }
}
