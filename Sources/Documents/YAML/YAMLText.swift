import Core

/// The bytes of a user's file, checked before any parser sees them.
enum YAMLText {
  /// The most bytes of a document.
  static let limitBytes = 1 << 20

  /// The text without a byte-order mark.
  /// - Throws: ``DocumentError`` at the first byte that is not UTF-8 or is a control character
  ///   other than tab and line end (YAML 1.2, 5.1), or when there are too many.
  static func checked(_ bytes: [UInt8], file: String) throws(DocumentError) -> String {
    guard bytes.count <= limitBytes else {
      throw DocumentError(
        file: file, line: 1, column: 1,
        problem: "the file has \(bytes.count) bytes, at most \(limitBytes) are accepted")
    }
    let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
    let content = hasMark ? bytes[3...] : bytes[...]
    if let bad = content.firstIndex(where: {
      ($0 < 0x20 && ![9, 10, 13].contains($0)) || $0 == 0x7F
    }) {
      throw error(
        "a control character (byte \(bytes[bad])) is not allowed here: remove it", bytes, bad, file)
    }
    guard let text = String(validating: content, as: UTF8.self) else {
      throw error(
        "the file is not UTF-8 from here on: save it as UTF-8", bytes, firstInvalid(content), file)
    }
    return text
  }

  /// Where the valid UTF-8 ends, by halving: a prefix that ends inside of a character is told from
  /// a bad one by its last three bytes.
  private static func firstInvalid(_ bytes: ArraySlice<UInt8>) -> Int {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = bytes.startIndex
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): offset += UTF8.width(scalar)
      case .emptyInput, .error: return min(offset, bytes.endIndex - 1)
      }
    }
  }

  private static func error(
    _ problem: String, _ bytes: [UInt8], _ offset: Int, _ file: String
  ) -> DocumentError {
    let before = bytes[..<offset]
    let line = before.count(where: { $0 == 0x0A }) + 1
    let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    let column = String(decoding: bytes[lineStart..<offset], as: UTF8.self).unicodeScalars.count + 1
    return DocumentError(file: file, line: line, column: column, problem: problem)
  }
}
