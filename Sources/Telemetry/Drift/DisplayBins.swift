import Core
import Statistics

/// One bar of the overlay of reference and current window.
public struct DisplayBin: Sendable, Equatable {
  /// `12.5 to 14`, `UA`, `missing`.
  ///
  /// Category names come from outside.
  public let label: String
  /// The reference's share, 0 to 1.
  public let reference: Double
  /// The window's share, 0 to 1.
  public let current: Double
  /// This bar's part of the index over the bars, 0 to 1; all parts sum to 1 (or are 0).
  public let contribution: Double
}

extension DriftLayout {
  /// Bars of a numeric feature between its two end bars.
  static let barsMax = 28

  /// About 32 bars of one feature for people: equal widths between the reference's 0.5 % and 99.5 %
  /// quantiles with the tails in two end bars, or the most frequent categories; then what is
  /// missing, infinite, unseen, when there is any.
  /// - Precondition: the window counts over this layout's reference, `index` is one of its
  ///   features.
  public func displayBins(feature index: Int, window: DriftWindow) -> [DisplayBin] {
    let slot = slots[index]
    let reference = referenceCounts(index)
    let current = currentCounts(index, window.counters)
    var bars: [(label: String, bins: Range<Int>)]
    switch self.reference.features[index].distribution {
    case .numeric(let numeric): bars = DriftLayout.bars(numeric)
    case .categorical(let categorical):
      let alone = min(categorical.names.count, DriftLayout.barsMax)
      bars = (0..<alone).map { (categorical.names[$0], $0..<$0 + 1) }
      let rest = categorical.names.count - alone
      if rest > 0 { bars.append(("\(rest) others", alone..<slot.bins - 1)) }
      bars.append(("unseen", slot.bins - 1..<slot.bins))
    }
    bars.append(("missing", slot.bins..<slot.bins + 1))
    bars.append(("infinite", slot.bins + 1..<slot.bins + 2))
    var sums: [(label: String, reference: Int, current: Int)] = []
    for bar in bars {
      let before = reference[bar.bins].reduce(0, +)
      let now = current[bar.bins].reduce(0, +)
      if before + now > 0 { sums.append((bar.label, before, now)) }
    }
    return DriftLayout.shares(sums)
  }

  private static func shares(_ sums: [(label: String, reference: Int, current: Int)])
    -> [DisplayBin]
  {
    let parts = BinnedDistance.psiContributions(
      reference: sums.map(\.reference), current: sums.map(\.current))
    let whole = parts.reduce(0, +)
    let n = Double(max(1, sums.reduce(0) { $0 + $1.reference }))
    let m = Double(max(1, sums.reduce(0) { $0 + $1.current }))
    return sums.indices.map { i in
      DisplayBin(
        label: sums[i].label, reference: Double(sums[i].reference) / n,
        current: Double(sums[i].current) / m,
        contribution: whole > 0 && whole.isFinite ? parts[i] / whole : 0)
    }
  }

  /// Neighbouring bins joined to bars of equal width; bars that no bin falls into are left out.
  private static func bars(_ numeric: Reference.Numeric) -> [(label: String, bins: Range<Int>)] {
    let edges = numeric.edges
    if edges.isEmpty { return [("all", 0..<1)] }
    let low = quantileEdge(numeric, 0.005)
    let high = quantileEdge(numeric, 0.995)
    let width = Double(high - low) / Double(barsMax)
    func bar(ofBin j: Int) -> Int {
      if j == 0 || j == edges.count { return j == 0 ? 0 : barsMax + 1 }
      if edges[j] <= low { return 0 }
      if edges[j - 1] >= high || width <= 0 { return barsMax + 1 }
      let point = numeric.isPointBin(j) ? edges[j] : edges[j - 1] + (edges[j] - edges[j - 1]) / 2
      return min(barsMax, max(1, 1 + Int(Double(point - low) / width)))
    }
    var bars: [(label: String, bins: Range<Int>)] = []
    var start = 0
    for j in 1...(edges.count + 1) where j > edges.count || bar(ofBin: j) != bar(ofBin: start) {
      let label: String
      if start == 0 {
        label = "to \(short(edges[j - 1]))"
      } else if j > edges.count {
        label = "over \(short(edges[start - 1]))"
      } else {
        let ends = (short(edges[start - 1]), short(edges[j - 1]))
        label = ends.0 == ends.1 ? ends.0 : "\(ends.0) to \(ends.1)"
      }
      bars.append((label, start..<j))
      start = j
    }
    return bars
  }

  /// The edge up to which the reference has about the share `q`.
  private static func quantileEdge(_ numeric: Reference.Numeric, _ q: Double) -> Float {
    let wanted = q * Double(numeric.counts.reduce(0, +))
    var sum = 0
    for (j, edge) in numeric.edges.enumerated() {
      sum += numeric.counts[j]
      if Double(sum) >= wanted { return edge }
    }
    return numeric.edges[numeric.edges.count - 1]
  }

  /// Four significant digits.
  private static func short(_ value: Float) -> String {
    let magnitude = abs(Double(value))
    guard magnitude > 0, magnitude.isFinite else { return "0" }
    var digits = 0
    var scale = magnitude
    while scale < 1_000, digits < 12 {
      scale *= 10
      digits += 1
    }
    var power = 1.0
    for _ in 0..<digits { power *= 10 }
    let rounded = (Double(value) * power).rounded() / power
    return rounded == rounded.rounded() && abs(rounded) < 1e15
      ? "\(Int(rounded))" : "\(rounded)"
  }
}

extension Reference.Numeric {
  /// Whether bin `j` holds a single value only.
  func isPointBin(_ j: Int) -> Bool { j > 0 && j < edges.count && edges[j - 1].nextUp == edges[j] }
}
