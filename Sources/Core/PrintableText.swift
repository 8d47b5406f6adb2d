/// Text from outside, made harmless for a terminal or a log: control characters, bidirectional
/// overrides, zero-width characters and line separators become visible marks.
///
/// Every error sentence and every cell of the screen passes through here, so that a model name, a
/// label or a payload can never act as an escape sequence (CWE-150).
///
/// - Parameter limit: the most characters kept; what is cut is replaced by `…`.
public func printable(_ text: String, limit: Int = 200) -> String {
  var result = ""
  var count = 0
  for scalar in text.unicodeScalars {
    if count == limit {
      result.append("…")
      break
    }
    count += 1
    result.unicodeScalars.append(contentsOf: visibleForm(of: scalar))
  }
  return result
}

/// The scalars shown for one scalar from outside: itself, or a visible mark.
private func visibleForm(of scalar: Unicode.Scalar) -> [Unicode.Scalar] {
  switch scalar.value {
  case 0x00...0x1F:
    // Caret notation, as `cat -v` writes it.
    return ["^", Unicode.Scalar(UInt8(scalar.value + 0x40))]
  case 0x7F: return ["^", "?"]
  case 0x80...0x9F: return ["\u{FFFD}"]
  case 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
    0xE0000...0xE0FFF, 0xFE00...0xFE0F:
    return ["\u{FFFD}"]
  default: return [scalar]
  }
}
