import Control
import Core
import Documents
import Inference
import Statistics
import Storage
import Telemetry

/// What gates are run on.
public struct GateRequest: Sendable {
  /// The version.
  public var version: VersionID
  /// The file of gates; nil takes the usual ones.
  public var gatesPath: String?
  /// Labelled rows; nil when the gates need no labels: what is called is made up then.
  public var rowsPath: String?
  /// The column of right answers.
  public var label: String?
  /// The class that matters; nil is the second of two.
  public var positive: String?
  /// The version to be matched; nil is the endpoint's stable.
  public var against: VersionID?
  /// The endpoint that it is to serve.
  public var endpoint: Name?
  /// Who signed off which item of the checklist.
  public var signed: [String: String]
  /// The chance that an interval holds the true value.
  public var confidence: Double
  /// Whether the result goes into the journal.
  public var isRecorded: Bool

  /// Puts them together.
  public init(
    version: VersionID, gatesPath: String?, rowsPath: String? = nil, label: String? = nil,
    positive: String? = nil, against: VersionID? = nil, endpoint: Name? = nil,
    signed: [String: String] = [:], confidence: Double = 0.95, isRecorded: Bool = true
  ) {
    self.version = version
    self.gatesPath = gatesPath
    self.rowsPath = rowsPath
    self.label = label
    self.positive = positive
    self.against = against
    self.endpoint = endpoint
    self.signed = signed
    self.confidence = confidence
    self.isRecorded = isRecorded
  }
}

/// Runs all gates on a version and records what they found.
public enum GateRunner {
  /// Runs every gate, also after one has failed.
  /// - Returns: the report; a failed gate is no error.
  /// - Throws: a ``Failure``: a file, version or row is no good, or the node refused the remark.
  public static func run(
    _ request: GateRequest, stateDirectory: String, client: any NodeClient, actor: ActorID
  ) throws -> GateReport {
    let (gates, digest) = try gates(request)
    try check(request, gates)
    let detail = try detail(request.version, client)
    let (stable, isFirst) = try stableVersion(request, client)
    var evidence = try GateEvidence.gather(
      request, gates, detail, try stable.map { try self.detail($0, client) }, stateDirectory)
    evidence.isFirst = isFirst
    let record = try client.record(of: request.version).record
    var signed = request.signed
    for sign in record.signOffs where gates.items.contains(sign.item) && signed[sign.item] == nil {
      signed[sign.item] = sign.by.name
    }
    var report = GateReport(
      version: request.version, gates: gates.name, gatesDigest: digest,
      against: stable, rows: request.rowsPath.map { printable($0) },
      results: GateJudgement.results(gates, evidence, signed: signed), signed: signed)
    if request.isRecorded {
      let order = Order(
        command: .registry(
          .recordGates(version: request.version, run: run(report, gates, request))), actor: actor)
      guard case .outcome(let outcome) = try client.send(.perform(order)) else {
        throw NodeError(.system, "the node answered a command with something else")
      }
      report.sequence = outcome.sequence
    }
    return report
  }

  private static func gates(_ request: GateRequest) throws -> (GateFile, Digest) {
    guard let path = request.gatesPath else { return try GateFile.standard() }
    let bytes = try TextFile.read(path, limitBytes: 1 << 20)
    return (try GateFile.parse(bytes, file: path), Digest(ofBytes: bytes))
  }

  /// What is kept with the version: items of the checklist are kept as they are signed off, unless
  /// whoever ran the gates said who did them.
  private static func run(
    _ report: GateReport, _ gates: GateFile, _ request: GateRequest
  ) -> GateRun {
    let measured = report.results.dropLast(gates.items.count)
    let items = zip(gates.items, report.results.suffix(gates.items.count))
    let told = items.filter { request.signed[$0.0] != nil }.map(\.1)
    return GateRun(
      gates: report.gates, digest: report.gatesDigest, against: report.against, rows: report.rows,
      lines: (measured + told).map {
        GateLine(gate: $0.gate, passed: $0.passed, measured: $0.measured, limit: $0.limit)
      }, checklist: gates.signedChecklist)
  }

  private static func check(_ request: GateRequest, _ gates: GateFile) throws(NodeError) {
    if gates.needsLabels, request.rowsPath == nil {
      throw NodeError(.badInput, "the gates \(gates.name) need rows: give them with --rows FILE")
    }
    if gates.fourEyes, !request.signed.isEmpty {
      throw NodeError(
        .badInput,
        "the gates \(gates.name) ask for four eyes: whoever did an item signs it with \"sluice "
          + "checklist sign \(request.version) ITEM\"")
    }
    if gates.needsLabels, request.label == nil {
      throw NodeError(
        .badInput, "the gates \(gates.name) need labels: name their column with --label COLUMN")
    }
    for item in request.signed.keys.sorted() where !gates.checklist.contains(item) {
      let near = nearMiss(item, among: gates.checklist).map { ": is \"\($0)\" meant?" } ?? ""
      throw NodeError(
        .badInput, "there is no item \"\(printable(item, limit: 60))\" on the checklist\(near)")
    }
  }

  static func detail(
    _ version: VersionID, _ client: any NodeClient
  ) throws -> VersionDetail {
    guard case .version(let detail) = try client.send(.version(version)) else {
      throw NodeError(.system, "the node answered a question for a version with something else")
    }
    if let damage = detail.damage { throw NodeError(.badInput, "\(version) is damaged: \(damage)") }
    return detail
  }

  /// The version to be matched: as named, else the endpoint's stable; and whether the endpoint has
  /// none because nothing serves there yet.
  private static func stableVersion(
    _ request: GateRequest, _ client: any NodeClient
  ) throws -> (VersionID?, isFirst: Bool) {
    if let against = request.against { return (against, false) }
    guard let endpoint = request.endpoint else { return (nil, false) }
    let wanted = SnapshotRequest(endpoint: endpoint, points: 1, eventLimit: 0)
    guard case .snapshot(let snapshot) = try client.send(.snapshot(wanted)) else {
      throw NodeError(.system, "the node answered a question with something else")
    }
    guard let found = snapshot.endpoints.first(where: { $0.name == endpoint }) else {
      throw NodeError(.unknown, "there is no endpoint \(endpoint)")
    }
    return (found.stable, found.stable == nil)
  }
}

/// Everything that gates judge by.
struct GateEvidence {
  /// The version's signature, and that of what it is to replace.
  var signature: Signature
  var stableSignature: Signature?
  /// Whether nothing serves at the endpoint yet: there is nothing to fit or to match.
  var isFirst = false
  /// How many golden rows there are and what running them gave; nil without golden rows.
  var golden: Result<GoldenResult, NodeError>?
  var report: EvaluationReport?
  var comparison: ComparisonReport?
  var cost: ServingCost?
  /// Why the cost could not be measured.
  var costFault: String?
  var load: LoadCost?
  /// Why the load could not be measured.
  var loadFault: String?
  var card: Result<CardReview, NodeError>

  /// Runs what the gates need.
  static func gather(
    _ request: GateRequest, _ gates: GateFile, _ detail: VersionDetail, _ stable: VersionDetail?,
    _ stateDirectory: String
  ) throws -> GateEvidence {
    var evidence = GateEvidence(
      signature: detail.signature, stableSignature: stable?.signature,
      card: result { try CardReview(detail.card, required: gates.cardFields ?? []) })
    // Before all else that loads the model: memory that was given back would be used again and not
    // be seen to grow.
    if gates.measuresCost {
      try evidence.measureCost(request, gates, detail, stable, stateDirectory)
    }
    if gates.goldenRowsMin != nil, let golden = detail.golden {
      evidence.golden = result {
        try GoldenFile.verify(
          artifact: detail.registered.digest, golden: golden.digest, backend: golden.backend,
          stateDirectory: stateDirectory)
      }
    }
    if gates.needsLabels {
      try evidence.evaluate(request, gates, detail, stable, stateDirectory)
    }
    return evidence
  }

  /// Loads the version and answers rows one by one, then from several threads; that it cannot is a
  /// failed gate, rows that are no good are an error.
  private mutating func measureCost(
    _ request: GateRequest, _ gates: GateFile, _ detail: VersionDetail, _ stable: VersionDetail?,
    _ stateDirectory: String
  ) throws {
    let artifacts = ArtifactStore(try StateDirectory(stateDirectory, create: false))
    func open(_ version: VersionDetail) throws -> CompiledModel {
      try CompiledModel.load(
        try artifacts.read(
          version.registered.digest, limitBytes: ModelLimits.standard.fileBytesMax),
        backend: version.backend)
    }
    let rows = try GateEvidence.rows(request, detail, artifacts)
    // Kept from the first load, so that the model is compiled once.
    var compiled: CompiledModel?
    let measured = GateEvidence.result {
      try ServingProbe.run(rows) {
        let model = try open(detail)
        compiled = model
        return model
      }
    }
    switch measured {
    case .success(let cost): self.cost = cost
    case .failure(let error):
      if error.exitCode == .usage { throw error }
      costFault = error.message
    }
    guard let load = gates.load, let compiled, cost != nil else { return }
    let underLoad = GateEvidence.result {
      let other = load.isRelative ? stable : nil
      return try LoadProbe.run(
        compiled, against: try other.map(open), rows,
        stableRows: try other.map { try GateEvidence.rows(request, $0, artifacts) },
        threads: load.threads, seconds: load.seconds)
    }
    switch underLoad {
    case .success(let cost): self.load = cost
    case .failure(let error): loadFault = error.message
    }
  }

  /// The rows that were given, else rows made up as in the training reference.
  private static func rows(
    _ request: GateRequest, _ detail: VersionDetail, _ artifacts: ArtifactStore
  ) throws -> EvaluationRows {
    if let path = request.rowsPath {
      return try EvaluationRows.read(
        path, label: nil, limit: ServingProbe.rowsMax, detail.signature)
    }
    let reference = try detail.draft?.reference.flatMap { digest in
      try Reference(json: try artifacts.read(digest, limitBytes: Reference.bytesMax))
    }
    return try EvaluationRows.random(detail.signature, reference, limit: ServingProbe.rowsMax)
  }

  /// Measures the version on the labelled rows, and beside the stable where that is asked for.
  private mutating func evaluate(
    _ request: GateRequest, _ gates: GateFile, _ detail: VersionDetail, _ stable: VersionDetail?,
    _ stateDirectory: String
  ) throws {
    guard let path = request.rowsPath, let label = request.label else { return }
    var options = EvaluationOptions(
      rowsPath: path, label: label, positive: request.positive,
      segments: gates.segmentColumns, confidence: request.confidence)
    options.segmentRowsMin =
      (gates.segments.map(\.minRows) + gates.fairness.map(\.minRows)).min()
      ?? EvaluationOptions.segmentRowsMin
    func table(_ version: VersionDetail) throws -> AnswerTable {
      try AnswerTable.read(
        try CompiledBatchModel.open(
          .stored(digest: version.registered.digest, stateDirectory: stateDirectory),
          backend: version.backend), options)
    }
    let own = try table(detail)
    report = try Evaluation.report(
      own, name: detail.registered.version.description, options)
    guard !gates.against.isEmpty, let stable else { return }
    // Each gate has a ratio and margin of its own: it judges the intervals again by them.
    comparison = try VersionComparison.compare(
      try table(stable), own,
      (stable.registered.version.description, detail.registered.version.description), options,
      NonInferiorityRule())
  }

  private static func result<Value>(_ body: () throws -> Value) -> Result<Value, NodeError> {
    do { return .success(try body()) } catch { return .failure(NodeError(describing: error)) }
  }
}
