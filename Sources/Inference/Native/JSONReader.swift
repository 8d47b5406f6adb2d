import Core

/// Reads JSON (RFC 8259), and the NaN, Infinity and -Infinity that XGBoost writes.
struct JSONReader: DocumentReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset: Int
  var place: DocumentPlace
  var budget: AllocationBudget

  /// Reads all of `bytes`, which the caller keeps alive.
  init(_ bytes: UnsafeRawBufferPointer, limits: ModelLimits) {
    self.bytes = bytes
    place = DocumentPlace(depthMax: limits.nestingDepthMax)
    budget = AllocationBudget(fileBytes: bytes.count)
    // A byte order mark is let pass.
    offset = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  func fault(_ what: String) -> InferenceError {
    InferenceError(
      .malformed,
      "the model file is damaged at byte \(offset): \(place.text): \(what); save or copy it again")
  }

  /// The next byte that is not white space, 0 at the end.
  @inline(__always)
  private mutating func peek() -> UInt8 {
    while offset < bytes.count {
      let byte = bytes[offset]
      if byte > 0x20 { return byte }
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
      offset += 1
    }
    return 0
  }

  private mutating func expect(_ byte: UInt8, _ what: String) throws(InferenceError) {
    guard peek() == byte else { throw unexpected(what) }
    offset += 1
  }

  private func unexpected(_ what: String) -> InferenceError {
    guard offset < bytes.count else { return fault("the file ends where \(what) is expected") }
    let byte = bytes[offset]
    let got = byte > 0x20 && byte < 0x7F ? "\"\(Character(UnicodeScalar(byte)))\"" : "byte \(byte)"
    return fault("\(what) is expected, got \(got)")
  }

  mutating func kind() throws(InferenceError) -> DocumentValueKind {
    switch peek() {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .text
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .truth
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "N"),
      UInt8(ascii: "I"):
      return .number
    default: throw unexpected("a value")
    }
  }

  mutating func beginObject() throws(InferenceError) {
    try expect(UInt8(ascii: "{"), "an object")
    try place.enter(.init(isObject: true))
  }

  mutating func nextKey() throws(InferenceError) -> String? {
    let isFirst = place.top.index < 0
    if peek() == UInt8(ascii: "}") {
      offset += 1
      place.leave()
      return nil
    }
    if !isFirst { try expect(UInt8(ascii: ","), "a comma or the end of the object") }
    place.top.index = 0
    place.top.key = ""
    let key = try text()
    try expect(UInt8(ascii: ":"), "a colon")
    place.top.key = key
    return key
  }

  mutating func beginArray() throws(InferenceError) {
    try expect(UInt8(ascii: "["), "an array")
    try place.enter(.init(isObject: false))
  }

  mutating func nextElement() throws(InferenceError) -> Bool {
    if peek() == UInt8(ascii: "]") {
      offset += 1
      place.leave()
      return false
    }
    if place.top.index >= 0 { try expect(UInt8(ascii: ","), "a comma or the end of the array") }
    if place.top.index >= 0, peek() == UInt8(ascii: "]") { throw unexpected("a value") }
    place.top.index += 1
    return true
  }

  mutating func text() throws(InferenceError) -> String {
    try expect(UInt8(ascii: "\""), "a text")
    let start = offset
    var hasEscapes = false
    while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
      if bytes[offset] < 0x20 { throw fault("a control character in a text") }
      if bytes[offset] == UInt8(ascii: "\\") {
        hasEscapes = true
        offset += 1
      }
      offset += 1
    }
    guard offset < bytes.count else {
      offset = bytes.count
      throw fault("the file ends within a text")
    }
    let range = start..<offset
    offset += 1
    try budget.charge(range.count, stride: 1)
    if hasEscapes { return try unescaped(range) }
    return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
  }

  private func unescaped(_ range: Range<Int>) throws(InferenceError) -> String {
    let simple: [UInt8: UInt16] = [
      0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 0x08, 0x66: 0x0C, 0x6E: 0x0A, 0x72: 0x0D,
      0x74: 0x09,
    ]
    var result = ""
    var units: [UInt16] = []
    var at = range.lowerBound
    var plain = at
    while at < range.upperBound {
      guard bytes[at] == UInt8(ascii: "\\") else {
        at += 1
        continue
      }
      result += String(decoding: bytes[plain..<at], as: UTF8.self)
      // Escapes one after another are one text: the halves of a pair belong together.
      units.removeAll()
      while at < range.upperBound, bytes[at] == UInt8(ascii: "\\") {
        let letter = bytes[at + 1]
        if let unit = simple[letter] {
          units.append(unit)
          at += 2
        } else if letter == UInt8(ascii: "u"), at + 6 <= range.upperBound,
          let unit = UInt16(String(decoding: bytes[(at + 2)..<(at + 6)], as: UTF8.self), radix: 16)
        {
          units.append(unit)
          at += 6
        } else {
          throw fault("an escape that JSON does not have")
        }
      }
      result += String(decoding: units, as: UTF16.self)
      plain = at
    }
    return result + String(decoding: bytes[plain..<range.upperBound], as: UTF8.self)
  }

  private mutating func word(_ word: StaticString) throws(InferenceError) {
    let count = word.utf8CodeUnitCount
    guard bytes.count - offset >= count,
      word.withUTF8Buffer({ $0.elementsEqual(bytes[offset..<(offset + count)]) })
    else { throw unexpected("a value") }
    offset += count
  }

  @inline(__always)
  private mutating func decimal() throws(InferenceError) -> DecimalNumber {
    _ = peek()
    guard let number = DecimalNumber(bytes, at: offset) else { throw unexpected("a number") }
    offset = number.end
    return number
  }

  mutating func integer() throws(InferenceError) -> Int64 {
    switch peek() {
    case UInt8(ascii: "t"):
      try word("true")
      return 1
    case UInt8(ascii: "f"):
      try word("false")
      return 0
    default:
      guard let value = try decimal().integer else { throw fault("an integer is expected") }
      return value
    }
  }

  @inline(__always)
  mutating func float() throws(InferenceError) -> Float {
    switch peek() {
    case UInt8(ascii: "N"):
      try word("NaN")
      return .nan
    case UInt8(ascii: "I"):
      try word("Infinity")
      return .infinity
    case UInt8(ascii: "-")
    where offset + 1 < bytes.count && bytes[offset + 1] == UInt8(ascii: "I"):
      try word("-Infinity")
      return -.infinity
    default: return try decimal().float
    }
  }

  mutating func integers(_ list: inout [Int32]) throws(InferenceError) {
    list.removeAll(keepingCapacity: true)
    try beginArray()
    while try nextElement() {
      guard let value = Int32(exactly: try integer()) else {
        throw fault("an integer of 32 bits is expected")
      }
      try append(value, to: &list)
    }
  }

  mutating func floats(_ list: inout [Float]) throws(InferenceError) {
    list.removeAll(keepingCapacity: true)
    try beginArray()
    while try nextElement() { try append(try float(), to: &list) }
  }

  mutating func skip() throws(InferenceError) {
    let outside = place.levels.count
    repeat {
      if place.levels.count > outside {
        let isOver =
          place.top.isObject ? try nextKey() == nil : try !nextElement()
        if isOver { continue }
      }
      switch try kind() {
      case .object: try beginObject()
      case .array: try beginArray()
      case .text: _ = try skipText()
      case .truth: _ = try integer()
      case .null: try word("null")
      case .number: try skipNumber()
      }
    } while place.levels.count > outside
  }

  private mutating func skipText() throws(InferenceError) {
    let before = budget
    _ = try text()
    // The text is gone again.
    budget = before
  }

  private mutating func skipNumber() throws(InferenceError) {
    if bytes[offset] == UInt8(ascii: "N") || bytes[offset] == UInt8(ascii: "I")
      || (offset + 1 < bytes.count && bytes[offset + 1] == UInt8(ascii: "I"))
    {
      _ = try float()
    } else {
      _ = try decimal()
    }
  }

  mutating func finish() throws(InferenceError) {
    _ = peek()
    // XGBoost 1.0 ends files with a NUL byte.
    while offset < bytes.count, bytes[offset] == 0 { offset += 1 }
    guard offset == bytes.count else { throw unexpected("the end of the file") }
  }
}
