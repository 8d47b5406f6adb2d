import FoundationEssentials
import Testing

@testable import Statistics

/// Reference values that `Fixtures/make_fixtures.py` computed with scipy.
struct ScipyFixtures: Decodable {
  struct FDR: Decodable {
    let p: [Double]
    let bh: [Double]
    let by: [Double]
  }
  struct Drift: Decodable {
    let reference: [Int]
    let current: [Int]
    let isPoint: [Bool]
    let edges: [Double]
    let referenceSums: [Double]
    let currentSums: [Double]
    let psi: Double
    let jensenShannon: Double
    let hellinger: Double
    let totalVariation: Double
    let greatestDifference: Double
    let chiSquare: Double
    let chiSquareP: Double
    let g: Double
    let gP: Double
    let cramersV: Double
    let psiP: Double
    let ks: Double
    let binnedKS: Double
    let ksP: Double
    let wasserstein: Double
    let sd: Double
  }

  let normalQuantile: [[Double]]
  let normalSurvival: [[Double]]
  let gammaUpper: [[Double]]
  let beta: [[Double]]
  let chiSquareSurvival: [[Double]]
  let chiSquareQuantile: [[Double]]
  let noncentralSurvival: [[Double]]
  let kolmogorov: [[Double]]
  let wilson: [[Double]]
  let clopperPearson: [[Double]]
  let fdr: FDR
  let drift: [Drift]

  static let shared: Result<ScipyFixtures, any Error> = Result {
    var path = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    path += ["Fixtures", "scipy.json"]
    let data = try Data(contentsOf: URL(filePath: path.joined(separator: "/")))
    return try JSONDecoder().decode(ScipyFixtures.self, from: data)
  }
}

/// Whether two numbers agree to `tolerance` of the greater.
func agrees(_ a: Double, _ b: Double, _ tolerance: Double = 1e-9) -> Bool {
  abs(a - b) <= tolerance * max(abs(a), abs(b)) || a == b
}
