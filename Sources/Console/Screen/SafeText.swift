import Core

/// Text from outside on its way to the screen.
public enum SafeText {
  /// The harmless scalars of `text`, no more than can fill `columns` cells.
  public static func scalars(of text: String, columns: Int) -> String.UnicodeScalarView {
    // Each cell takes at most two scalars: a base and a combining mark.
    printable(text, limit: max(0, min(columns, 4096)) * 2 + 2).unicodeScalars
  }

  /// How many cells `text` takes once it is harmless.
  public static func columns(of text: String) -> Int {
    scalars(of: text, columns: 4096).reduce(0) { $0 + CellWidth.columns(of: $1) }
  }

  /// `text` cut or padded with blanks to exactly `columns` cells; a cut ends in `…` (or `~` in
  /// ASCII).
  public static func fitted(_ text: String, to columns: Int, ellipsis: Character = "…") -> String {
    let length = self.columns(of: text)
    if length <= columns { return text + String(repeating: " ", count: columns - length) }
    guard columns > 0 else { return "" }
    var result = String.UnicodeScalarView()
    var used = 0
    for scalar in scalars(of: text, columns: columns) {
      let width = CellWidth.columns(of: scalar)
      if used + width > columns - 1 { break }
      result.append(scalar)
      used += width
    }
    return String(result) + String(ellipsis) + String(repeating: " ", count: columns - 1 - used)
  }
}

/// How many cells a character takes, by our own table, because terminals and C libraries disagree
/// (East Asian Width of Unicode 15: W and F are 2; marks are 0; all else 1).
public enum CellWidth {
  /// 0, 1 or 2.
  public static func columns(of scalar: Unicode.Scalar) -> Int {
    let v = scalar.value
    if v < 0x300 { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    return isWide(v) ? 2 : 1
  }

  private static func isWide(_ v: UInt32) -> Bool {
    switch v {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
      0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
      0x1FA70...0x1FAFF, 0x20000...0x3FFFD:
      true
    default: false
    }
  }
}
