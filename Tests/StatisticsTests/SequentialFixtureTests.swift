import Core
import FoundationEssentials
import Testing

@testable import Statistics

/// Reference values that `Fixtures/make_sequential.py` computed by scipy's binomial law and exact
/// fractions.
private struct SequentialFixtures: Decodable {
  struct Shares: Decodable {
    let planned: Int
    let whole: Int
    let tolerance: Double
    let epochs: [[Int]]
    let more: Double
    let fewer: Double
  }
  struct Pairs: Decodable {
    let tolerance: Double
    let limit: Double
    let both: Int
    let candidateOnly: Int
    let otherOnly: Int
    let neither: Int
    let value: Double
  }
  let shares: [Shares]
  let mcnemar: [[Double]]
  let pairs: [Pairs]

  static func read() throws -> SequentialFixtures {
    var path = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    path += ["Fixtures", "sequential.json"]
    let data = try Data(contentsOf: URL(filePath: path.joined(separator: "/")))
    return try JSONDecoder().decode(SequentialFixtures.self, from: data)
  }
}

@Suite struct SequentialFixtureTests {
  /// Sample ratio, label rate and segments are this test on other counts.
  @Test func sharesAgreeWithTheBinomialLaw() throws {
    for row in try SequentialFixtures.read().shares {
      let epochs = row.epochs.map {
        EProcess.Epoch(
          shareBasisPoints: $0[0], candidateBad: $0[1], stableBad: $0[2],
          wholeBasisPoints: row.whole)
      }
      let more = EProcess.logEvidence(
        epochs, tolerance: row.tolerance, plannedRestarts: row.planned)
      let fewer = EProcess.logEvidenceOfFewer(
        epochs, tolerance: row.tolerance, plannedRestarts: row.planned)
      #expect(abs(more - row.more) <= 1e-9 * max(1, abs(row.more)))
      #expect(abs(fewer - row.fewer) <= 1e-9 * max(1, abs(row.fewer)))
    }
  }

  @Test func pairsAgreeWithMcNemarsBinomialLaw() throws {
    for row in try SequentialFixtures.read().mcnemar {
      let counts = PairedTest.Counts(
        both: 17, candidateOnly: Int(row[0]), otherOnly: Int(row[1]), neither: 1_000)
      let log = PairedTest.logEvidence(counts, tolerance: 1)
      #expect(abs(log - row[2]) <= 1e-9 * max(1, abs(row[2])))
    }
  }

  @Test func pairsAgreeWithExactProducts() throws {
    for row in try SequentialFixtures.read().pairs {
      let counts = PairedTest.Counts(
        both: row.both, candidateOnly: row.candidateOnly, otherOnly: row.otherOnly,
        neither: row.neither)
      let log = PairedTest.logEvidence(counts, tolerance: row.tolerance, limit: row.limit)
      #expect(agrees(EProcess.value(fromLog: log), row.value, 1e-9))
    }
  }

  /// One pair ahead the mean evidence is at most what it is now, for every law of a pair that keeps
  /// to the claim, and just what it is now at its edge.
  @Test func pairsAreASupermartingale() {
    var random = SplitMix64(seed: 4)
    for _ in 0..<400 {
      let tolerance = [1, 1.25, 2][Int(random.next() % 3)]
      let limit = [0, 0.02, 0.3][Int(random.next() % 3)]
      let other = 0.3 * random.nextUnit()
      let isEdge = random.next() % 2 == 0
      let most = min(1, tolerance * other + limit)
      let candidate = isEdge ? most : most * random.nextUnit()
      let both = min(candidate, other) * random.nextUnit()
      guard candidate + other - both <= 1 else { continue }
      let now = PairedTest.Counts(
        both: Int(random.next() % 9), candidateOnly: Int(random.next() % 40),
        otherOnly: Int(random.next() % 40), neither: Int(random.next() % 200))
      func evidence(_ change: (inout PairedTest.Counts) -> Void) -> Double {
        var next = now
        change(&next)
        return EProcess.value(
          fromLog: PairedTest.logEvidence(next, tolerance: tolerance, limit: limit))
      }
      let mean =
        both * evidence { $0.both += 1 } + (candidate - both) * evidence { $0.candidateOnly += 1 }
        + (other - both) * evidence { $0.otherOnly += 1 }
        + (1 - candidate - other + both) * evidence { $0.neither += 1 }
      let before = evidence { _ in }
      #expect(mean <= before * (1 + 1e-9))
      if isEdge, candidate == tolerance * other + limit { #expect(agrees(mean, before, 1e-9)) }
    }
  }

  /// However many restarts are planned and however many come, the weights sum to one, and a new
  /// epoch alone changes nothing.
  @Test func weightsOfRestartsSumToOne() {
    for planned in 0...6 {
      for count in 1...12 {
        let sum = (0..<count).reduce(0.0) {
          $0 + EProcess.startWeight($1, plannedRestarts: planned)
        }
        let cash = EProcess.cash(afterEpochs: count, plannedRestarts: planned)
        #expect(agrees(sum + cash, 1, 1e-12))
        #expect(cash > 0)
      }
    }
  }

  /// Whenever harm begins, an even division costs no more than the other at its worst beginning.
  @Test func evenWeightsAreBestAtTheWorstBeginning() {
    for planned in 2...8 {
      let even = (1...planned).map { EProcess.startWeight($0, plannedRestarts: planned) }.min() ?? 0
      let other = (1...planned).map { EProcess.startWeight($0, plannedRestarts: 0) }.min() ?? 0
      #expect(even > other)
    }
  }
}
