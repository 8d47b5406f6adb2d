/// Reads decimal numbers from bytes, correctly rounded, without the locale and without memory for
/// the usual ones.
///
/// A mantissa and a power of ten that are both exact give the correctly rounded quotient or
/// product in one operation (Clinger 1990); other numbers of up to 19 digits take one or two
/// multiplications with a power of five of 128 bits (Lemire 2021); what is left goes to the
/// standard library.
enum NumberText {
  /// Longer texts are no numbers that anybody writes.
  private static let textLengthMax = 1_000

  /// A decimal number as it was written: `mantissa * 10^power`.
  struct Decimal {
    var isNegative = false
    var mantissa: UInt64 = 0
    var power = 0
  }

  // MARK: Whole texts

  /// A 32-bit float; nil when the bytes are no number.
  static func float(_ bytes: UnsafeBufferPointer<UInt8>) -> Float? {
    guard isNumber(bytes) else { return special(bytes).map(Float.init) }
    return decimal(bytes).flatMap(float) ?? Float(String(decoding: bytes, as: UTF8.self))
  }

  /// A 64-bit float; nil when the bytes are no number.
  static func double(_ bytes: UnsafeBufferPointer<UInt8>) -> Double? {
    guard isNumber(bytes) else { return special(bytes) }
    return decimal(bytes).flatMap(double) ?? Double(String(decoding: bytes, as: UTF8.self))
  }

  /// A whole number, also written `3.0` or `3e2`; nil when it is none or does not fit.
  static func integer(_ bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
    guard isNumber(bytes) else { return nil }
    if let decimal = decimal(bytes), decimal.power == 0 {
      let limit = UInt64(Int64.max) + (decimal.isNegative ? 1 : 0)
      guard decimal.mantissa <= limit else { return nil }
      let bits = decimal.isNegative ? 0 &- decimal.mantissa : decimal.mantissa
      return Int64(truncatingIfNeeded: bits)
    }
    guard let value = double(bytes), value.magnitude <= 0x1p53 else { return nil }
    return Int64(exactly: value)
  }

  /// Whether the bytes are a sign, digits with a point among them, and an exponent.
  private static func isNumber(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard bytes.count <= textLengthMax else { return false }
    var at = 0
    func digits() -> Int {
      let first = at
      while at < bytes.count, bytes[at] &- 0x30 <= 9 { at += 1 }
      return at - first
    }
    func sign() { if at < bytes.count, bytes[at] == 0x2D || bytes[at] == 0x2B { at += 1 } }
    sign()
    var count = digits()
    if at < bytes.count, bytes[at] == 0x2E {
      at += 1
      count += digits()
    }
    guard count > 0 else { return false }
    if at < bytes.count, bytes[at] | 0x20 == 0x65 {
      at += 1
      sign()
      guard digits() > 0 else { return false }
    }
    return at == bytes.count
  }

  /// The parts of a number, given that the bytes are one; nil when it has too many digits.
  private static func decimal(_ bytes: UnsafeBufferPointer<UInt8>) -> Decimal? {
    // Room for a byte that ends the number and for whole words to be looked at.
    guard bytes.count <= 48, let base = bytes.baseAddress else { return nil }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { copy in
      guard let start = copy.baseAddress else { return nil }
      copy.initialize(repeating: 0)
      start.update(from: base, count: bytes.count)
      var at = UnsafePointer(start)
      if at[0] == 0x2B { at += 1 }
      return scan(&at)
    }
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

  // MARK: Numbers in the midst of other bytes

  /// Reads a number that begins at `at`, which is moved to the first byte behind it.
  ///
  /// The memory must go on for 8 bytes behind the first byte that belongs to no number.
  /// - Returns: nil, with `at` anywhere, when there is none, when it has more than 19 digits or a
  ///   leading `+`.
  @inline(__always)
  static func scan(_ at: inout UnsafePointer<UInt8>) -> Decimal? {
    var value = Decimal()
    if at[0] == 0x2D {
      value.isNegative = true
      at += 1
    }
    let first = at
    digits(&at, &value.mantissa)
    var count = at - first
    if at[0] == 0x2E {
      at += 1
      let point = at
      digits(&at, &value.mantissa)
      value.power = point - at
      count -= value.power
    }
    // 19 digits never overflow 64 bits; more may have, and then the mantissa is not used.
    guard count > 0, count <= 19 else { return nil }
    if at[0] | 0x20 == 0x65 {
      at += 1
      guard let exponent = exponent(&at) else { return nil }
      value.power += exponent
    }
    return value
  }

  /// Adds a run of digits to `mantissa`, eight at once where there are so many.
  @inline(__always)
  private static func digits(_ at: inout UnsafePointer<UInt8>, _ mantissa: inout UInt64) {
    while true {
      let word = UnsafeRawPointer(at).loadUnaligned(as: UInt64.self)
      guard hasEightDigits(word) else { break }
      mantissa = mantissa &* 100_000_000 &+ eightDigits(word)
      at += 8
    }
    while at[0] &- 0x30 <= 9 {
      mantissa = mantissa &* 10 &+ UInt64(at[0] &- 0x30)
      at += 1
    }
  }

  /// Whether all eight bytes lie between `0` and `9`.
  @inline(__always)
  private static func hasEightDigits(_ word: UInt64) -> Bool {
    ((word & 0xF0F0_F0F0_F0F0_F0F0)
      | (((word &+ 0x0606_0606_0606_0606) & 0xF0F0_F0F0_F0F0_F0F0) >> 4))
      == 0x3333_3333_3333_3333
  }

  /// The number that eight digits are, the first in the lowest byte: pairs, fours, then all.
  @inline(__always)
  private static func eightDigits(_ word: UInt64) -> UInt64 {
    let single = word &- 0x3030_3030_3030_3030
    let pairs = single &* 10 &+ single >> 8
    let low = (pairs & 0x0000_00FF_0000_00FF) &* 0x000F_4240_0000_0064
    let high = ((pairs >> 16) & 0x0000_00FF_0000_00FF) &* 0x0000_2710_0000_0001
    return (low &+ high) >> 32
  }

  private static func exponent(_ at: inout UnsafePointer<UInt8>) -> Int? {
    var isNegative = false
    if at[0] == 0x2D || at[0] == 0x2B {
      isNegative = at[0] == 0x2D
      at += 1
    }
    let first = at
    var power = 0
    while at[0] &- 0x30 <= 9 {
      power = min(100_000, power * 10 + Int(at[0] &- 0x30))
      at += 1
    }
    return at == first ? nil : (isNegative ? -power : power)
  }
}
