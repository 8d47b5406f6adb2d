import Core
import Statistics
import Testing

@testable import Telemetry

@Suite struct BinEdgesTests {
  @Test(arguments: [0, 1, 15, 16, 17, 100, 254, 255])
  func twoLevelSearchEqualsCounting(edgeCount: Int) {
    var random = SplitMix64(seed: UInt64(edgeCount))
    var edges = Set<Float>()
    while edges.count < edgeCount { edges.insert(Float(random.nextUnit() * 200 - 100)) }
    let sorted = edges.sorted()
    let bins = BinEdges(sorted)
    let extremes: [Float] = [-.greatestFiniteMagnitude, .greatestFiniteMagnitude, 0, -0]
    let around = sorted.prefix(40).flatMap { [$0, $0.nextUp, $0.nextDown] }
    let anywhere = (0..<100).map { _ in Float(random.nextUnit() * 220 - 110) }
    for value in extremes + around + anywhere {
      #expect(
        BinEdges.bin(of: value, lines: bins.pointer) == DriftWorld.bruteForceBin(value, sorted))
    }
  }
}

@Suite struct DriftMonitorTests {
  /// Counts rows one by one in the plainest way.
  private func bruteForce(
    _ rows: [DriftWorld.Row], _ reference: Reference
  ) -> [(bins: [Int], missing: Int, infinite: Int)] {
    reference.features.map { feature in
      func values() -> [Float] {
        switch feature.name {
        case "speed": rows.map(\.speed)
        case "gust": rows.map(\.gust)
        default: rows.map(\.score)
        }
      }
      switch feature.distribution {
      case .numeric(let numeric):
        var bins = [Int](repeating: 0, count: numeric.counts.count)
        for value in values() where value.isFinite {
          bins[DriftWorld.bruteForceBin(value, numeric.edges)] += 1
        }
        return (bins, values().count { $0.isNaN }, values().count { $0.isInfinite })
      case .categorical(let categorical):
        var bins = [Int](repeating: 0, count: categorical.names.count + 1)
        let texts = feature.isOutput ? rows.map { "\($0.label)" } : rows.map(\.carrier)
        for text in texts where !text.isEmpty {
          bins[categorical.names.firstIndex(of: text) ?? categorical.names.count] += 1
        }
        return (bins, texts.count { $0.isEmpty }, 0)
      }
    }
  }

  @Test func windowEqualsBruteForceWhileItSlides() throws {
    let reference = try DriftWorld.reference(rows: 2_000)
    let monitor = try DriftMonitor(
      reference: reference, row: DriftWorld.layout, rowsPerSubwindow: 20)
    var random = SplitMix64(seed: 9)
    var rows: [DriftWorld.Row] = []
    for i in 0..<700 {
      var row = DriftWorld.row(&random, shift: Float(i) / 300)
      if i % 17 == 0 { row.speed = .nan }
      if i % 23 == 0 { row.gust = i % 2 == 0 ? .infinity : -.infinity }
      if i % 11 == 0 { row.carrier = i % 2 == 0 ? "" : "new\(i % 5)" }
      if i % 29 == 0 { row.label = 7 }
      monitor.observe(row)
      rows.append(row)
      guard i % 37 == 0 || i == 699 else { continue }
      let closed = min((i + 1) / 20, DriftMonitor.subwindows - 1)
      let held = closed * 20 + (i + 1) % 20
      #expect(monitor.rows == held)
      let window = monitor.window()
      for (f, expected) in bruteForce(Array(rows.suffix(held)), reference).enumerated() {
        let counts = monitor.layout.currentCounts(f, window.counters)
        #expect(Array(counts.dropLast(2)) == expected.bins)
        #expect(counts[counts.count - 2] == expected.missing)
        #expect(counts[counts.count - 1] == expected.infinite)
      }
    }
    #expect(monitor.totalRows == 700)
    #expect(monitor.history.count == 35)
    monitor.reset()
    #expect(monitor.rows == 0)
    #expect(monitor.window().counters.allSatisfy { $0 == 0 })
  }

  @Test func mergeOfShardsEqualsOneMonitorInAnyOrder() throws {
    let reference = try DriftWorld.reference(rows: 2_000)
    func monitor() throws -> DriftMonitor {
      try DriftMonitor(reference: reference, row: DriftWorld.layout, rowsPerSubwindow: 1_000)
    }
    let whole = try monitor()
    let shards = [try monitor(), try monitor(), try monitor()]
    var random = SplitMix64(seed: 21)
    for i in 0..<600 {
      var row = DriftWorld.row(&random)
      if i % 5 == 0 { row.carrier = "X\(i % 30)" }
      whole.observe(row)
      shards[Int(random.next() % 3)].observe(row)
    }
    var forwards = shards[0].window()
    try forwards.merge(shards[1].window())
    try forwards.merge(shards[2].window())
    var inner = shards[1].window()
    try inner.merge(shards[0].window())
    var backwards = shards[2].window()
    try backwards.merge(inner)
    #expect(forwards == whole.window())
    #expect(backwards == whole.window())
  }

  @Test func windowsOverOtherReferencesAreRefused() throws {
    let one = try DriftMonitor(
      reference: try DriftWorld.reference(rows: 2_000), row: DriftWorld.layout)
    let other = try DriftMonitor(
      reference: try DriftWorld.reference(rows: 2_000, seed: 2), row: DriftWorld.layout)
    var window = one.window()
    let before = window
    #expect(throws: TelemetryError.self) { try window.merge(other.window()) }
    #expect(window == before)
    #expect(throws: TelemetryError.self) {
      try DriftReport(layout: other.layout, window: one.window())
    }
  }

  @Test func rowsThatDoNotFitTheReferenceAreRefusedByName() throws {
    let reference = try DriftWorld.reference(rows: 2_000)
    #expect {
      try DriftMonitor(reference: reference, row: RowLayout([("speed", .number)]))
    } throws: { "\($0)".contains("\"carrier\"") }
    #expect {
      try DriftMonitor(
        reference: reference,
        row: RowLayout([("speed", .text), ("carrier", .text), ("gust", .number)]))
    } throws: { "\($0)".contains("counts \"speed\" as a number") }
  }

  @Test func unseenNamesAreCountedRankedAndForgotten() throws {
    let monitor = try DriftMonitor(
      reference: try DriftWorld.reference(rows: 2_000), row: DriftWorld.layout,
      rowsPerSubwindow: 100)
    var random = SplitMix64(seed: 4)
    for i in 0..<600 {
      var row = DriftWorld.row(&random)
      if i % 6 == 0 { row.carrier = i % 18 == 0 ? "ZZ" : "QQ" }
      monitor.observe(row)
    }
    let carrier = try monitor.report().features[1]
    #expect(carrier.unseenNames.map(\.text) == ["QQ", "ZZ"])
    #expect(carrier.unseenNames.map(\.count) == [66, 34])
    #expect(carrier.unseenNames.allSatisfy { $0.error == 0 })
    #expect(abs(carrier.unseen - 100.0 / 600) < 1e-12)
    #expect(carrier.verdict == .drift)
    for _ in 0..<1_300 { monitor.observe(DriftWorld.row(&random)) }
    #expect(try monitor.report().features[1].unseenNames.isEmpty)
  }
}

@Suite struct HeavyHittersTests {
  @Test func frequentNamesSurviveAFloodAndErrorsAreBounded() throws {
    var hitters = HeavyHitters()
    var random = SplitMix64(seed: 6)
    var exact: [TextKey: Int] = [:]
    let total = 6_000
    for i in 0..<total {
      let key = TextKey(i % 10 == 0 ? "often" : "rare\(random.next() % 3_000)")
      hitters.record(key, now: 0)
      exact[key, default: 0] += 1
    }
    let entries = hitters.entries
    #expect(entries.count == HeavyHitters.capacity)
    #expect(entries.contains { $0.key == TextKey("often") })
    for entry in entries {
      let truth = exact[entry.key] ?? 0
      #expect(entry.count >= truth)
      #expect(entry.count - entry.error <= truth)
      #expect(entry.error <= total / HeavyHitters.capacity)
    }
  }
}
