import CNcurses
import Glibc

/// The terminal, driven through ncurses.
///
/// ncurses is given a file in memory as its terminal. It works out the cheapest bytes from one
/// frame to the next; we take them from there and write them to the device in one piece between
/// synchronized-output marks, without ever blocking. So a stalled terminal delays nothing, a frame
/// that changes nothing costs no byte, and every byte is counted.
///
/// Only the thread that made a screen may use it: ncurses is not thread-safe.
public final class NcursesScreen: Screen {
  /// The window's size; changes in ``resized()`` alone.
  public private(set) var size: ScreenSize
  /// How many colours are used.
  public let depth: ColourDepth
  /// What glyphs to draw.
  public let glyphs: GlyphSet
  /// Figures since it was opened.
  public private(set) var statistics = ScreenStatistics()
  /// The descriptor frames are written to, to wait on after ``FrameOutcome/skipped``.
  public var outputDescriptor: Int32 { device.outputDescriptor }
  /// Whether part of a frame still waits for the terminal.
  public var isStalled: Bool { !queue.isEmpty }

  private let device: TerminalDevice
  private let profile: TerminalProfile
  private let colours: Int
  private let pairsMax: Int
  private let terminal: CursesTerminal
  private let redirect: OutputRedirect?
  private let restoreText: String
  private let notice: String
  private let owner = pthread_self()

  private var queue: OutputQueue
  private var isUp = false
  /// The next frame paints everything.
  private var isWhole = true
  private var shown: SentFrame?
  private var cursor: CursorPlace?
  private var theme: Theme?
  private var styles: StyleTable?
  /// Attributes and colour pair by style number.
  private var looks: [(attributes: attr_t, pair: Int32)] = []
  private var pairs: [ColourPair: Int32] = [:]
  private var run: [cchar_t] = []

  private struct ColourPair: Hashable {
    var foreground: Int32
    var background: Int32
  }

  /// Opens the screen: alternate screen, mouse, focus and paste reports on, standard output and
  /// error to a log file.
  ///
  /// - Parameters:
  ///   - device: the terminal.
  ///   - profile: what the environment says about it.
  ///   - logPath: where output goes that is no frame (`/dev/null` to drop it); nil leaves standard
  ///     output and error alone, for a terminal that is not theirs.
  ///   - crashNotice: a line for the person when the program dies with the screen up.
  /// - Throws: ``ScreenError`` when the terminal is unknown or cannot place its cursor.
  public init(
    device: TerminalDevice, profile: TerminalProfile, logPath: String? = "/dev/null",
    crashNotice: String = ""
  ) throws(ScreenError) {
    self.device = device
    self.profile = profile
    let size = device.size
    terminal = try CursesTerminal(profile: profile, size: size, input: device.inputDescriptor)
    colours = Int(sl_colours())
    pairsMax = min(Int(sl_pairs()), 32_768)
    depth = profile.depth(colours: colours)
    glyphs = profile.glyphs
    self.size = size
    queue = OutputQueue(descriptor: device.outputDescriptor)
    redirect = logPath.map { OutputRedirect(path: $0) }
    restoreText = terminal.restoreText
    notice = crashNotice
    enter()
  }

  deinit { leave() }

  /// Shows a frame; see ``Screen/draw(_:theme:cursor:)``.
  public func draw(_ frame: CellBuffer, theme: Theme, cursor: CursorPlace?) -> FrameOutcome {
    assertOwner()
    guard isUp else { return .skipped }
    guard queue.isReady() else {
      statistics.framesSkipped += 1
      return .skipped
    }
    let styles = prepareStyles(theme)
    let next = SentFrame(frame, size: size, styles: styles, asciiOnly: !profile.isUTF8)
    let runs = next.runs(from: shown)
    if runs.isEmpty && cursor == self.cursor {
      statistics.framesUnchanged += 1
      return .unchanged
    }
    stage(runs, of: next)
    place(cursor)
    shown = next
    let bytes = send()
    statistics.cellsLastFrame = runs.reduce(0) { $0 + $1.end - $1.start }
    return bytes == 0 ? .unchanged : .sent(bytes: bytes)
  }

  /// Tells the screen that its window has a new size, and returns it.
  ///
  /// The next frame is painted whole.
  @discardableResult
  public func resized() -> ScreenSize {
    assertOwner()
    size = device.size
    if isUp {
      resizeterm(Int32(size.rows), Int32(size.columns))
      forgetShown()
    }
    return size
  }

  /// Paints the next frame whole: after something else wrote on the terminal.
  public func repaint() {
    assertOwner()
    forgetShown()
  }

  /// Writes what a slow terminal has left over; call when ``outputDescriptor`` is writable.
  public func flush() {
    assertOwner()
    queue.flush()
  }

  /// Whether clicks come to us, or select text as in any terminal.
  public var isMouseOn = true {
    didSet {
      assertOwner()
      if isUp && isMouseOn != oldValue { writeControl(modes) }
    }
  }

  /// Hands text to the clipboard of the person's terminal, over any number of ssh hops (OSC 52).
  ///
  /// Returns false for a text too long for terminals to take.
  public func copy(_ text: String) -> Bool {
    assertOwner()
    guard isUp, let sequence = ClipboardSequence.bytes(for: text) else { return false }
    writeControl(sequence)
    return true
  }

  /// Rings the terminal's bell.
  public func ring() {
    assertOwner()
    if isUp { writeControl([0x07]) }
  }

  /// Gives the terminal back as it was found.
  ///
  /// The screen can come up again by ``resume()``.
  ///
  /// Also called when the screen goes away. Never waits for a stalled terminal for more than 0.3 s.
  public func leave() {
    guard isUp else { return }
    isUp = false
    queue.drain(milliseconds: 100)
    endwin()
    queue.write(TerminalModes.off + terminal.takeBytes())
    queue.drain(milliseconds: 200)
    device.restore()
    sl_guard_disarm()
    redirect?.end()
  }

  /// Puts the screen up again after ``leave()``.
  public func resume() {
    assertOwner()
    guard !isUp else { return }
    size = device.size
    enter()
    resizeterm(Int32(size.rows), Int32(size.columns))
    forgetShown()
  }

  // MARK: - Parts

  private func enter() {
    isUp = true
    device.armGuard(restoring: restoreText, notice: notice)
    device.makeRaw()
    redirect?.begin()
    resizeterm(Int32(size.rows), Int32(size.columns))
    queue.write(TerminalModes.on + modes)
    forgetShown()
  }

  private var modes: [UInt8] { isMouseOn ? TerminalModes.mouseOn : TerminalModes.mouseOff }

  /// Writes what is no frame; a stalled terminal gets it with the rest of its frame.
  private func writeControl(_ bytes: [UInt8]) {
    queue.write(bytes)
    statistics.bytesSent += bytes.count
  }

  private func forgetShown() {
    isWhole = true
    shown = nil
    cursor = nil
    sl_keep_cursor_where_left(true)
    curs_set(0)
    sl_repaint()
  }

  private func prepareStyles(_ theme: Theme) -> StyleTable {
    if let styles, self.theme == theme { return styles }
    let table = StyleTable(theme: theme, depth: depth, colours: colours)
    looks = table.styles.map { style in
      (
        sl_attributes(style.emphasis.rawValue),
        pair(ColourPair(foreground: style.foreground, background: style.background))
      )
    }
    styles = table
    self.theme = theme
    // Style numbers mean something else now.
    shown = nil
    return table
  }

  private func pair(_ colours: ColourPair) -> Int32 {
    if colours.foreground < 0 && colours.background < 0 { return 0 }
    if let known = pairs[colours] { return known }
    let number = Int32(pairs.count + 1)
    guard Int(number) < pairsMax,
      init_extended_pair(number, colours.foreground, colours.background) == OK
    else { return 0 }
    pairs[colours] = number
    return number
  }

  private func stage(_ runs: [DirtyRun], of frame: SentFrame) {
    for dirty in runs {
      run.removeAll(keepingCapacity: true)
      for x in dirty.start..<dirty.end {
        let cell = frame.cells[dirty.y * frame.width + x]
        if cell.scalar != 0 { append(cell) }
      }
      sl_put_run(Int32(dirty.y), Int32(dirty.start), run, Int32(run.count))
    }
  }

  /// Adds a cell to the run.
  ///
  /// Where the C library's width is not ours the character would shift the rest of the row, so a
  /// mark of the same width stands for it.
  private func append(_ cell: SentCell) {
    let look = looks[Int(cell.style)]
    var out = cchar_t()
    if cell.scalar < 0x80 && cell.combining == 0 {
      sl_set_cell(&out, cell.scalar, 0, look.attributes, look.pair)
      run.append(out)
      return
    }
    let columns = Unicode.Scalar(cell.scalar).map { CellWidth.columns(of: $0) } ?? 1
    if Int(sl_width(cell.scalar)) == columns {
      let mark = cell.combining != 0 && sl_width(cell.combining) == 0 ? cell.combining : 0
      sl_set_cell(&out, cell.scalar, mark, look.attributes, look.pair)
      run.append(out)
      return
    }
    sl_set_cell(&out, 0x3F, 0, look.attributes, look.pair)
    for _ in 0..<columns { run.append(out) }
  }

  private func place(_ place: CursorPlace?) {
    if let place {
      sl_keep_cursor_where_left(false)
      sl_place_cursor(Int32(place.y), Int32(place.x))
    }
    if (place == nil) != (cursor == nil) {
      curs_set(place == nil ? 0 : 1)
      if place == nil { sl_keep_cursor_where_left(true) }
    }
    cursor = place
  }

  /// Lets ncurses work out the bytes and sends them in one piece.
  private func send() -> Int {
    sl_stage()
    doupdate()
    let body = terminal.takeBytes()
    if body.isEmpty {
      statistics.framesUnchanged += 1
      return 0
    }
    // Margins that a resize or another program left would make a line feed scroll.
    let begin =
      isWhole ? TerminalModes.frameBegin + TerminalModes.noMargins : TerminalModes.frameBegin
    isWhole = false
    let frame = begin + body + TerminalModes.frameEnd
    queue.write(frame)
    statistics.framesSent += 1
    statistics.bytesLastFrame = frame.count
    statistics.bytesSent += frame.count
    return frame.count
  }

  private func assertOwner() {
    precondition(
      pthread_equal(owner, pthread_self()) != 0, "a screen belongs to the thread that opened it")
  }
}
