import Core

/// Rows in aligned columns for a person's terminal; everything in it is made harmless.
struct TextTable {
  /// How a column is set.
  enum Alignment { case left, right }

  private let alignments: [Alignment]
  private var rows: [[String]]

  /// A table with these headings; a heading that begins with `>` makes its column right-aligned.
  init(_ headings: [String]) {
    alignments = headings.map { $0.hasPrefix(">") ? .right : .left }
    rows = [headings.map { $0.hasPrefix(">") ? String($0.dropFirst()) : $0 }]
  }

  /// Adds a row; of a cell at most `limit` characters.
  /// - Precondition: it has as many cells as there are headings.
  mutating func add(_ cells: [String], limit: Int = 120) {
    precondition(cells.count == alignments.count, "a row has as many cells as the table columns")
    rows.append(cells.map { printable($0, limit: limit) })
  }

  /// Whether nothing was added.
  var isEmpty: Bool { rows.count == 1 }

  /// The lines, each with its line feed.
  var text: String {
    let widths = alignments.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    var result = ""
    for row in rows {
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        if column > 0 { line += "  " }
        line += alignments[column] == .right ? padding + cell : cell + padding
      }
      while line.last == " " { line.removeLast() }
      result += line + "\n"
    }
    return result
  }
}
