import Core
import Control
import Serving
import Storage

/// Tells which of a plan's rules and segments a row is about, once for each row, when it is read.
///
/// The same comparisons as a node's: routing's for rules, the tap's for segments.
final class RehearsalMarker {
  /// One rule, taken apart into what rows, keys and attributes say.
  private struct Part {
    /// The conditions on columns; nil when there are none.
    let row: RequestMatcher?
    /// What is recorded of the keys of each condition on the key.
    let keys: [Set<UInt64>]
    /// Whether it asks for attributes, which are not recorded.
    let asksHeaders: Bool
  }

  private let parts: [Part]
  private let segments: SegmentReader?
  private let row: UnsafeMutableRawPointer

  /// A plan's rules, each once: those of its steps, and those of the segments that may be closed.
  ///
  /// Rule `i` is bit `i` of ``RehearsalRows/Facts/rules``; a plan has at most 40.
  static func rules(of plan: Plan) -> [RequestRule] {
    var rules: [RequestRule] = []
    let closed = (plan.segments?.values ?? []).map { value in
      RequestRule([.input(plan.segments?.by ?? "", anyOf: [value])])
    }
    for rule in plan.steps.compactMap(\.rule) + closed where !rules.contains(rule) {
      rules.append(rule)
    }
    return rules
  }

  /// - Parameter pseudonym: what is recorded of a key; nil where keys are not known.
  init(_ plan: Plan, schema: RowSchema, pseudonym: ((String) -> UInt64)?) {
    parts = RehearsalMarker.rules(of: plan).map { rule in
      var columns: [RequestCondition] = []
      var keys: [Set<UInt64>] = []
      var asksHeaders = false
      for condition in rule.conditions {
        switch condition {
        case .input: columns.append(condition)
        case .header: asksHeaders = true
        case .key(let texts): keys.append(Set(pseudonym.map { texts.map($0) } ?? []))
        }
      }
      return Part(
        row: columns.isEmpty ? nil : RequestMatcher(RequestRule(columns), schema: schema),
        keys: keys, asksHeaders: asksHeaders)
    }
    segments = plan.segments.flatMap {
      SegmentReader($0.by, values: $0.values, schema.layout)
    }
    row = .allocate(byteCount: max(8, schema.layout.strideBytes), alignment: 8)
    row.initializeMemory(as: UInt8.self, repeating: 0, count: max(8, schema.layout.strideBytes))
  }

  deinit { row.deallocate() }

  /// Marks the row that is in the buffer.
  func mark(_ buffer: RowBuffer, _ fact: inout RehearsalRows.Facts) {
    fact.rules = 0
    for (place, part) in parts.enumerated() where isAbout(part, buffer, fact) {
      fact.rules |= 1 << UInt64(place)
    }
    guard let segments else { return }
    buffer.copy(to: row)
    fact.segment = segments.place(of: row).map { Int8($0) } ?? RehearsalRows.noSegment
  }

  private func isAbout(
    _ part: Part, _ buffer: RowBuffer, _ fact: RehearsalRows.Facts
  ) -> Bool {
    if part.asksHeaders { return false }
    for keys in part.keys where !fact.isKeyed || !keys.contains(fact.key) { return false }
    return part.row?.matches(buffer) ?? true
  }
}

extension RehearsalMarker {
  /// A marker for a recording, whose keys are kept as pseudonyms.
  /// - Throws: a ``Failure`` when the plan asks for keys and the recordings' secret cannot be read.
  convenience init(
    _ plan: Plan, schema: RowSchema, recordingIn directory: StateDirectory
  ) throws {
    let asksKeys = RehearsalMarker.rules(of: plan).contains { rule in
      rule.conditions.contains { if case .key = $0 { true } else { false } }
    }
    guard asksKeys else {
      self.init(plan, schema: schema, pseudonym: nil)
      return
    }
    let secret = try RecordingSecret(of: directory)
    self.init(plan, schema: schema) { text in
      let bytes = Array(text.utf8)
      return bytes.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return 0 }
        return secret.pseudonym(of: KeyHash.identity(base, count: buffer.count))
      }
    }
  }
}
