/// Text from outside, made harmless for a terminal or a log: control characters, bidirectional
/// overrides, zero-width characters and line separators become visible marks.
///
/// Every error sentence and every cell of the screen passes through here, so that a model name, a
/// label or a payload can never act as an escape sequence (CWE-150).
///
/// - Parameter limit: the most characters kept; what is cut is replaced by `…`.
public func printable(_ text: String, limit: Int = 200) -> String {
  // Nearly all text is short plain ASCII and needs nothing; this is on the path of every frame.
  if text.utf8.count <= limit, text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
  var result = String.UnicodeScalarView()
  var count = 0
  for scalar in text.unicodeScalars {
    if count == limit {
      result.append("…")
      break
    }
    count += 1
    appendVisibleForm(of: scalar, to: &result)
  }
  return String(result)
}

/// Appends what is shown for one scalar from outside: itself, or a visible mark.
private func appendVisibleForm(
  of scalar: Unicode.Scalar, to result: inout String.UnicodeScalarView
) {
  switch scalar.value {
  case 0x00...0x1F:
    // Caret notation, as `cat -v` writes it.
    result.append("^")
    result.append(Unicode.Scalar(UInt8(scalar.value + 0x40)))
  case 0x7F:
    result.append("^")
    result.append("?")
  case 0x80...0x9F, 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
    0xFFF9...0xFFFB, 0xE0000...0xE0FFF, 0xFE00...0xFE0F:
    result.append("\u{FFFD}")
  default: result.append(scalar)
  }
}
