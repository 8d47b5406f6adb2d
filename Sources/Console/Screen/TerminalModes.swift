/// Modes of the terminal that we switch ourselves, because terminfo does not know them or switches
/// the wrong ones (ncurses picks the old mouse protocol under tmux).
///
/// 1002: mouse press, release, drag. 1006: its SGR coding, exact beyond column 223. 1004: focus.
/// 2004: bracketed paste. 2026: synchronized output. Terminals ignore those they do not know
/// (ECMA-48 private modes).
enum TerminalModes {
  static let on = Array("\u{1B}[?1004h\u{1B}[?2004h".utf8)
  static let off = Array(
    "\u{1B}[?2026l\u{1B}[?1002l\u{1B}[?1006l\u{1B}[?1004l\u{1B}[?2004l".utf8)
  static let mouseOn = Array("\u{1B}[?1002h\u{1B}[?1006h".utf8)
  static let mouseOff = Array("\u{1B}[?1002l\u{1B}[?1006l".utf8)
  /// DECSTBM without numbers: the whole screen; it also homes the cursor, as clearing does next.
  static let noMargins = Array("\u{1B}[r".utf8)
  static let frameBegin = Array("\u{1B}[?2026h".utf8)
  static let frameEnd = Array("\u{1B}[?2026l".utf8)
}

/// The sequence that hands text to the terminal's clipboard (OSC 52).
///
/// The text travels in base 64, so nothing in it can act as a sequence.
enum ClipboardSequence {
  /// Terminals cut or refuse more than about 74 KB of base 64.
  static let textBytesMax = 54_000

  /// The sequence, or nil for a text that is too long.
  static func bytes(for text: String) -> [UInt8]? {
    let source = Array(text.utf8)
    guard source.count <= textBytesMax else { return nil }
    return Array("\u{1B}]52;c;".utf8) + base64(source) + [0x07]
  }

  static func base64(_ source: [UInt8]) -> [UInt8] {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var result: [UInt8] = []
    result.reserveCapacity((source.count + 2) / 3 * 4)
    for i in stride(from: 0, to: source.count, by: 3) {
      let left = min(3, source.count - i)
      var word = UInt32(source[i]) << 16
      if left > 1 { word |= UInt32(source[i + 1]) << 8 }
      if left > 2 { word |= UInt32(source[i + 2]) }
      for place in 0..<4 {
        let digit = digits[Int(word >> UInt32(18 - 6 * place) & 63)]
        result.append(place <= left ? digit : 0x3D)
      }
    }
    return result
  }
}
