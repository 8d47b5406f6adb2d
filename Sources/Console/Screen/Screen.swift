/// Columns and rows.
public struct ScreenSize: Sendable, Hashable {
  /// Columns.
  public var columns: Int
  /// Rows.
  public var rows: Int

  /// Puts the two together.
  public init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
  }
}

/// Where the terminal's cursor stands, counted from 0; only text fields show it.
public struct CursorPlace: Sendable, Hashable {
  /// Column.
  public var x: Int
  /// Row.
  public var y: Int

  /// Puts the two together.
  public init(x: Int, y: Int) {
    self.x = x
    self.y = y
  }
}

/// What became of a frame.
public enum FrameOutcome: Sendable, Hashable {
  /// Nothing on the screen differs: not a byte was written.
  case unchanged
  /// It went out, in so many bytes.
  case sent(bytes: Int)
  /// The terminal takes no bytes now: the frame was dropped. Draw again when it is writable.
  case skipped
}

/// Figures of a screen since it was opened.
public struct ScreenStatistics: Sendable, Hashable {
  /// Frames of which something was sent.
  public var framesSent = 0
  /// Frames that changed nothing.
  public var framesUnchanged = 0
  /// Frames dropped because the terminal took no bytes.
  public var framesSkipped = 0
  /// All bytes written to the terminal.
  public var bytesSent = 0
  /// Bytes of the last frame sent.
  public var bytesLastFrame = 0
  /// Cells of the last frame sent that differed.
  public var cellsLastFrame = 0

  /// Nothing yet.
  public init() {}
}

/// Something that shows frames: the terminal, or memory in tests.
public protocol Screen: AnyObject {
  /// The size the next frame should have.
  var size: ScreenSize { get }
  /// How many colours it shows.
  var depth: ColourDepth { get }
  /// What glyphs it shows.
  var glyphs: GlyphSet { get }
  /// Figures since it was opened.
  var statistics: ScreenStatistics { get }

  /// Shows a frame: sends what differs from the last one, in one piece.
  ///
  /// - Parameters:
  ///   - frame: the whole screen; what is beyond ``size`` is not shown.
  ///   - theme: how roles look.
  ///   - cursor: where the cursor blinks; nil hides it.
  func draw(_ frame: CellBuffer, theme: Theme, cursor: CursorPlace?) -> FrameOutcome
}

extension Screen {
  /// Shows a frame without a cursor.
  public func draw(_ frame: CellBuffer, theme: Theme) -> FrameOutcome {
    draw(frame, theme: theme, cursor: nil)
  }
}
