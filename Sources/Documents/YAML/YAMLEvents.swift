import CYAML
import Core

/// libyaml's parser as a series of Swift events; refuses what no document of ours may have.
final class YAMLEvents {
  /// One event with its place.
  struct Event {
    /// What it is.
    enum Kind {
      case streamStart, streamEnd, documentStart, documentEnd
      case sequenceStart, sequenceEnd, mappingStart, mappingEnd
      case scalar(DocumentNode.Scalar)
    }

    let kind: Kind
    /// From 1.
    let line: Int
    /// In characters, from 1.
    let column: Int
  }

  /// The file's name, for messages.
  let file: String
  private let linesBefore: Int
  // libyaml keeps the address of its input and of itself, so both live on the heap.
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let input: UnsafeMutableBufferPointer<UInt8>
  private let isReady: Bool
  private var hasEnded = false

  /// Begins to parse bytes that are valid UTF-8.
  init(_ bytes: [UInt8], file: String, linesBefore: Int) {
    self.file = file
    self.linesBefore = linesBefore
    input = .allocate(capacity: bytes.count)
    _ = input.initialize(from: bytes)
    parser = .allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    isReady = yaml_parser_initialize(parser) == 1
    if isReady {
      yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
      yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }
  }

  deinit {
    if isReady { yaml_parser_delete(parser) }
    parser.deallocate()
    input.deallocate()
  }

  /// The next event; after the end of the stream, the end again.
  func next() throws(DocumentError) -> Event {
    guard isReady else {
      throw DocumentError(
        file: file, line: 1, column: 1, problem: "there is no memory to read the file")
    }
    if hasEnded { return Event(kind: .streamEnd, line: 1, column: 1) }
    var raw = yaml_event_t()
    guard yaml_parser_parse(parser, &raw) == 1 else { throw syntaxError() }
    defer { yaml_event_delete(&raw) }
    let line = Int(raw.start_mark.line) + 1 + linesBefore
    let column = Int(raw.start_mark.column) + 1
    func event(_ kind: Event.Kind) -> Event { Event(kind: kind, line: line, column: column) }
    func refused(_ problem: String) -> DocumentError {
      DocumentError(file: file, line: line, column: column, problem: problem)
    }
    let data = raw.data
    switch raw.type {
    case YAML_STREAM_START_EVENT: return event(.streamStart)
    case YAML_STREAM_END_EVENT:
      hasEnded = true
      return event(.streamEnd)
    case YAML_DOCUMENT_START_EVENT: return event(.documentStart)
    case YAML_DOCUMENT_END_EVENT: return event(.documentEnd)
    case YAML_SEQUENCE_START_EVENT:
      if let problem = plainness(data.sequence_start.anchor, data.sequence_start.tag) {
        throw refused(problem)
      }
      return event(.sequenceStart)
    case YAML_SEQUENCE_END_EVENT: return event(.sequenceEnd)
    case YAML_MAPPING_START_EVENT:
      if let problem = plainness(data.mapping_start.anchor, data.mapping_start.tag) {
        throw refused(problem)
      }
      return event(.mappingStart)
    case YAML_MAPPING_END_EVENT: return event(.mappingEnd)
    case YAML_SCALAR_EVENT:
      if let problem = plainness(data.scalar.anchor, data.scalar.tag) { throw refused(problem) }
      let bytes = UnsafeBufferPointer(start: data.scalar.value, count: Int(data.scalar.length))
      return event(
        .scalar(
          DocumentNode.Scalar(
            text: String(decoding: bytes, as: UTF8.self),
            isPlain: data.scalar.style == YAML_PLAIN_SCALAR_STYLE)))
    default: throw refused("aliases (*name) are not supported: write the value out")
    }
  }

  /// An error at an event.
  func error(_ event: Event, _ problem: String) -> DocumentError {
    DocumentError(file: file, line: event.line, column: event.column, problem: problem)
  }

  /// Why a value with such an anchor or tag is refused, nil when it has neither.
  private func plainness(
    _ anchor: UnsafeMutablePointer<yaml_char_t>?, _ tag: UnsafeMutablePointer<yaml_char_t>?
  ) -> String? {
    if anchor != nil { return "anchors (&name) are not supported: write the value out" }
    return tag == nil ? nil : "tags (!name) are not supported: remove it"
  }

  /// libyaml's complaint in our form.
  private func syntaxError() -> DocumentError {
    hasEnded = true
    let mark = parser.pointee.problem_mark
    let words = parser.pointee.problem.map { String(cString: $0) } ?? "the file cannot be read"
    let context = parser.pointee.context.map { " " + String(cString: $0) } ?? ""
    return DocumentError(
      file: file, line: Int(mark.line) + 1 + linesBefore, column: Int(mark.column) + 1,
      problem: "malformed YAML: \(printable(words + context))")
  }
}
