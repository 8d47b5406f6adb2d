import Core
import FoundationEssentials
import Testing

@testable import Control

/// Rivals, copied requests, segments and looks: the parts of evidence that not every rollout has.
@Suite struct EvidencePartsTests {
  private let versions: [VersionID]

  init() throws {
    let model = try Name("flight-delay")
    versions = (1...4).map { VersionID(model: model, number: $0) }
  }

  private func roundTrip(_ evidence: RolloutEvidence) throws -> RolloutEvidence {
    try JSONDecoder().decode(RolloutEvidence.self, from: try JSONEncoder().encode(evidence))
  }

  @Test func evidenceOfOlderJournalsReads() throws {
    let old = """
      {"rollout":3,"epochs":[{"weight":500,"errors":{"candidateBad":1,"stableBad":2,\
      "candidateTotal":3,"stableTotal":4},"wrongAnswers":{"candidateBad":0,"stableBad":0,\
      "candidateTotal":0,"stableTotal":0},"latency":[]}],"stage":0,\
      "stepObserved":{"microseconds":0},"stepCandidateRequests":3,"candidateRequests":3,\
      "idle":{"microseconds":0},"consecutiveFailures":0}
      """
    let spans = try JSONEncoder().encode([TimeSpan.zero])
    let text = old.replacing(
      "{\"microseconds\":0}", with: String(decoding: spans, as: UTF8.self).dropFirst().dropLast())
    let read = try JSONDecoder().decode(RolloutEvidence.self, from: Data(text.utf8))
    #expect(read.epochs[0].errors.stableTotal == 4 && read.epochs[0].whole == nil)
    #expect(read.rivals == nil && read.shadow == nil && read.segments == nil)
    #expect(read.comparison == nil)
  }

  @Test func everyPartIsSavedAndReadAgain() throws {
    var evidence = RolloutEvidence.begin(rollout: 1, weight: 500)
    evidence.judgeSegments(["AA", "UA"])
    evidence.judgeByLooks(of: ComparisonRule(judge: .flagger(limit: 0.02, threshold: 3)))
    evidence.beginRivals([versions[2], versions[3]])
    evidence.recordAnswer(.candidate, failed: true, latencyMicroseconds: 5, segment: 1)
    evidence[rival: 1].recordAnswer(.stable, failed: false, latencyMicroseconds: 5, segment: 0)
    evidence.recordShadowPair(
      ShadowPair(
        stableFailed: false, candidateFailed: false, candidateDiffers: true, cloneDiffers: false))
    evidence.recordShadowLabel(candidateWrong: true, stableWrong: false)
    evidence.recordShadowDropped(3)
    evidence.observedTime(add: .seconds(90))
    #expect(try roundTrip(evidence) == evidence)
    #expect(evidence.segments?[1].epochs[0].errors.candidateBad == 1)
    #expect(evidence.rivals?[1].evidence.segments?[0].epochs[0].errors.stableTotal == 1)
    #expect(evidence.shadow?.disagreements.candidateOnly == 1)
    #expect(evidence.shadow?.dropped == 3)
    #expect(evidence.comparison?.looks == 1 && evidence.comparison?.failedLooks[0] == 1)
    #expect(evidence.rivals?[0].evidence.comparison?.looks == 1)
  }

  @Test func rivalsShareWhatTheOthersLeave() {
    var evidence = RolloutEvidence.begin(weight: 500)
    evidence.beginRivals([versions[2], versions[3]])
    #expect(evidence.epochs[0].whole == 9_000)
    evidence.beginEpoch(weight: 1_000)
    #expect(evidence.epochs[1].whole == 8_000)
    #expect(evidence.rivals?.map { $0.evidence.epochs[1].whole } == [8_000, 8_000])
    evidence.drop(rival: versions[2])
    evidence.beginEpoch(weight: 1_000)
    #expect(evidence.epochs[2].whole == 9_000)
    evidence.drop(rival: versions[3])
    evidence.beginEpoch(weight: 2_000)
    #expect(evidence.epochs[3].whole == nil && evidence.rivals == nil)
  }

  @Test func aRivalThatLeadsKeepsWhatWasSeenOfIt() {
    var evidence = RolloutEvidence.begin(weight: 500)
    evidence.beginRivals([versions[2], versions[3]])
    evidence.recordAnswer(.candidate, failed: true, latencyMicroseconds: 1)
    evidence[rival: 0].recordAnswer(.candidate, failed: false, latencyMicroseconds: 1)
    evidence.observedTime(add: .seconds(5))
    evidence.lead(by: versions[2])
    #expect(evidence.epochs[0].errors.candidateBad == 0)
    #expect(evidence.epochs[0].errors.candidateTotal == 1)
    #expect(evidence.stepObserved == .seconds(5))
    #expect(evidence.rivals?.map(\.version) == [versions[3]])
    let before = evidence
    evidence.lead(by: versions[0])
    evidence[rival: 9].recordAnswer(.candidate, failed: true, latencyMicroseconds: 1)
    #expect(evidence == before)
  }

  @Test func copiesCountForTheStepAndTheBreakerAndNotForUsers() {
    var evidence = RolloutEvidence.begin(weight: 0)
    for _ in 0..<4 {
      evidence.recordShadowPair(ShadowPair(stableFailed: false, candidateFailed: true))
    }
    #expect(evidence.consecutiveFailures == 4 && evidence.stepCandidateRequests == 4)
    #expect(evidence.candidateRequests == 0)
    evidence.recordShadowPair(ShadowPair(stableFailed: false, candidateFailed: false))
    #expect(evidence.consecutiveFailures == 0)
    #expect(evidence.shadow?.failures.candidateOnly == 4)
    #expect(evidence.shadow?.pairs == 5)
  }

  @Test func segmentsAreFixedAtTheBeginningAndBounded() {
    var evidence = RolloutEvidence.begin(weight: 500)
    evidence.judgeSegments((0..<12).map { "\($0)" })
    evidence.judgeSegments(["other"])
    #expect(evidence.segments?.count == RolloutEvidence.segmentsMax)
    evidence.recordAnswer(.stable, failed: true, latencyMicroseconds: 1, segment: 40)
    evidence.recordLabel(.stable, wrong: true, epoch: 7, segment: 0)
    #expect(evidence.segments?.allSatisfy { $0.epochs.isEmpty } ?? false)
    #expect(evidence.epochs[0].errors.stableBad == 1)
  }
}
