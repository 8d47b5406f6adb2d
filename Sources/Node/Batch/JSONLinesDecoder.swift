import Core
import Glibc

/// Reads rows written as one JSON object a line, `{"carrier":"UA","distance":2454}`.
///
/// A wide input takes an array; `null` is a missing value; keys that the model does not take are
/// ignored.
final class JSONLinesDecoder: RowDecoder {
  private(set) var passed = 0
  private(set) var ignored: [String] = []

  private var row: JSONRow
  private var bytes = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  private var at = 0

  init(_ layout: RowLayout) { row = JSONRow(layout) }

  func begin(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    at = 0
    passed = 0
    ignored.removeAll(keepingCapacity: true)
  }

  func decode(into batch: RowBatch) -> DecodeStop {
    guard let base = bytes.baseAddress else { return .end }
    while at < bytes.count {
      if batch.isFull { return .full }
      let start = base + at
      let found = memchr(start, 0x0A, bytes.count - at)
      let length =
        found.map { UnsafeRawPointer($0) - UnsafeRawPointer(start) } ?? bytes.count - at
      let line = UnsafeBufferPointer(start: start, count: length)
      let place = passed
      at += found == nil ? length : length + 1
      passed += 1
      if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      do throws(CellReader.Fault) {
        try row.read(line, into: batch)
        batch.keepRow(place: place)
        if !row.ignored.isEmpty { note(row.ignored) }
      } catch {
        return .bad(BadRow(place: place, message: error.message))
      }
    }
    return .end
  }

  /// Keeps the names of ignored keys, not more than a note can show.
  private func note(_ keys: [String]) {
    for key in keys where ignored.count < 20 && !ignored.contains(key) { ignored.append(key) }
  }
}
