/// A screen in memory: tests look at what a terminal would show.
///
/// It does what a terminal's driver does, short of writing: it keeps the last frame, sends only
/// what differs, and rebuilds its picture from what was sent.
public final class MemoryScreen: Screen {
  /// The size the next frame should have; change it as a window would.
  public var size: ScreenSize
  /// How many colours it shows.
  public let depth: ColourDepth
  /// What glyphs it shows.
  public let glyphs: GlyphSet
  /// Figures since it was opened; `bytes` counts the UTF-8 of sent characters alone.
  public private(set) var statistics = ScreenStatistics()
  /// Whether it takes frames; false acts like a stalled terminal.
  public var isWritable = true
  /// The last frame that went out.
  public private(set) var frame: CellBuffer?
  /// Where the cursor was left.
  public private(set) var cursor: CursorPlace?

  private var shown: SentFrame?

  /// An empty screen.
  public init(
    columns: Int, rows: Int, depth: ColourDepth = .truecolour, glyphs: GlyphSet = .braille
  ) {
    size = ScreenSize(columns: columns, rows: rows)
    self.depth = depth
    self.glyphs = glyphs
  }

  /// Keeps the frame and counts what differs.
  public func draw(_ frame: CellBuffer, theme: Theme, cursor: CursorPlace?) -> FrameOutcome {
    guard isWritable else {
      statistics.framesSkipped += 1
      return .skipped
    }
    let styles = StyleTable(
      theme: theme, depth: depth, colours: depth == .truecolour ? 1 << 24 : 256)
    let next = SentFrame(frame, size: size, styles: styles, asciiOnly: glyphs.isASCII)
    let runs = next.runs(from: shown)
    if runs.isEmpty && cursor == self.cursor {
      statistics.framesUnchanged += 1
      return .unchanged
    }
    let bytes = runs.reduce(0) { $0 + MemoryScreen.bytes(in: $1, of: next) }
    statistics.framesSent += 1
    statistics.bytesLastFrame = bytes
    statistics.bytesSent += bytes
    statistics.cellsLastFrame = runs.reduce(0) { $0 + $1.end - $1.start }
    shown = next
    self.frame = frame
    self.cursor = cursor
    return .sent(bytes: bytes)
  }

  /// The characters shown, row by row, without trailing blanks.
  public var text: String { frame?.text ?? "" }

  private static func bytes(in run: DirtyRun, of frame: SentFrame) -> Int {
    var count = 0
    for x in run.start..<run.end {
      let cell = frame.cells[run.y * frame.width + x]
      if let scalar = Unicode.Scalar(cell.scalar), cell.scalar != 0 {
        count += UTF8.width(scalar)
      }
    }
    return count
  }
}
