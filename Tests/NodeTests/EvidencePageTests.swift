import Control
import Core
import Telemetry
import Testing

@testable import Node

@Suite("Evidence from live answers")
struct EvidencePageTests {
  private func answer(
    _ page: EvidencePage, candidate: Bool, failed: Bool = false, key: UInt64? = nil,
    label: Int64 = 1, score: Float = 0.5, route: Int = 1
  ) throws -> DrawnAnswer {
    let rollout = try #require(page.running)
    return DrawnAnswer(
      route: route, version: candidate ? rollout.candidate : rollout.fallback, failed: failed,
      latencyMicroseconds: 10, key: key, label: TextKey(decimal: label), score: score)
  }

  private func epoch(_ page: EvidencePage) throws -> RolloutEvidence.Epoch {
    try #require(page.evidence?.epochs.first)
  }

  @Test("until the candidate is warm nothing of either arm is judged, but the breaker sees it")
  func warmUp() throws {
    let page = try JudgeBench.makePage(warmUp: 3)
    for _ in 0..<3 {
      _ = page.take(try answer(page, candidate: false, failed: true))
      _ = page.take(try answer(page, candidate: true, failed: true))
    }
    var now = try epoch(page)
    #expect(now.errors == .init() && now.scores == [.init(), .init()])
    #expect(now.drawn.candidateTotal == 3 && now.drawn.stableTotal == 3)
    #expect(page.evidence?.consecutiveFailures == 3)
    #expect(page.evidence?.candidateRequests == 3)
    _ = page.take(try answer(page, candidate: false, failed: true))
    _ = page.take(try answer(page, candidate: true))
    now = try epoch(page)
    #expect(now.errors.stableBad == 1 && now.errors.candidateTotal == 1)
    #expect(page.evidence?.consecutiveFailures == 0)
  }

  @Test("a key's later requests are no evidence, but the breaker sees them")
  func keys() throws {
    let page = try JudgeBench.makePage()
    let first = page.take(try answer(page, candidate: true, failed: true, key: 7))
    #expect(first == .init(isCounted: true, isDraw: true))
    for _ in 0..<4 {
      let later = page.take(try answer(page, candidate: true, failed: true, key: 7))
      #expect(later == .init(isCounted: true, isDraw: false))
    }
    let now = try epoch(page)
    #expect(now.errors.candidateBad == 1 && now.drawn.candidateTotal == 1)
    #expect(page.evidence?.consecutiveFailures == 5)
    #expect(page.evidence?.stepCandidateRequests == 5)
    // Without a key every request is a draw.
    for _ in 0..<2 { _ = page.take(try answer(page, candidate: true)) }
    #expect(try epoch(page).errors.candidateTotal == 3)
  }

  @Test("past the limit of keys no request with a key is evidence")
  func keyLimit() throws {
    let page = try JudgeBench.makePage(keysMax: 2)
    for key in [1, 2, 3, 1, 4] as [UInt64] {
      _ = page.take(try answer(page, candidate: false, key: key))
    }
    #expect(try epoch(page).errors.stableTotal == 2)
  }

  @Test("what an answer says is counted by class and range, a failed one's not")
  func values() throws {
    let page = try JudgeBench.makePage()
    _ = page.take(try answer(page, candidate: true, label: 0, score: 0.01))
    _ = page.take(try answer(page, candidate: true, label: 5, score: 0.5))
    _ = page.take(try answer(page, candidate: false, label: 1, score: 0.99))
    _ = page.take(try answer(page, candidate: true, failed: true, label: 1, score: .nan))
    let now = try epoch(page)
    #expect(now.predictions.map(\.candidateBad) == [1, 0, 1])
    #expect(now.predictions.map(\.stableBad) == [0, 1, 0])
    #expect(now.predictions.allSatisfy { $0.candidateTotal == 2 && $0.stableTotal == 1 })
    #expect(now.scores.map(\.candidateBad) == [1, 0] && now.scores.map(\.stableBad) == [0, 1])
    // Two classes: 0.01 and 0.99 are equally sure, 0.5 is not.
    #expect(now.confidence.map(\.candidateBad) == [1, 1])
    #expect(now.confidence.map(\.stableBad) == [0, 1])
  }

  @Test("answers of unknown routes and versions are left alone")
  func strangers() throws {
    let page = try JudgeBench.makePage()
    let unknown = page.take(try answer(page, candidate: true, route: 9))
    #expect(unknown == .init(isCounted: false, isDraw: false))
    #expect(try epoch(page).drawn == .init())
  }
}

@Suite("What a stable usually answers")
struct AnswerSampleTests {
  @Test("too few answers say nothing")
  func few() {
    var sample = AnswerSample()
    for _ in 0..<4_999 { sample.add(label: TextKey(decimal: 1), score: 0.5) }
    #expect(sample.profile() == nil)
    sample.add(label: TextKey(decimal: 1), score: 0.5)
    #expect(sample.profile()?.labels == ["1"])
  }

  @Test("ranges leave a twentieth on each side; two classes fold the score")
  func ranges() throws {
    var sample = AnswerSample()
    for i in 0..<6_000 {
      sample.add(label: TextKey(decimal: Int64(i % 3 == 0 ? 1 : 0)), score: Float(i) / 6_000)
    }
    let profile = try #require(sample.profile())
    #expect(profile.labels == ["0", "1"] && profile.isTwoClass)
    let range = try #require(profile.scoreRange)
    #expect(abs(range.low - 0.05) < 1e-3 && abs(range.high - 0.95) < 1e-3)
    let confidence = try #require(profile.confidenceRange)
    #expect(abs(confidence.low - 0.525) < 1e-3 && abs(confidence.high - 0.975) < 1e-3)
    #expect(profile.confidence(ofScore: 0.2) == 0.8)
  }

  @Test("the oldest answers give way, the most frequent sixteen labels are followed")
  func ring() throws {
    var sample = AnswerSample()
    for _ in 0..<AnswerSample.capacity { sample.add(label: TextKey("old"), score: 9) }
    for i in 0..<AnswerSample.capacity {
      let label = i % 2 == 0 ? 0 : i % 40
      sample.add(label: TextKey(decimal: Int64(label)), score: 3)
    }
    let profile = try #require(sample.profile())
    #expect(profile.labels.count == StableProfile.labelsMax && profile.labels.first == "0")
    #expect(!profile.labels.contains("old") && !profile.isTwoClass)
    #expect(profile.scoreRange == .init(low: 3, high: 3))
    #expect(profile.confidence(ofScore: 3) == 3)
  }

  @Test("models without labels, or without scores, are compared by what they have")
  func partial() throws {
    var scores = AnswerSample()
    var labels = AnswerSample()
    for i in 0..<5_000 {
      scores.add(label: .missing, score: Float(i))
      labels.add(label: TextKey(decimal: Int64(i % 4)), score: .nan)
    }
    let scored = try #require(scores.profile())
    #expect(scored.labels.isEmpty && scored.scoreRange != nil && !scored.isTwoClass)
    let labelled = try #require(labels.profile())
    #expect(labelled.labels.count == 4 && labelled.scoreRange == nil)
    #expect(labelled.confidenceRange == nil)
  }
}
