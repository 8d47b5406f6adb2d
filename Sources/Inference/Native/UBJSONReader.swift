import Core

/// Reads Universal Binary JSON, draft 12, as XGBoost writes it: big-endian numbers, typed and
/// counted arrays.
///
/// Source of the format: <https://ubjson.org>.
struct UBJSONReader: DocumentReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0
  var place: DocumentPlace
  var budget: AllocationBudget

  /// Reads all of `bytes`, which the caller keeps alive.
  init(_ bytes: UnsafeRawBufferPointer, limits: ModelLimits) {
    self.bytes = bytes
    place = DocumentPlace(depthMax: limits.nestingDepthMax)
    budget = AllocationBudget(fileBytes: bytes.count)
  }

  func fault(_ what: String) -> InferenceError {
    InferenceError(
      .malformed,
      "the model file is damaged at byte \(offset): \(place.text): \(what); save or copy it again")
  }

  private func need(_ count: Int) throws(InferenceError) {
    guard count >= 0, count <= bytes.count - offset else {
      throw fault("\(count) bytes are announced where \(bytes.count - offset) are left")
    }
  }

  private mutating func byte() throws(InferenceError) -> UInt8 {
    try need(1)
    defer { offset += 1 }
    return bytes[offset]
  }

  /// The next type marker; no-ops are passed over.
  private mutating func marker() throws(InferenceError) -> UInt8 {
    if !place.levels.isEmpty, !place.top.isObject, place.top.type != 0 { return place.top.type }
    var marker = try byte()
    while marker == UInt8(ascii: "N") { marker = try byte() }
    return marker
  }

  private mutating func bigEndian<T: FixedWidthInteger>(_: T.Type) throws(InferenceError) -> T {
    try need(MemoryLayout<T>.size)
    defer { offset += MemoryLayout<T>.size }
    return T(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  private mutating func integer(_ marker: UInt8) throws(InferenceError) -> Int64 {
    switch marker {
    case UInt8(ascii: "i"): return Int64(Int8(bitPattern: try byte()))
    case UInt8(ascii: "U"): return Int64(try byte())
    case UInt8(ascii: "I"): return Int64(try bigEndian(Int16.self))
    case UInt8(ascii: "l"): return Int64(try bigEndian(Int32.self))
    case UInt8(ascii: "L"): return try bigEndian(Int64.self)
    case UInt8(ascii: "T"): return 1
    case UInt8(ascii: "F"): return 0
    default: throw fault("an integer is expected, got \(name(marker))")
    }
  }

  private func name(_ marker: UInt8) -> String {
    marker > 0x20 && marker < 0x7F
      ? "the marker \"\(Character(UnicodeScalar(marker)))\"" : "byte \(marker)"
  }

  /// A length or count.
  private mutating func count() throws(InferenceError) -> Int {
    let marker = try byte()
    guard marker != UInt8(ascii: "T"), marker != UInt8(ascii: "F") else {
      throw fault("a count is expected, got \(name(marker))")
    }
    let value = try integer(marker)
    guard value >= 0, value <= Int64(bytes.count) else {
      throw fault("a count of \(value) in a file of \(bytes.count) bytes")
    }
    return Int(value)
  }

  mutating func kind() throws(InferenceError) -> DocumentValueKind {
    let before = offset
    let marker = try marker()
    offset = before
    switch marker {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "S"), UInt8(ascii: "H"), UInt8(ascii: "C"): return .text
    case UInt8(ascii: "T"), UInt8(ascii: "F"): return .truth
    case UInt8(ascii: "Z"): return .null
    case UInt8(ascii: "i"), UInt8(ascii: "U"), UInt8(ascii: "I"), UInt8(ascii: "l"),
      UInt8(ascii: "L"), UInt8(ascii: "d"), UInt8(ascii: "D"):
      return .number
    default: throw fault("a value is expected, got \(name(marker))")
    }
  }

  private mutating func begin(
    _ opening: UInt8, isObject: Bool, _ what: String
  ) throws(InferenceError) {
    let marker = try marker()
    guard marker == opening else { throw fault("\(what) is expected, got \(name(marker))") }
    var level = DocumentPlace.Level(isObject: isObject)
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "$") {
      guard !isObject else { throw fault("an object with one type for all values") }
      offset += 1
      level.type = try byte()
      // Elements without a byte of their own would make much work of a small file.
      guard !["N", "Z", "T", "F"].contains(UnicodeScalar(level.type)) else {
        throw fault("an array whose elements take no bytes")
      }
      guard offset < bytes.count, bytes[offset] == UInt8(ascii: "#") else {
        throw fault("an array with a type but without a count")
      }
    }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "#") {
      offset += 1
      // Every element takes at least a byte.
      level.left = try count()
      try need(level.left)
    }
    try place.enter(level)
  }

  /// Whether the innermost container is over; leaves it then.
  private mutating func isOver(_ closing: UInt8) throws(InferenceError) -> Bool {
    if place.top.left >= 0 {
      if place.top.left == 0 {
        place.leave()
        return true
      }
      place.top.left -= 1
      return false
    }
    while offset < bytes.count, bytes[offset] == UInt8(ascii: "N") { offset += 1 }
    guard offset < bytes.count else { throw fault("the file ends within a list") }
    guard bytes[offset] == closing else { return false }
    offset += 1
    place.leave()
    return true
  }

  mutating func beginObject() throws(InferenceError) {
    try begin(UInt8(ascii: "{"), isObject: true, "an object")
  }

  mutating func nextKey() throws(InferenceError) -> String? {
    if try isOver(UInt8(ascii: "}")) { return nil }
    place.top.key = ""
    let key = try characters()
    place.top.key = key
    return key
  }

  mutating func beginArray() throws(InferenceError) {
    try begin(UInt8(ascii: "["), isObject: false, "an array")
  }

  mutating func nextElement() throws(InferenceError) -> Bool {
    if try isOver(UInt8(ascii: "]")) { return false }
    place.top.index += 1
    return true
  }

  /// A length and that many bytes.
  private mutating func characters() throws(InferenceError) -> String {
    let length = try count()
    try need(length)
    try budget.charge(length, stride: 1)
    defer { offset += length }
    let text = UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)])
    return String(decoding: text, as: UTF8.self)
  }

  mutating func text() throws(InferenceError) -> String {
    let marker = try marker()
    switch marker {
    case UInt8(ascii: "S"), UInt8(ascii: "H"): return try characters()
    case UInt8(ascii: "C"):
      return String(decoding: [try byte()], as: UTF8.self)
    default: throw fault("a text is expected, got \(name(marker))")
    }
  }

  mutating func integer() throws(InferenceError) -> Int64 { try integer(try marker()) }

  private mutating func float(_ marker: UInt8) throws(InferenceError) -> Float {
    switch marker {
    case UInt8(ascii: "d"): return Float(bitPattern: try bigEndian(UInt32.self))
    case UInt8(ascii: "D"): return Float(Double(bitPattern: try bigEndian(UInt64.self)))
    case UInt8(ascii: "T"), UInt8(ascii: "F"):
      throw fault("a number is expected, got \(name(marker))")
    default: return Float(try integer(marker))
    }
  }

  mutating func float() throws(InferenceError) -> Float { try float(try marker()) }

  mutating func integers(_ list: inout [Int32]) throws(InferenceError) {
    list.removeAll(keepingCapacity: true)
    try beginArray()
    if let count = try bulk(UInt8(ascii: "l"), stride: 4, &list) {
      for i in 0..<count {
        list.append(
          Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 4 * i, as: Int32.self)))
      }
      offset += 4 * count
      return
    }
    if let count = try bulk(UInt8(ascii: "U"), stride: 1, &list) {
      for i in 0..<count { list.append(Int32(bytes[offset + i])) }
      offset += count
      return
    }
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
    if let count = try bulk(UInt8(ascii: "d"), stride: 4, &list) {
      for i in 0..<count {
        let bits = bytes.loadUnaligned(fromByteOffset: offset + 4 * i, as: UInt32.self)
        list.append(Float(bitPattern: UInt32(bigEndian: bits)))
      }
      offset += 4 * count
      return
    }
    while try nextElement() { try append(try float(), to: &list) }
  }

  /// The count of the array just begun when all its elements have the type, with room for them
  /// made; the array is left then.
  private mutating func bulk<T>(
    _ type: UInt8, stride: Int, _ list: inout [T]
  ) throws(InferenceError) -> Int? {
    guard place.top.type == type, place.top.left >= 0 else { return nil }
    let count = place.top.left
    // The count is at most that of the file's bytes.
    try need(count * stride)
    if count > list.capacity {
      try budget.charge(count, stride: MemoryLayout<T>.stride)
      list.reserveCapacity(count)
    }
    place.leave()
    return count
  }

  mutating func skip() throws(InferenceError) {
    let outside = place.levels.count
    repeat {
      if place.levels.count > outside {
        if try skipTyped() { continue }
        let isOver = place.top.isObject ? try nextKey() == nil : try !nextElement()
        if isOver { continue }
      }
      switch try kind() {
      case .object: try beginObject()
      case .array: try beginArray()
      case .text:
        let before = budget
        _ = try text()
        // The text is gone again.
        budget = before
      case .truth: _ = try integer()
      case .null: _ = try marker()
      case .number: _ = try float()
      }
    } while place.levels.count > outside
  }

  /// Passes over the rest of an array whose elements have one fixed size.
  private mutating func skipTyped() throws(InferenceError) -> Bool {
    let sizes: [UInt8: Int] = [
      UInt8(ascii: "i"): 1, UInt8(ascii: "U"): 1, UInt8(ascii: "I"): 2, UInt8(ascii: "l"): 4,
      UInt8(ascii: "L"): 8, UInt8(ascii: "d"): 4, UInt8(ascii: "D"): 8,
    ]
    guard !place.top.isObject, place.top.type != 0, let size = sizes[place.top.type] else {
      return false
    }
    try need(place.top.left * size)
    offset += place.top.left * size
    place.leave()
    return true
  }

  mutating func finish() throws(InferenceError) {
    guard offset == bytes.count else {
      throw fault("\(bytes.count - offset) bytes follow the end of the model")
    }
  }
}
