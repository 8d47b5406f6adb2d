/// Two distributions over the same bins: the reference as an outline, the current one filled, and
/// under them how much each bin adds to the distance between them.
public struct OverlayHistogram: Sendable {
  /// Share of each bin in the reference, 0 to 1.
  public var reference: [Double]
  /// Share of each bin now, 0 to 1; as many as in the reference (missing ones count as 0).
  public var current: [Double]
  /// What each bin contributes to the distance; empty to leave the row out.
  public var contributions: [Double]
  /// What glyphs to use; braille means blocks.
  public var glyphs: ChartGlyphs

  /// Puts them together.
  public init(
    reference: [Double], current: [Double], contributions: [Double] = [],
    glyphs: ChartGlyphs = .block
  ) {
    self.reference = reference
    self.current = current
    self.contributions = contributions
    self.glyphs = glyphs
  }

  /// Draws into a rectangle; the last row holds the contributions when there are three rows.
  public func draw(into buffer: inout CellBuffer, rect: Rect) {
    let bins = reference.count
    guard bins > 0, rect.width > 0, rect.height > 0 else { return }
    let hasContributions = !contributions.isEmpty && rect.height >= 3
    let height = rect.height - (hasContributions ? 1 : 0)
    let now = columns(current, width: rect.width)
    let then = columns(reference, width: rect.width)
    let most = max(now.max() ?? 0, then.max() ?? 0)
    guard most > 0 else { return }
    for column in 0..<now.count {
      let place = Rect(x: rect.x + column, y: rect.y, width: 1, height: height)
      drawFill(now[column] / most, into: &buffer, place)
      drawOutline(then[column] / most, over: now[column] / most, into: &buffer, place)
    }
    if hasContributions { drawContributions(into: &buffer, rect: rect) }
  }

  /// One value a column: neighbouring bins are added when there are more bins than columns, and
  /// each bin takes equally many columns when there are fewer.
  func columns(_ values: [Double], width: Int) -> [Double] {
    let bins = reference.count
    guard bins > 0, width > 0 else { return [] }
    func value(_ bin: Int) -> Double {
      guard bin < values.count, values[bin].isFinite else { return 0 }
      return max(0, values[bin])
    }
    if bins <= width {
      let each = width / bins
      return (0..<each * bins).map { value($0 / each) }
    }
    // Groups of equal size; the last is smaller where it does not divide.
    let size = (bins + width - 1) / width
    return stride(from: 0, to: bins, by: size).map { first in
      (first..<min(bins, first + size)).reduce(0) { $0 + value($1) }
    }
  }

  private func drawFill(_ fraction: Double, into buffer: inout CellBuffer, _ place: Rect) {
    let eighths = OverlayHistogram.eighths(fraction, height: place.height)
    for row in 0..<place.height {
      let level = max(0, min(8, eighths - row * 8))
      guard level > 0 else { break }
      let scalar: UInt32 =
        glyphs == .ascii ? (level > 5 ? 0x23 : level > 2 ? 0x3D : 0x5F) : 0x2580 + UInt32(level)
      buffer[place.x, place.y + place.height - 1 - row] = Cell(scalar: scalar, role: .current)
    }
  }

  private func drawOutline(
    _ fraction: Double, over fill: Double, into buffer: inout CellBuffer, _ place: Rect
  ) {
    let eighths = OverlayHistogram.eighths(fraction, height: place.height)
    guard eighths > 0 else { return }
    let row = (eighths - 1) / 8
    let level = (eighths - 1) % 8
    let isCovered = OverlayHistogram.eighths(fill, height: place.height) > row * 8
    let scalar: UInt32
    if glyphs == .ascii {
      scalar = isCovered ? 0x2D : level > 5 ? 0x27 : level > 1 ? 0x2D : 0x5F
    } else {
      // Inside the fill a line cuts it; above it the line lies where the value is.
      scalar = isCovered ? 0x2500 : level > 5 ? 0x2594 : level > 1 ? 0x2500 : 0x2581
    }
    buffer[place.x, place.y + place.height - 1 - row] = Cell(scalar: scalar, role: .reference)
  }

  private func drawContributions(into buffer: inout CellBuffer, rect: Rect) {
    let values = columns(contributions, width: rect.width)
    guard let most = values.max(), most > 0 else { return }
    let y = rect.y + rect.height - 1
    let shades: [Character] = glyphs == .ascii ? [".", ":", "+", "#"] : ["░", "▒", "▓", "█"]
    for (column, value) in values.enumerated() where value > most / 100 {
      let shade = min(3, Int(value / most * 4))
      buffer[rect.x + column, y] = Cell(shades[shade], role: .warn)
    }
  }

  private static func eighths(_ fraction: Double, height: Int) -> Int {
    let exact = max(0, min(1, fraction)) * Double(height * 8)
    return fraction > 0 ? max(1, Int(exact.rounded())) : 0
  }
}
