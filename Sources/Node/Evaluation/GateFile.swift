import Core
import Documents

/// What a version must show before it gets traffic, as a person writes it (YAML).
public struct GateFile: Sendable {
  /// A limit of one metric, over all rows or in every segment of a column.
  struct Limit: Sendable {
    let metric: EvaluationMetric
    let min: Double?
    let max: Double?
    /// Whether the worse end of the interval is held against the limit, not the value itself.
    let takesInterval: Bool
  }
  /// What a metric must reach of the stable's.
  struct Against: Sendable {
    let metric: EvaluationMetric
    let ratio: Double?
    let margin: Double?
    let allowsUndecided: Bool
  }
  /// A limit in the worst segment of a column.
  struct Segment: Sendable {
    let column: String
    let limit: Limit
    let minRows: Int
  }
  /// How differently the values of a column may be treated.
  struct FairnessLimit: Sendable {
    let column: String
    let demographicParity: Double?
    let equalisedOdds: Double?
    let minRows: Int
  }
  /// Times of one row a call.
  struct Latency: Sendable {
    let p50: TimeSpan?
    let p99: TimeSpan?
    let cpu: TimeSpan?
  }

  /// What it is called.
  public let name: String
  let checksSignature: Bool
  /// The fewest golden rows; nil asks for none.
  let goldenRowsMin: Int?
  let checksWarmUp: Bool
  let limits: [Limit]
  let against: [Against]
  let segments: [Segment]
  let fairness: [FairnessLimit]
  let latency: Latency?
  let load: Load?
  let memory: Memory?
  let cardFields: [String]?
  let checklist: [String]
  /// Whether who imported a version may sign nothing on its checklist.
  public let fourEyes: Bool

  /// Whether labelled rows are needed.
  public var needsLabels: Bool {
    !limits.isEmpty || !against.isEmpty || !segments.isEmpty || !fairness.isEmpty
  }
  /// Whether rows are needed.
  public var needsRows: Bool {
    needsLabels || measuresCost
  }
  /// Whether the version is loaded and called.
  var measuresCost: Bool {
    latency != nil || load != nil || memory != nil || checksWarmUp
  }
  /// The columns that segments are made of.
  var segmentColumns: [String] {
    var columns: [String] = []
    for column in segments.map(\.column) + fairness.map(\.column) where !columns.contains(column) {
      columns.append(column)
    }
    return columns
  }
  /// The items that must be signed off.
  public var items: [String] { checklist }

  private static let listMax = 100

  /// Reads a file of gates.
  /// - Throws: a ``Failure`` with file, line and column of what is wrong.
  public static func load(path: String) throws -> GateFile {
    try parse(try TextFile.read(path, limitBytes: 1 << 20), file: path)
  }

  /// Reads gates from the bytes of a file called `file`.
  /// - Throws: a ``Failure`` with line and column.
  public static func parse(_ bytes: [UInt8], file: String) throws -> GateFile {
    guard let node = try YAMLParser.parse(bytes, file: file) else {
      throw InvalidValue("\(printable(file)): the file is empty; gates need a name and checks")
    }
    let root = try node.mapping(allowed: [
      "name", "summary", "signature", "golden", "warm_up", "metrics", "against", "segments",
      "fairness", "latency", "load", "memory", "card", "checklist", "four_eyes",
    ])
    _ = try root.optional("summary")?.string(limitBytes: 200)
    let gates = GateFile(
      name: try root.required("name").name().text,
      checksSignature: try root.optional("signature")?.bool() ?? false,
      goldenRowsMin: try root.optional("golden").map {
        try $0.mapping(allowed: ["min_rows"]).optional("min_rows")?.int(in: 1...1_000_000) ?? 1
      },
      checksWarmUp: try root.optional("warm_up")?.bool() ?? false,
      limits: try root.optional("metrics")?.items(limit: listMax).map {
        try limit($0, try $0.mapping(allowed: ["metric", "min", "max", "bound"]))
      } ?? [],
      against: try root.optional("against")?.items(limit: listMax).map(against) ?? [],
      segments: try root.optional("segments")?.items(limit: listMax).map(segment) ?? [],
      fairness: try root.optional("fairness")?.items(limit: listMax).map(fairness) ?? [],
      latency: try root.optional("latency").map(latency),
      load: try root.optional("load").map(load),
      memory: try root.optional("memory").map(memory),
      cardFields: try root.optional("card").flatMap(card),
      checklist: try root.optional("checklist")?.items(limit: listMax).map {
        try $0.string(limitBytes: 100)
      } ?? [], fourEyes: try root.optional("four_eyes")?.bool() ?? false)
    guard
      gates.needsRows || gates.checksSignature || gates.goldenRowsMin != nil
        || gates.cardFields != nil || !gates.checklist.isEmpty
    else { throw node.error("there is no gate in it: add metrics, golden, card or another") }
    return gates
  }

  private enum Bound: String, CaseIterable { case value, interval }

  private static func limit(
    _ node: DocumentNode, _ limit: DocumentMapping
  ) throws -> Limit {
    let min = try limit.optional("min")?.double()
    let max = try limit.optional("max")?.double()
    guard min != nil || max != nil else {
      throw node.error("a limit is missing: min or max")
    }
    return Limit(
      metric: try limit.required("metric").choice(EvaluationMetric.self), min: min, max: max,
      takesInterval: try limit.optional("bound")?.choice(Bound.self) == .interval)
  }

  private static func against(_ node: DocumentNode) throws -> Against {
    let rule = try node.mapping(allowed: ["metric", "ratio", "margin", "undecided"])
    enum Undecided: String, CaseIterable { case pass, fail }
    let ratio = try rule.optional("ratio")?.double(in: 0...10)
    let margin = try rule.optional("margin")?.double(in: 0...1e9)
    guard ratio != nil || margin != nil else {
      throw node.error("what must be reached is missing: ratio or margin")
    }
    return Against(
      metric: try rule.required("metric").choice(EvaluationMetric.self), ratio: ratio,
      margin: margin,
      allowsUndecided: try rule.optional("undecided")?.choice(Undecided.self) == .pass)
  }

  private static func segment(_ node: DocumentNode) throws -> Segment {
    let map = try node.mapping(allowed: ["column", "metric", "min", "max", "bound", "min_rows"])
    return Segment(
      column: try map.required("column").string(limitBytes: 200), limit: try limit(node, map),
      minRows: try map.optional("min_rows")?.int(in: 1...1_000_000_000)
        ?? EvaluationOptions.segmentRowsMin)
  }

  private static func fairness(_ node: DocumentNode) throws -> FairnessLimit {
    let map = try node.mapping(allowed: [
      "column", "demographic_parity", "equalised_odds", "min_rows",
    ])
    let parity = try map.optional("demographic_parity")?.double(in: 0...1)
    let odds = try map.optional("equalised_odds")?.double(in: 0...1)
    guard parity != nil || odds != nil else {
      throw node.error("a limit is missing: demographic_parity or equalised_odds")
    }
    return FairnessLimit(
      column: try map.required("column").string(limitBytes: 200), demographicParity: parity,
      equalisedOdds: odds,
      minRows: try map.optional("min_rows")?.int(in: 1...1_000_000_000)
        ?? EvaluationOptions.segmentRowsMin)
  }

  private static func latency(_ node: DocumentNode) throws -> Latency {
    let map = try node.mapping(allowed: ["p50", "p99", "cpu"])
    let latency = Latency(
      p50: try map.optional("p50")?.duration(), p99: try map.optional("p99")?.duration(),
      cpu: try map.optional("cpu")?.duration())
    guard latency.p50 != nil || latency.p99 != nil || latency.cpu != nil else {
      throw node.error("a budget is missing: p50, p99 or cpu")
    }
    return latency
  }

  /// `true` asks for the usual fields, a list for those in it.
  private static func card(_ node: DocumentNode) throws -> [String]? {
    if case .sequence = node.content { return try node.strings(limit: listMax) }
    guard try node.bool() else { return nil }
    return CardReview.standardFields
  }
}
