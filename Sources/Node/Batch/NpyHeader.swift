/// The header of a numpy array file (`.npy`, versions 1 to 3 of NEP 1).
///
/// Its text is a Python dictionary; only the literals that numpy writes are read: strings,
/// whole numbers, `True`, `False`, tuples and lists, nested to a small depth.
struct NpyHeader: Sendable, Equatable {
  /// One field of an element: the whole of it for plain arrays.
  struct Field: Sendable, Equatable {
    /// Empty for plain arrays.
    let name: String
    /// As numpy writes types: `<f4`, `<U12`.
    let type: String
    /// The sizes of a field that is itself an array.
    let shape: [Int]
  }

  /// The fields of one element, in their order.
  let fields: [Field]
  /// Whether the elements are records with named fields.
  let isStructured: Bool
  /// Whether columns lie one after another.
  let isFortran: Bool
  /// The sizes of the dimensions.
  let shape: [Int]

  /// The longest header that is read, bytes.
  static let bytesMax = 64 * 1_024

  /// What was wrong with a header.
  struct Fault: Error {
    let message: String
  }

  /// Reads the dictionary.
  init(_ text: UnsafeBufferPointer<UInt8>) throws(Fault) {
    var parser = PythonLiteral(text)
    guard case .dictionary(let entries) = try parser.readAll() else {
      throw Fault(message: "expected a dictionary")
    }
    func value(_ key: String) throws(Fault) -> PythonLiteral.Value {
      guard let value = entries.first(where: { $0.key == key })?.value else {
        throw Fault(message: "\"\(key)\" is missing")
      }
      return value
    }
    guard case .truth(let isFortran) = try value("fortran_order") else {
      throw Fault(message: "\"fortran_order\" is not True or False")
    }
    self.isFortran = isFortran
    shape = try NpyHeader.sizes(try value("shape"))
    switch try value("descr") {
    case .text(let type):
      isStructured = false
      fields = [Field(name: "", type: type, shape: [])]
    case .sequence(let items):
      isStructured = true
      var fields: [Field] = []
      for item in items { fields.append(try NpyHeader.field(item)) }
      self.fields = fields
    default: throw Fault(message: "\"descr\" is no type")
    }
  }

  private static func field(_ item: PythonLiteral.Value) throws(Fault) -> Field {
    guard case .sequence(let parts) = item, (2...3).contains(parts.count),
      case .text(let name) = parts[0], case .text(let type) = parts[1]
    else { throw Fault(message: "a field is not a name and a type") }
    return Field(
      name: name, type: type, shape: parts.count == 3 ? try sizes(parts[2]) : [])
  }

  private static func sizes(_ value: PythonLiteral.Value) throws(Fault) -> [Int] {
    let items: [PythonLiteral.Value] = if case .sequence(let list) = value { list } else { [value] }
    var sizes: [Int] = []
    for item in items {
      guard case .number(let size) = item, size >= 0 else {
        throw Fault(message: "a shape is not made of whole numbers")
      }
      sizes.append(size)
    }
    return sizes
  }
}

/// Reads the few Python literals of an array's header.
private struct PythonLiteral {
  indirect enum Value {
    case text(String)
    case number(Int)
    case truth(Bool)
    case sequence([Value])
    case dictionary([(key: String, value: Value)])
  }

  private let bytes: UnsafeBufferPointer<UInt8>
  private var at = 0
  private static let depthMax = 6

  typealias Fault = NpyHeader.Fault

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// The value that takes all bytes but blanks around it.
  mutating func readAll() throws(Fault) -> Value {
    let value = try read(0)
    skipBlanks()
    guard at == bytes.count else { throw Fault(message: "there is text behind it") }
    return value
  }

  private mutating func read(_ depth: Int) throws(Fault) -> Value {
    guard depth < PythonLiteral.depthMax else { throw Fault(message: "it nests too deeply") }
    skipBlanks()
    guard at < bytes.count else { throw Fault(message: "it is cut short") }
    switch bytes[at] {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return .text(try text())
    case UInt8(ascii: "("): return .sequence(try items(UInt8(ascii: ")"), depth))
    case UInt8(ascii: "["): return .sequence(try items(UInt8(ascii: "]"), depth))
    case UInt8(ascii: "{"): return .dictionary(try entries(depth))
    case UInt8(ascii: "T"): return try word("True", .truth(true))
    case UInt8(ascii: "F"): return try word("False", .truth(false))
    default: return .number(try number())
    }
  }

  private mutating func items(_ close: UInt8, _ depth: Int) throws(Fault) -> [Value] {
    at += 1
    var items: [Value] = []
    while !take(close) {
      items.append(try read(depth + 1))
      guard take(UInt8(ascii: ",")) || isNext(close) else { throw Fault(message: "',' is missing") }
    }
    return items
  }

  private mutating func entries(_ depth: Int) throws(Fault) -> [(key: String, value: Value)] {
    at += 1
    var entries: [(key: String, value: Value)] = []
    while !take(UInt8(ascii: "}")) {
      guard case .text(let key) = try read(depth + 1), take(UInt8(ascii: ":")) else {
        throw Fault(message: "a key is not a text")
      }
      guard !entries.contains(where: { $0.key == key }) else {
        throw Fault(message: "a key is there twice")
      }
      entries.append((key, try read(depth + 1)))
      guard take(UInt8(ascii: ",")) || isNext(UInt8(ascii: "}")) else {
        throw Fault(message: "',' is missing")
      }
    }
    return entries
  }

  private mutating func text() throws(Fault) -> String {
    let quote = bytes[at]
    at += 1
    var found: [UInt8] = []
    while at < bytes.count, bytes[at] != quote {
      if bytes[at] == UInt8(ascii: "\\") { at += 1 }
      if at < bytes.count { found.append(bytes[at]) }
      at += 1
    }
    guard at < bytes.count else { throw Fault(message: "it is cut short") }
    at += 1
    return String(decoding: found, as: UTF8.self)
  }

  private mutating func number() throws(Fault) -> Int {
    let first = at
    while at < bytes.count, bytes[at] &- 0x30 <= 9 { at += 1 }
    let digits = String(decoding: bytes[first..<at], as: UTF8.self)
    // Old versions of Python 2 wrote long whole numbers with an L.
    if at < bytes.count, at > first, bytes[at] == UInt8(ascii: "L") { at += 1 }
    guard let number = Int(digits) else { throw Fault(message: "a whole number was expected") }
    return number
  }

  private mutating func word(_ word: String, _ value: Value) throws(Fault) -> Value {
    let end = at + word.utf8.count
    guard end <= bytes.count, bytes[at..<end].elementsEqual(word.utf8) else {
      throw Fault(message: "True or False was expected")
    }
    at = end
    return value
  }

  private mutating func skipBlanks() {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x09 { at += 1 }
  }

  private mutating func isNext(_ byte: UInt8) -> Bool {
    skipBlanks()
    return at < bytes.count && bytes[at] == byte
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard isNext(byte) else { return false }
    at += 1
    return true
  }
}
