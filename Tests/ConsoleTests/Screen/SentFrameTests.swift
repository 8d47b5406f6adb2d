import Core
import Testing

@testable import Console

/// What a terminal shows that was sent only the dirty runs.
private struct Terminal {
  var cells: [SentCell]
  let width: Int

  init(_ frame: SentFrame) {
    cells = frame.cells
    width = frame.width
  }

  mutating func take(_ runs: [DirtyRun], of frame: SentFrame) {
    for run in runs {
      for x in run.start..<run.end {
        cells[run.y * width + x] = frame.cells[run.y * width + x]
      }
    }
  }
}

private let styles = StyleTable(
  theme: Theme(name: "plain"), depth: .truecolour, colours: 1 << 24)

private func sent(_ buffer: CellBuffer, asciiOnly: Bool = false) -> SentFrame {
  SentFrame(
    buffer, size: ScreenSize(columns: buffer.width, rows: buffer.height), styles: styles,
    asciiOnly: asciiOnly)
}

private func scramble(_ buffer: inout CellBuffer, _ rng: inout SplitMix64) {
  let texts = ["abc", "中文", "é e\u{301}", "⣿⣦", "x中", " ", "🚀!"]
  for _ in 0..<Int(rng.next() % 6) {
    buffer.put(
      texts[Int(rng.next() % UInt64(texts.count))], x: Int(rng.next() % 44) - 2,
      y: Int(rng.next() % 12) - 1,
      role: Role.allCases[Int(rng.next() % UInt64(Role.allCases.count))])
  }
}

@Suite struct SentFrameTests {
  @Test func dirtyRunsAloneRebuildEveryFrame() {
    var rng = SplitMix64(seed: 3)
    var buffer = CellBuffer(width: 40, height: 10)
    var last = sent(buffer)
    var terminal = Terminal(last)
    for _ in 0..<2_000 {
      scramble(&buffer, &rng)
      let next = sent(buffer)
      let runs = next.runs(from: last)
      terminal.take(runs, of: next)
      #expect(terminal.cells == next.cells)
      checkTight(runs, from: last, to: next)
      last = next
    }
  }

  /// Runs are ordered, apart, begin and end with a difference or a wide character's half, and never
  /// begin on a right half.
  private func checkTight(_ runs: [DirtyRun], from old: SentFrame, to new: SentFrame) {
    var previous: DirtyRun?
    for run in runs {
      #expect(run.start < run.end)
      if let previous, previous.y == run.y { #expect(previous.end < run.start) }
      previous = run
      let row = run.y * new.width
      #expect(new.cells[row + run.start].scalar != 0)
      if run.end < new.width { #expect(new.cells[row + run.end].scalar != 0) }
      let changed = (run.start..<run.end).count { new.cells[row + $0] != old.cells[row + $0] }
      #expect(changed > 0)
    }
  }

  @Test func anEqualFrameHasNoRuns() {
    var buffer = CellBuffer(width: 20, height: 3)
    buffer.put("中 text", x: 2, y: 1)
    #expect(sent(buffer).runs(from: sent(buffer)).isEmpty)
  }

  @Test func anotherMeaningThatLooksTheSameIsNotSent() {
    var a = CellBuffer(width: 4, height: 1)
    var b = a
    a.put("ab", x: 0, y: 0, role: .ok)
    b.put("ab", x: 0, y: 0, role: .title)
    // The plain theme gives all roles the same look.
    #expect(sent(b).runs(from: sent(a)).isEmpty)
  }

  @Test func aNewSizePaintsEverything() {
    let old = sent(CellBuffer(width: 4, height: 2))
    let new = sent(CellBuffer(width: 5, height: 2))
    #expect(
      new.runs(from: old) == [
        DirtyRun(y: 0, start: 0, end: 5), DirtyRun(y: 1, start: 0, end: 5),
      ])
    #expect(sent(CellBuffer(width: 0, height: 0)).runs(from: nil).isEmpty)
  }

  @Test func cutWideCharactersBecomeBlanks() {
    var buffer = CellBuffer(width: 6, height: 1)
    buffer.put("中文字", x: 0, y: 0)
    // An overlay covers the right half of the first and the left half of the second.
    buffer[1, 0] = Cell(scalar: 0x7C)
    buffer[2, 0] = Cell(scalar: 0x7C)
    let cells = sent(buffer).cells.map(\.scalar)
    #expect(cells == [0x20, 0x7C, 0x7C, 0x20, 0x5B57, 0])
    // A wide character set in the last column by hand.
    buffer[5, 0] = Cell(scalar: 0x4E2D)
    #expect(sent(buffer).cells[5].scalar == 0x20)
  }

  @Test func nothingThatControlsATerminalPasses() {
    for value: UInt32 in [0x07, 0x08, 0x0A, 0x0D, 0x1B, 0x7F, 0x80, 0x9B, 0x9F, 0x202E, 0x200B] {
      var buffer = CellBuffer(width: 2, height: 1)
      buffer[0, 0] = Cell(scalar: value, combining: value)
      let cell = sent(buffer).cells[0]
      #expect(cell.scalar == 0x3F)
      #expect(cell.combining == 0)
    }
    var buffer = CellBuffer(width: 3, height: 1)
    buffer.put("é中", x: 0, y: 0)
    #expect(sent(buffer, asciiOnly: true).cells.allSatisfy { $0.scalar < 0x7F })
  }

  @Test func aSmallerBufferLeavesBlanks() {
    var buffer = CellBuffer(width: 2, height: 1)
    buffer.put("ab", x: 0, y: 0)
    let frame = SentFrame(
      buffer, size: ScreenSize(columns: 4, rows: 2), styles: styles, asciiOnly: false)
    #expect(frame.cells.map(\.scalar) == [0x61, 0x62, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20])
  }

  @Test func styleNumbersForEachDepth() throws {
    var theme = Theme(name: "t")
    theme[.bad] = RoleStyle(
      foreground: .rgb(RGB(packed: 0x000003), c256: 160, c16: 9),
      background: .rgb(RGB(packed: 0x112233), c256: 17, c16: 12), emphasis: .bold,
      monoEmphasis: .reverse)
    func style(_ depth: ColourDepth, _ colours: Int, _ emphasis: Emphasis = []) -> SentStyle {
      let table = StyleTable(theme: theme, depth: depth, colours: colours)
      return table.styles[Int(table.number(role: .bad, emphasis: emphasis))]
    }
    // 0 to 7 mean the palette in direct colour, so near-black moves up.
    #expect(style(.truecolour, 1 << 24).foreground == 8)
    #expect(style(.truecolour, 1 << 24).background == 0x112233)
    #expect(style(.indexed256, 256).foreground == 160)
    // 256 colours asked for on a description with direct colour: the palette's RGB value.
    #expect(style(.indexed256, 1 << 24).foreground == 0xD70000)
    #expect(style(.ansi16, 256).foreground == 9)
    #expect(style(.ansi16, 8) == SentStyle(foreground: 1, background: 4, emphasis: .bold))
    #expect(
      style(.mono, 256, .underline)
        == SentStyle(foreground: -1, background: -1, emphasis: [.reverse, .underline]))
  }
}

@Suite struct MemoryScreenTests {
  @Test func showsSkipsAndRecovers() {
    let screen = MemoryScreen(columns: 10, rows: 2)
    let theme = Theme(name: "t")
    var buffer = CellBuffer(width: 10, height: 2)
    buffer.put("one", x: 0, y: 0)
    #expect(screen.draw(buffer, theme: theme) == .sent(bytes: 20))
    #expect(screen.draw(buffer, theme: theme) == .unchanged)
    buffer.put("two", x: 0, y: 0)
    screen.isWritable = false
    #expect(screen.draw(buffer, theme: theme) == .skipped)
    buffer.put("tea", x: 0, y: 0)
    screen.isWritable = true
    // Only the newest state goes out: "one" to "tea" differs in three cells.
    #expect(screen.draw(buffer, theme: theme) == .sent(bytes: 3))
    #expect(screen.text == "tea\n")
    #expect(screen.statistics.framesSkipped == 1)
    #expect(screen.draw(buffer, theme: theme, cursor: CursorPlace(x: 1, y: 0)) == .sent(bytes: 0))
  }
}
