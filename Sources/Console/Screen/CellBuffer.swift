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
        if used > 0 { self[x + used - 1, y].combining = scalar.value }
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

  /// Fills a rectangle with one cell.
  public mutating func fill(_ rect: Rect, _ cell: Cell = .blank) {
    for y in rect.y..<rect.y + rect.height {
      for x in rect.x..<rect.x + rect.width { self[x, y] = cell }
    }
  }
}
