import Core

/// Reads one JSON object (RFC 8259) straight into a row of a batch, without building a tree.
///
/// Unknown keys are skipped whatever they hold, to a limited depth; a key given twice, anything
/// behind the object and malformed text are refused.
struct JSONRow {
  /// How deep ignored values may nest.
  static let depthMax = 64

  /// Keys of the last row that the model does not take.
  private(set) var ignored: [String] = []

  private let layout: RowLayout
  /// Which elements of which input the current row has set: one slot for each column name.
  private var seen: [Bool]
  private let offsets: [Int]
  private var bytes = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  private var at = 0
  /// A text whose escapes were resolved.
  private var text: [UInt8] = []
  /// The text that was read last: a part of `bytes`, or nil when it is in `text`.
  private var plain: UnsafeBufferPointer<UInt8>?
  /// Keys in the order of the last rows, as they stand there, with what they mean; rows mostly
  /// have the same ones.
  private var known: [(key: [UInt8], target: RowLayout.Target?)] = []
  private var next = 0
  private static let knownMax = 4_096

  typealias Fault = CellReader.Fault

  init(_ layout: RowLayout) {
    self.layout = layout
    var offsets: [Int] = []
    var total = 0
    for input in layout.inputs {
      offsets.append(total)
      total += input.width
    }
    self.offsets = offsets
    seen = [Bool](repeating: false, count: total)
  }

  /// Reads the object in `line` into the batch's current row.
  mutating func read(
    _ line: UnsafeBufferPointer<UInt8>, into batch: RowBatch
  ) throws(Fault) {
    bytes = line
    at = 0
    next = 0
    ignored.removeAll(keepingCapacity: true)
    for index in seen.indices { seen[index] = false }
    try expect(UInt8(ascii: "{"), "an object like {\"name\":1}")
    if !take(UInt8(ascii: "}")) {
      repeat { try member(batch) } while take(UInt8(ascii: ","))
      try expect(UInt8(ascii: "}"), "',' or '}'")
    }
    skipBlanks()
    guard at == bytes.count else { throw Fault(message: "there is text behind the object") }
    guard let gap = seen.firstIndex(of: false) else { return }
    let input = offsets.lastIndex { $0 <= gap } ?? 0
    let name = layout.inputs[input].name
    let wide = layout.inputs[input].width > 1
    let label = wide ? "\(name)[\(gap - offsets[input])]" : name
    throw Fault(
      message: "the key \"\(printable(label, limit: 60))\" is missing (null is a missing value)")
  }

  private mutating func member(_ batch: RowBatch) throws(Fault) {
    skipBlanks()
    try string("a key in quotes")
    let target = target()
    try expect(UInt8(ascii: ":"), "':' behind the key")
    skipBlanks()
    guard let target else { return try skipValue(0) }
    do throws(Fault) {
      if let element = target.element {
        try value(batch, target.input, element)
      } else {
        try array(batch, target.input)
      }
    } catch {
      let name = layout.inputs[target.input].name
      let label = target.element.map {
        layout.inputs[target.input].width > 1 ? "\(name)[\($0)]" : name
      }
      throw Fault(message: "key \"\(printable(label ?? name, limit: 60))\": \(error.message)")
    }
  }

  /// What the key that was read means; nil, and noted, when the model does not take it.
  private mutating func target() -> RowLayout.Target? {
    defer { next += 1 }
    if next < known.count, let plain, isSame(plain, known[next].key) {
      if known[next].target == nil { note(ignored: plain) }
      return known[next].target
    }
    let bytes = plain.map { Array($0) } ?? text
    let target = layout.targets[String(decoding: bytes, as: UTF8.self)]
    if target == nil { bytes.withUnsafeBufferPointer { note(ignored: $0) } }
    if next < JSONRow.knownMax {
      known.removeLast(max(0, known.count - next))
      known.append((bytes, target))
    }
    return target
  }

  private func isSame(_ a: UnsafeBufferPointer<UInt8>, _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    for index in 0..<b.count where a[index] != b[index] { return false }
    return true
  }

  private mutating func note(ignored key: UnsafeBufferPointer<UInt8>) {
    guard ignored.count < 20 else { return }
    ignored.append(printable(String(decoding: key, as: UTF8.self), limit: 60))
  }

  /// An array with exactly as many values as the input is wide; arrays in it are read through.
  private mutating func array(_ batch: RowBatch, _ input: Int) throws(Fault) {
    let width = layout.inputs[input].width
    var count = 0
    var depth = 0
    repeat {
      skipBlanks()
      while take(UInt8(ascii: "[")) {
        depth += 1
        guard depth <= JSONRow.depthMax else { throw Fault(message: "arrays nest too deeply") }
        skipBlanks()
      }
      guard depth > 0 else { throw Fault(message: "expected an array of \(width) values") }
      guard count < width else { throw Fault(message: "expected \(width) values, got more") }
      try value(batch, input, count)
      count += 1
      while depth > 0, take(UInt8(ascii: "]")) { depth -= 1 }
    } while depth > 0 && take(UInt8(ascii: ","))
    guard depth == 0 else { throw Fault(message: "expected ',' or ']' in the array") }
    guard count == width else {
      throw Fault(message: "expected \(width) values, got \(count)")
    }
  }

  /// One value of an input.
  private mutating func value(
    _ batch: RowBatch, _ input: Int, _ element: Int
  ) throws(Fault) {
    let slot = offsets[input] + element
    guard !seen[slot] else { throw Fault(message: "it is given twice") }
    seen[slot] = true
    skipBlanks()
    let isText = layout.inputs[input].type == .text
    let wanted = isText ? "a text in quotes" : "a number"
    guard at < bytes.count else { throw Fault(message: "expected \(wanted), got the line's end") }
    if bytes[at] == UInt8(ascii: "\"") {
      try string(wanted)
      guard isText else {
        let shown = String(decoding: plain.map { Array($0) } ?? text, as: UTF8.self)
        throw Fault(
          message: "expected \(wanted), got the text \"\(printable(shown, limit: 40))\"")
      }
      // Its form was checked when it was read.
      if let plain { return batch.set(text: plain, input, element) }
      text.withUnsafeBufferPointer { batch.set(text: $0, input, element, isTemporary: true) }
      return
    }
    let word = try bareWord(wanted)
    if word.elementsEqual("null".utf8) {
      return try CellReader.storeMissing(in: batch, input, element)
    }
    if layout.inputs[input].isBeside {
      return batch.set(text: word, input, element, isTemporary: true)
    }
    guard !isText else { throw CellReader.expected(wanted, word) }
    let isTruth = word.elementsEqual("true".utf8) || word.elementsEqual("false".utf8)
    guard isTruth ? layout.inputs[input].type == .bool : JSONRow.isNumber(word) else {
      throw CellReader.expected(layout.inputs[input].type == .bool ? "true or false" : wanted, word)
    }
    try CellReader.store(word, in: batch, input, element)
  }

  // MARK: Tokens

  /// A number, `true`, `false` or `null`.
  private mutating func bareWord(_ wanted: String) throws(Fault) -> UnsafeBufferPointer<UInt8> {
    let start = at
    while at < bytes.count, JSONRow.isBareByte(bytes[at]) { at += 1 }
    guard at > start else {
      throw CellReader.expected(wanted, UnsafeBufferPointer(rebasing: bytes[at...]))
    }
    return UnsafeBufferPointer(rebasing: bytes[start..<at])
  }

  private static func isBareByte(_ byte: UInt8) -> Bool {
    byte &- 0x30 <= 9 || (byte | 0x20) &- 0x61 < 26 || byte == 0x2B || byte == 0x2D || byte == 0x2E
  }

  /// Whether a word has JSON's form of a number: no leading zeros, no `+`, digits round the point.
  static func isNumber(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
    var at = word.first == 0x2D ? 1 : 0
    func digits() -> Int {
      let start = at
      while at < word.count, word[at] &- 0x30 <= 9 { at += 1 }
      return at - start
    }
    let leadsWithZero = at < word.count && word[at] == 0x30
    let whole = digits()
    guard whole == 1 || (whole > 1 && !leadsWithZero) else { return false }
    if at < word.count, word[at] == 0x2E {
      at += 1
      guard digits() > 0 else { return false }
    }
    if at < word.count, word[at] | 0x20 == 0x65 {
      at += 1
      if at < word.count, word[at] == 0x2B || word[at] == 0x2D { at += 1 }
      guard digits() > 0 else { return false }
    }
    return at == word.count
  }

  /// Reads a string: `plain` where it has no escapes, else `text` with them resolved.
  private mutating func string(_ wanted: String) throws(Fault) {
    guard take(UInt8(ascii: "\"")) else {
      throw CellReader.expected(
        wanted, UnsafeBufferPointer(rebasing: bytes[min(at, bytes.count)...]))
    }
    let start = at
    while at < bytes.count, bytes[at] != 0x22, bytes[at] != 0x5C, bytes[at] >= 0x20 { at += 1 }
    let run = UnsafeBufferPointer(rebasing: bytes[start..<at])
    if at < bytes.count, bytes[at] == 0x22 {
      at += 1
      guard CellReader.isUTF8(run) else {
        throw Fault(message: "expected UTF-8 text, got other bytes")
      }
      plain = run
      return
    }
    plain = nil
    text.removeAll(keepingCapacity: true)
    text.append(contentsOf: run)
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      switch byte {
      case UInt8(ascii: "\""):
        let valid = text.withUnsafeBufferPointer { CellReader.isUTF8($0) }
        guard valid else { throw Fault(message: "expected UTF-8 text, got other bytes") }
        return
      case UInt8(ascii: "\\"): try escape()
      case 0x00...0x1F: throw Fault(message: "a text holds a control character without escape")
      default: text.append(byte)
      }
    }
    throw Fault(message: "the closing quote of a text is missing")
  }

  private mutating func escape() throws(Fault) {
    guard at < bytes.count else { throw Fault(message: "a text ends with a backslash") }
    let byte = bytes[at]
    at += 1
    switch byte {
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "u"): try unicodeEscape()
    default: throw Fault(message: "a text has an escape that JSON does not know")
    }
  }

  private mutating func unicodeEscape() throws(Fault) {
    var code = try hexDigits()
    if (0xD800...0xDBFF).contains(code) {
      guard at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
        bytes[at + 1] == UInt8(ascii: "u")
      else { throw Fault(message: "a text has half of a surrogate pair") }
      at += 2
      let low = try hexDigits()
      guard (0xDC00...0xDFFF).contains(low) else {
        throw Fault(message: "a text has half of a surrogate pair")
      }
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else {
      throw Fault(message: "a text has half of a surrogate pair")
    }
    text.append(contentsOf: Array(String(Character(scalar)).utf8))
  }

  private mutating func hexDigits() throws(Fault) -> UInt32 {
    guard at + 4 <= bytes.count else { throw Fault(message: "a \\u escape has too few digits") }
    var code: UInt32 = 0
    for _ in 0..<4 {
      let byte = bytes[at]
      let lower = byte | 0x20
      guard byte &- 0x30 <= 9 || (0x61...0x66).contains(lower) else {
        throw Fault(message: "a \\u escape needs four hexadecimal digits")
      }
      code = code << 4 | UInt32(byte &- 0x30 <= 9 ? byte - 0x30 : lower - 0x61 + 10)
      at += 1
    }
    return code
  }

  /// Passes over any value.
  private mutating func skipValue(_ depth: Int) throws(Fault) {
    guard depth < JSONRow.depthMax else {
      throw Fault(message: "an ignored value nests too deeply")
    }
    skipBlanks()
    guard at < bytes.count else { throw Fault(message: "the line ends before the object does") }
    switch bytes[at] {
    case UInt8(ascii: "\""): try string("a text")
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      let isObject = bytes[at] == UInt8(ascii: "{")
      let close = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
      at += 1
      if take(close) { return }
      repeat {
        if isObject {
          skipBlanks()
          try string("a key in quotes")
          try expect(UInt8(ascii: ":"), "':' behind the key")
        }
        try skipValue(depth + 1)
      } while take(UInt8(ascii: ","))
      try expect(close, "the end of an array or object")
    default:
      let word = try bareWord("a value")
      let isLiteral = ["true", "false", "null"].contains { word.elementsEqual($0.utf8) }
      guard isLiteral || JSONRow.isNumber(word) else { throw CellReader.expected("a value", word) }
    }
  }

  private mutating func skipBlanks() {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 || bytes[at] == 0x0D { at += 1 }
  }

  /// Passes over `byte` and blanks before it, if it comes next.
  private mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard at < bytes.count, bytes[at] == byte else { return false }
    at += 1
    return true
  }

  private mutating func expect(_ byte: UInt8, _ what: String) throws(Fault) {
    guard take(byte) else {
      guard at < bytes.count else {
        throw Fault(message: "expected \(what), got the line's end")
      }
      throw CellReader.expected(what, UnsafeBufferPointer(rebasing: bytes[at...]))
    }
  }
}
