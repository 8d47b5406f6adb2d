import Core
import Inference
import Serving
import Synchronization
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

/// Asks several versions the same questions.
struct RehearsalEngine {
  /// What all versions said.
  struct Answers {
    /// Each version's, in their order.
    var versions: [RehearsalAnswers]
    /// A second session of the first version's; nil when none was asked for.
    var clone: RehearsalAnswers?
  }

  /// Rows of one batch: the columns stay in the processor's cache.
  private static let batchRows = 512
  /// Threads for batches.
  private static let threadsMax = 2

  let rows: RehearsalRows
  /// The stable, then the candidates.
  let models: [CompiledModel]

  /// All versions' answers to all rows.
  ///
  /// With latency each row is run alone and timed, the versions in an order that is drawn for every
  /// row, so that whatever else the machine does, and what the processor's cache holds, falls on
  /// all alike. Without it rows are run in batches, on two threads.
  /// - Parameter clonesStable: whether a second session of the stable answers as well.
  /// - Throws: a ``Failure`` when a model does not take the rows.
  func answers(measuresLatency: Bool, clonesStable: Bool = false) throws -> Answers {
    let asked = clonesStable ? models + [models[0]] : models
    var all = measuresLatency ? try timed(asked) : try batched(asked)
    let clone = clonesStable ? all.removeLast() : nil
    return Answers(versions: all, clone: clone)
  }

  private final class Jobs: Sendable {
    let next = Atomic<Int>(0)
    let results: Mutex<[Result<RehearsalAnswers, NodeError>?]>
    init(_ count: Int) { results = Mutex(Array(repeating: nil, count: count)) }
  }

  private func batched(_ models: [CompiledModel]) throws -> [RehearsalAnswers] {
    let jobs = Jobs(models.count)
    let threads = try (0..<min(RehearsalEngine.threadsMax, models.count)).map { index in
      try ServiceThread("rehearse-\(index)") { [self] _ in
        while true {
          let number = jobs.next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard number < models.count else { return }
          let result: Result<RehearsalAnswers, NodeError>
          do { result = .success(try batched(models[number])) } catch {
            result = .failure(NodeError(describing: error))
          }
          jobs.results.withLock { $0[number] = result }
        }
      }
    }
    for thread in threads { thread.wait() }
    return try jobs.results.withLock { $0 }.map { result in
      guard let result else {
        throw NodeError(.system, "a thread of the rehearsal ended early")
      }
      return try result.get()
    }
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

  private func timed(_ models: [CompiledModel]) throws -> [RehearsalAnswers] {
    let sessions = try models.map { try ModelBatch($0, schema: rows.schema, maxRows: 1) }
    var answers = models.map { _ in
      RehearsalAnswers(count: rows.count, measuresLatency: true)
    }
    var turns = Array(models.indices)
    var random = SplitMix64(seed: 1)
    for row in 0..<rows.count {
      for place in turns.indices.dropLast() {
        turns.swapAt(place, place + Int(random.next() % UInt64(turns.count - place)))
      }
      for version in turns {
        let pointers = rows.pointers(sessions[version].inputs, from: row)
        let start = MonotonicClock.nanoseconds()
        let isGood = sessions[version].run(pointers, rows: 1)
        let end = MonotonicClock.nanoseconds()
        answers[version].set(row, isGood ? sessions[version].prediction(row: 0) : .failure)
        answers[version].latencyNanoseconds[row] = UInt32(clamping: end - start)
      }
    }
    return answers
  }

  private func alone(_ single: ModelBatch, _ row: Int) -> Prediction {
    single.run(rows.pointers(single.inputs, from: row), rows: 1)
      ? single.prediction(row: 0) : .failure
  }
}
