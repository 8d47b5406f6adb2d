import Core
import Documents

/// What the header of a table of comma-separated values says: which column is for what.
struct CSVTable: Sendable {
  /// The most columns of a table.
  static let columnsMax = 20_000

  /// The columns' names, as they may be shown.
  let names: [String]
  /// What each column of the file is for; nil when the model does not take it.
  let targets: [RowLayout.Target?]
  /// Names of columns that the model does not take.
  let ignored: [String]

  /// Reads the header, the first record of `bytes`.
  /// - Throws: ``NodeError`` (`badInput`) beginning with `place` when it cannot be read or a
  ///   column that the model takes is missing.
  init(
    header bytes: UnsafeBufferPointer<UInt8>, _ layout: RowLayout, place: String
  ) throws(NodeError) {
    var record = CSVRecord()
    switch record.scan(bytes, from: 0) {
    case .none: break
    case .some(let message): throw NodeError(.badInput, "\(place): \(message)")
    }
    var names: [String] = []
    var targets: [RowLayout.Target?] = []
    var ignored: [String] = []
    var seen: Set<RowLayout.Target> = []
    for (column, field) in record.fields.enumerated() {
      let name = String(decoding: record.text(of: field, bytes), as: UTF8.self)
      guard record.withCell(field, bytes, { CellReader.isUTF8($0) }) else {
        throw NodeError(
          .badInput, "\(place): column \(column + 1): expected UTF-8 text, got other bytes")
      }
      let target = layout.targets[name].flatMap { $0.element == nil ? nil : $0 }
      let shown = printable(name, limit: 60)
      if let target {
        guard seen.insert(target).inserted else {
          throw NodeError(.badInput, "\(place): the column \"\(shown)\" is there twice")
        }
      } else {
        ignored.append(shown)
      }
      names.append(shown)
      targets.append(target)
    }
    self.names = names
    self.targets = targets
    self.ignored = ignored
    try requireAll(layout, place)
  }

  private func requireAll(_ layout: RowLayout, _ place: String) throws(NodeError) {
    let known = Set(targets.compactMap { $0 })
    let missing = layout.columnNames.filter { name in
      guard let target = layout.targets[name] else { return true }
      return !known.contains(target)
    }
    guard let first = missing.first else { return }
    let others = missing.count > 1 ? " and \(missing.count - 1) more" : ""
    let near = nearMiss(first, among: ignored).map { " (is \"\($0)\" meant?)" } ?? ""
    throw NodeError(
      .badInput,
      "\(place): the column \"\(printable(first, limit: 60))\"\(others) is missing\(near); the "
        + "model takes " + printable(layout.columnNames.joined(separator: ", "), limit: 400))
  }
}
