import Core
import Inference
import Serving
import Telemetry

/// What a version said to every row.
struct RehearsalAnswers: Sendable {
  /// The answered labels.
  var labels: [TextKey]
  /// The scores; NaN where there is none.
  var scores: [Float]
  /// Whether it failed.
  var failed: [Bool]
  /// How long each row took alone, nanoseconds; empty when that was not measured.
  var latencyNanoseconds: [UInt32]

  init(count: Int, measuresLatency: Bool) {
    labels = [TextKey](repeating: .missing, count: count)
    scores = [Float](repeating: .nan, count: count)
    failed = [Bool](repeating: false, count: count)
    latencyNanoseconds = measuresLatency ? [UInt32](repeating: 0, count: count) : []
  }

  mutating func set(_ row: Int, _ prediction: Prediction) {
    labels[row] = prediction.label.key
    scores[row] = prediction.score
    failed[row] = !prediction.succeeded
  }

  /// The answers' latency quantiles in microseconds, when they were measured.
  func latencyQuantiles() -> (p50: Int, p90: Int, p99: Int)? {
    guard !latencyNanoseconds.isEmpty else { return nil }
    let sorted = latencyNanoseconds.sorted()
    func quantile(_ share: Double) -> Int {
      Int(sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))] / 1_000)
    }
    return (quantile(0.5), quantile(0.9), quantile(0.99))
  }
}

/// Asks two versions the same questions.
struct RehearsalEngine {
  /// Rows of one batch: the columns stay in the processor's cache.
  private static let batchRows = 512

  let rows: RehearsalRows
  let stable: CompiledModel
  let candidate: CompiledModel

  /// Both versions' answers to all rows.
  ///
  /// With latency each row is run alone and timed, the two versions in turns, so that whatever
  /// else the machine does falls on both. Without it rows are run in batches, each version on a
  /// thread of its own.
  /// - Throws: a ``Failure`` when a model does not take the rows.
  func answers(
    measuresLatency: Bool
  ) throws -> (stable: RehearsalAnswers, candidate: RehearsalAnswers) {
    if measuresLatency { return try timed() }
    let other = AnswersBox()
    let thread = try ServiceThread("rehearse") { [self] _ in
      other.result = Result { try batched(candidate) }
    }
    let first = Result { try batched(stable) }
    thread.wait()
    guard let second = other.result else {
      throw NodeError(.system, "the second thread of the rehearsal ended early")
    }
    return (try first.get(), try second.get())
  }

  // Safe to share: written by the thread before it ends, read after it was joined.
  private final class AnswersBox: @unchecked Sendable {
    var result: Result<RehearsalAnswers, any Error>?
  }

  private func batched(_ model: CompiledModel) throws -> RehearsalAnswers {
    // A session grows to its rows when it is made, so the last batch may be smaller.
    let batch = try ModelBatch(model, schema: rows.schema, maxRows: RehearsalEngine.batchRows)
    let single = try ModelBatch(model, schema: rows.schema, maxRows: 1)
    var answers = RehearsalAnswers(count: rows.count, measuresLatency: false)
    var first = 0
    while first < rows.count {
      let count = min(RehearsalEngine.batchRows, rows.count - first)
      if batch.run(rows.pointers(batch.inputs, from: first), rows: count) {
        for row in 0..<count { answers.set(first + row, batch.prediction(row: row)) }
      } else {
        for row in first..<first + count { answers.set(row, alone(single, row)) }
      }
      first += count
    }
    return answers
  }

  private func timed() throws -> (RehearsalAnswers, RehearsalAnswers) {
    let sessions = [
      try ModelBatch(stable, schema: rows.schema, maxRows: 1),
      try ModelBatch(candidate, schema: rows.schema, maxRows: 1),
    ]
    var answers = [
      RehearsalAnswers(count: rows.count, measuresLatency: true),
      RehearsalAnswers(count: rows.count, measuresLatency: true),
    ]
    for row in 0..<rows.count {
      for turn in 0..<2 {
        let version = (row + turn) & 1
        let pointers = rows.pointers(sessions[version].inputs, from: row)
        let start = MonotonicClock.nanoseconds()
        let isGood = sessions[version].run(pointers, rows: 1)
        let end = MonotonicClock.nanoseconds()
        answers[version].set(row, isGood ? sessions[version].prediction(row: 0) : .failure)
        answers[version].latencyNanoseconds[row] = UInt32(clamping: end - start)
      }
    }
    return (answers[0], answers[1])
  }

  private func alone(_ single: ModelBatch, _ row: Int) -> Prediction {
    single.run(rows.pointers(single.inputs, from: row), rows: 1)
      ? single.prediction(row: 0) : .failure
  }
}
