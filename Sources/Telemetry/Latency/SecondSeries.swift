/// One hour of one version's (or endpoint's) traffic in cells of a second: requests, failed
/// answers, latencies, late labels.
///
/// Every cell keeps its latency histogram, packed, so that quantiles of any window ending at any
/// past second come from merged histograms and never from averaged quantiles. Memory is fixed:
/// 3,600 cells of 480 bytes and two working histograms, 1.76 MB. Cells may be written in any order
/// within the hour; older writes are counted in ``lateWrites`` and dropped.
///
/// Used by one thread at a time.
public final class SecondSeries {
  /// How many seconds are kept.
  public static let secondsKept = 3_600
  static let payloadBytes = 448

  private struct Cell {
    var second = Int.min
    var requests: UInt32 = 0
    var failures: UInt32 = 0
    var labels: UInt32 = 0
    var wrong: UInt32 = 0
    var usedBytes: UInt16 = 0
    var level: UInt8 = 0
  }

  private var cells = [Cell](repeating: Cell(), count: secondsKept)
  private var payload = [UInt8](repeating: 0, count: secondsKept * payloadBytes)
  /// The histogram of the second that is being written, unpacked.
  private var open = LatencyHistogram()
  private var openSecond: Int?
  private var newest = Int.min

  /// Writes for seconds that had already left the ring.
  public private(set) var lateWrites = 0
  /// All since the beginning.
  public private(set) var totals = SeriesPoint.Counts()

  /// An empty hour.
  public init() {}

  /// Bytes that one series takes, without the object's header.
  public static let memoryBytes =
    secondsKept * (MemoryLayout<Cell>.stride + payloadBytes) + LatencyHistogram.bucketCount * 8

  /// Counts one answered request, failed or not, in the second in which it ended.
  public func record(second: Int, latencyNanoseconds: Int, failed: Bool) {
    guard let index = cellIndex(second) else { return }
    if openSecond != second { reopen(second) }
    open.record(nanoseconds: latencyNanoseconds)
    cells[index].requests &+= 1
    cells[index].failures &+= failed ? 1 : 0
    totals.requests += 1
    totals.failures += failed ? 1 : 0
  }

  /// Counts one late label.
  ///
  /// The caller chooses the second: that of the answer, or of the arrival.
  public func recordLabel(second: Int, wrong: Bool) {
    guard let index = cellIndex(second) else { return }
    cells[index].labels &+= 1
    cells[index].wrong &+= wrong ? 1 : 0
    totals.labels += 1
    totals.wrong += wrong ? 1 : 0
  }

  /// The counts of `seconds` seconds up to and including the second `last`, without latencies.
  public func counts(endingAt last: Int, seconds: Int) -> SeriesPoint.Counts {
    var sum = SeriesPoint.Counts()
    for second in (last - min(seconds, SecondSeries.secondsKept) + 1)...last {
      if let counts = counts(of: second) { sum.add(counts) }
    }
    return sum
  }

  /// The merged cells of `seconds` seconds up to and including the second `last`.
  public func window(endingAt last: Int, seconds: Int) -> SeriesPoint {
    SeriesPoint.merging([self], endingAt: last, seconds: seconds)
  }

  /// The window's cells merged into `count` points of `secondsPerPoint`, oldest first.
  public func points(endingAt last: Int, secondsPerPoint: Int, count: Int) -> [SeriesPoint] {
    SeriesPoint.points(
      of: [self], endingAt: last, secondsPerPoint: secondsPerPoint, count: count)
  }

  /// Adds everything that `other` holds and this ring can still keep.
  ///
  /// Counts are exact; latencies are exact unless a cell had to be packed more coarsely.
  public func merge(_ other: SecondSeries) {
    for cell in other.cells where cell.second != Int.min {
      guard let index = cellIndex(cell.second) else { continue }
      reopen(cell.second)
      _ = other.addLatencies(of: cell.second, to: &open)
      cells[index].requests &+= cell.requests
      cells[index].failures &+= cell.failures
      cells[index].labels &+= cell.labels
      cells[index].wrong &+= cell.wrong
    }
    totals.add(other.totals)
    lateWrites += other.lateWrites
  }

  /// The counts of one second; nil when nothing was written in it or it has left the ring.
  func counts(of second: Int) -> SeriesPoint.Counts? {
    let cell = cells[slot(second)]
    guard cell.second == second, cell.requests | cell.labels > 0 else { return nil }
    return SeriesPoint.Counts(
      requests: Int(cell.requests), failures: Int(cell.failures), labels: Int(cell.labels),
      wrong: Int(cell.wrong))
  }

  /// Adds one second's latencies to `histogram`; returns the packing level, 0 is exact.
  func addLatencies(of second: Int, to histogram: inout LatencyHistogram) -> Int {
    if second == openSecond {
      histogram.merge(open)
      return Int(cells[slot(second)].level)
    }
    let index = slot(second)
    let cell = cells[index]
    guard cell.second == second else { return 0 }
    payload.withUnsafeBufferPointer { bytes in
      let start = index * SecondSeries.payloadBytes
      CompactHistogram.decode(
        UnsafeBufferPointer(rebasing: bytes[start..<start + Int(cell.usedBytes)]),
        level: Int(cell.level), into: &histogram)
    }
    return Int(cell.level)
  }

  private func slot(_ second: Int) -> Int {
    let remainder = second % SecondSeries.secondsKept
    return remainder < 0 ? remainder + SecondSeries.secondsKept : remainder
  }

  /// The cell of `second`, emptied when it held an older one; nil when `second` is too old.
  private func cellIndex(_ second: Int) -> Int? {
    if newest != Int.min, second <= newest - SecondSeries.secondsKept {
      lateWrites += 1
      return nil
    }
    newest = max(newest, second)
    let index = slot(second)
    if cells[index].second != second {
      if cells[index].second == openSecond { openSecond = nil }
      cells[index] = Cell(second: second)
    }
    return index
  }

  /// Packs the histogram that was open and unpacks that of `second`.
  private func reopen(_ second: Int) {
    guard second != openSecond else { return }
    if let previous = openSecond {
      let index = slot(previous)
      let level = Int(cells[index].level)
      let packed = payload.withUnsafeMutableBufferPointer { bytes in
        let start = index * SecondSeries.payloadBytes
        return CompactHistogram.encode(
          open.counts,
          into: UnsafeMutableBufferPointer(
            rebasing: bytes[start..<start + SecondSeries.payloadBytes]),
          fromLevel: level)
      }
      cells[index].usedBytes = UInt16(packed.bytes)
      cells[index].level = UInt8(packed.level)
    }
    openSecond = nil
    open.clear()
    _ = addLatencies(of: second, to: &open)
    openSecond = second
  }
}
