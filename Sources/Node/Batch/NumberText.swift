/// Reads decimal numbers from bytes, correctly rounded, without the locale and without memory for
/// the usual ones.
///
/// A mantissa and a power of ten that are both exact give the correctly rounded quotient or
/// product in one operation (Clinger 1990); everything else goes to the standard library.
enum NumberText {
  private static let doublePowers: [Double] = {
    var powers = [1.0]
    for _ in 0..<22 { powers.append(powers[powers.count - 1] * 10) }
    return powers
  }()
  private static let floatPowers: [Float] = doublePowers.prefix(11).map(Float.init)
  /// Longer texts are no numbers that anybody writes.
  private static let textLengthMax = 1_000

  /// Sign, digits and the power of ten of a plain decimal number.
  private struct Parts {
    var isNegative = false
    var mantissa: UInt64 = 0
    var power = 0
    /// Whether `mantissa` holds all digits.
    var isWhole = true
  }

  /// A 32-bit float; nil when the bytes are no number.
  static func float(_ bytes: UnsafeBufferPointer<UInt8>) -> Float? {
    guard let parts = parts(of: bytes) else { return special(bytes).map(Float.init) }
    if parts.isWhole, parts.mantissa <= 1 << 24, abs(parts.power) <= 10 {
      let scale = floatPowers[abs(parts.power)]
      let value = Float(parts.mantissa)
      let scaled = parts.power < 0 ? value / scale : value * scale
      return parts.isNegative ? -scaled : scaled
    }
    return Float(String(decoding: bytes, as: UTF8.self))
  }

  /// A 64-bit float; nil when the bytes are no number.
  static func double(_ bytes: UnsafeBufferPointer<UInt8>) -> Double? {
    guard let parts = parts(of: bytes) else { return special(bytes) }
    if parts.isWhole, parts.mantissa <= 1 << 53, abs(parts.power) <= 22 {
      let scale = doublePowers[abs(parts.power)]
      let value = Double(parts.mantissa)
      let scaled = parts.power < 0 ? value / scale : value * scale
      return parts.isNegative ? -scaled : scaled
    }
    return Double(String(decoding: bytes, as: UTF8.self))
  }

  /// A whole number, also written `3.0` or `3e2`; nil when it is none or does not fit.
  static func integer(_ bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
    guard let parts = parts(of: bytes) else { return nil }
    if parts.isWhole, parts.power == 0 {
      let limit = UInt64(Int64.max) + (parts.isNegative ? 1 : 0)
      guard parts.mantissa <= limit else { return nil }
      return Int64(truncatingIfNeeded: parts.isNegative ? 0 &- parts.mantissa : parts.mantissa)
    }
    guard let value = double(bytes), value.magnitude <= 0x1p53 else { return nil }
    return Int64(exactly: value)
  }

  /// Takes a plain decimal number apart; nil when the bytes are none.
  private static func parts(of bytes: UnsafeBufferPointer<UInt8>) -> Parts? {
    guard bytes.count <= textLengthMax else { return nil }
    var parts = Parts()
    var at = 0
    if at < bytes.count, bytes[at] == 0x2D || bytes[at] == 0x2B {
      parts.isNegative = bytes[at] == 0x2D
      at += 1
    }
    let digits = readDigits(bytes, &at, &parts, isFraction: false)
    var fraction = 0
    if at < bytes.count, bytes[at] == 0x2E {
      at += 1
      fraction = readDigits(bytes, &at, &parts, isFraction: true)
    }
    guard digits + fraction > 0 else { return nil }
    if at < bytes.count, bytes[at] | 0x20 == 0x65 {
      at += 1
      guard let power = readExponent(bytes, &at) else { return nil }
      parts.power += power
    }
    return at == bytes.count ? parts : nil
  }

  private static func readDigits(
    _ bytes: UnsafeBufferPointer<UInt8>, _ at: inout Int, _ parts: inout Parts, isFraction: Bool
  ) -> Int {
    let first = at
    while at < bytes.count {
      let digit = bytes[at] &- 0x30
      guard digit <= 9 else { break }
      if parts.mantissa >= 1_000_000_000_000_000_000 {
        parts.isWhole = false
      } else {
        parts.mantissa = parts.mantissa * 10 + UInt64(digit)
        if isFraction { parts.power -= 1 }
      }
      at += 1
    }
    return at - first
  }

  private static func readExponent(_ bytes: UnsafeBufferPointer<UInt8>, _ at: inout Int) -> Int? {
    var isNegative = false
    if at < bytes.count, bytes[at] == 0x2D || bytes[at] == 0x2B {
      isNegative = bytes[at] == 0x2D
      at += 1
    }
    let first = at
    var power = 0
    while at < bytes.count, bytes[at] &- 0x30 <= 9 {
      power = min(100_000, power * 10 + Int(bytes[at] &- 0x30))
      at += 1
    }
    return at == first ? nil : (isNegative ? -power : power)
  }

  /// `nan`, `inf`, `-inf`, `infinity` in any case, as numpy and pandas write them.
  private static func special(_ bytes: UnsafeBufferPointer<UInt8>) -> Double? {
    guard bytes.count >= 3, bytes.count <= 9 else { return nil }
    switch String(decoding: bytes, as: UTF8.self).lowercased() {
    case "nan": return .nan
    case "inf", "+inf", "infinity", "+infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    default: return nil
    }
  }
}
