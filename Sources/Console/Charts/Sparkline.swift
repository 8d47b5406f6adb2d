/// Values over time in one row: eighth blocks, or ASCII.
public struct Sparkline: Sendable {
  /// Values, oldest first; nil where nothing was measured.
  public var values: [Double?]
  /// The number of the first value, see ``LineChart/firstIndex``.
  public var firstIndex: Int
  /// What it stands for.
  public var role: Role
  /// Whether the row begins at 0, or at the least value.
  public var isFromZero: Bool
  /// What glyphs to use; braille means blocks.
  public var glyphs: ChartGlyphs

  /// Puts them together.
  public init(
    values: [Double?], firstIndex: Int = 0, role: Role = .current, isFromZero: Bool = true,
    glyphs: ChartGlyphs = .block
  ) {
    self.values = values
    self.firstIndex = firstIndex
    self.role = role
    self.isFromZero = isFromZero
    self.glyphs = glyphs
  }

  /// Eight levels in ASCII, each with more ink than the one before.
  private static let ascii: [UInt32] = Array("_.-~=+*#".unicodeScalars.map(\.value))

  /// Draws into one row; the newest value at the right.
  public func draw(into buffer: inout CellBuffer, x: Int, y: Int, width: Int) {
    guard width > 0 else { return }
    let chart = LineChart(series: [], firstIndex: firstIndex)
    let columns = chart.grouped(values, columns: width)
    let known = columns.compactMap(\.self)
    guard let least = known.min(), let most = known.max() else { return }
    let low = isFromZero ? min(0, least) : least
    for (column, value) in columns.enumerated() {
      guard let value else { continue }
      let fraction = most > low ? (value - low) / (most - low) : 0
      let level = max(0, min(7, Int((fraction * 7).rounded())))
      buffer[x + column, y] = Cell(
        scalar: glyphs == .ascii ? Sparkline.ascii[level] : 0x2581 + UInt32(level), role: role)
    }
  }
}
