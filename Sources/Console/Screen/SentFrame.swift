/// How a cell looks on a terminal of one depth.
struct SentStyle: Hashable {
  /// ncurses' number of the foreground: an index, or the RGB value in direct colour; -1 is the
  /// terminal's own.
  var foreground: Int32
  /// Of the background, likewise.
  var background: Int32
  /// Attributes.
  var emphasis: Emphasis
}

/// Styles of a theme at a depth, numbered; equal looks have equal numbers, so that a change of
/// meaning that cannot be seen is not sent.
struct StyleTable {
  /// Distinct styles by number.
  private(set) var styles: [SentStyle] = []
  /// The number for each role and emphasis: `role * 16 + emphasis`.
  private var numbers: [UInt16] = []

  private static let emphases = 16

  /// Works out all looks of a theme.
  init(theme: Theme, depth: ColourDepth, colours: Int) {
    let depth = theme.depth(on: depth)
    var known: [SentStyle: UInt16] = [:]
    for role in Role.allCases {
      for bits in 0..<UInt8(StyleTable.emphases) {
        let style = StyleTable.style(
          of: theme[role], extra: Emphasis(rawValue: bits), depth: depth, colours: colours)
        let number = known[style] ?? UInt16(styles.count)
        if known[style] == nil {
          known[style] = number
          styles.append(style)
        }
        numbers.append(number)
      }
    }
  }

  /// The number of a cell's look.
  func number(role: Role, emphasis: Emphasis) -> UInt16 {
    numbers[Int(role.rawValue) * StyleTable.emphases + Int(emphasis.rawValue & 15)]
  }

  private static func style(
    of role: RoleStyle, extra: Emphasis, depth: ColourDepth, colours: Int
  ) -> SentStyle {
    if depth == .mono {
      return SentStyle(
        foreground: -1, background: -1, emphasis: role.monoEmphasis.union(extra))
    }
    var emphasis = role.emphasis.union(extra)
    let isDirect = colours > 256
    var foreground = number(of: role.foreground, depth: depth, isDirect: isDirect)
    var background = number(of: role.background, depth: depth, isDirect: isDirect)
    if depth == .ansi16 && colours < 16 {
      // Only 8 colours: the bright ones are the plain ones in bold.
      if foreground >= 8 {
        foreground -= 8
        emphasis.insert(.bold)
      }
      if background >= 8 { background -= 8 }
    }
    return SentStyle(foreground: foreground, background: background, emphasis: emphasis)
  }

  private static func number(
    of colour: ThemeColour, depth: ColourDepth, isDirect: Bool
  ) -> Int32 {
    guard case .rgb(_, let c256, let c16) = colour, let shown = colour.shown(at: depth) else {
      return -1
    }
    // In direct colour a number is the RGB value, but 0 to 7 still mean the palette, so
    // near-blacks move up.
    if isDirect { return Int32(max(8, shown.packed)) }
    return depth == .ansi16 ? Int32(c16) : Int32(c256)
  }
}

/// One cell as it goes to the terminal.
struct SentCell: Hashable {
  /// The base character; 0 is the right half of the wide one before it.
  var scalar: UInt32
  /// A combining mark, or 0.
  var combining: UInt32
  /// The number of its style.
  var style: UInt16

  static let blank = SentCell(scalar: 0x20, combining: 0, style: 0)
}

/// A stretch of one row that differs from what the terminal shows.
struct DirtyRun: Hashable {
  var y: Int
  /// First column.
  var start: Int
  /// One past the last column.
  var end: Int
}

/// A frame as it goes to the terminal: every cell legal, wide characters whole.
struct SentFrame {
  let width: Int
  let height: Int
  private(set) var cells: [SentCell]

  /// Nothing shown.
  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    cells = Array(repeating: .blank, count: width * height)
  }

  /// Makes a frame of exactly this size from a buffer of any size.
  ///
  /// The last line of defence against what must not reach a terminal: a control character becomes
  /// `?`, half of a wide character a blank, and on a terminal that is not UTF-8 everything beyond
  /// ASCII `?`.
  init(_ buffer: CellBuffer, size: ScreenSize, styles: StyleTable, asciiOnly: Bool) {
    self.init(width: size.columns, height: size.rows)
    let columns = min(width, buffer.width)
    for y in 0..<min(height, buffer.height) {
      let row = y * width
      let source = y * buffer.width
      var x = 0
      while x < columns {
        let cell = buffer.cells[source + x]
        let style = styles.number(role: cell.role, emphasis: cell.emphasis)
        let scalar = SentFrame.legal(cell.scalar, asciiOnly: asciiOnly)
        let mark = cell.combining == 0 || asciiOnly ? 0 : SentFrame.legalMark(cell.combining)
        let isWide = scalar >= 0x1100 && SentFrame.isWide(scalar)
        if isWide && x + 1 < columns && buffer.cells[source + x + 1].scalar == 0 {
          cells[row + x] = SentCell(scalar: scalar, combining: mark, style: style)
          cells[row + x + 1] = SentCell(scalar: 0, combining: 0, style: style)
          x += 2
          continue
        }
        // A wide character without its right half, or a right half alone, was cut by an overlay
        // or by the edge.
        let isWhole = scalar != 0 && !isWide
        cells[row + x] = SentCell(
          scalar: isWhole ? scalar : 0x20, combining: isWhole ? mark : 0, style: style)
        x += 1
      }
    }
  }

  /// The stretches in which `self` differs from `old`, in reading order, widened so that no wide
  /// character of either is cut.
  ///
  /// All rows when the sizes differ.
  func runs(from old: SentFrame?) -> [DirtyRun] {
    guard let old, old.width == width, old.height == height else {
      return width == 0 ? [] : (0..<height).map { DirtyRun(y: $0, start: 0, end: width) }
    }
    var runs: [DirtyRun] = []
    cells.withUnsafeBufferPointer { new in
      old.cells.withUnsafeBufferPointer { old in
        for y in 0..<height { appendRuns(of: y, new, old, to: &runs) }
      }
    }
    return runs
  }

  private func appendRuns(
    of y: Int, _ new: UnsafeBufferPointer<SentCell>, _ old: UnsafeBufferPointer<SentCell>,
    to runs: inout [DirtyRun]
  ) {
    let row = y * width
    var x = 0
    while x < width {
      if new[row + x] == old[row + x] {
        x += 1
        continue
      }
      var start = x
      while start > 0 && (new[row + start].scalar == 0 || old[row + start].scalar == 0) {
        start -= 1
      }
      var end = x + 1
      while end < width
        && (new[row + end] != old[row + end] || new[row + end].scalar == 0
          || old[row + end].scalar == 0)
      {
        end += 1
      }
      if let last = runs.last, last.y == y, last.end >= start {
        runs[runs.count - 1].end = end
      } else {
        runs.append(DirtyRun(y: y, start: start, end: end))
      }
      x = end
    }
  }

  private static func legal(_ scalar: UInt32, asciiOnly: Bool) -> UInt32 {
    if scalar >= 0x20 && scalar < 0x7F { return scalar }
    if scalar == 0 { return 0 }
    if asciiOnly || scalar < 0xA0 { return 0x3F }
    if scalar < 0x300 || (scalar >= 0x2500 && scalar <= 0x28FF) { return scalar }
    guard let unicode = Unicode.Scalar(scalar), CellWidth.columns(of: unicode) > 0 else {
      return 0x3F
    }
    return scalar
  }

  private static func legalMark(_ mark: UInt32) -> UInt32 {
    guard let unicode = Unicode.Scalar(mark),
      unicode.properties.generalCategory != .format, CellWidth.columns(of: unicode) == 0
    else { return 0 }
    return mark
  }

  private static func isWide(_ scalar: UInt32) -> Bool {
    Unicode.Scalar(scalar).map { CellWidth.columns(of: $0) == 2 } ?? false
  }
}
