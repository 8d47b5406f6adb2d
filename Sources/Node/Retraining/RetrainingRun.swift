import Control
import Core
import Glibc
import Inference
import Storage
import Telemetry

/// What was found of the rows of a run, as it is kept in the run's folder.
struct RunReport: Codable {
  var facts: TrainingFacts
  var lines: [QualityLine]
}

/// One run: rows out of the recording, their quality, the command, the import, the gates, the
/// proposal or ramp.
///
/// Blocks, on a thread of its own. Whatever happens, the journal is told how it ended.
struct RetrainingRun {
  /// The run is to end.
  private struct Stopped: Error {}
  /// It ends here, in this way.
  private struct Ended: Error {
    let outcome: RetrainingResult.Outcome
    let detail: String
  }

  /// What came of it so far.
  private struct Progress {
    var version: VersionID?
    var data: Digest?
    var rows: Int?
    var through: Timestamp?
  }

  private let node: Node
  private let policy: RetrainingPolicy
  private let begin: RetrainingBegin
  private let slot: Retrainer.Slot
  private let actor: ActorID
  private let began: Timestamp
  private let start = SystemClock.monotonicNanoseconds()

  init(
    _ node: Node, _ policy: RetrainingPolicy, _ begin: RetrainingBegin, _ slot: Retrainer.Slot,
    actor: ActorID, began: Timestamp
  ) {
    self.node = node
    self.policy = policy
    self.begin = begin
    self.slot = slot
    self.actor = actor
    self.began = began
  }

  /// Does all of it.
  func run() {
    var progress = Progress()
    let outcome: RetrainingResult.Outcome
    let detail: String
    do {
      (outcome, detail) = try work(&progress)
    } catch let end as Ended {
      (outcome, detail) = (end.outcome, end.detail)
    } catch is Stopped {
      (outcome, detail) = (.interrupted, slot.stopWords)
    } catch {
      let message = NodeError(describing: error).message
      (outcome, detail) = slot.shouldStop ? (.interrupted, slot.stopWords) : (.failed, message)
    }
    slot.stage = "ending"
    let hasPlan = outcome == .proposed || outcome == .ramped
    finish(
      RetrainingResult(
        outcome: outcome, version: progress.version, plan: hasPlan ? policy.plan : nil,
        data: progress.data, rows: progress.rows, through: progress.through, duration: duration,
        detail: detail))
  }

  private var duration: TimeSpan {
    TimeSpan(microseconds: Int64((SystemClock.monotonicNanoseconds() - start) / 1_000))
  }

  /// Tells the journal, again and again while it cannot be written and the node runs; the next
  /// start ends what could not be told.
  private func finish(_ result: RetrainingResult) {
    let order = Order(
      command: .retraining(.finish(policy: policy.name, run: begin.run, result: result)),
      actor: actor)
    while true {
      do {
        _ = try node.perform(order)
        return
      } catch {
        if slot.shouldStop { return }
        node.retrainer.note(
          "the end of its run cannot be told: \(NodeError(describing: error).message)",
          of: policy.name)
        for _ in 0..<10 where !slot.shouldStop { usleep(100_000) }
      }
    }
  }

  private func work(
    _ progress: inout Progress
  ) throws -> (RetrainingResult.Outcome, String) {
    let folder = try RunFolder.make(
      node.directory, policy: policy.name, run: begin.run, keep: policy.keepRuns)
    let parent = node.core.state.endpoint(policy.endpoint)?.stable
    let facts = try export(folder, parent)
    progress.rows = facts.trainingRows
    progress.data = try FileDigest.read(folder.dataPath)
    try check()
    let took = try train(folder, parent)
    try check()
    let version = try importVersion(folder, parent, progress, took)
    progress.version = version
    // Rows are learnt from only once there is a version of them.
    progress.through = facts.last
    let gates = try runGates(version, folder, facts)
    return try conclude(version, gates)
  }

  private func check() throws {
    if slot.shouldStop { throw Stopped() }
  }

  // MARK: Rows

  private func export(_ folder: RunFolder, _ parent: VersionID?) throws -> TrainingFacts {
    slot.stage = "exporting rows"
    let now = SystemClock.now()
    let options = TrainingRows.Options(
      since: begin.since, until: now + TimeSpan(microseconds: -policy.data.settle.microseconds),
      labelledUntil: now, label: policy.label, maxRows: policy.data.maxRows,
      holdout: policy.data.holdout,
      reference: reference(of: parent))
    let recording = try Recording(node.directory, endpoint: policy.endpoint)
    let facts = try TrainingRows(options: options, recording: recording, check: check)
      .write(to: folder)
    let lines = DataQuality.lines(facts, policy.data)
    try RunFolder.write(
      try CanonicalJSON.encode(RunReport(facts: facts, lines: lines)), to: folder.reportPath)
    if let fault = DataQuality.fault(lines) { throw Ended(outcome: .badData, detail: fault) }
    return facts
  }

  private func reference(of version: VersionID?) -> Reference? {
    guard let version, let draft = node.core.state.version(version)?.draft,
      let digest = draft.reference,
      let bytes = try? node.artifacts.read(digest, limitBytes: Reference.bytesMax)
    else { return nil }
    return try? Reference(json: bytes)
  }

  // MARK: The command

  private func filledIn(_ folder: RunFolder, _ parent: VersionID?) -> [String: String] {
    [
      "data": folder.dataPath, "out": folder.outPath, "parent": parent.map { "\($0)" } ?? "",
      "model": policy.model.text, "endpoint": policy.endpoint.text, "label": policy.label,
    ]
  }

  /// The command with its placeholders filled in; what is filled in is not looked at again.
  static func arguments(_ command: [String], _ values: [String: String]) -> [String] {
    command.map { argument in
      var filled = ""
      var rest = argument[...]
      while let open = rest.firstIndex(of: "{") {
        filled += rest[..<open]
        rest = rest[open...]
        guard let close = rest.firstIndex(of: "}"),
          let value = values[String(rest[rest.index(after: open)..<close])]
        else {
          filled.append("{")
          rest = rest.dropFirst()
          continue
        }
        filled += value
        rest = rest[rest.index(after: close)...]
      }
      return filled + rest
    }
  }

  /// Runs the command to its good end.
  /// - Returns: how long it took.
  private func train(_ folder: RunFolder, _ parent: VersionID?) throws -> TimeSpan {
    slot.stage = "training"
    let values = filledIn(folder, parent)
    var environment = Dictionary(
      values.map { ("SLUICE_\($0.key.uppercased())", $0.value) }, uniquingKeysWith: { a, _ in a })
    environment["SLUICE_POLICY"] = policy.name.text
    environment["SLUICE_RUN"] = "\(begin.run)"
    let from = SystemClock.monotonicNanoseconds()
    let ending = try CommandRunner.run(
      CommandRunner.Order(
        arguments: RetrainingRun.arguments(policy.command, values), directory: policy.directory,
        environment: environment, logPath: folder.logPath, timeout: policy.timeout),
      shouldStop: { slot.shouldStop })
    let took = TimeSpan(
      microseconds: Int64((SystemClock.monotonicNanoseconds() - from) / 1_000))
    switch ending {
    case .exited(0): return took
    case .stopped: throw Stopped()
    case .exited(let code): throw failure("the command ended with exit code \(code)", folder)
    case .killed(let signal): throw failure("the command was ended by signal \(signal)", folder)
    case .timedOut: throw failure("the command took longer than \(policy.timeout)", folder)
    }
  }

  private func failure(_ sentence: String, _ folder: RunFolder) -> Ended {
    var last = ""
    if let bytes = try? TextFile.read(folder.logPath, limitBytes: 4 << 20) {
      let line = bytes.split(separator: 0x0A).last { line in
        line.contains { $0 > 0x20 }
      }
      last = printable(String(decoding: line ?? [], as: UTF8.self), limit: 120)
    }
    return Ended(outcome: .failed, detail: sentence + (last.isEmpty ? "" : ": \(last)"))
  }

  // MARK: The version

  /// A plain file that the command left; nil when it did not.
  private func left(_ name: String, _ folder: RunFolder) throws -> String? {
    let path = "\(folder.outPath)/\(name)"
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Ended(outcome: .failed, detail: "\(name) that the command left is no plain file")
    }
    return path
  }

  private func importVersion(
    _ folder: RunFolder, _ parent: VersionID?, _ progress: Progress, _ took: TimeSpan
  ) throws -> VersionID {
    slot.stage = "importing"
    let names = ["model.onnx", "model.json", "model.ubj", "model.txt"]
    let models = try names.compactMap { try left($0, folder) }
    guard let file = models.first, models.count == 1 else {
      throw failure(
        models.isEmpty
          ? "the command left no model.onnx, .json, .ubj or .txt in {out}"
          : "the command left \(models.count) models in {out}, one is wanted", folder)
    }
    let training = TrainingRun(
      command: CommandRunner.line(policy.command), data: progress.data, dataRows: progress.rows,
      began: began, duration: took)
    let (card, reference) = (try left("card.md", folder), try left("reference.json", folder))
    let golden = try left("golden.jsonl", folder)
    let outcome: Outcome
    do {
      outcome = try ModelImporter.importModel(
        file: file, model: policy.model, card: card, reference: reference, golden: golden,
        parent: parent, origin: VersionOrigin(training: training),
        stateDirectory: node.directory.path, client: node, actor: actor)
    } catch {
      let names = ([file, card, reference, golden].compactMap { $0?.split(separator: "/").last })
        .joined(separator: ", ")
      throw Ended(
        outcome: .failed,
        detail: "\(names) could not be imported: \(NodeError(describing: error).message)")
    }
    guard let version = outcome.version else {
      throw Ended(outcome: .failed, detail: "the node registered no version")
    }
    return version
  }

  private func runGates(
    _ version: VersionID, _ folder: RunFolder, _ facts: TrainingFacts
  ) throws -> String {
    slot.stage = "gates"
    let request = GateRequest(
      version: version, gatesPath: policy.gatesPath,
      rowsPath: facts.holdoutRows > 0 ? folder.holdoutPath : nil, label: policy.label,
      positive: policy.positive, endpoint: policy.endpoint)
    let report: GateReport
    do {
      report = try GateRunner.run(
        request, stateDirectory: node.directory.path, client: node, actor: actor)
    } catch {
      try check()
      throw Ended(
        outcome: .gatesFailed,
        detail: "they could not be run: \(NodeError(describing: error).message)")
    }
    try check()
    let failed = report.results.filter { !$0.passed }
    guard failed.isEmpty else {
      let words = failed.prefix(3).map { "\($0.gate) \($0.measured), wanted \($0.limit)" }
      throw Ended(
        outcome: .gatesFailed,
        detail: words.joined(separator: "; ")
          + (failed.count > 3 ? " and \(failed.count - 3) more" : ""))
    }
    return "all \(report.results.count) gates of \(report.gates) passed on "
      + "\(facts.holdoutRows) rows held out"
  }

  private func conclude(
    _ version: VersionID, _ gates: String
  ) throws -> (RetrainingResult.Outcome, String) {
    guard policy.ending == .ramp else { return (.proposed, gates) }
    slot.stage = "starting the ramp"
    guard let plan = node.library.plans.first(where: { $0.name == policy.plan }) else {
      return (.proposed, "\(gates); no ramp: the plan \(policy.plan) is gone")
    }
    do {
      _ = try node.perform(
        Order(
          command: .startRamp(endpoint: policy.endpoint, version: version, plan: plan),
          actor: actor))
      return (.ramped, gates)
    } catch {
      // A freeze, another rollout, a missing approval: people decide when that is over.
      return (.proposed, "\(gates); no ramp: \(NodeError(describing: error).message)")
    }
  }
}
