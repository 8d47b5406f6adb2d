import Core

/// `a`, `a or b`, `a, b or c`.
func spoken(_ words: [String]) -> String {
  guard words.count > 1, let last = words.last else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " or " + last
}

/// A whole number with its thousands set apart: `10,000`.
func grouped(_ number: Int) -> String {
  let digits = Array(String(number.magnitude))
  var result = ""
  for (index, digit) in digits.enumerated() {
    if index > 0, (digits.count - index) % 3 == 0 { result.append(",") }
    result.append(digit)
  }
  return number < 0 ? "-" + result : result
}

/// A number without a needless `.0`.
func plain(_ number: Double) -> String {
  if let whole = Int(exactly: number) { return grouped(whole) }
  return "\(number)"
}

/// A number with `digits` digits behind the point, `-` when there is none.
func fixed(_ number: Double?, _ digits: Int) -> String {
  guard let number, number.isFinite else { return "-" }
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let scaled = (number.magnitude * scale).rounded()
  guard scaled < 1e15 else { return "\(number)" }
  let sign = number < 0 && scaled > 0 ? "-" : ""
  let (whole, rest) = Int(scaled).quotientAndRemainder(dividingBy: Int(scale))
  return digits == 0
    ? "\(sign)\(grouped(whole))" : "\(sign)\(grouped(whole)).\(padded(rest, digits))"
}

/// A share, 0 to 1, in per cent; `-` when there is none.
func percent(_ share: Double?, _ digits: Int = 2) -> String {
  guard let share else { return "-" }
  return fixed(share * 100, digits) + "%"
}

/// A size in bytes for people: `2.4 MB`.
func byteText(_ bytes: Int) -> String {
  if bytes < 1_000 { return "\(bytes) B" }
  let units = ["kB", "MB", "GB", "TB"]
  var value = Double(bytes) / 1_000
  var unit = 0
  while value >= 999.95, unit < units.count - 1 {
    value /= 1_000
    unit += 1
  }
  return "\(fixed(value, 1)) \(units[unit])"
}

/// The text broken between words into lines of at most `width` characters; a longer word gets a
/// line of its own.
func wrapped(_ text: String, width: Int) -> [String] {
  var lines: [String] = []
  var line = ""
  for word in text.split(separator: " ") {
    if !line.isEmpty, line.count + 1 + word.count > width {
      lines.append(line)
      line = ""
    }
    line += line.isEmpty ? String(word) : " \(word)"
  }
  if !line.isEmpty || lines.isEmpty { lines.append(line) }
  return lines
}
