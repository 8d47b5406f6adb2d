import Core
import Inference

/// Times two models in turn, so that what disturbs the machine disturbs both.
enum PairTimer {
  private static let roundNanoseconds: UInt64 = 20_000_000

  /// Microseconds of processor time a row, the median over rounds, of each model.
  /// - Throws: ``InferenceError``: a model refuses the rows.
  static func time(
    _ models: [CompiledModel], _ rows: EvaluationRows, rowsPerCall: Int, rounds: Int
  ) throws -> [Double] {
    let count = min(rowsPerCall, rows.batch.rows)
    var sessions: [Timed] = []
    for model in models { sessions.append(Timed(model.makeSession(maxRows: count))) }
    var means = [[Double]](repeating: [], count: models.count)
    try rows.batch.withColumns { columns in
      // The first round warms up and does not count.
      for round in 0...max(1, rounds) {
        for index in sessions.indices {
          let mean = try sessions[index].round(columns, rows, count)
          if round > 0 { means[index].append(mean) }
        }
      }
    }
    return means.map { $0.sorted()[$0.count / 2] }
  }

  private struct Timed {
    let session: Session
    var at = 0

    init(_ session: Session) { self.session = session }

    /// One round of calls over fresh rows.
    mutating func round(
      _ columns: [ColumnPointer], _ rows: EvaluationRows, _ count: Int
    ) throws -> Double {
      let begin = SystemClock.processNanoseconds()
      var now = begin
      var calls = 0
      while now - begin < roundNanoseconds {
        // Many calls between two looks at the clock, which costs as much as a small model.
        for _ in 0..<max(1, 16 / count) {
          if at + count > rows.batch.rows { at = 0 }
          for (index, input) in rows.layout.inputs.enumerated() {
            try session.bind(
              input: index, to: columns[index].advanced(by: at * input.width),
              elements: count * input.width)
          }
          try session.run(rows: count)
          at += count
          calls += 1
        }
        now = SystemClock.processNanoseconds()
      }
      return Double(now - begin) / Double(calls * count) / 1_000
    }
  }
}
