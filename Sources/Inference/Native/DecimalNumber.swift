/// A number in decimal digits, as read from text, before it is rounded to a float.
///
/// Rounding is correct (to nearest, ties to even). Up to 19 significant digits and powers of ten
/// up to 27, which is nearly all that tree libraries write, take one 128-bit product or quotient,
/// whose rest tells on which side of a tie the number lies; what is left takes the standard
/// library's parser, which is correct for any text.
struct DecimalNumber {
  private var digits: UInt64 = 0
  private var exponent = 0
  private(set) var isNegative = false
  /// Whether it was written without a point or exponent and fits 63 bits.
  private(set) var isInteger = true
  private var isExact = true
  private let bytes: UnsafeRawBufferPointer
  private let start: Int
  /// The first offset after the number.
  private(set) var end: Int

  /// Reads the longest number at `start`; `nil` when there is none.
  ///
  /// The grammar is JSON's; with `isLenient` also a plus sign, leading zeros and a bare point, as
  /// C++ streams write and read them.
  init?(_ bytes: UnsafeRawBufferPointer, at start: Int, isLenient: Bool = false) {
    self.bytes = bytes
    self.start = start
    var at = start
    let limit = bytes.count
    if at < limit, bytes[at] == 0x2D || (isLenient && bytes[at] == 0x2B) {
      isNegative = bytes[at] == 0x2D
      at += 1
    }
    let first = at
    var significant = 0
    var whole = 0
    while at < limit, case let digit = bytes[at] &- 0x30, digit < 10 {
      if significant > 0 || digit > 0 {
        significant += 1
        if significant <= 19 { digits = digits &* 10 &+ UInt64(digit) } else { whole += 1 }
      }
      at += 1
    }
    let wholeDigits = at - first
    if !isLenient, wholeDigits > 1, bytes[first] == 0x30 { return nil }
    exponent = whole
    var fractionDigits = 0
    if at < limit, bytes[at] == 0x2E {
      isInteger = false
      at += 1
      let point = at
      while at < limit, case let digit = bytes[at] &- 0x30, digit < 10 {
        if significant > 0 || digit > 0 { significant += 1 }
        if significant <= 19 {
          digits = digits &* 10 &+ UInt64(digit)
          exponent -= 1
        }
        at += 1
      }
      fractionDigits = at - point
      if fractionDigits == 0, !isLenient { return nil }
    }
    guard wholeDigits > 0 || (isLenient && fractionDigits > 0) else { return nil }
    isExact = significant <= 19
    if significant > 18 { isInteger = false }
    end = at
    readExponent()
  }

  private mutating func readExponent() {
    guard end < bytes.count, bytes[end] | 0x20 == 0x65 else { return }
    var at = end + 1
    var isBelow = false
    if at < bytes.count, bytes[at] == 0x2D || bytes[at] == 0x2B {
      isBelow = bytes[at] == 0x2D
      at += 1
    }
    let first = at
    var power = 0
    while at < bytes.count, case let digit = bytes[at] &- 0x30, digit < 10 {
      if power < 100_000 { power = power * 10 + Int(digit) }
      at += 1
    }
    guard at > first else { return }
    isInteger = false
    exponent += isBelow ? -power : power
    end = at
  }

  /// The number as an integer; `nil` when it has a point or exponent or is too large.
  var integer: Int64? {
    guard isInteger else { return nil }
    let value = Int64(digits)
    return isNegative ? -value : value
  }

  /// The nearest 32-bit float; infinite when it is too large for one.
  var float: Float {
    if isExact, let value = rounded(bits: 24), abs(value) >= 0x1p-126 || value == 0 {
      return Float(value)
    }
    return Float(text) ?? .nan
  }

  /// The nearest 64-bit float; infinite when it is too large for one.
  var double: Double {
    if isExact, let value = rounded(bits: 53) { return value }
    return Double(text) ?? .nan
  }

  private var text: String { String(decoding: bytes[start..<end], as: UTF8.self) }

  /// The number rounded to so many bits; `nil` when the powers of ten are out of the table.
  ///
  /// All results are far from the ends of a double's range.
  @inline(__always)
  private func rounded(bits: Int) -> Double? {
    if digits == 0 { return isNegative ? -0.0 : 0.0 }
    guard exponent >= -27, exponent <= 27 else { return nil }
    var high: UInt64
    var sticky: Bool
    var scale: Int
    if exponent >= 0 {
      let product = digits.multipliedFullWidth(by: powersOfFive[exponent])
      if product.high == 0 {
        (high, sticky, scale) = (product.low, false, exponent)
      } else {
        let shift = product.high.leadingZeroBitCount
        high = product.high << UInt64(shift)
        if shift > 0 { high |= product.low >> UInt64(64 - shift) }
        sticky = product.low << UInt64(shift) != 0
        scale = exponent + 64 - shift
      }
    } else {
      let divisor = powersOfFive[-exponent]
      let up = divisor.leadingZeroBitCount
      let zeros = digits.leadingZeroBitCount
      let dividend = digits << UInt64(zeros)
      // The quotient of (dividend / 2) * 2^64 by the divisor moved to the top: 62 to 64 bits.
      let (quotient, rest) = (divisor << UInt64(up)).dividingFullWidth(
        (dividend >> 1, dividend << 63))
      (high, sticky) = (quotient, rest != 0)
      scale = exponent - zeros + up - 63
    }
    let zeros = high.leadingZeroBitCount
    high <<= UInt64(zeros)
    scale -= zeros
    let cut = UInt64(64 - bits)
    var kept = high >> cut
    let below = high & ((1 << cut) - 1)
    let half: UInt64 = 1 << (cut - 1)
    if below > half || (below == half && (sticky || kept & 1 == 1)) { kept += 1 }
    // A power of two times at most 2^53: exact.
    let power = Double(bitPattern: UInt64(1023 + scale + Int(cut)) << 52)
    let value = Double(kept) * power
    return isNegative ? -value : value
  }
}

/// 5^0 to 5^27, the last that fits 64 bits.
private let powersOfFive: [UInt64] = {
  var list: [UInt64] = [1]
  while list.count < 28 { list.append(list[list.count - 1] * 5) }
  return list
}()
