import Control
import Core
import Serving
import Telemetry

@testable import Node

/// Requests and answers made up for rehearsals.
struct RehearsalWorld {
  /// What one version says to a row.
  struct Said {
    var label: Int64 = 1
    var failed = false
  }

  var rows = 5_000
  /// Between two requests, microseconds.
  var gap: Int64 = 10_000
  var labels = true
  var labelDelay: Int64 = 1_000
  /// How many callers there are; 0 for requests without keys.
  var keys = 0
  var time: ((Int) -> Int64)?
  /// The rules and the segment of a row.
  var marks: (Int) -> (rules: UInt64, segment: Int8) = { _ in (0, RehearsalRows.noSegment) }

  /// The endpoint's versions: 1 serves, the others are candidates.
  static func version(_ number: Int) throws -> VersionID {
    VersionID(model: try Name("m"), number: number)
  }

  func stage(
    _ plan: Plan, stable: @escaping (Int) -> Said = { _ in Said() },
    candidates: [(Int) -> Said] = [{ _ in Said() }], clone: ((Int) -> Said)? = nil
  ) throws -> RehearsalStage {
    let signature = Signature(
      inputs: [TensorSpec(name: "x", elementType: .float32, shape: [nil, 1])],
      outputs: [TensorSpec(name: "y", elementType: .int64, shape: [nil])])
    let facts = (0..<rows).map { row in
      RehearsalRows.Facts(
        time: 1_700_000_000_000_000 + (time?(row) ?? Int64(row) * gap),
        key: keys > 0 ? UInt64(row % keys) : 0, isKeyed: keys > 0,
        label: labels ? 1 : TrafficTable.noLabel, labelDelay: labelDelay, rules: marks(row).rules,
        segment: marks(row).segment)
    }
    let versions = try (0...candidates.count).map { try RehearsalWorld.version($0 + 1) }
    return RehearsalStage(
      RehearsalSubject(
        endpoint: try Name("e"), stable: versions[0], candidate: versions[1],
        rivals: Array(versions.dropFirst(2))), plan, facts: facts,
      answers: ([stable] + candidates).map(answers), clone: clone.map(answers),
      signatures: versions.map { _ in signature }, clock: RehearsalClock(own: facts))
  }

  private func answers(_ said: (Int) -> Said) -> RehearsalAnswers {
    var answers = RehearsalAnswers(count: rows, measuresLatency: false)
    for row in 0..<rows {
      let said = said(row)
      answers.set(row, Prediction(succeeded: !said.failed, score: 0.5, label: .number(said.label)))
    }
    return answers
  }

  static func play(
    _ stage: RehearsalStage, seed: UInt64 = 1, isDetailed: Bool = true
  ) throws -> RehearsalReport.Run {
    var run = try RehearsalRun(stage, seed: seed, isDetailed: isDetailed)
    return try run.play()
  }
}
