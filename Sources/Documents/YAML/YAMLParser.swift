import CYAML
import Core

/// YAML into nodes, by libyaml's event parser.
///
/// The files are written by people and may be hostile: size, depth and number of nodes are bounded,
/// and what configuration does not need is refused with a sentence: anchors and aliases (a few
/// bytes of them expand to gigabytes), tags, several documents, keys that are not texts, keys given
/// twice.
public enum YAMLParser {
  /// How deep lists and mappings may be nested.
  public static let depthLimit = 64
  /// How many values and keys a document may have.
  public static let nodeLimit = 50_000

  /// Parses one document.
  /// - Parameters:
  ///   - bytes: UTF-8, at most 1 MiB.
  ///   - file: the file's name, for messages.
  /// - Returns: the document, nil when it is empty.
  /// - Throws: ``DocumentError`` at the first thing that is wrong.
  public static func parse(_ bytes: [UInt8], file: String) throws(DocumentError) -> DocumentNode? {
    try parse(bytes, file: file, linesBefore: 0)
  }

  /// Parses a part of a file that `linesBefore` lines go before.
  static func parse(
    _ bytes: [UInt8], file: String, linesBefore: Int
  ) throws(DocumentError) -> DocumentNode? {
    let text = Array(try YAMLText.checked(bytes, file: file).utf8)
    let source = YAMLEvents(text, file: file, linesBefore: linesBefore)
    var builder = TreeBuilder(source)
    return try builder.document()
  }
}

/// Builds the tree, one event after the other; its recursion is bounded by
/// ``YAMLParser/depthLimit``.
private struct TreeBuilder {
  private let events: YAMLEvents
  private var nodeCount = 0

  init(_ events: YAMLEvents) { self.events = events }

  mutating func document() throws(DocumentError) -> DocumentNode? {
    var root: DocumentNode?
    var documentCount = 0
    while true {
      let event = try events.next()
      switch event.kind {
      case .streamStart, .documentEnd: continue
      case .streamEnd: return root
      case .documentStart:
        documentCount += 1
        guard documentCount == 1 else {
          throw events.error(event, "a second document begins here: one file holds one document")
        }
        let first = try events.next()
        let node = try self.node(first, at: nil, depth: 0)
        // A file of comments, or an empty one after "---", is an empty scalar.
        root = node.isNull ? nil : node
      default: throw events.error(event, "this does not belong here")
      }
    }
  }

  private mutating func node(
    _ event: YAMLEvents.Event, at path: DocumentPath?, depth: Int
  ) throws(DocumentError) -> DocumentNode {
    nodeCount += 1
    guard nodeCount <= YAMLParser.nodeLimit else {
      throw events.error(event, "the file has more than \(YAMLParser.nodeLimit) values")
    }
    guard depth <= YAMLParser.depthLimit else {
      throw events.error(
        event, "lists and mappings are nested more than \(YAMLParser.depthLimit) deep")
    }
    let content: DocumentNode.Content
    switch event.kind {
    case .scalar(let scalar): content = .scalar(scalar)
    case .sequenceStart: content = .sequence(try sequence(at: path, depth: depth))
    case .mappingStart: content = .mapping(try mapping(at: path, depth: depth))
    default: throw events.error(event, "a value is expected here")
    }
    return DocumentNode(
      content: content, file: events.file, line: event.line, column: event.column, location: path)
  }

  private mutating func sequence(
    at path: DocumentPath?, depth: Int
  ) throws(DocumentError) -> [DocumentNode] {
    var items: [DocumentNode] = []
    while true {
      let event = try events.next()
      if case .sequenceEnd = event.kind { return items }
      let place = DocumentPath(path, .index(items.count))
      items.append(try node(event, at: place, depth: depth + 1))
    }
  }

  private mutating func mapping(
    at path: DocumentPath?, depth: Int
  ) throws(DocumentError) -> [DocumentNode.Entry] {
    var entries: [DocumentNode.Entry] = []
    var lineOfKey: [String: Int] = [:]
    while true {
      let event = try events.next()
      if case .mappingEnd = event.kind { return entries }
      guard case .scalar(let scalar) = event.kind else {
        throw events.error(event, "a key must be a text, not a list or a mapping")
      }
      nodeCount += 1
      let key = scalar.text
      guard scalar.isPlain ? key != "<<" : true else {
        throw events.error(event, "merge keys (<<) are not supported: write the keys out")
      }
      if let line = lineOfKey.updateValue(event.line, forKey: key) {
        throw events.error(
          event, "the key \"\(printable(key, limit: 60))\" is given twice, first on line \(line)")
      }
      let place = DocumentPath(path, .key(key))
      let value = try node(try events.next(), at: place, depth: depth + 1)
      entries.append(
        DocumentNode.Entry(key: key, line: event.line, column: event.column, value: value))
    }
  }
}
