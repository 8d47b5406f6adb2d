import Core
import Glibc
import Inference
import Synchronization

/// What answering one row a call gave while several threads did it at once.
public struct LoadFigures: Sendable, Encodable, Equatable {
  /// Threads that called at the same time.
  public let threads: Int
  /// Calls of all of them.
  public let calls: Int
  /// Wall clock microseconds of a call: the middle one.
  public let p50Microseconds: Double
  /// The one that 1 in 100 calls exceeds.
  public let p99Microseconds: Double
  /// Rows answered a second, by all threads together.
  public let rowsPerSecond: Double

  enum CodingKeys: String, CodingKey {
    case threads, calls
    case p50Microseconds = "p50_us"
    case p99Microseconds = "p99_us"
    case rowsPerSecond = "rows_per_second"
  }
}

/// A version under load, and beside it the stable under the same.
public struct LoadCost: Sendable, Encodable, Equatable {
  /// The version.
  public let own: LoadFigures
  /// The stable; nil without one.
  public let stable: LoadFigures?
}

/// Calls models from several threads at once, as a busy endpoint does.
///
/// Version and stable take turns in short rounds, so that whatever else the machine does meanwhile
/// slows both.
enum LoadProbe {
  private static let rounds = 6
  /// Times kept of one thread in one round; more calls are counted, not kept.
  private static let timesMax = 200_000

  /// - Parameter seconds: how long each of the two is called in all.
  /// - Throws: a ``Failure``: a model fails on a row, or the system gives no thread.
  static func run(
    _ model: CompiledModel, against stable: CompiledModel?, _ rows: EvaluationRows,
    stableRows: EvaluationRows?, threads: Int, seconds: Double
  ) throws -> LoadCost {
    var own = Sums()
    var other = Sums()
    for _ in 0..<rounds {
      let span = UInt64(seconds / Double(rounds) * 1e9)
      try round(model, rows, threads, span, into: &own)
      if let stable, let stableRows {
        try round(stable, stableRows, threads, span, into: &other)
      }
    }
    return LoadCost(
      own: own.figures(threads), stable: stable == nil ? nil : other.figures(threads))
  }

  /// What the rounds of one model add up to.
  private struct Sums {
    var times: [UInt32] = []
    var rows = 0
    var calls = 0
    var nanoseconds: UInt64 = 0

    func figures(_ threads: Int) -> LoadFigures {
      let sorted = times.sorted()
      func quantile(_ share: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        return Double(sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]) / 1_000
      }
      return LoadFigures(
        threads: threads, calls: calls, p50Microseconds: quantile(0.5),
        p99Microseconds: quantile(0.99),
        rowsPerSecond: nanoseconds == 0 ? 0 : Double(rows) * 1e9 / Double(nanoseconds))
    }
  }

  /// What one thread of a round brings home.
  private final class Share: Sendable {
    let result = Mutex<Result<(times: [UInt32], calls: Int), NodeError>?>(nil)
  }

  /// The rows, read by every thread of a round.
  private struct Columns: @unchecked Sendable {
    // Safe: nothing writes the rows while a round reads them, and they outlive it.
    let pointers: [ColumnPointer]
    let widths: [Int]
    let calls: Int
    let rowsAtOnce: Int
  }

  private static func round(
    _ model: CompiledModel, _ rows: EvaluationRows, _ threads: Int, _ span: UInt64,
    into sums: inout Sums
  ) throws {
    let atOnce = rows.layout.fixedRows ?? 1
    let count = rows.batch.rows / atOnce
    guard count > 0 else {
      throw NodeError(.badInput, "the model takes \(atOnce) rows at once, there are fewer")
    }
    let shares = (0..<threads).map { _ in Share() }
    let begin = SystemClock.monotonicNanoseconds()
    try rows.batch.withColumns { pointers in
      let columns = Columns(
        pointers: pointers, widths: rows.layout.inputs.map(\.width), calls: count,
        rowsAtOnce: atOnce)
      var running: [ServiceThread] = []
      defer { for thread in running { thread.wait() } }
      for (index, share) in shares.enumerated() {
        running.append(
          try ServiceThread("load-\(index)") { _ in
            let found = work(model, columns, first: index * count / threads, span)
            share.result.withLock { $0 = found }
          })
      }
    }
    sums.nanoseconds += SystemClock.monotonicNanoseconds() - begin
    for share in shares {
      let found = share.result.withLock { $0 }
      guard let (times, calls) = try found?.get() else { continue }
      sums.times += times
      sums.calls += calls
      sums.rows += calls * atOnce
    }
  }

  private static func work(
    _ model: CompiledModel, _ columns: Columns, first: Int, _ span: UInt64
  ) -> Result<(times: [UInt32], calls: Int), NodeError> {
    let session = model.makeSession(maxRows: columns.rowsAtOnce)
    var times: [UInt32] = []
    times.reserveCapacity(timesMax)
    var calls = 0
    let end = SystemClock.monotonicNanoseconds() + span
    var now = SystemClock.monotonicNanoseconds()
    do {
      while now < end {
        let call = (first + calls) % columns.calls
        for (index, width) in columns.widths.enumerated() {
          let elements = columns.rowsAtOnce * width
          try session.bind(
            input: index, to: columns.pointers[index].advanced(by: call * elements),
            elements: elements)
        }
        try session.run(rows: columns.rowsAtOnce)
        let after = SystemClock.monotonicNanoseconds()
        if times.count < timesMax { times.append(UInt32(clamping: after - now)) }
        calls += 1
        now = after
      }
    } catch { return .failure(NodeError(describing: error)) }
    return .success((times, calls))
  }
}

/// Memory that is free for a model.
enum FreeMemory {
  /// Bytes that this process can still take: what the system has available, or less when a control
  /// group limits it; nil when the system does not say.
  static func bytes() -> Int? {
    var free: Int?
    if let text = text("/proc/meminfo") {
      for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
        free = line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1_024 }
      }
    }
    let group = "/sys/fs/cgroup/"
    guard let limit = text(group + "memory.max").flatMap(number),
      let used = text(group + "memory.current").flatMap(number)
    else { return free }
    return min(free ?? Int.max, max(0, limit - used))
  }

  private static func number(_ text: String) -> Int? {
    Int(text.prefix { ("0"..."9").contains($0) })
  }

  /// A small file of the system, whose size it does not tell.
  private static func text(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 16_384)
    let count = read(file, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }
}
