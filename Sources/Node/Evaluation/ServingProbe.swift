import CSystem
import Core
import Inference

/// What answering one row a call costs, measured on real rows.
public struct ServingCost: Sendable, Encodable {
  /// Rows that were answered one by one.
  public let rows: Int
  /// Wall clock microseconds of a call: the middle one.
  public let p50Microseconds: Double
  /// The one that 1 in 100 calls exceeds.
  public let p99Microseconds: Double
  /// Processor microseconds a call.
  public let cpuMicroseconds: Double
  /// Wall clock microseconds of the very first call.
  public let firstMicroseconds: Double
  /// Bytes that were free for the process before loading; nil when the system does not say.
  public var freeBytes: Int?
  /// By how much the process's resident memory grew from before loading.
  public let growthBytes: Int
  /// Calls with a number that is none or infinite among the outputs.
  public let nonFinite: Int
  /// Bytes of scratch memory before the first call.
  public let scratchBefore: Int
  /// Bytes of it after the last.
  public let scratchAfter: Int

  enum CodingKeys: String, CodingKey {
    case rows
    case p50Microseconds = "p50_us"
    case p99Microseconds = "p99_us"
    case cpuMicroseconds = "cpu_us"
    case firstMicroseconds = "first_us"
    case growthBytes = "growth_bytes"
    case freeBytes = "free_bytes"
    case nonFinite = "non_finite"
    case scratchBefore = "scratch_before_bytes"
    case scratchAfter = "scratch_after_bytes"
  }
}

/// Loads a model and answers rows one by one, as requests come.
enum ServingProbe {
  static let rowsMax = 2_000
  /// A short file is gone through again until there are so many calls, for the 99th percentile.
  private static let callsMin = 1_000

  /// - Parameter load: loads the model; memory is measured from before it.
  /// - Throws: a ``Failure``: the rows do not fit, or the model fails on one of them.
  static func run(
    _ rows: EvaluationRows, load: () throws -> CompiledModel
  ) throws -> ServingCost {
    let free = FreeMemory.bytes()
    let before = Int(sluice_resident_memory_bytes())
    let model = try load()
    let atOnce = rows.layout.fixedRows ?? 1
    let session = model.makeSession(maxRows: atOnce)
    let scratch = session.scratchBytes
    let count = rows.batch.rows / atOnce
    guard count > 0 else {
      throw NodeError(.badInput, "the model takes \(atOnce) rows at once, the file has fewer")
    }
    let calls = max(count, (callsMin + count - 1) / count * count)
    var times: [UInt64] = []
    times.reserveCapacity(calls)
    var nonFinite = 0
    let cpu = SystemClock.processNanoseconds()
    try rows.batch.withColumns { columns in
      for call in 0..<calls {
        let begin = SystemClock.monotonicNanoseconds()
        for (index, input) in rows.layout.inputs.enumerated() {
          try session.bind(
            input: index,
            to: columns[index].advanced(by: call % count * atOnce * input.width),
            elements: atOnce * input.width)
        }
        try session.run(rows: atOnce)
        times.append(SystemClock.monotonicNanoseconds() - begin)
        if session.hasNonFiniteOutput { nonFinite += 1 }
      }
    }
    let used = SystemClock.processNanoseconds() - cpu
    let growth = max(0, Int(sluice_resident_memory_bytes()) - before)
    let first = Double(times[0]) / 1_000
    times.sort()
    func quantile(_ share: Double) -> Double {
      Double(times[min(times.count - 1, Int(share * Double(times.count)))]) / 1_000
    }
    return ServingCost(
      rows: rows.batch.rows, p50Microseconds: quantile(0.5), p99Microseconds: quantile(0.99),
      cpuMicroseconds: Double(used) / Double(calls) / 1_000, firstMicroseconds: first,
      freeBytes: free,
      growthBytes: growth, nonFinite: nonFinite, scratchBefore: scratch,
      scratchAfter: session.scratchBytes)
  }
}
