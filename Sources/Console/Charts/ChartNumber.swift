/// Numbers as axes and bars write them: short, no trailing noise.
enum ChartNumber {
  /// At most five characters for magnitudes below 10^15: `0`, `0.05`, `24.9`, `1842`, `2.4k`,
  /// `13M`.
  static func short(_ value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? "-" : value > 0 ? "inf" : "-inf" }
    let magnitude = abs(value)
    let sign = value < 0 ? "-" : ""
    if magnitude == 0 { return "0" }
    if magnitude < 0.0005 { return "\(sign)~0" }
    if magnitude < 1000 - 0.5 {
      return sign + trimmed(fixed(magnitude, decimals: decimals(for: magnitude)))
    }
    var scaled = magnitude
    for suffix in ["k", "M", "G", "T"] {
      scaled /= 1000
      if scaled < 999.5 {
        return sign + trimmed(fixed(scaled, decimals: scaled < 9.95 ? 1 : 0)) + suffix
      }
    }
    return "\(sign)>1P"
  }

  /// `value` with so many decimals (0 to 9), rounded half up; magnitudes beyond 10^9 are held
  /// there.
  static func fixed(_ value: Double, decimals: Int) -> String {
    var scale: Int64 = 1
    for _ in 0..<max(0, min(9, decimals)) { scale *= 10 }
    let held = max(-1e9, min(1e9, value.isNaN ? 0 : value))
    let units = Int64((abs(held) * Double(scale)).rounded())
    let sign = held < 0 && units > 0 ? "-" : ""
    let whole = "\(sign)\(units / scale)"
    guard scale > 1 else { return whole }
    let digits = String(units % scale)
    return whole + "." + String(repeating: "0", count: max(0, decimals - digits.count)) + digits
  }

  private static func decimals(for magnitude: Double) -> Int {
    magnitude < 0.1 ? 3 : magnitude < 10 ? 2 : magnitude < 100 ? 1 : 0
  }

  private static func trimmed(_ text: String) -> String {
    guard text.contains(".") else { return text }
    var result = Substring(text)
    while result.last == "0" { result.removeLast() }
    if result.last == "." { result.removeLast() }
    return String(result)
  }
}

/// A range of values with round ends and round steps between (after Heckbert, "Nice Numbers for
/// Graph Labels", Graphics Gems, 1990).
struct NiceScale: Equatable {
  /// Lower end.
  let low: Double
  /// Upper end; above ``low``.
  let high: Double
  /// From one label to the next.
  let step: Double

  /// The least round range that holds both values, in at most so many steps.
  init(from low: Double, to high: Double, stepsMax: Int) {
    var low = low.isFinite ? low : 0
    var high = high.isFinite ? high : 0
    if high < low { swap(&low, &high) }
    if high - low <= max(abs(high), abs(low)) * 1e-9 {
      // One value: give it room on both sides, or above when it is zero.
      let room = max(abs(high) * 0.1, high == 0 ? 1 : 1e-12)
      low = low > 0 || low < 0 ? low - room : 0
      high += room
    }
    var step = NiceScale.round(above: (high - low) / Double(max(1, stepsMax)))
    // Rounding the ends outwards may need one more step than there is room for.
    for _ in 0..<4 {
      let steps = (high / step).rounded(.up) - (low / step).rounded(.down)
      if steps <= Double(max(1, stepsMax)) { break }
      step = NiceScale.round(above: step * 1.01)
    }
    self.step = step
    self.low = (low / step).rounded(.down) * step
    self.high = max((high / step).rounded(.up) * step, self.low + step)
  }

  /// 0 at ``low``, 1 at ``high``, held in between.
  func fraction(of value: Double) -> Double {
    max(0, min(1, (value - low) / (high - low)))
  }

  /// The least of 1, 2, 2.5, 5 times a power of ten that is not below `value`.
  private static func round(above value: Double) -> Double {
    guard value > 0, value.isFinite else { return 1 }
    var power = 1.0
    for _ in 0..<310 where power * 10 <= value { power *= 10 }
    for _ in 0..<310 where power > value { power /= 10 }
    for multiple in [1, 2, 2.5, 5] where multiple * power >= value * (1 - 1e-9) {
      return multiple * power
    }
    return 10 * power
  }
}
