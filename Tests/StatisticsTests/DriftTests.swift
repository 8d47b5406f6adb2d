import Testing

@testable import Statistics

@Suite struct DriftTests {
  private let cases: [ScipyFixtures.Drift]

  init() throws { cases = try ScipyFixtures.shared.get().drift }

  @Test func distancesAgreeWithScipy() {
    for c in cases {
      let (r, q) = (c.reference, c.current)
      #expect(agrees(BinnedDistance.psi(reference: r, current: q), c.psi))
      #expect(agrees(BinnedDistance.jensenShannon(reference: r, current: q), c.jensenShannon))
      #expect(agrees(BinnedDistance.hellinger(reference: r, current: q), c.hellinger))
      #expect(agrees(BinnedDistance.totalVariation(reference: r, current: q), c.totalVariation))
      #expect(
        agrees(BinnedDistance.greatestDifference(reference: r, current: q), c.greatestDifference))
    }
  }

  @Test func testsAgreeWithScipy() {
    for c in cases {
      let chi = BinnedTest.chiSquare(reference: c.reference, current: c.current)
      #expect(agrees(chi.statistic, c.chiSquare) && agrees(chi.pValue, c.chiSquareP))
      #expect(agrees(chi.cramersV, c.cramersV))
      let g = BinnedTest.likelihoodRatio(reference: c.reference, current: c.current)
      #expect(agrees(g.statistic, c.g) && agrees(g.pValue, c.gP))
      let p = BinnedTest.psiPValue(reference: c.reference, current: c.current, tolerated: 0.1)
      #expect(agrees(p, c.psiP), "\(p) against \(c.psiP)")
    }
  }

  @Test func bracketHoldsTheExactDistance() throws {
    for c in cases {
      let bracket = try #require(
        DistanceBracket(reference: c.reference, current: c.current, isPoint: c.isPoint))
      #expect(agrees(bracket.low, c.binnedKS))
      #expect(bracket.low <= c.ks + 1e-12 && c.ks <= bracket.high + 1e-12)
      let n = c.reference.reduce(0, +)
      let m = c.current.reduce(0, +)
      #expect(agrees(bracket.pValue(reference: n, current: m), c.ksP))
      #expect(bracket.minimumEffectPValue(current: m, tolerated: 1) == 1)
      let plain = try #require(DistanceBracket(reference: c.reference, current: c.current))
      #expect(plain.high >= bracket.high)
    }
  }

  @Test func wassersteinFromSumsIsALowerBoundAndNear() {
    for c in cases {
      let got = BinnedWasserstein.distance(
        edges: c.edges, referenceCounts: c.reference, referenceSums: c.referenceSums,
        currentCounts: c.current, currentSums: c.currentSums)
      #expect(got <= c.wasserstein + 1e-9)
      #expect(abs(got - c.wasserstein) < 0.01 * c.sd, "\(got) against \(c.wasserstein)")
    }
  }

  @Test func nothingToCompareIsNeverZero() {
    #expect(BinnedDistance.psi(reference: [], current: []).isNaN)
    #expect(BinnedDistance.psi(reference: [1, 2], current: [0, 0]).isNaN)
    #expect(BinnedDistance.jensenShannon(reference: [1, 2], current: [1]).isNaN)
    #expect(DistanceBracket(reference: [3], current: [0]) == nil)
    #expect(BinnedTest.chiSquare(reference: [5, 0], current: [7, 0]).pValue == 1)
    #expect(BinnedTest.psiPValue(reference: [0, 0], current: [1, 2], tolerated: 0.1) == 1)
  }

  @Test func equalCountsHaveNoDistance() {
    let counts = [10, 20, 0, 5]
    #expect(BinnedDistance.psi(reference: counts, current: counts) == 0)
    #expect(BinnedDistance.jensenShannon(reference: counts, current: counts) == 0)
    #expect(BinnedDistance.hellinger(reference: counts, current: counts) == 0)
    #expect(DistanceBracket(reference: counts, current: counts)?.low == 0)
  }

  @Test func contributionsSumToPSI() {
    for c in cases {
      let parts = BinnedDistance.psiContributions(reference: c.reference, current: c.current)
      #expect(parts.count == c.reference.count && parts.allSatisfy { $0 >= 0 })
      #expect(agrees(parts.reduce(0, +), c.psi))
    }
  }
}
