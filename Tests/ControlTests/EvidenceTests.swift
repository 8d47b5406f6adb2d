import Core
import Testing

@testable import Control

@Suite struct EvidenceTests {
  @Test func eventsCountInTheEpochTheyWereRoutedIn() {
    var evidence = RolloutEvidence.begin(weight: 500)
    evidence.recordLabel(.candidate, wrong: true)
    evidence.beginEpoch(weight: 2_500)
    evidence.recordLabel(.candidate, wrong: true, epoch: 0)
    evidence.recordLabel(.stable, wrong: false)
    evidence.recordLabel(.stable, wrong: true, epoch: 7)
    evidence.recordLabel(.stable, wrong: true, epoch: -1)
    #expect(evidence.epochs[0].wrongAnswers.candidateBad == 2)
    #expect(evidence.epochs[1].wrongAnswers.stableTotal == 1)
    #expect(evidence.epochs.map(\.wrongAnswers.stableBad) == [0, 0])
  }

  @Test func theOrderInsideAnEpochDoesNotMatter() {
    var random = SplitMix64(seed: 8)
    var one = RolloutEvidence.begin(weight: 1_000)
    var other = one
    let events = (0..<200).map { _ in (random.next() % 2 == 0, random.next() % 5 == 0) }
    for (isCandidate, wrong) in events {
      one.recordLabel(isCandidate ? .candidate : .stable, wrong: wrong)
    }
    for (isCandidate, wrong) in events.shuffled(using: &random) {
      other.recordLabel(isCandidate ? .candidate : .stable, wrong: wrong)
    }
    #expect(one == other)
  }

  @Test func absurdCountsDoNotTrap() {
    var evidence = RolloutEvidence.begin(weight: 1_000)
    for _ in 0..<3 {
      evidence.record(metric: .errors, arm: .candidate, bad: .max, count: .max)
      evidence.observedTime(add: TimeSpan(microseconds: .max))
      evidence.idleTime(add: TimeSpan(microseconds: .max))
    }
    evidence.record(metric: .errors, arm: .stable, bad: -5, count: -7)
    evidence.record(metric: .errors, arm: .stable, bad: 9, count: 4)
    evidence.record(metric: .latency, arm: .stable, bad: 1, count: 1, stream: 9)
    #expect(evidence.epochs[0].errors.candidateBad == .max)
    #expect(evidence.epochs[0].errors.stableBad == 4 && evidence.epochs[0].errors.stableTotal == 4)
    let verdict = Judge.evaluate(evidence, plan: Bench.plan())
    #expect(verdict.allSatisfy { $0.eValue.isFinite })
  }

  @Test func answersAreComparedWithTheThresholds() {
    let thresholds = LatencyThresholds(
      p50Microseconds: 100, p90Microseconds: 200, p99Microseconds: 300)
    var evidence = RolloutEvidence.begin(weight: 1_000, thresholds: thresholds)
    evidence.judgeLatency(
      by: LatencyThresholds(p50Microseconds: 1, p90Microseconds: 1, p99Microseconds: 1))
    #expect(evidence.thresholds == thresholds, "fixed once")
    for micros in [100, 101, 201, 301] {
      evidence.recordAnswer(.stable, failed: false, latencyMicroseconds: micros)
    }
    evidence.recordAnswer(.stable, failed: true, latencyMicroseconds: 9_999)
    #expect(evidence.epochs[0].latency.map(\.stableBad) == [3, 2, 1])
    #expect(evidence.epochs[0].latency.map(\.stableTotal) == [4, 4, 4])
    #expect(evidence.epochs[0].errors.stableBad == 1)
    #expect(evidence.candidateRequests == 0)
  }
}
