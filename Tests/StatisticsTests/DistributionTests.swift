import Testing

@testable import Statistics

@Suite struct DistributionTests {
  private let fixtures: ScipyFixtures

  init() throws { fixtures = try ScipyFixtures.shared.get() }

  @Test func normalAgreesWithScipy() {
    for row in fixtures.normalQuantile {
      #expect(agrees(Normal.quantile(row[0]), row[1], 1e-14), "ppf(\(row[0]))")
    }
    for row in fixtures.normalSurvival {
      #expect(agrees(Normal.survival(row[0]), row[1], 1e-12), "sf(\(row[0]))")
      #expect(agrees(Normal.cumulative(-row[0]), row[1], 1e-12))
    }
    #expect(Normal.quantile(0) == -.infinity)
    #expect(Normal.quantile(1.5).isNaN)
  }

  @Test func incompleteGammaAgreesWithScipy() {
    for row in fixtures.gammaUpper {
      let (a, x) = (row[0], row[1])
      #expect(agrees(IncompleteGamma.upper(a, x), row[2], 1e-10), "Q(\(a), \(x))")
      #expect(abs(IncompleteGamma.upper(a, x) + IncompleteGamma.lower(a, x) - 1) < 1e-12)
    }
    #expect(IncompleteGamma.upper(0, 1).isNaN)
    #expect(IncompleteGamma.upper(2, -1) == 1)
    #expect(IncompleteGamma.upper(2, .infinity) == 0)
  }

  @Test func incompleteBetaAgreesWithScipyAndInverts() {
    for row in fixtures.beta {
      let (a, b, x) = (row[0], row[1], row[2])
      #expect(agrees(IncompleteBeta.regularised(a, b, x), row[3], 1e-11), "I(\(a), \(b), \(x))")
      if row[3] > 1e-12, row[3] < 1 - 1e-6 {
        #expect(agrees(IncompleteBeta.quantile(a, b, row[3]), x, 1e-9))
      }
    }
  }

  @Test func chiSquareAgreesWithScipy() {
    for row in fixtures.chiSquareSurvival {
      let got = ChiSquare.survival(row[0], degreesOfFreedom: row[1])
      #expect(agrees(got, row[2], 1e-10), "chi2.sf(\(row[0]), \(row[1]))")
    }
    for row in fixtures.chiSquareQuantile {
      let got = ChiSquare.quantile(upperTail: row[0], degreesOfFreedom: row[1])
      #expect(agrees(got, row[2], 1e-10), "chi2.isf(\(row[0]), \(row[1]))")
    }
  }

  @Test func noncentralChiSquareAgreesWithScipy() {
    for row in fixtures.noncentralSurvival {
      let got = ChiSquare.noncentralSurvival(
        row[0], degreesOfFreedom: row[1], noncentrality: row[2])
      #expect(agrees(got, row[3], 1e-9), "ncx2.sf(\(row[0]), \(row[1]), \(row[2])): \(got)")
    }
    // The central law is its limit, and the value falls in x.
    let central = ChiSquare.survival(12, degreesOfFreedom: 9)
    let near = ChiSquare.noncentralSurvival(12, degreesOfFreedom: 9, noncentrality: 1e-9)
    #expect(agrees(central, near, 1e-6))
  }

  @Test func kolmogorovAgreesWithScipy() {
    for row in fixtures.kolmogorov {
      #expect(agrees(Kolmogorov.survival(row[0]), row[1], 1e-10), "kolmogorov(\(row[0]))")
    }
    #expect(Kolmogorov.survival(0) == 1)
  }

  @Test func intervalsAgreeWithScipy() {
    for row in fixtures.wilson {
      let got = ProportionInterval.wilson(Int(row[0]), of: Int(row[1]), confidence: row[2])
      #expect(agrees(got.low, row[3]) && agrees(got.high, row[4]), "wilson \(row): \(got)")
    }
    for row in fixtures.clopperPearson {
      let got = ProportionInterval.clopperPearson(Int(row[0]), of: Int(row[1]), confidence: row[2])
      #expect(agrees(got.low, row[3]) && agrees(got.high, row[4]), "exact \(row): \(got)")
    }
    #expect(ProportionInterval.wilson(0, of: 0) == ConfidenceInterval(low: 0, high: 1))
    #expect(ProportionInterval.clopperPearson(5, of: 3) == ConfidenceInterval(low: 0, high: 1))
  }

  @Test func falseDiscoveryAgreesWithScipy() {
    let bh = FalseDiscovery.benjaminiHochberg(fixtures.fdr.p)
    let by = FalseDiscovery.benjaminiYekutieli(fixtures.fdr.p)
    for i in fixtures.fdr.p.indices {
      #expect(agrees(bh[i], fixtures.fdr.bh[i], 1e-12))
      #expect(agrees(by[i], fixtures.fdr.by[i], 1e-12))
    }
    let withGap = FalseDiscovery.benjaminiHochberg([0.01, .nan, 0.04])
    #expect(withGap[0] == 0.02 && withGap[1].isNaN && withGap[2] == 0.04)
    #expect(FalseDiscovery.benjaminiHochberg([]).isEmpty)
  }
}
