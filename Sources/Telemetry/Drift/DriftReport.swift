import Core
import Statistics

/// What a window says about drift: every feature's distance from the reference, with a verdict that
/// asks whether the drift is *more than tolerated*, not whether it is other than zero.
///
/// The index is computed over at most 32 groups of about equal reference share, missing and
/// infinite values among them, so that lost values count as drift. Its p-value is that of "the true
/// index is at most 0.1", adjusted over the features after Benjamini and Hochberg: quiet data stays
/// quiet at any size of window and any number of features.
public struct DriftReport: Sendable {
  /// How a feature stands.
  public enum Verdict: String, Sendable, Comparable {
    /// Too few rows to say anything.
    case tooFew
    /// No drift beyond what is tolerated.
    case quiet
    /// Surely over the first limit.
    case watch
    /// Surely over the second limit.
    case drift

    /// Orders by badness.
    public static func < (a: Verdict, b: Verdict) -> Bool { a.rank < b.rank }
    private var rank: Int {
      switch self {
      case .tooFew: 0
      case .quiet: 1
      case .watch: 2
      case .drift: 3
      }
    }
  }

  /// An unseen category and how often it came.
  public struct UnseenName: Sendable, Equatable {
    /// The name; from outside, so screens must make it harmless.
    public let text: String
    /// How often, at most ``error`` too high.
    public let count: Int
    /// By how much the count may be too high; 0 while at most 64 names were unseen.
    public let error: Int
  }

  /// One feature or output.
  public struct Feature: Sendable {
    /// Its place in the reference's list.
    public let index: Int
    /// Its name.
    public let name: String
    /// Whether it is numeric, not categorical.
    public let isNumeric: Bool
    /// Whether it is an output.
    public let isOutput: Bool
    /// The population stability index, 0 is no drift; 0 without rows.
    public let psi: Double
    /// The Kolmogorov-Smirnov distance of the present values lies between its ends; nil for
    /// categories and without values.
    public let distance: DistanceBracket?
    /// p-value of "the index is at most 0.1", adjusted over all features; nil with too few rows.
    public let qValue: Double?
    /// Missing values in the reference, 0 to 1.
    public let missingReference: Double
    /// Missing values in the window, 0 to 1.
    public let missingCurrent: Double
    /// Infinite values in the window, 0 to 1.
    public let infinite: Double
    /// Rows with a category that the reference does not list, 0 to 1.
    public let unseen: Double
    /// Which those were, most frequent first, at most 64.
    public let unseenNames: [UnseenName]
    /// The verdict.
    public let verdict: Verdict
  }

  /// Rows in the window.
  public let rows: Int
  /// Rows in the reference.
  public let referenceRows: Int
  /// Every feature, in the reference's order.
  public let features: [Feature]
  /// Whether there were rows enough for a verdict.
  public var enough: Bool { rows >= DriftReport.rowsMin }

  /// No verdict is given over fewer rows.
  public static let rowsMin = 500
  /// Index over which a feature is watched, and over which it is called drifted.
  public static let psiLimits = (watch: 0.1, drift: 0.25)
  /// Rise of the missing share, as a share of rows, for the two verdicts.
  public static let missingLimits = (watch: 0.02, drift: 0.10)
  /// Share of unseen categories for the two verdicts.
  public static let unseenLimits = (watch: 0.01, drift: 0.05)
  /// The share of false verdicts among verdicts that is accepted.
  public static let falseDiscoveryRate = 0.01

  /// Compares a window with the reference of `layout`.
  /// - Throws: ``TelemetryError`` with the code `notMergeable` when the window counts over another
  ///   reference.
  public init(layout: DriftLayout, window: DriftWindow) throws(TelemetryError) {
    guard window.fingerprint == layout.reference.fingerprint,
      window.counters.count == layout.counterCount
    else {
      throw TelemetryError(
        .notMergeable, "the window was counted over another reference than it is compared with")
    }
    rows = window.rows
    referenceRows = layout.reference.rows
    let enough = window.rows >= DriftReport.rowsMin
    let groups = layout.slots.indices.map { i in
      DriftReport.usedGroups(layout, i, window.counters)
    }
    func adjusted(_ tolerated: Double) -> [Double] {
      FalseDiscovery.benjaminiHochberg(
        groups.map {
          enough
            ? BinnedTest.psiPValue(
              reference: $0.reference, current: $0.current, tolerated: tolerated)
            : 1
        })
    }
    let watch = adjusted(DriftReport.psiLimits.watch)
    let drift = adjusted(DriftReport.psiLimits.drift)
    features = layout.slots.indices.map { i in
      DriftReport.feature(
        layout, i, window, groups[i], qValues: enough ? (watch[i], drift[i]) : nil)
    }
  }

  /// The worst verdict of all features.
  public var worst: Verdict { features.map(\.verdict).max() ?? .tooFew }

  /// Each feature's index over `counters`, for the history.
  static func indices(layout: DriftLayout, counters: [Int]) -> [Double] {
    layout.slots.indices.map { i in
      let groups = usedGroups(layout, i, counters)
      return index(groups.reference, groups.current)
    }
  }

  private static func index(_ reference: [Int], _ current: [Int]) -> Double {
    let psi = BinnedDistance.psi(reference: reference, current: current)
    return psi.isFinite ? psi : 0
  }

  /// Both sides' groups, without those that are empty on both.
  private static func usedGroups(
    _ layout: DriftLayout, _ i: Int, _ counters: [Int]
  ) -> (reference: [Int], current: [Int]) {
    let reference = layout.grouped(i, layout.referenceCounts(i))
    let current = layout.grouped(i, layout.currentCounts(i, counters))
    let used = reference.indices.filter { reference[$0] + current[$0] > 0 }
    return (used.map { reference[$0] }, used.map { current[$0] })
  }

  private static func feature(
    _ layout: DriftLayout, _ i: Int, _ window: DriftWindow,
    _ groups: (reference: [Int], current: [Int]), qValues: (watch: Double, drift: Double)?
  ) -> Feature {
    let feature = layout.reference.features[i]
    let slot = layout.slots[i]
    let counts = layout.currentCounts(i, window.counters)
    let missing = counts[slot.bins]
    var distance: DistanceBracket?
    var unseen = 0
    var unseenReference = 0
    switch feature.distribution {
    case .numeric(let numeric):
      distance = DistanceBracket(
        reference: numeric.counts, current: Array(counts[..<slot.bins]), isPoint: numeric.isPoint)
    case .categorical(let categorical):
      unseen = counts[slot.bins - 1]
      unseenReference = categorical.other
    }
    let rows = Double(max(1, window.rows))
    let referenceRows = Double(layout.reference.rows)
    var verdict = Verdict.tooFew
    if let qValues {
      let byIndex: Verdict =
        qValues.drift < falseDiscoveryRate
        ? .drift : qValues.watch < falseDiscoveryRate ? .watch : .quiet
      verdict = max(
        byIndex,
        shareVerdict(
          missing, window.rows, over: Double(feature.missing) / referenceRows, missingLimits),
        shareVerdict(
          unseen, window.rows, over: Double(unseenReference) / referenceRows, unseenLimits))
    }
    return Feature(
      index: i, name: feature.name, isNumeric: feature.isNumeric,
      isOutput: feature.isOutput, psi: index(groups.reference, groups.current),
      distance: distance, qValue: qValues?.watch,
      missingReference: Double(feature.missing) / referenceRows,
      missingCurrent: Double(missing) / rows, infinite: Double(counts[slot.bins + 1]) / rows,
      unseen: Double(unseen) / rows,
      unseenNames: window.unseen[i].entries.map {
        UnseenName(text: $0.key.text, count: $0.count, error: $0.error)
      }, verdict: verdict)
  }

  /// Whether a share has surely (99.9 %) risen over `before` by more than a limit.
  private static func shareVerdict(
    _ count: Int, _ rows: Int, over before: Double, _ limits: (watch: Double, drift: Double)
  ) -> Verdict {
    let low = ProportionInterval.wilson(count, of: rows, confidence: 0.999).low
    if low > before + limits.drift { return .drift }
    return low > before + limits.watch ? .watch : .quiet
  }
}

extension Reference.Feature {
  /// Whether it is numeric, not categorical.
  public var isNumeric: Bool {
    if case .numeric = distribution { return true }
    return false
  }
}

extension Reference.Numeric {
  /// Which bins hold a single value only.
  var isPoint: [Bool] { counts.indices.map { isPointBin($0) } }
}

extension DriftLayout {
  /// One feature's part of a window's counters: bins, missing, infinite.
  func currentCounts(_ index: Int, _ counters: [Int]) -> [Int] {
    let slot = slots[index]
    return Array(counters[slot.base..<slot.base + slot.count])
  }
}
