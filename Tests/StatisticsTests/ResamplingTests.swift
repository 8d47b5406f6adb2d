import Core
import Testing

@testable import Statistics

/// Scores of resampled rows against those of the rows written out.
@Suite struct ResamplingTests {
  private struct Case {
    var scores: [Double] = []
    var isPositive: [Bool] = []
    var drawn: [Int32] = []
  }

  /// Rows with many ties, each drawn up to three times.
  private func made(seed: UInt64) -> Case {
    var random = SplitMix64(seed: seed)
    var made = Case()
    for _ in 0..<60 {
      made.scores.append(Double(random.next() % 12) / 12)
      made.isPositive.append(random.next() % 3 == 0)
      made.drawn.append(Int32(random.next() % 4))
    }
    return made
  }

  @Test(arguments: 1...20) func rankedRowsAreRankedLikeTheirCopies(seed: UInt64) throws {
    let made = made(seed: seed)
    var scores: [Double] = []
    var isPositive: [Bool] = []
    for row in made.scores.indices {
      for _ in 0..<made.drawn[row] {
        scores.append(made.scores[row])
        isPositive.append(made.isPositive[row])
      }
    }
    let whole = try #require(Ranking(scores: scores, isPositive: isPositive))
    let rows = try #require(RankedRows(scores: made.scores, isPositive: made.isPositive))
    let found = try #require(rows.scores(drawn: made.drawn))
    #expect(abs(found.rocAUC - whole.rocAUC) < 1e-12)
    #expect(abs(found.averagePrecision - whole.averagePrecision) < 1e-12)
  }

  @Test func aResampleOfOneKindHasNoRanking() throws {
    let rows = try #require(RankedRows(scores: [0.1, 0.9], isPositive: [false, true]))
    #expect(rows.scores(drawn: [0, 2]) == nil)
    #expect(RankedRows(scores: [.nan, 1], isPositive: [false, true]) == nil)
  }

  @Test(arguments: [2, 3]) func calibrationIsThatOfTheCopies(classes: Int) {
    var random = SplitMix64(seed: 5)
    var (probabilities, truths, drawn): ([Double], [Int], [Int32]) = ([], [], [])
    var (allProbabilities, allTruths): ([Double], [Int]) = ([], [])
    for _ in 0..<80 {
      let raw = (0..<classes).map { _ in random.nextUnit() + 0.01 }
      let row = raw.map { $0 / raw.reduce(0, +) }
      let truth = Int(random.next() % UInt64(classes))
      let times = Int32(random.next() % 3)
      probabilities += row
      truths.append(truth)
      drawn.append(times)
      for _ in 0..<times {
        allProbabilities += row
        allTruths.append(truth)
      }
    }
    let rows = CalibratedRows(probabilities: probabilities, truths: truths, classCount: classes)
    let whole = ProbabilityScores(
      probabilities: allProbabilities, truths: allTruths, classCount: classes)
    #expect(abs(rows.error(drawn: drawn) - whole.calibrationError) < 1e-12)
  }

  @Test func intervalsOfSeveralScoresCoverAndRepeat() throws {
    var random = SplitMix64(seed: 9)
    let values = (0..<400).map { _ in random.nextUnit() }
    func intervals(_ seed: UInt64) -> [ConfidenceInterval?] {
      Bootstrap.intervals(rows: values.count, scores: 2, seed: seed) { drawn, scores in
        scores[0] = zip(values, drawn).reduce(0) { $0 + $1.0 * Double($1.1) } / 400
      }
    }
    let found = intervals(3)
    let mean = try #require(found[0])
    // Student's interval of a mean of 400 rows is the yardstick.
    let wanted = SampleMean(values).interval()
    #expect(abs(mean.low - wanted.low) < 0.006)
    #expect(abs(mean.high - wanted.high) < 0.006)
    #expect(found[1] == nil, "a score that is never there has no interval")
    #expect(intervals(3) == found)
    #expect(intervals(4) != found)
  }
}
