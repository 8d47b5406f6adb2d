import Control
import Core
import Inference
import Storage
import Telemetry

/// Makes a smaller and faster version of a registered one.
///
/// The new version has the parent's signature, reference and golden rows, a note in its card, and
/// the parent's name on record. Nothing is registered when its answers differ by more than asked
/// for.
public enum VersionOptimizer {
  /// Rows in a call, for comparing and for timing.
  private static let batchSizes = [1, 1_024]
  private static let summaryCharactersMax = 400

  /// Rewrites, compares, times and, when all is well, registers.
  ///
  /// - Returns: the report; with ``OptimizeReport/refusal`` set, nothing was registered.
  /// - Throws: a ``Failure``: there is no such version, its file is no ONNX model, the rows are no
  ///   good, the node refused.
  public static func run(
    _ request: OptimizeRequest, stateDirectory: String, client: any NodeClient, actor: ActorID
  ) throws -> OptimizeReport {
    let parent = try draft(of: request.version, client)
    let artifacts = ArtifactStore(try StateDirectory(stateDirectory, create: false))
    let file = try artifacts.read(
      parent.artifact, limitBytes: ModelLimits.standard.fileBytesMax)
    let original = try CompiledModel.load(file)
    let result: OptimizedModel
    do throws(InferenceError) {
      result = try ModelOptimizer.optimize(file, passes: request.passes)
    } catch {
      throw NodeError(
        .badInput,
        "\(request.version) cannot be optimised, which is for ONNX models: \(error.message)")
    }
    let optimised = try CompiledModel.load(result.file)
    if let difference = optimised.signature.incompatibility(with: original.signature) {
      throw NodeError(.system, "the rewritten model is of no use: \(difference)")
    }
    let rows = try rows(request, parent, original.signature, artifacts)
    var report = try compare(request, (original, optimised), result, rows)
    report.refusal = refusal(report, result)
    guard report.refusal == nil, !request.isDryRun else { return report }
    report.version = try register(report, parent, result, optimised, artifacts, client, actor)
    return report
  }

  private static func draft(
    of version: VersionID, _ client: any NodeClient
  ) throws -> VersionDraft {
    guard case .version(let detail) = try client.send(.version(version)) else {
      throw NodeError(.system, "the node answered a question for a version with something else")
    }
    guard let draft = detail.draft else {
      throw NodeError(
        .system, "the running node is older than this program: restart it with this one first")
    }
    if let damage = detail.damage {
      throw NodeError(.badInput, "\(version) is damaged: \(damage)")
    }
    return draft
  }

  private static func rows(
    _ request: OptimizeRequest, _ parent: VersionDraft, _ signature: Signature,
    _ artifacts: ArtifactStore
  ) throws -> EvaluationRows {
    if let path = request.rowsPath {
      return try EvaluationRows.read(
        path, label: request.labelColumn, limit: max(1, request.rowLimit), signature)
    }
    guard request.labelColumn == nil else {
      throw NodeError(.badInput, "--label names a column of the file that --rows gives")
    }
    let reference = try parent.reference.map { digest in
      try Reference(json: try artifacts.read(digest, limitBytes: Reference.bytesMax))
    }
    return try EvaluationRows.random(signature, reference, limit: max(1, request.rowLimit))
  }

  private static func compare(
    _ request: OptimizeRequest, _ models: (old: CompiledModel, new: CompiledModel),
    _ result: OptimizedModel, _ rows: EvaluationRows
  ) throws -> OptimizeReport {
    var worst = AnswerChange()
    var quality: OptimizeReport.Quality?
    var speed: [OptimizeReport.Speed] = []
    for size in batchSizes {
      let old = try AnswerSheet(models.old, rows, rowsPerCall: size)
      let new = try AnswerSheet(models.new, rows, rowsPerCall: size)
      let change = old.change(to: new)
      worst = AnswerChange(
        rows: change.rows, largest: max(worst.largest, change.largest),
        mean: max(worst.mean, change.mean), labels: max(worst.labels, change.labels),
        hasScores: change.hasScores)
      if quality == nil, let before = old.quality(rows.labels),
        let after = new.quality(rows.labels)
      {
        quality = .init(metric: before.metric, before: before.value, after: after.value)
      }
      let times = try PairTimer.time(
        [models.old, models.new], rows, rowsPerCall: size, rounds: request.timingRounds)
      speed.append(.init(batch: size, before: times[0], after: times[1]))
    }
    return OptimizeReport(
      parent: request.version, passes: result.steps, before: .init(models.old.summary),
      after: .init(models.new.summary), rowsFrom: "\(rows.batch.rows) rows: \(rows.origin)",
      change: worst, tolerance: request.tolerance, quality: quality, speed: speed)
  }

  /// Why a result is not registered.
  private static func refusal(_ report: OptimizeReport, _ result: OptimizedModel) -> String? {
    guard result.isChanged else { return "there is nothing to optimise with these passes" }
    if report.change.largest > report.tolerance {
      return "an output changes by \(report.change.largest), more than the tolerance "
        + "\(report.tolerance) (--tolerance)"
    }
    // With scores a label may change where two of them are as good as equal.
    if !report.change.hasScores, report.change.labels > 0 {
      return "\(report.change.labels) of \(report.change.rows) labels change, and the model gives "
        + "no scores that would tell by how much"
    }
    return nil
  }

  private static func register(
    _ report: OptimizeReport, _ parent: VersionDraft, _ result: OptimizedModel,
    _ model: CompiledModel, _ artifacts: ArtifactStore, _ client: any NodeClient, _ actor: ActorID
  ) throws -> VersionID? {
    let stored = try artifacts.put(result.file)
    let card = try parent.card.map { digest in
      var bytes = try artifacts.read(digest, limitBytes: 1 << 20)
      bytes += Array("\n\(note(report))\n".utf8)
      return try artifacts.put(bytes).digest
    }
    let made = "optimised from \(report.parent)"
    let summary =
      parent.summary.isEmpty
      ? made : "\(parent.summary.prefix(summaryCharactersMax)) (\(made))"
    let draft = VersionDraft(
      model: parent.model, artifact: stored.digest, artifactBytes: stored.sizeBytes,
      signature: model.signature, card: card, reference: parent.reference, golden: parent.golden,
      backend: parent.backend, parent: report.parent, summary: summary, metrics: parent.metrics)
    let order = Order(command: .registerVersion(draft), actor: actor)
    guard case .outcome(let outcome) = try client.send(.perform(order)) else {
      throw NodeError(.system, "the node answered a command with something else")
    }
    return outcome.version
  }

  /// The paragraph that the card gets.
  static func note(_ report: OptimizeReport) -> String {
    let passes = report.passes.filter { $0.changes > 0 }.map(\.pass.rawValue)
    return "Optimised from \(report.parent) by `sluice model optimize` "
      + "(\(passes.joined(separator: ", "))). On \(report.rowsFrom), outputs differ by at most "
      + "\(report.change.largest), and \(report.change.labels) labels."
  }
}
