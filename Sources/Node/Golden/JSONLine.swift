import Core

/// One JSON value (RFC 8259) with numbers as they were written and members in their order.
enum JSONLine: Sendable, Equatable {
  case null
  case truth(Bool)
  /// The digits, unchanged.
  case number(String)
  case text(String)
  case array([JSONLine])
  case object([Member])

  struct Member: Sendable, Equatable {
    let key: String
    let value: JSONLine
  }

  /// What is wrong, and where in the line.
  struct Fault: Error, Equatable {
    let column: Int
    let message: String
  }

  /// How deep values may nest.
  static let depthMax = 32

  /// Reads a line that holds one value and nothing else.
  /// - Throws: ``Fault``; a key given twice is one.
  init(_ bytes: ArraySlice<UInt8>) throws(Fault) {
    var reader = Reader(bytes: bytes)
    self = try reader.value(0)
    reader.skipBlanks()
    guard reader.at == bytes.endIndex else { throw reader.fault("there is text behind the value") }
  }

  /// The value in a few words, for "expected …, got …".
  var shown: String {
    switch self {
    case .null: "null"
    case .truth(let value): value ? "true" : "false"
    case .number(let digits): printable(digits, limit: 40)
    case .text(let text): "\"\(printable(text, limit: 40))\""
    case .array(let list): "an array of \(list.count)"
    case .object(let members): "an object of \(members.count)"
    }
  }

  private struct Reader {
    let bytes: ArraySlice<UInt8>
    var at: Int

    init(bytes: ArraySlice<UInt8>) {
      self.bytes = bytes
      at = bytes.startIndex
    }

    func fault(_ message: String) -> Fault {
      Fault(column: at - bytes.startIndex + 1, message: message)
    }

    mutating func skipBlanks() {
      while at < bytes.endIndex, bytes[at] == 0x20 || bytes[at] == 0x09 || bytes[at] == 0x0D {
        at += 1
      }
    }

    /// Passes over `byte` and blanks before it, if it comes next.
    mutating func take(_ byte: UInt8) -> Bool {
      skipBlanks()
      guard at < bytes.endIndex, bytes[at] == byte else { return false }
      at += 1
      return true
    }

    mutating func value(_ depth: Int) throws(Fault) -> JSONLine {
      guard depth < JSONLine.depthMax else { throw fault("values nest too deeply") }
      skipBlanks()
      guard at < bytes.endIndex else { throw fault("expected a value, got the line's end") }
      switch bytes[at] {
      case UInt8(ascii: "{"): return try object(depth)
      case UInt8(ascii: "["): return try array(depth)
      case UInt8(ascii: "\""): return .text(try string())
      default: return try word()
      }
    }

    private mutating func object(_ depth: Int) throws(Fault) -> JSONLine {
      at += 1
      var members: [Member] = []
      var keys: Set<String> = []
      if take(UInt8(ascii: "}")) { return .object([]) }
      repeat {
        skipBlanks()
        guard at < bytes.endIndex, bytes[at] == UInt8(ascii: "\"") else {
          throw fault("expected a key in quotes")
        }
        let key = try string()
        guard keys.insert(key).inserted else {
          throw fault("the key \"\(printable(key, limit: 60))\" is given twice")
        }
        guard take(UInt8(ascii: ":")) else { throw fault("expected ':' behind the key") }
        members.append(Member(key: key, value: try value(depth + 1)))
      } while take(UInt8(ascii: ","))
      guard take(UInt8(ascii: "}")) else { throw fault("expected ',' or '}'") }
      return .object(members)
    }

    private mutating func array(_ depth: Int) throws(Fault) -> JSONLine {
      at += 1
      var list: [JSONLine] = []
      if take(UInt8(ascii: "]")) { return .array([]) }
      repeat { list.append(try value(depth + 1)) } while take(UInt8(ascii: ","))
      guard take(UInt8(ascii: "]")) else { throw fault("expected ',' or ']'") }
      return .array(list)
    }

    /// A number, `true`, `false` or `null`.
    private mutating func word() throws(Fault) -> JSONLine {
      let start = at
      while at < bytes.endIndex, Reader.isWordByte(bytes[at]) { at += 1 }
      let word = bytes[start..<at]
      switch String(decoding: word, as: UTF8.self) {
      case "null": return .null
      case "true": return .truth(true)
      case "false": return .truth(false)
      case let digits:
        let isNumber = Array(word).withUnsafeBufferPointer { JSONRow.isNumber($0) }
        guard isNumber, digits.utf8.count <= 100 else {
          at = start
          throw fault("expected a value, got \"\(printable(digits, limit: 40))\"")
        }
        return .number(digits)
      }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
      byte &- 0x30 <= 9 || (byte | 0x20) &- 0x61 < 26 || [0x2B, 0x2D, 0x2E].contains(byte)
    }

    private mutating func string() throws(Fault) -> String {
      at += 1
      var text: [UInt8] = []
      while at < bytes.endIndex {
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""):
          guard let valid = String(validating: text, as: UTF8.self) else {
            throw fault("expected UTF-8 text, got other bytes")
          }
          return valid
        case UInt8(ascii: "\\"): try escape(&text)
        case 0x00...0x1F: throw fault("a text holds a control character without escape")
        default: text.append(byte)
        }
      }
      throw fault("the closing quote of a text is missing")
    }

    private mutating func escape(_ text: inout [UInt8]) throws(Fault) {
      guard at < bytes.endIndex else { throw fault("a text ends with a backslash") }
      let byte = bytes[at]
      at += 1
      switch byte {
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
      case UInt8(ascii: "u"): try unicodeEscape(&text)
      default: throw fault("a text has an escape that JSON does not know")
      }
    }

    private mutating func unicodeEscape(_ text: inout [UInt8]) throws(Fault) {
      var code = try hexDigits()
      if (0xD800...0xDBFF).contains(code), bytes[at...].starts(with: Array("\\u".utf8)) {
        at += 2
        let low = try hexDigits()
        guard (0xDC00...0xDFFF).contains(low) else {
          throw fault("a text has half of a surrogate pair")
        }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw fault("a text has half of a surrogate pair")
      }
      text.append(contentsOf: Array(String(Character(scalar)).utf8))
    }

    private mutating func hexDigits() throws(Fault) -> UInt32 {
      guard at + 4 <= bytes.endIndex,
        let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16),
        bytes[at] != UInt8(ascii: "+")
      else { throw fault("a \\u escape needs four hexadecimal digits") }
      at += 4
      return code
    }
  }
}
