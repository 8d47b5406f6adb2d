/// What the calibration error of resampled rows is made of, kept a row.
public struct CalibratedRows: Sendable {
  private let bins: [UInt8]
  private let sure: [Double]
  private let isHit: [Bool]

  /// Keeps what ``ProbabilityScores/calibrationError`` looks at, by the same rules.
  /// - Precondition: as for ``ProbabilityScores/init(probabilities:truths:classCount:)``.
  public init(probabilities: [Double], truths: [Int], classCount: Int) {
    precondition(classCount >= 2 && probabilities.count == truths.count * classCount)
    var bins: [UInt8] = []
    var sure: [Double] = []
    var isHit: [Bool] = []
    let last = ProbabilityScores.binCount - 1
    for (row, truth) in truths.enumerated() {
      let base = row * classCount
      var answer = classCount == 2 ? 1 : 0
      if classCount > 2 {
        for c in 0..<classCount where probabilities[base + c] > probabilities[base + answer] {
          answer = c
        }
      }
      let p = probabilities[base + answer]
      sure.append(p)
      bins.append(
        UInt8(min(last, max(0, Int(p.isNaN ? 0 : p * Double(ProbabilityScores.binCount))))))
      isHit.append(truth == answer)
    }
    self.bins = bins
    self.sure = sure
    self.isHit = isHit
  }

  /// The expected calibration error when each row comes as often as told; 0 when none does.
  /// - Precondition: as many numbers as rows.
  public func error(drawn: [Int32]) -> Double {
    precondition(drawn.count == bins.count, "a count for each row")
    var gaps = [Double](repeating: 0, count: ProbabilityScores.binCount)
    var rows = 0
    for row in bins.indices where drawn[row] > 0 {
      let times = Double(drawn[row])
      gaps[Int(bins[row])] += times * (sure[row] - (isHit[row] ? 1 : 0))
      rows += Int(drawn[row])
    }
    return rows == 0 ? 0 : gaps.reduce(0) { $0 + abs($1) } / Double(rows)
  }
}
