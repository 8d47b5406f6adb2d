/// A share of a whole as a bar: `██████░░░░`.
public struct Gauge: Sendable {
  /// 0 to 1; what is outside is held at the ends, NaN is empty.
  public var fraction: Double
  /// What the filled part stands for.
  public var role: Role
  /// A mark somewhere on the bar, 0 to 1: a limit.
  public var mark: Double?
  /// What glyphs to use.
  public var glyphs: ChartGlyphs

  /// Puts them together.
  public init(
    fraction: Double, role: Role = .current, mark: Double? = nil, glyphs: ChartGlyphs = .block
  ) {
    self.fraction = fraction
    self.role = role
    self.mark = mark
    self.glyphs = glyphs
  }

  /// Draws into one row.
  ///
  /// More than nothing shows at least one cell, less than all leaves one.
  public func draw(into buffer: inout CellBuffer, x: Int, y: Int, width: Int) {
    guard width > 0 else { return }
    let set = GlyphSet(charts: glyphs)
    let held = fraction.isNaN ? 0 : max(0, min(1, fraction))
    var filled = Int((held * Double(width)).rounded())
    if held > 0 && filled == 0 { filled = 1 }
    if held < 1 && filled == width && width > 1 { filled = width - 1 }
    for column in 0..<width {
      buffer[x + column, y] =
        column < filled ? Cell(set.full, role: role) : Cell(set.empty, role: .dim)
    }
    if let mark, mark.isFinite, mark >= 0, mark <= 1 {
      let column = min(width - 1, Int(mark * Double(width)))
      buffer[x + column, y] = Cell(set.vertical, role: .danger)
    }
  }
}

/// Parts of a whole side by side in one bar, told apart by glyph as well as by colour: a split.
public struct SplitBar: Sendable {
  /// One part.
  public struct Part: Sendable {
    /// What it stands for.
    public var role: Role
    /// Its weight; negative counts as 0.
    public var weight: Int

    /// Puts the two together.
    public init(role: Role, weight: Int) {
      self.role = role
      self.weight = weight
    }
  }

  /// The parts from left to right.
  public var parts: [Part]
  /// What glyphs to use.
  public var glyphs: ChartGlyphs

  /// Puts them together.
  public init(parts: [Part], glyphs: ChartGlyphs = .block) {
    self.parts = parts
    self.glyphs = glyphs
  }

  private static let unicode: [Character] = ["█", "▒", "▓", "░"]
  private static let ascii: [Character] = ["#", "=", "+", "."]

  /// Draws into one row.
  public func draw(into buffer: inout CellBuffer, x: Int, y: Int, width: Int) {
    let fills = glyphs == .ascii ? SplitBar.ascii : SplitBar.unicode
    var column = x
    for (index, count) in columns(in: width).enumerated() {
      let cell = Cell(fills[index % fills.count], role: parts[index].role)
      for _ in 0..<count {
        buffer[column, y] = cell
        column += 1
      }
    }
  }

  /// Columns of each part: proportional, their sum the width, and at least one for a part with
  /// weight while there are as many columns as such parts (largest remainders).
  public func columns(in width: Int) -> [Int] {
    let weights = parts.map { Double(max(0, $0.weight)) }
    let total = weights.reduce(0, +)
    guard width > 0, total > 0 else { return parts.map { _ in 0 } }
    let exact = weights.map { $0 / total * Double(width) }
    var counts = exact.map { Int($0) }
    let order = exact.indices.sorted { a, b in
      let left = exact[a] - Double(counts[a])
      let right = exact[b] - Double(counts[b])
      return left == right ? a < b : left > right
    }
    for index in order.prefix(max(0, width - counts.reduce(0, +))) { counts[index] += 1 }
    let present = weights.indices.filter { weights[$0] > 0 }
    guard present.count <= width else { return counts }
    for index in present where counts[index] == 0 {
      guard let widest = counts.indices.max(by: { counts[$0] < counts[$1] }) else { break }
      counts[widest] -= 1
      counts[index] = 1
    }
    return counts
  }

  /// The weight of the first part that a place on the bar stands for, in `total` parts: what a drag
  /// of the boundary to that column would set.
  public static func weight(atColumn column: Int, width: Int, total: Int) -> Int {
    guard width > 0 else { return 0 }
    let held = max(0, min(width, column))
    return (held * total + width / 2) / width
  }
}

/// Evidence against a version on a logarithmic bar, with the values at which the guard holds and
/// rolls back.
///
/// Evidence is an e-value: 1 says nothing, each factor of ten to the right is ten times stronger.
public struct EvidenceBar: Sendable {
  /// The e-value now; NaN shows an empty bar.
  public var evidence: Double
  /// Where the guard holds.
  public var holdAt: Double
  /// Where it rolls back.
  public var rollbackAt: Double
  /// What glyphs to use.
  public var glyphs: ChartGlyphs

  /// Puts them together; both limits are above 1, the second above the first.
  public init(
    evidence: Double, holdAt: Double, rollbackAt: Double, glyphs: ChartGlyphs = .block
  ) {
    self.evidence = evidence
    self.holdAt = holdAt
    self.rollbackAt = rollbackAt
    self.glyphs = glyphs
  }

  /// What the evidence amounts to.
  public var role: Role {
    evidence >= rollbackAt ? .bad : evidence >= holdAt ? .warn : evidence.isNaN ? .stale : .ok
  }

  /// Draws into one row: from 1 at the left to somewhat beyond the roll-back limit at the right.
  public func draw(into buffer: inout CellBuffer, x: Int, y: Int, width: Int) {
    guard width > 0 else { return }
    let set = GlyphSet(charts: glyphs)
    let filled = column(of: evidence, width: width)
    for column in 0..<width {
      buffer[x + column, y] =
        column < filled ? Cell(set.full, role: role) : Cell(set.empty, role: .dim)
    }
    for (limit, limitRole) in [(holdAt, Role.warn), (rollbackAt, .bad)] {
      let column = min(width - 1, self.column(of: limit, width: width))
      buffer[x + column, y] = Cell(set.vertical, role: limitRole)
    }
  }

  /// Columns from the left edge to a value, 0 to `width`; the right edge is a third of a decade
  /// beyond the roll-back limit.
  func column(of value: Double, width: Int) -> Int {
    let end = DecimalLogarithm.of(max(1.0001, rollbackAt)) + 1.0 / 3
    guard value > 1, end.isFinite else { return 0 }
    if value.isInfinite { return width }
    let place = DecimalLogarithm.of(value) / end * Double(width)
    return max(value > 1.0001 ? 1 : 0, min(width, Int(place.rounded())))
  }
}

/// log10 to the precision of a screen, without libm.
enum DecimalLogarithm {
  /// log10 of a positive finite number, within 1e-9.
  static func of(_ value: Double) -> Double {
    guard value > 0, value.isFinite else { return value > 0 ? .infinity : -.infinity }
    // ln(m * 2^e) = 2 artanh((m - 1) / (m + 1)) + e ln 2, m in [1, 2): the series converges fast.
    let m = value.significand
    let t = (m - 1) / (m + 1)
    var term = t
    var sum = 0.0
    for k in stride(from: 1.0, through: 41, by: 2) {
      sum += term / k
      term *= t * t
    }
    let ln2 = 0.693_147_180_559_945_3
    return (2 * sum + Double(value.exponent) * ln2) / 2.302_585_092_994_045_7
  }
}
