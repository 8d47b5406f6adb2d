import Core

/// A Markdown text with YAML between two lines of `---` in front, as a model card has.
public struct FrontMatter: Sendable {
  /// The YAML part, nil when the text has none or an empty one.
  public let node: DocumentNode?
  /// The Markdown after it.
  public let body: String

  /// Splits a text.
  ///
  /// Lines and columns in errors are those of the whole file.
  /// - Parameter file: the file's name, for messages.
  /// - Throws: ``DocumentError`` when the first part is not closed or is no good YAML, or the text
  ///   is not UTF-8 or too long.
  public static func split(_ bytes: [UInt8], file: String) throws(DocumentError) -> FrontMatter {
    let text = try YAMLText.checked(bytes, file: file)
    let utf8 = Array(text.utf8)
    guard let begin = endOfLine(utf8, at: 0), isMark(utf8[..<begin]) else {
      return FrontMatter(node: nil, body: text)
    }
    var lineStart = begin
    while lineStart < utf8.count {
      let next = endOfLine(utf8, at: lineStart) ?? utf8.count
      if isMark(utf8[lineStart..<next]) {
        let yaml = Array(utf8[begin..<lineStart])
        let node = try YAMLParser.parse(yaml, file: file, linesBefore: 1)
        return FrontMatter(node: node, body: String(decoding: utf8[next...], as: UTF8.self))
      }
      lineStart = next
    }
    throw DocumentError(
      file: file, line: 1, column: 1,
      problem: "the front matter that begins here is not closed: end it with a line of ---")
  }

  /// Where the line that begins at `start` ends, its line feed included; nil without a line feed.
  private static func endOfLine(_ bytes: [UInt8], at start: Int) -> Int? {
    bytes[start...].firstIndex(of: 0x0A).map { $0 + 1 }
  }

  /// Whether a line is three hyphens and white space.
  private static func isMark(_ line: ArraySlice<UInt8>) -> Bool {
    line.starts(with: [0x2D, 0x2D, 0x2D])
      && line.dropFirst(3).allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
  }
}
