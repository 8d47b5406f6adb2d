import Core
import Glibc
import Telemetry

/// What a rule can look at in one request; everything lives until the answer is given.
struct RuleSubject {
  /// The row buffer's bytes.
  let row: UnsafeRawPointer
  /// The attributes.
  let headers: RequestHeaders
  /// The sticky key; nil when there is none.
  let key: UnsafePointer<UInt8>?
  /// The key's bytes.
  let keyCount: Int
}

/// An endpoint's rules in flat memory, ready to be asked of each request without following a
/// reference, counting one or allocating.
///
/// Texts are compared as ``TextKey``s, 16 bytes at once, and long ones byte by byte after that.
final class CompiledRules: @unchecked Sendable {
  // Safe to share: all memory is written by the initialiser and only read from then on.

  /// The most rules of an endpoint; a rule's place fits in a byte of the tap record.
  static let countMax = 64

  /// What a condition looks at.
  fileprivate enum Subject: UInt8 {
    case text, float32, float64, int32, int64, bool, header, key
    /// Something that no request has.
    case nothing
  }

  private struct Condition {
    let subject: Subject
    /// A cell's place in the row.
    let offsetBytes: Int
    /// A header's name in lower case, in `bytes`.
    let name: Span
    /// In `values`.
    let anyOf: Span
  }

  private struct Value {
    let key: TextKey
    /// A number's bits; 0 for texts.
    let number: UInt64
    /// All of a text, in `bytes`.
    let text: Span
  }

  private struct Span {
    let first: Int
    let count: Int
  }

  /// One rule's table.
  struct Route {
    /// What keys are hashed with.
    let salt: UInt64
    /// Whether its draws are evidence.
    let isDrawn: Bool
    /// The weight of the table's stable, basis points.
    let stableWeight: UInt16
  }

  /// How many rules route; one more, which only chooses shadow copies, may follow them.
  let count: Int
  /// Their names, for explanations.
  let names: [String]
  /// Whether copies for shadows are for requests of a rule only.
  let hasShadowRule: Bool

  private let conditions: UnsafeMutableBufferPointer<Condition>
  private let ruleConditions: UnsafeMutableBufferPointer<Span>
  private let values: UnsafeMutableBufferPointer<Value>
  private let bytes: UnsafeMutableBufferPointer<UInt8>
  private let routes: UnsafeMutableBufferPointer<Route>
  /// The arm, as the snapshot counts them, of each rule's buckets.
  private let buckets: UnsafeMutableBufferPointer<UInt8>
  /// The weight of each of the snapshot's arms under each rule.
  private let weights: UnsafeMutableBufferPointer<UInt16>
  private let armCount: Int

  /// No rules.
  static let none = CompiledRules([], shadow: nil, arms: [], schema: nil)

  /// - Parameters:
  ///   - shadow: the rule for copies; nil copies of every request's share.
  ///   - arms: the snapshot's arms; every version of the rules' tables is among them.
  init(_ rules: [RoutedRule], shadow: RequestRule?, arms: [VersionID], schema: RowSchema?) {
    count = rules.count
    names = rules.map(\.name)
    hasShadowRule = shadow != nil
    armCount = arms.count
    var build = Build()
    for rule in rules.map(\.rule) + [shadow].compactMap({ $0 }) { build.add(rule, schema) }
    conditions = CompiledRules.fixed(build.conditions)
    ruleConditions = CompiledRules.fixed(build.rules)
    values = CompiledRules.fixed(build.values)
    bytes = CompiledRules.fixed(build.bytes)
    var routes: [Route] = []
    var buckets: [UInt8] = []
    var weights: [UInt16] = []
    buckets.reserveCapacity(rules.count * RouteTable.bucketCount)
    for rule in rules {
      let places = rule.table.arms.map { arm in UInt8(arms.firstIndex(of: arm) ?? 0) }
      for bucket in rule.table.buckets { buckets.append(places[Int(bucket)]) }
      let shares = rule.table.weights
      for arm in arms {
        let place = rule.table.arms.firstIndex(of: arm)
        weights.append(UInt16(place.map { shares[$0] } ?? 0))
      }
      routes.append(
        Route(
          salt: rule.table.salt, isDrawn: rule.isDrawn, stableWeight: UInt16(shares[0])))
    }
    self.routes = CompiledRules.fixed(routes)
    self.buckets = CompiledRules.fixed(buckets)
    self.weights = CompiledRules.fixed(weights)
  }

  deinit {
    conditions.deallocate()
    ruleConditions.deallocate()
    values.deallocate()
    bytes.deallocate()
    routes.deallocate()
    buckets.deallocate()
    weights.deallocate()
  }

  private static func fixed<T>(_ array: [T]) -> UnsafeMutableBufferPointer<T> {
    let buffer = UnsafeMutableBufferPointer<T>.allocate(capacity: array.count)
    _ = buffer.initialize(from: array)
    return buffer
  }

  // MARK: Asking

  /// The first rule that is about a request; -1 when none is.
  @inline(__always)
  func match(_ subject: borrowing RuleSubject) -> Int {
    for rule in 0..<count where holds(rule, subject) { return rule }
    return -1
  }

  /// Whether a request may be copied for shadows, as far as rules go.
  @inline(__always)
  func mayCopy(_ subject: borrowing RuleSubject) -> Bool {
    hasShadowRule ? holds(count, subject) : true
  }

  /// How a rule routes.
  func route(_ rule: Int) -> Route { routes[rule] }

  /// The snapshot's arm of a rule's bucket.
  func arm(_ rule: Int, bucket: Int) -> Int {
    Int(buckets[rule * RouteTable.bucketCount + bucket])
  }

  /// An arm's weight under a rule, basis points.
  func weight(_ rule: Int, arm: Int) -> UInt16 { weights[rule * armCount + arm] }

  private func holds(_ rule: Int, _ subject: borrowing RuleSubject) -> Bool {
    let span = ruleConditions[rule]
    for index in span.first..<span.first + span.count
    where !holds(conditions[index], subject) { return false }
    return true
  }

  private func holds(_ condition: Condition, _ subject: borrowing RuleSubject) -> Bool {
    let cell = subject.row + condition.offsetBytes
    switch condition.subject {
    case .text: return isAny(cell.load(as: TextValue.self), of: condition.anyOf)
    case .float32: return isAny(real: Double(cell.load(as: Float.self)), of: condition.anyOf)
    case .float64: return isAny(real: cell.load(as: Double.self), of: condition.anyOf)
    case .int32: return isAny(integer: Int64(cell.load(as: Int32.self)), of: condition.anyOf)
    case .int64: return isAny(integer: cell.load(as: Int64.self), of: condition.anyOf)
    case .bool: return isAny(integer: Int64(cell.load(as: UInt8.self)), of: condition.anyOf)
    case .key:
      guard let key = subject.key else { return false }
      return isAny(TextValue(bytes: key, count: subject.keyCount), of: condition.anyOf)
    case .header:
      let headers = subject.headers
      // A header that was sent twice has both values.
      for index in 0..<headers.count {
        let header = headers[index]
        if isName(header.name, condition.name), isAny(header.value, of: condition.anyOf) {
          return true
        }
      }
      return false
    case .nothing: return false
    }
  }

  private func isAny(_ text: TextValue, of span: Span) -> Bool {
    let key = TextKey(bytes: text.bytes, count: text.count)
    for index in span.first..<span.first + span.count where values[index].key == key {
      if text.count <= 15 { return true }
      let whole = values[index].text
      if let base = bytes.baseAddress, let given = text.bytes, whole.count == text.count,
        memcmp(base + whole.first, given, whole.count) == 0
      {
        return true
      }
    }
    return false
  }

  private func isAny(real: Double, of span: Span) -> Bool {
    !real.isNaN && isAny(bits: RuleNumber(real: real).bits, of: span)
  }

  private func isAny(integer: Int64, of span: Span) -> Bool {
    isAny(bits: RuleNumber(integer: integer).bits, of: span)
  }

  private func isAny(bits: UInt64, of span: Span) -> Bool {
    for index in span.first..<span.first + span.count where values[index].number == bits {
      return true
    }
    return false
  }

  /// Whether a header's name is the condition's, in any case of its ASCII letters.
  private func isName(_ name: TextValue, _ span: Span) -> Bool {
    guard name.count == span.count, let given = name.bytes else { return false }
    for i in 0..<span.count where CompiledRules.lower(given[i]) != bytes[span.first + i] {
      return false
    }
    return true
  }

  private static func lower(_ byte: UInt8) -> UInt8 {
    (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
  }

  // MARK: Building

  /// The flat lists while they grow.
  private struct Build {
    var conditions: [Condition] = []
    var rules: [Span] = []
    var values: [Value] = []
    var bytes: [UInt8] = []

    mutating func add(_ rule: RequestRule, _ schema: RowSchema?) {
      let first = conditions.count
      for condition in rule.conditions { add(condition, schema) }
      if rule.conditions.isEmpty {
        // A rule about everything would be a split: it is about nothing.
        conditions.append(
          Condition(
            subject: .nothing, offsetBytes: 0, name: Span(first: 0, count: 0),
            anyOf: Span(first: 0, count: 0)))
      }
      rules.append(Span(first: first, count: conditions.count - first))
    }

    private mutating func add(_ condition: RequestCondition, _ schema: RowSchema?) {
      switch condition {
      case .key(let texts): add(.key, texts: texts)
      case .header(let name, let texts):
        add(.header, name: name.utf8.map(CompiledRules.lower), texts: texts)
      case .input(let name, let texts):
        guard let schema, let cell = RowCell(name, in: schema) else {
          return add(.nothing, texts: [])
        }
        guard let subject = Subject(cell.type) else { return add(.nothing, texts: []) }
        if subject == .text { return add(.text, cell.offsetBytes, texts: texts) }
        let numbers = texts.compactMap { RuleNumber($0, as: cell.type) }
        add(
          subject, cell.offsetBytes,
          values: numbers.map {
            Value(key: .missing, number: $0.bits, text: Span(first: 0, count: 0))
          })
      }
    }

    private mutating func add(
      _ subject: Subject, _ offsetBytes: Int = 0, name: [UInt8] = [], texts: [String]
    ) {
      add(subject, offsetBytes, name: name, values: texts.map { text(of: $0) })
    }

    private mutating func add(
      _ subject: Subject, _ offsetBytes: Int, name: [UInt8] = [], values list: [Value]
    ) {
      let nameSpan = keep(name)
      conditions.append(
        Condition(
          subject: subject, offsetBytes: offsetBytes, name: nameSpan,
          anyOf: Span(first: values.count, count: list.count)))
      values += list
    }

    private mutating func text(of text: String) -> Value {
      Value(key: TextKey(text), number: 0, text: keep(Array(text.utf8)))
    }

    private mutating func keep(_ list: [UInt8]) -> Span {
      defer { bytes += list }
      return Span(first: bytes.count, count: list.count)
    }
  }
}

extension CompiledRules.Subject {
  /// What a cell of a type is compared as; nil when requests carry no such type.
  fileprivate init?(_ type: ElementType) {
    switch type {
    case .text: self = .text
    case .float32: self = .float32
    case .float64: self = .float64
    case .int32: self = .int32
    case .int64: self = .int64
    case .bool: self = .bool
    default: return nil
    }
  }
}
