extension NumberText {
  /// Exact powers of ten.
  private static let tens: InlineArray<23, Double> = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  /// The nearest 64-bit float; nil when only the standard library can tell.
  @inline(__always)
  static func double(_ decimal: Decimal) -> Double? {
    let power = decimal.power
    if decimal.mantissa <= 1 << 53, power >= -22, power <= 22 {
      let value = Double(decimal.mantissa)
      let scaled = power < 0 ? value / tens[-power] : value * tens[power]
      return decimal.isNegative ? -scaled : scaled
    }
    return farDouble(decimal)
  }

  /// The nearest 32-bit float; nil when only the standard library can tell.
  ///
  /// Going through 64 bits is exact but where that result lies in the middle between two floats.
  @inline(__always)
  static func float(_ decimal: Decimal) -> Float? {
    let power = decimal.power
    if decimal.mantissa <= 1 << 53, power >= -22, power <= 22 {
      let value = Double(decimal.mantissa)
      let scaled = power < 0 ? value / tens[-power] : value * tens[power]
      if scaled.bitPattern & 0x1FFF_FFFF != 0x1000_0000 {
        return Float(decimal.isNegative ? -scaled : scaled)
      }
    }
    return farFloat(decimal)
  }

  @inline(never)
  private static func farDouble(_ decimal: Decimal) -> Double? {
    guard let bits = round(decimal, significandBits: 52, bias: 1_023, ties: -4...23) else {
      return nil
    }
    return Double(bitPattern: bits | (decimal.isNegative ? 1 << 63 : 0))
  }

  @inline(never)
  private static func farFloat(_ decimal: Decimal) -> Float? {
    guard let bits = round(decimal, significandBits: 23, bias: 127, ties: -17...10) else {
      return nil
    }
    return Float(bitPattern: UInt32(bits) | (decimal.isNegative ? 1 << 31 : 0))
  }

  /// The bits of the nearest float, without its sign, by Lemire's method (2021).
  ///
  /// - Parameter ties: the powers with which a number can lie in the middle between two floats.
  /// - Returns: nil for results that are no normal numbers and powers beyond the table.
  private static func round(
    _ decimal: Decimal, significandBits: Int, bias: Int, ties: ClosedRange<Int>
  ) -> UInt64? {
    let power = decimal.power
    guard decimal.mantissa != 0 else { return 0 }
    guard PowersOfFive.range.contains(power) else { return nil }
    let zeros = decimal.mantissa.leadingZeroBitCount
    let (high, low) = product(decimal.mantissa << UInt64(zeros), power, significandBits + 3)
    let upper = Int(high >> 63)
    let shift = UInt64(upper + 64 - significandBits - 3)
    var significand = high >> shift
    // 217706 / 2^16 is the logarithm of ten to the base two.
    let exponent = ((217_706 * power) >> 16) + 63 + upper - zeros + bias
    guard exponent > 0, exponent < 2 * bias + 1 else { return nil }
    if low <= 1, ties.contains(power), significand & 3 == 1, significand << shift == high {
      // Exactly in the middle: to the even one.
      significand &= ~1
    }
    significand = (significand &+ (significand & 1)) >> 1
    var biased = UInt64(exponent)
    if significand >= 2 << UInt64(significandBits) {
      significand = 1 << UInt64(significandBits)
      biased += 1
    }
    guard biased < UInt64(2 * bias + 1) else { return nil }
    return biased << UInt64(significandBits) | (significand & ~(1 << UInt64(significandBits)))
  }

  /// The leading 128 bits of `mantissa * 5^power`, good enough for `precision` bits.
  private static func product(
    _ mantissa: UInt64, _ power: Int, _ precision: Int
  ) -> (high: UInt64, low: UInt64) {
    let entry = PowersOfFive.table + 2 * (power - PowersOfFive.range.lowerBound)
    var (high, low) = mantissa.multipliedFullWidth(by: entry[0])
    let mask = UInt64.max >> UInt64(precision)
    if high & mask == mask {
      let more = mantissa.multipliedFullWidth(by: entry[1]).high
      let (sum, carries) = low.addingReportingOverflow(more)
      low = sum
      if carries { high &+= 1 }
    }
    return (high, low)
  }
}
