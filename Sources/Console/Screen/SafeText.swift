import Core

/// Text from outside on its way to the screen.
public enum SafeText {
  /// No line is longer than this many cells; what is beyond is cut.
  public static let columnsMax = 4096

  /// The harmless scalars of `text`, no more than can fill `columns` cells.
  public static func scalars(of text: String, columns: Int) -> String.UnicodeScalarView {
    // Each cell takes at most two scalars: a base and a combining mark.
    printable(text, limit: max(0, min(columns, columnsMax)) * 2 + 2).unicodeScalars
  }

  /// How many cells `text` takes once it is harmless.
  public static func columns(of text: String) -> Int {
    scalars(of: text, columns: columnsMax).reduce(0) { $0 + CellWidth.columns(of: $1) }
  }

  /// `text`, made harmless and cut or padded with blanks to exactly `columns` cells; a cut ends in
  /// `ellipsis` (`~` where only ASCII is shown, see ``GlyphSet/ellipsis``).
  public static func fitted(_ text: String, to columns: Int, ellipsis: Character = "…") -> String {
    guard columns > 0 else { return "" }
    let whole = scalars(of: text, columns: columnsMax)
    let length = whole.reduce(0) { $0 + CellWidth.columns(of: $1) }
    if length <= columns {
      return String(whole) + String(repeating: " ", count: columns - length)
    }
    var result = String.UnicodeScalarView()
    var used = 0
    for scalar in whole {
      let width = CellWidth.columns(of: scalar)
      if used + width > columns - 1 { break }
      result.append(scalar)
      used += width
    }
    return String(result) + String(ellipsis) + String(repeating: " ", count: columns - 1 - used)
  }
}
