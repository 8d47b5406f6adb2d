/// A whole screen as a value: panes draw into it, goldens print it, the screen driver sends what
/// changed.
public struct CellBuffer: Sendable, Hashable {
  /// Columns.
  public let width: Int
  /// Rows.
  public let height: Int
  /// Row by row.
  public private(set) var cells: [Cell]

  /// A blank screen.
  public init(width: Int, height: Int) {
    self.width = max(0, width)
    self.height = max(0, height)
    cells = Array(repeating: .blank, count: self.width * self.height)
  }

  /// The whole screen.
  public var bounds: Rect { Rect(x: 0, y: 0, width: width, height: height) }

  /// The cell at a place; writing outside the screen does nothing, reading there gives a blank.
  public subscript(x: Int, y: Int) -> Cell {
    get {
      guard x >= 0, y >= 0, x < width, y < height else { return .blank }
      return cells[y * width + x]
    }
    set {
      guard x >= 0, y >= 0, x < width, y < height else { return }
      cells[y * width + x] = newValue
    }
  }

  /// Writes `text` from a place rightwards, at most `limit` columns, and returns the columns used.
  ///
  /// The text may come from outside: it is made harmless here (``printable(_:limit:)``), cut by
  /// columns, and a wide character that would cross the edge becomes a blank.
  @discardableResult
  public mutating func put(
    _ text: String, x: Int, y: Int, role: Role = .text, emphasis: Emphasis = [],
    limit: Int = .max
  ) -> Int {
    guard y >= 0, y < height, x < width else { return 0 }
    let room = min(limit, width - x)
    var used = 0
    for scalar in SafeText.scalars(of: text, columns: room) {
      let columns = CellWidth.columns(of: scalar)
      if columns == 0 {
        if used > 0 { addMark(scalar, before: x + used, y) }
        continue
      }
      if used + columns > room {
        if used < room {
          self[x + used, y] = Cell(role: role, emphasis: emphasis)
          used += 1
        }
        break
      }
      self[x + used, y] = Cell(scalar: scalar.value, role: role, emphasis: emphasis)
      if columns == 2 {
        self[x + used + 1, y] = Cell(scalar: 0, role: role, emphasis: emphasis)
      }
      used += columns
    }
    return used
  }

  /// Puts a combining mark on the character that ends before column `x`.
  private mutating func addMark(_ mark: Unicode.Scalar, before x: Int, _ y: Int) {
    let base = self[x - 1, y].scalar == 0 ? x - 2 : x - 1
    self[base, y].combining = mark.value
  }

  /// Fills a rectangle with one cell.
  public mutating func fill(_ rect: Rect, _ cell: Cell = .blank) {
    let inside = rect.intersection(bounds)
    for y in inside.y..<inside.y + inside.height {
      for x in inside.x..<inside.x + inside.width { cells[y * width + x] = cell }
    }
  }
}

extension CellBuffer {
  /// The characters row by row, without trailing blanks: what goldens compare and exports print.
  public var text: String {
    (0..<height).map { y in
      var line = String.UnicodeScalarView()
      for x in 0..<width {
        let cell = self[x, y]
        if cell.scalar != 0, let base = Unicode.Scalar(cell.scalar) { line.append(base) }
        if cell.combining != 0, let mark = Unicode.Scalar(cell.combining) { line.append(mark) }
      }
      while line.last == " " { line.removeLast() }
      return String(line)
    }.joined(separator: "\n")
  }
}
