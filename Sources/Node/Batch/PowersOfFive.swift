/// The leading 128 bits of powers of five, for turning decimal numbers into binary ones.
///
/// `5^power = bits * 2^shift` with the top bit of `bits` set; positive powers up to 55 are exact,
/// other positive ones cut off, negative ones down to -27 rounded up (so that products with them
/// never fall below an exact result), smaller ones cut off: what the method of Lemire, "Number
/// parsing at a gigabyte per second" (Software: Practice and Experience 51, 2021), asks for.
enum PowersOfFive {
  /// The powers that are there.
  static let range = -55...55

  /// The high 64 bits of each power, followed by its low 64 bits, from the least power on.
  // Safe: written before anybody has it, never freed.
  nonisolated(unsafe) static let table: UnsafePointer<UInt64> = {
    let table = UnsafeMutablePointer<UInt64>.allocate(capacity: 2 * range.count)
    for (index, power) in range.enumerated() {
      let bits = power < 0 ? reciprocal(-power) : whole(power)
      table[2 * index] = UInt64(truncatingIfNeeded: bits >> 64)
      table[2 * index + 1] = UInt64(truncatingIfNeeded: bits)
    }
    return UnsafePointer(table)
  }()

  /// `5^power`, which fits into 128 bits, moved up until its top bit is set.
  private static func whole(_ power: Int) -> UInt128 {
    let value = five(power)
    return value << UInt128(value.leadingZeroBitCount)
  }

  private static func five(_ power: Int) -> UInt128 {
    var value: UInt128 = 1
    for _ in 0..<power { value *= 5 }
    return value
  }

  /// The leading 128 bits of `5^-power` by long division.
  private static func reciprocal(_ power: Int) -> UInt128 {
    let divisor = five(power)
    // The first step leaves the largest power of two below the divisor.
    var rest: UInt128 = 1 << UInt128(127 - divisor.leadingZeroBitCount)
    var quotient: UInt128 = 0
    for _ in 0..<128 {
      let overflows = rest >> 127 == 1
      rest <<= 1
      quotient <<= 1
      if overflows || rest >= divisor {
        rest &-= divisor
        quotient |= 1
      }
    }
    return power <= 27 ? quotient + 1 : quotient
  }
}
