import Core
import Glibc
import Node

/// What people are told during a batch: notes at once, a bar and the rate on a watched terminal.
final class BatchProgress {
  /// Time between two looks of the bar.
  private static let everySeconds = 0.25
  private static let barCells = 24

  private let call: Invocation
  private let isWatched: Bool
  private var start = BatchProgress.now()
  private var lastShown = 0.0
  private var continued = 0
  /// Bytes of the input that were read before this run.
  private var firstBytes: Int?
  private var told = 0
  private var hasLine = false

  init(_ call: Invocation) {
    self.call = call
    isWatched = call.streams.notesAreWatched
  }

  func show(_ event: BatchEvent) {
    switch event {
    case .began(let rows):
      InterruptFlag.arm()
      start = BatchProgress.now()
      continued = rows
      if rows > 0 { note("continued behind row \(grouped(rows))") }
    case .note(let sentence): note(sentence)
    case .ignoredColumns(let names):
      note("ignored columns: \(printable(names.joined(separator: ", "), limit: 300))")
    case .badRow(let place, let message):
      told += 1
      note("\(place): \(message)")
      if told == BatchOptions.toldRowsMax { note("further bad rows are counted only") }
    case .progress(let rows, let bytes, let total): showBar(rows, bytes, total)
    }
  }

  private func showBar(_ rows: Int, _ bytes: Int, _ total: Int?) {
    let now = BatchProgress.now()
    let first = firstBytes ?? bytes
    firstBytes = first
    guard isWatched, now - lastShown >= BatchProgress.everySeconds else { return }
    lastShown = now
    let line = BatchProgress.line(
      rows: rows, newRows: rows - continued, bytes: bytes, newBytes: bytes - first, ofBytes: total,
      seconds: now - start)
    // The rest of a longer line before it is wiped.
    try? call.streams.notes.write("\r\(line)\u{1B}[K")
    try? call.streams.notes.flush()
    hasLine = true
  }

  /// `[#####     ]  45%  1,234,000 rows  512,000 rows/s  12 s left`.
  ///
  /// - Parameters:
  ///   - newRows: those of this run, not of one that is continued.
  ///   - newBytes: as `newRows`.
  static func line(
    rows: Int, newRows: Int, bytes: Int, newBytes: Int, ofBytes total: Int?, seconds: Double
  ) -> String {
    let rate = "\(grouped(rows)) rows  \(grouped(perSecond(newRows, seconds))) rows/s"
    guard let total, total > 0 else { return rate }
    let share = min(1, Double(bytes) / Double(total))
    let cells = Int(share * Double(barCells))
    let bar =
      String(repeating: "#", count: cells) + String(repeating: " ", count: barCells - cells)
    let percent = String("  \(Int(share * 100))".suffix(3))
    var line = "[\(bar)] \(percent)%  \(rate)"
    if newBytes > 0, seconds >= 1 {
      let left = Double(total - bytes) / Double(newBytes) * seconds
      line += "  \(left < 1e6 ? duration(Int(left.rounded(.up))) : "long") left"
    }
    return line
  }

  private static func duration(_ seconds: Int) -> String {
    if seconds < 60 { return "\(seconds) s" }
    if seconds < 3_600 { return "\(seconds / 60) min \(seconds % 60) s" }
    return "\(seconds / 3_600) h \(seconds % 3_600 / 60) min"
  }

  func finish(_ report: BatchReport) {
    let outcome =
      report.bad == 0
      ? "" : ", \(grouped(report.bad)) bad \(report.bad == 1 ? "row" : "rows") without an answer"
    let new = report.rows - report.continuedRows
    note(
      "\(grouped(report.rows)) rows in \(fixed(report.seconds, 2)) s "
        + "(\(grouped(BatchProgress.perSecond(new, report.seconds))) rows/s)\(outcome)")
    guard !report.isComplete else { return }
    note(
      report.isResumable
        ? "stopped before the end; the same command with --resume goes on"
        : "stopped before the end")
  }

  /// Takes the bar away.
  func clear() {
    if hasLine { try? call.streams.notes.write("\r\u{1B}[K") }
    hasLine = false
  }

  private func note(_ sentence: String) {
    clear()
    call.note(sentence)
  }

  private static func perSecond(_ rows: Int, _ seconds: Double) -> Int {
    seconds > 1e-6 ? Int(Double(rows) / seconds) : 0
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
