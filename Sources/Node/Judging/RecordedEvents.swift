import Control
import Core
import FoundationEssentials
import Glibc

/// A file of recorded evidence, an event a line as JSON:
/// `{"arm":"candidate","weight_bp":500,"metric":"errors","bad":true,"key":"k1"}`.
public enum RecordedEvents {
  /// Judges a file; `-` is standard input.
  ///
  /// Memory grows with the keys that are told apart only.
  /// - Throws: a ``Failure`` that names the line: no object, a missing or wrong member.
  public static func judge(
    path: String, settings: RecordedJudge.Settings
  ) throws -> RecordedJudge.Report {
    let source = try ByteSource(path: path)
    var judge: RecordedJudge
    do {
      judge = try RecordedJudge(settings)
    } catch {
      throw NodeError(.badInput, error.message)
    }
    let decoder = JSONDecoder()
    var line = 0
    while let bytes = try nextLine(source) {
      line += 1
      if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      do {
        try judge.take(try decoder.decode(RecordedEvent.self, from: bytes), line: line)
      } catch let error as DecodingError {
        throw NodeError(.badInput, "\(source.name):\(line): \(explain(error))")
      } catch let error as InvalidValue {
        throw NodeError(.badInput, "\(source.name):\(line): \(error.message)")
      }
    }
    return judge.report()
  }

  private static func nextLine(_ source: ByteSource) throws(NodeError) -> Data? {
    while true {
      let pending = source.pending
      if let base = pending.baseAddress, pending.count > 0 {
        if let end = memchr(base, 0x0A, pending.count) {
          let count = UnsafeRawPointer(end) - UnsafeRawPointer(base)
          let line = Data(UnsafeBufferPointer(rebasing: pending[..<count]))
          source.consume(count + 1)
          return line
        }
        if source.isAtEnd {
          let line = Data(pending)
          source.consume(pending.count)
          return line
        }
      } else if source.isAtEnd {
        return nil
      }
      guard try source.fill() else {
        throw NodeError(
          .badInput, "\(source.name) has a line of over \(ByteSource.pendingMax) bytes")
      }
    }
  }

  private static func explain(_ error: DecodingError) -> String {
    let expected =
      "expected an object like {\"arm\":\"candidate\",\"weight_bp\":500,\"metric\":\"errors\","
      + "\"bad\":true}"
    switch error {
    case .keyNotFound(let key, _): return "\(key.stringValue) is missing; \(expected)"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      let field = context.codingPath.last?.stringValue ?? "the line"
      return "\(printable(field, limit: 60)) has the wrong type; \(expected)"
    case .dataCorrupted(let context):
      let field = context.codingPath.last.map { "\(printable($0.stringValue, limit: 60)): " } ?? ""
      return field.isEmpty
        ? "no JSON; \(expected)" : "\(field)expected \"candidate\" or \"stable\"; \(expected)"
    @unknown default: return expected
    }
  }
}
