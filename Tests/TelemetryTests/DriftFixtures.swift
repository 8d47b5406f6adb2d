import Core
import Testing

@testable import Telemetry

/// A small world of two numbers and a category, for drift tests.
struct DriftWorld {
  static let layout = RowLayout([("speed", .number), ("carrier", .text), ("gust", .number)])

  /// One request.
  struct Row {
    var speed: Float
    var carrier: String
    var gust: Float
    var score: Float
    var label: Int64
  }

  /// Rows without drift: `speed` is nearly normal, `gust` is missing in three of four rows and has
  /// an atom, carriers are skewed.
  static func row(_ random: inout SplitMix64, shift: Float = 0) -> Row {
    var sum: Float = 0
    for _ in 0..<6 { sum += Float(random.nextUnit()) - 0.5 }
    let gust: Float =
      random.next() % 4 != 0 ? .nan : random.next() & 1 == 0 ? 17 : 17 + sum.magnitude
    let carriers = ["UA", "UA", "UA", "B6", "B6", "DL", "EV", "a carrier with a long name"]
    let score = Float(random.nextUnit())
    return Row(
      speed: sum + shift, carrier: carriers[Int(random.next() % 8)], gust: gust, score: score,
      label: score > 0.5 ? 1 : 0)
  }

  /// A reference counted from `count` rows, with the edges of `speed` at their quantiles.
  static func reference(rows count: Int, seed: UInt64 = 1) throws -> Reference {
    var random = SplitMix64(seed: seed)
    let rows = (0..<count).map { _ in row(&random) }
    let speeds = rows.map(\.speed).sorted()
    let speedEdges = (1..<64).map { speeds[$0 * count / 64] }
    let gusts = rows.map(\.gust).filter { !$0.isNaN }
    let gustEdges: [Float] = [Float(17).nextDown, 17, 17.3, 17.6, 18]
    let scoreEdges = (1..<32).map { Float($0) / 32 }
    var carriers: [String: Int] = [:]
    for r in rows { carriers[r.carrier, default: 0] += 1 }
    let categories = carriers.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
    let positive = rows.count { $0.label == 1 }
    return try Reference(
      json: Array(
        """
        {"format":"sluice-reference-1","rows":\(count),"features":[
        \(numeric("speed", rows.map(\.speed), speedEdges, missing: 0)),
        {"name":"carrier","kind":"categorical","count":\(count),"missing":0,
        "categories":{\(categories)}},
        \(numeric("gust", gusts, gustEdges, missing: count - gusts.count))],
        "outputs":[\(numeric("score", rows.map(\.score), scoreEdges, missing: 0)),
        {"name":"label","kind":"categorical","count":\(count),"missing":0,
        "categories":{"0":\(count - positive),"1":\(positive)}}]}
        """.utf8))
  }

  private static func numeric(
    _ name: String, _ values: [Float], _ edges: [Float], missing: Int
  ) -> String {
    var counts = [Int](repeating: 0, count: edges.count + 1)
    for value in values { counts[bruteForceBin(value, edges)] += 1 }
    return """
      {"name":"\(name)","kind":"numeric","count":\(values.count),"missing":\(missing),
      "min":0,"max":1,"mean":0,"sd":1,"edges":\(edges.map { Double($0) }),"counts":\(counts)}
      """
  }

  /// The rule as the reference format states it.
  static func bruteForceBin(_ value: Float, _ edges: [Float]) -> Int { edges.count { $0 < value } }
}

extension DriftMonitor {
  /// Counts a fixture's row the way the tap brings it.
  func observe(_ row: DriftWorld.Row) {
    withUnsafeTemporaryAllocation(byteCount: DriftWorld.layout.strideBytes, alignment: 8) {
      buffer in
      guard let base = buffer.baseAddress else { return }
      let fields = DriftWorld.layout.fields
      base.storeBytes(of: row.speed, toByteOffset: fields[0].offsetBytes, as: Float.self)
      base.storeBytes(
        of: TextKey(row.carrier), toByteOffset: fields[1].offsetBytes, as: TextKey.self)
      base.storeBytes(of: row.gust, toByteOffset: fields[2].offsetBytes, as: Float.self)
      observe(row: base, score: row.score, label: TextKey(decimal: row.label))
    }
  }

  func report() throws -> DriftReport { try DriftReport(layout: layout, window: window()) }
}
