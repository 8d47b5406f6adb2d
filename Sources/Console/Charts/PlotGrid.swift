/// Dots on their way to cells: several lines with roles, in the glyphs of a terminal.
struct PlotGrid {
  private let width: Int
  private let height: Int
  private let glyphs: ChartGlyphs
  /// Dots of each cell (braille), or eighths filled from below (block), or 0 to 8 (ASCII).
  private var levels: [UInt8]
  private var roles: [Role]
  /// For block and ASCII lines: the cell holds a line, not a fill.
  private var isLine: [Bool]

  init(width: Int, height: Int, glyphs: ChartGlyphs) {
    self.width = max(0, width)
    self.height = max(0, height)
    self.glyphs = glyphs
    let count = self.width * self.height
    levels = Array(repeating: 0, count: count)
    roles = Array(repeating: .text, count: count)
    isLine = Array(repeating: false, count: count)
  }

  /// Adds a line: one value a dot column (braille) or a column.
  mutating func add(_ values: [Double?], scale: NiceScale, role: Role, isArea: Bool) {
    guard width > 0, height > 0 else { return }
    if glyphs == .braille {
      addDots(values, scale: scale, role: role, isArea: isArea)
    } else {
      addColumns(values, scale: scale, role: role, isArea: isArea)
    }
  }

  /// Puts the dots into a screen; cells without dots are left as they are.
  func copy(into buffer: inout CellBuffer, x: Int, y: Int) {
    for row in 0..<height {
      for column in 0..<width {
        let index = row * width + column
        guard levels[index] != 0 else { continue }
        buffer[x + column, y + row] = Cell(scalar: scalar(at: index), role: roles[index])
      }
    }
  }

  /// Bits of a braille cell by column and row from above (Unicode, "Braille Patterns").
  private static let bits: [[UInt8]] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]]

  private mutating func addDots(
    _ values: [Double?], scale: NiceScale, role: Role, isArea: Bool
  ) {
    let rows = height * 4
    var previous: Int?
    for (column, value) in values.prefix(width * 2).enumerated() {
      guard let value else {
        previous = nil
        continue
      }
      let top = PlotGrid.row(of: value, scale: scale, rows: rows)
      var from = top
      var to = top
      if isArea {
        to = rows - 1
      } else if let previous, abs(previous - top) > 1 {
        // Join to the last point, so that a jump stays one line.
        from = previous < top ? previous + 1 : top
        to = previous < top ? top : previous - 1
      }
      for row in from...to { setDot(column: column, row: row, role: role) }
      previous = top
    }
  }

  private mutating func setDot(column: Int, row: Int, role: Role) {
    let index = row / 4 * width + column / 2
    levels[index] |= PlotGrid.bits[column & 1][row & 3]
    roles[index] = role
  }

  private mutating func addColumns(
    _ values: [Double?], scale: NiceScale, role: Role, isArea: Bool
  ) {
    let eighths = height * 8
    for (column, value) in values.prefix(width).enumerated() {
      guard let value else { continue }
      let filled = eighths - PlotGrid.row(of: value, scale: scale, rows: eighths)
      let topRow = height - 1 - (filled - 1) / 8
      for row in isArea ? topRow..<height : topRow..<topRow + 1 {
        let index = row * width + column
        levels[index] = row == topRow ? UInt8((filled - 1) % 8 + 1) : 8
        roles[index] = role
        isLine[index] = !isArea
      }
    }
  }

  /// The row from above, 0 to `rows - 1`.
  private static func row(of value: Double, scale: NiceScale, rows: Int) -> Int {
    let up = Int((scale.fraction(of: value) * Double(rows - 1)).rounded())
    return rows - 1 - max(0, min(rows - 1, up))
  }

  private func scalar(at index: Int) -> UInt32 {
    let level = Int(levels[index])
    switch glyphs {
    case .braille: return 0x2800 + UInt32(level)
    case .block:
      return isLine[index]
        ? (level > 5 ? 0x2594 : level > 2 ? 0x2500 : 0x2581)
        : 0x2580 + UInt32(level)
    case .ascii:
      if isLine[index] { return level > 5 ? 0x27 : level > 2 ? 0x2D : 0x2E }
      return level > 5 ? 0x23 : level > 2 ? 0x3D : 0x2D
    }
  }
}
