import Control
import Core

/// Numbers as the screen writes them: short, of even width where they stand in columns, `-` where
/// there is none, and safe for every bit pattern.
enum Format {
  /// What stands for a value that is not there.
  static let none = "-"

  /// `1,842`.
  static func count(_ value: Int) -> String {
    let digits = String(value.magnitude)
    var grouped = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { grouped.append(",") }
      grouped.append(digit)
    }
    return value < 0 ? "-" + grouped : grouped
  }

  /// Decimals after the point, rounded half away from zero; `-` when it is not a number.
  static func fixed(_ value: Double?, _ decimals: Int) -> String {
    guard let value, value.isFinite else { return none }
    let scale = decimals <= 0 ? 1 : decimals == 1 ? 10 : decimals == 2 ? 100 : 1000
    let scaled = max(-9e15, min(9e15, (value * Double(scale)).rounded()))
    let whole = Int(scaled)
    let text = count(Int(whole.magnitude) / scale)
    let sign = whole < 0 ? "-" : ""
    guard scale > 1 else { return sign + text }
    return sign + text + "." + padded(Int(whole.magnitude) % scale, min(decimals, 3))
  }

  /// Requests a second: `4.2`, `1,842`.
  static func rate(_ value: Double?) -> String {
    guard let value, value.isFinite else { return none }
    return fixed(value, abs(value) < 9.95 && value != 0 ? 1 : 0)
  }

  /// Milliseconds: `0.42`, `4.40`, `20.6`, `340`.
  static func milliseconds(_ value: Double?) -> String {
    guard let value, value.isFinite else { return none }
    // A model in the same process answers in microseconds: two digits would read 0.00.
    if value > 0, value < 0.00995 { return fixed(value, 3) }
    return fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
  }

  /// A share of 0 to 1 in per cent without the sign: `0.31`, `12.5`.
  static func share(_ value: Double?) -> String {
    guard let value, value.isFinite else { return none }
    let percent = value * 100
    return fixed(percent, abs(percent) < 9.995 ? 2 : 1)
  }

  /// Basis points without the sign: `25`, `12.5`.
  static func weight(_ value: BasisPoints) -> String { String(percentText(value).dropLast()) }

  /// A probability: `5 %`, `0.5 %`.
  static func percent(_ probability: Double) -> String {
    guard probability.isFinite else { return none }
    let value = probability * 100
    return fixed(value, value == value.rounded() ? 0 : value >= 0.1 ? 1 : 3) + " %"
  }

  /// A figure of a model card: `0.807`; counts, which cards hold too, as `65,469`.
  static func figure(_ value: Double?) -> String {
    guard let value, abs(value) >= 1000, value == value.rounded() else { return fixed(value, 3) }
    return fixed(value, 0)
  }

  /// PSI and Kolmogorov-Smirnov distances: `0.08`.
  static func distance(_ value: Double?) -> String { fixed(value, 2) }

  /// An e-value: `0.4`, `18`, `1.2k`, `>1M`.
  static func evidence(_ value: Double) -> String {
    if value.isNaN { return none }
    if value >= 1e6 { return ">1M" }
    if value >= 1000 { return fixed(value / 1000, 1) + "k" }
    return fixed(value, value < 9.95 ? 1 : 0)
  }

  /// The largest unit of an age: `11m`, `6d`.
  static func age(_ span: TimeSpan) -> String {
    let seconds = max(0, span.microseconds / 1_000_000)
    // No seconds: a column that ticks draws the eye, and costs bytes, for nothing.
    if seconds < 60 { return "<1m" }
    if seconds < 3600 { return "\(seconds / 60)m" }
    if seconds < 172_800 { return "\(seconds / 3600)h" }
    return "\(min(seconds / 86_400, 99_999))d"
  }

  /// A span as a clock: `02:14`, `1:00:00`.
  static func countdown(_ span: TimeSpan) -> String {
    let whole = max(0, span.microseconds) / 1_000_000
    let seconds = Int(whole) + (max(0, span.microseconds) % 1_000_000 > 0 ? 1 : 0)
    let (minutes, rest) = (seconds / 60, seconds % 60)
    if minutes < 60 { return "\(padded(minutes, 2)):\(padded(rest, 2))" }
    return "\(minutes / 60):\(padded(minutes % 60, 2)):\(padded(rest, 2))"
  }

  /// `412 MiB`.
  static func bytes(_ value: Int) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    var amount = Double(max(0, value))
    var unit = 0
    while amount >= 1000 && unit < units.count - 1 {
      amount /= 1024
      unit += 1
    }
    return "\(fixed(amount, unit > 0 && amount < 9.95 ? 1 : 0)) \(units[unit])"
  }

  /// A window as `5m`, `1h`.
  static func window(seconds: Int) -> String { TimeSpan.seconds(seconds).description }
}

/// The names of judged metrics.
enum MetricText {
  /// `errors`, `wrong answers`, `latency`.
  static func of(_ metric: Metric) -> String {
    switch metric {
    case .errors: "errors"
    case .wrongAnswers: "wrong answers"
    case .latency: "latency"
    case .predictions: "answers"
    case .confidence: "confidence"
    case .scores: "scores"
    case .disagreement: "disagreement"
    }
  }

  /// The name in at most seven cells.
  static func short(_ metric: Metric) -> String {
    switch metric {
    case .wrongAnswers: "wrong"
    case .disagreement: "differ"
    default: of(metric)
    }
  }
}
