import CNcurses
import Core
import Testing

@testable import Console

@Suite struct SafeTextTests {
  static let hostile = [
    "\u{1B}[2J\u{1B}]0;title\u{07}", "a\rb\nc\td\u{08}e", "\u{9B}31m", "\u{202E}gpj.exe",
    "z\u{200B}w\u{200D}x", "\u{2028}\u{2029}", "e\u{301}\u{302}\u{303}", "👩‍👩‍👧‍👦", "❤\u{FE0F}",
    "\u{E0041}tag", "\u{301}alone", "中\u{301}文", "\u{0}\u{7F}", "\u{FEFF}bom",
  ]

  @Test(arguments: hostile)
  func hostileTextNeverControlsTheScreen(text: String) {
    for width in 0...12 {
      var buffer = CellBuffer(width: 10, height: 1)
      let used = buffer.put(text, x: 0, y: 0, limit: width)
      #expect(used <= width)
      for x in 0..<10 {
        let cell = buffer[x, 0]
        #expect(cell.scalar == 0 || (cell.scalar >= 0x20 && !(0x7F...0x9F).contains(cell.scalar)))
        #expect(![0x202E, 0x200B, 0x200D, 0x2028, 0x2029, 0xFEFF].contains(cell.scalar))
        if cell.scalar == 0 { #expect(x > 0) }
      }
    }
  }

  @Test(arguments: hostile + ["plain", "中文字", "", "a中b文c"])
  func fittedTakesExactlyItsColumns(text: String) {
    for columns in 0...9 {
      let fitted = SafeText.fitted(text, to: columns)
      #expect(SafeText.columns(of: fitted) == columns, "\(columns)")
    }
  }

  @Test func fittedCutsWithAnEllipsisAndNeverHalvesAWideCharacter() {
    #expect(SafeText.fitted("flight-delay", to: 8) == "flight-…")
    #expect(SafeText.fitted("flight-delay", to: 8, ellipsis: "~") == "flight-~")
    #expect(SafeText.fitted("中文字", to: 4) == "中… ")
    #expect(SafeText.fitted("abc", to: 5) == "abc  ")
  }

  @Test func aWideCharacterAtTheEdgeBecomesABlank() {
    var buffer = CellBuffer(width: 5, height: 1)
    #expect(buffer.put("ab中文", x: 0, y: 0) == 5)
    #expect(buffer[4, 0].scalar == 0x20)
    #expect(buffer[2, 0].scalar == 0x4E2D)
    #expect(buffer[3, 0].scalar == 0)
  }

  @Test func aMarkGoesOnItsBaseEvenWhenThatIsWide() {
    var buffer = CellBuffer(width: 6, height: 1)
    buffer.put("中\u{301}e\u{301}", x: 0, y: 0)
    #expect(buffer[0, 0].combining == 0x301)
    #expect(buffer[1, 0] == Cell(scalar: 0))
    #expect(buffer[2, 0].combining == 0x301)
  }

  /// Our own glyphs must be one cell wide for us and for the C library alike.
  @Test func ownGlyphsAreOneCellWide() {
    _ = sl_set_locale()
    var values: [UInt32] = Array(0x2800...0x28FF)
    values += Array(0x2580...0x259F)
    values += Array(0x2500...0x257F)
    values += "●▲▼✖◌…→≤≥━┄▔▁".unicodeScalars.map(\.value)
    for value in values {
      #expect(Unicode.Scalar(value).map { CellWidth.columns(of: $0) } == 1)
      #expect(sl_width(value) == 1)
    }
  }

  /// Our table against the C library's over all characters it knows to be printable; they may
  /// differ in a few hundred of 150,000 (newer Unicode, soft hyphen, jamo), which the driver sees.
  @Test func widthsAgreeWithTheCLibraryNearlyEverywhere() {
    _ = sl_set_locale()
    var different = 0
    var seen = 0
    for value in UInt32(0xA0)..<0x20000 {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let theirs = sl_width(value)
      guard theirs >= 0 else { continue }
      seen += 1
      if Int(theirs) != CellWidth.columns(of: scalar) { different += 1 }
    }
    #expect(seen > 70_000)
    #expect(different < 400, "\(different) of \(seen)")
  }

  @Test func rectanglesOutsideTheScreenAreHarmless() {
    var buffer = CellBuffer(width: 5, height: 3)
    for rect in [
      Rect(x: -3, y: -3, width: 4, height: 4), Rect(x: 4, y: 2, width: 100, height: 100),
      Rect(x: 50, y: 50, width: 2, height: 2), Rect(x: 0, y: 0, width: .max, height: .max),
      Rect(x: 2, y: 1, width: 0, height: 5), Rect(x: 1, y: 1, width: 1, height: 1),
    ] {
      buffer.fill(rect, Cell(scalar: 0x23))
      buffer.box(rect, glyphs: .braille)
      buffer.put("text", x: rect.x, y: rect.y)
    }
    #expect(buffer.cells.count == 15)
    #expect(
      Rect(x: 1, y: 1, width: 4, height: 4).intersection(Rect(x: 3, y: 0, width: 9, height: 2))
        == Rect(x: 3, y: 1, width: 2, height: 1))
  }

  @Test func clipboardTextTravelsInBase64() {
    func sequence(_ text: String) -> String? {
      ClipboardSequence.bytes(for: text).map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(sequence("hello") == "\u{1B}]52;c;aGVsbG8=\u{07}")
    #expect(sequence("\u{1B}[2J") == "\u{1B}]52;c;G1sySg==\u{07}")
    #expect(sequence("abc") == "\u{1B}]52;c;YWJj\u{07}")
    #expect(sequence("") == "\u{1B}]52;c;\u{07}")
    #expect(sequence(String(repeating: "x", count: 60_000)) == nil)
  }
}
