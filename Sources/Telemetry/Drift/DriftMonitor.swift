import Core

/// Counts one version's live rows in the bins of its training reference, over a sliding window.
///
/// The window is 12 sub-windows of equal row counts; a sub-window that leaves is subtracted, so
/// sliding is exact and no row is kept. A value costs a few nanoseconds and no allocation (unseen
/// category names apart). Used by one thread at a time.
public final class DriftMonitor {
  /// Sub-windows in a window.
  public static let subwindows = 12
  /// Past values of each feature's index that are kept, one a closed sub-window.
  public static let historyLength = 60

  /// Where a feature's value is found.
  private struct Number {
    let offsetBytes: Int
    let lines: UnsafePointer<SIMD16<Float>>
    let base: Int
    let missing: Int
  }
  private struct Category {
    let offsetBytes: Int
    let feature: Int
    let table: CategoryTable.View
    let base: Int
    let other: Int
    let missing: Int
  }

  /// How the counters are laid out, and the reference.
  public let layout: DriftLayout
  /// Rows in a sub-window.
  public let rowsPerSubwindow: Int

  /// Keep what the places point to.
  private let edges: [BinEdges]
  private let tables: [CategoryTable]
  private let numbers: [Number]
  private let categories: [Category]
  private let score: Number?
  private let label: Category?
  /// The sub-window that is being filled.
  private let current: UnsafeMutablePointer<UInt32>
  private var rowsInCurrent = 0
  /// The closed sub-windows of the window, a ring, and their sum.
  private var closed: [[UInt32]] = []
  private var closedSum: [Int]
  private var nextClosed = 0
  private var subwindowNumber = 0
  private var unseen: [HeavyHitters]

  /// Rows seen since the beginning.
  public private(set) var totalRows = 0
  /// Each feature's index over the window at the close of each sub-window, oldest first.
  public private(set) var history: [[Double]] = []

  /// Rows that the window can hold.
  public var windowRows: Int { DriftMonitor.subwindows * rowsPerSubwindow }
  /// Rows that it holds now.
  public var rows: Int { closed.count * rowsPerSubwindow + rowsInCurrent }

  /// Watches rows of `row`'s form.
  /// - Parameters:
  ///   - rowsPerSubwindow: 1 to 1,000,000.
  /// - Throws: ``TelemetryError`` with the code `columnMismatch` when the reference names a feature
  ///   that the rows do not have, or one of another kind.
  public init(
    reference: Reference, row: RowLayout, rowsPerSubwindow: Int = 1_000
  ) throws(TelemetryError) {
    precondition((1...1_000_000).contains(rowsPerSubwindow), "a sub-window has 1 to 10^6 rows")
    let layout = DriftLayout(reference: reference)
    let plan = try Plan(layout: layout, row: row)
    self.layout = layout
    self.rowsPerSubwindow = rowsPerSubwindow
    edges = plan.edges
    tables = plan.tables
    numbers = plan.numbers
    categories = plan.categories
    score = plan.score
    label = plan.label
    current = .allocate(capacity: max(1, layout.counterCount))
    current.initialize(repeating: 0, count: max(1, layout.counterCount))
    closedSum = [Int](repeating: 0, count: layout.counterCount)
    unseen = layout.slots.map { _ in HeavyHitters() }
  }

  deinit { current.deallocate() }

  /// Counts one row.
  /// - Parameters:
  ///   - row: the inputs, laid out as the ``RowLayout`` given at the beginning says.
  ///   - score: the answer's score; NaN when there is none.
  ///   - label: the answer's label; ``TextKey/missing`` when there is none.
  public func observe(row: UnsafeRawPointer, score: Float, label: TextKey) {
    for number in numbers {
      count(row.load(fromByteOffset: number.offsetBytes, as: Float.self), number)
    }
    for category in categories {
      count(row.load(fromByteOffset: category.offsetBytes, as: TextKey.self), category)
    }
    if let place = self.score { count(score, place) }
    if let place = self.label { count(label, place) }
    rowsInCurrent += 1
    totalRows += 1
    if rowsInCurrent == rowsPerSubwindow { closeSubwindow() }
  }

  /// The window as it stands.
  public func window() -> DriftWindow {
    var counters = closedSum
    for i in counters.indices { counters[i] += Int(current[i]) }
    return DriftWindow(
      fingerprint: layout.reference.fingerprint, rows: rows, counters: counters, unseen: unseen)
  }

  /// Empties the window and the history.
  public func reset() {
    for i in 0..<layout.counterCount { current[i] = 0 }
    rowsInCurrent = 0
    closed = []
    closedSum = [Int](repeating: 0, count: layout.counterCount)
    nextClosed = 0
    subwindowNumber = 0
    unseen = layout.slots.map { _ in HeavyHitters() }
    history = []
    totalRows = 0
  }

  @inline(__always)
  private func count(_ value: Float, _ number: Number) {
    if value.isFinite {
      current[number.base + BinEdges.bin(of: value, lines: number.lines)] &+= 1
    } else {
      // NaN is the missing value; the counter after it is for infinities.
      current[number.missing + (value.isNaN ? 0 : 1)] &+= 1
    }
  }

  @inline(__always)
  private func count(_ key: TextKey, _ category: Category) {
    if key.isMissing {
      current[category.missing] &+= 1
      return
    }
    let place = category.base + category.table.number(of: key)
    current[place] &+= 1
    if place == category.other { unseen[category.feature].record(key, now: subwindowNumber) }
  }

  private func closeSubwindow() {
    let counts = Array(UnsafeBufferPointer(start: current, count: layout.counterCount))
    for i in counts.indices {
      closedSum[i] += Int(counts[i])
      current[i] = 0
    }
    rowsInCurrent = 0
    history.append(DriftReport.indices(layout: layout, counters: closedSum))
    if history.count > DriftMonitor.historyLength { history.removeFirst() }
    // The one being filled is the twelfth.
    if closed.count < DriftMonitor.subwindows - 1 {
      closed.append(counts)
    } else {
      for i in counts.indices { closedSum[i] -= Int(closed[nextClosed][i]) }
      closed[nextClosed] = counts
      nextClosed = (nextClosed + 1) % closed.count
    }
    subwindowNumber += 1
    let oldest = subwindowNumber - DriftMonitor.subwindows + 1
    for i in unseen.indices { unseen[i].forget(before: oldest) }
  }
}

extension DriftMonitor {
  /// The features' places, found once.
  private struct Plan {
    var edges: [BinEdges] = []
    var tables: [CategoryTable] = []
    var numbers: [Number] = []
    var categories: [Category] = []
    var score: Number?
    var label: Category?

    init(layout: DriftLayout, row: RowLayout) throws(TelemetryError) {
      for (i, feature) in layout.reference.features.enumerated() {
        let slot = layout.slots[i]
        switch feature.distribution {
        case .numeric(let numeric):
          let field = try Plan.field(feature, .number, row)
          if feature.isOutput, score != nil { throw Plan.twice(feature, "numeric") }
          let bins = BinEdges(numeric.edges)
          edges.append(bins)
          let number = Number(
            offsetBytes: field, lines: bins.pointer, base: slot.base, missing: slot.missing)
          if feature.isOutput { score = number } else { numbers.append(number) }
        case .categorical(let categorical):
          let field = try Plan.field(feature, .text, row)
          if feature.isOutput, label != nil { throw Plan.twice(feature, "categorical") }
          let table = CategoryTable(categorical.names.map { TextKey($0) })
          tables.append(table)
          let category = Category(
            offsetBytes: field, feature: i, table: table.view, base: slot.base,
            other: slot.base + slot.bins - 1, missing: slot.missing)
          if feature.isOutput { label = category } else { categories.append(category) }
        }
      }
    }

    /// Where an input lies in the row; outputs come beside it.
    private static func field(
      _ feature: Reference.Feature, _ kind: RowLayout.Kind, _ row: RowLayout
    ) throws(TelemetryError) -> Int {
      if feature.isOutput { return 0 }
      let name = printable(feature.name, limit: 60)
      guard let field = row.field(feature.name) else {
        throw TelemetryError(
          .columnMismatch,
          "the drift reference has the feature \"\(name)\", which the requests do not carry")
      }
      guard field.kind == kind else {
        throw TelemetryError(
          .columnMismatch,
          "the drift reference counts \"\(name)\" as a \(kind.rawValue), the requests carry a "
            + field.kind.rawValue)
      }
      return field.offsetBytes
    }

    private static func twice(_ feature: Reference.Feature, _ kind: String) -> TelemetryError {
      TelemetryError(
        .columnMismatch,
        "the drift reference has a second \(kind) output, \"\(printable(feature.name))\": at most "
          + "one score and one label are watched")
    }
  }
}
