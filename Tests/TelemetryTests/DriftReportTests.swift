import Core
import Statistics
import Testing

@testable import Telemetry

@Suite struct DriftReportTests {
  private func monitor(_ rows: Int, seed: UInt64, _ change: (inout DriftWorld.Row, Int) -> Void)
    throws -> DriftMonitor
  {
    let monitor = try DriftMonitor(
      reference: try DriftWorld.reference(rows: 20_000), row: DriftWorld.layout,
      rowsPerSubwindow: 500)
    var random = SplitMix64(seed: seed)
    for i in 0..<rows {
      var row = DriftWorld.row(&random)
      change(&row, i)
      monitor.observe(row)
    }
    return monitor
  }

  @Test(arguments: [500, 1_000, 3_000])
  func quietDataIsNeverMoreThanQuiet(rows: Int) throws {
    for seed in 100..<110 as Range<UInt64> {
      let report = try monitor(rows, seed: seed) { _, _ in }.report()
      #expect(report.enough)
      #expect(report.features.allSatisfy { $0.verdict == .quiet })
    }
  }

  @Test func fewRowsGiveNoVerdictWhateverTheySay() throws {
    let report = try monitor(499, seed: 1) { row, _ in row.speed += 5 }.report()
    #expect(!report.enough)
    #expect(report.worst == .tooFew)
    #expect(report.features.allSatisfy { $0.qValue == nil })
    let empty = try monitor(0, seed: 1) { _, _ in }.report()
    #expect(empty.features.allSatisfy { $0.psi == 0 && $0.distance == nil })
  }

  @Test func aShiftIsFoundInItsFeatureOnly() throws {
    let report = try monitor(2_000, seed: 2) { row, _ in row.speed += 1 }.report()
    let verdicts = report.features.map(\.verdict)
    #expect(verdicts == [.drift, .quiet, .quiet, .quiet, .quiet])
    #expect(report.features[0].psi > 0.25)
    #expect(try #require(report.features[0].qValue) < 1e-6)
    let distance = try #require(report.features[0].distance)
    #expect(distance.low > 0.3 && distance.low <= distance.high)
  }

  @Test func oneOutlierChangesNothingAndLostValuesDo() throws {
    let outlier = try monitor(2_000, seed: 3) { row, i in if i == 7 { row.speed = 1e30 } }.report()
    #expect(outlier.worst == .quiet)
    let lost = try monitor(2_000, seed: 3) { row, i in if i % 5 < 2 { row.speed = .nan } }.report()
    #expect(lost.features[0].verdict == .drift)
    #expect(abs(lost.features[0].missingCurrent - 0.4) < 1e-9)
    // Three points missing, where the reference had none, are watched.
    let few = try monitor(3_000, seed: 3) { row, i in if i % 30 == 0 { row.speed = .nan } }.report()
    #expect(few.features[0].verdict == .watch)
    // A feature that is mostly missing in the reference too may stay so.
    #expect(lost.features[2].verdict == .quiet)
    #expect(lost.features[2].missingReference > 0.7)
  }

  @Test func infinitiesAreCountedAndNoisyOnes() throws {
    let report = try monitor(1_000, seed: 5) { row, i in if i % 4 == 0 { row.gust = .infinity } }
      .report()
    #expect(abs(report.features[2].infinite - 0.25) < 1e-9)
    #expect(report.features[2].verdict == .drift)
  }

  @Test func theBracketHoldsTheExactDistance() throws {
    let reference = try DriftWorld.reference(rows: 20_000)
    var random = SplitMix64(seed: 1)
    let before = (0..<20_000).map { _ in DriftWorld.row(&random).speed }.sorted()
    let monitor = try DriftMonitor(reference: reference, row: DriftWorld.layout)
    random = SplitMix64(seed: 77)
    var now: [Float] = []
    for _ in 0..<900 {
      let row = DriftWorld.row(&random, shift: 0.2)
      now.append(row.speed)
      monitor.observe(row)
    }
    now.sort()
    // The exact two-sample distance, by a merge of both sorted samples.
    var i = 0
    var j = 0
    var exact = 0.0
    while i < before.count, j < now.count {
      let x = min(before[i], now[j])
      while i < before.count, before[i] <= x { i += 1 }
      while j < now.count, now[j] <= x { j += 1 }
      exact = max(exact, abs(Double(i) / 20_000 - Double(j) / 900))
    }
    let bracket = try #require(try monitor.report().features[0].distance)
    #expect(bracket.low <= exact + 1e-12)
    #expect(bracket.high >= exact - 1e-12)
    #expect(bracket.high - bracket.low < 0.05)
  }

  @Test func historyIsThePastIndex() throws {
    let monitor = try monitor(2_000, seed: 8) { _, _ in }
    #expect(monitor.history.count == 4)
    let last = try #require(monitor.history.last)
    let report = try monitor.report()
    #expect(last == report.features.map(\.psi))
  }
}

@Suite struct DisplayBinsTests {
  @Test func sharesAndContributionsSumToOne() throws {
    let monitor = try DriftMonitor(
      reference: try DriftWorld.reference(rows: 5_000), row: DriftWorld.layout)
    var random = SplitMix64(seed: 12)
    for i in 0..<800 {
      var row = DriftWorld.row(&random, shift: 0.3)
      if i % 9 == 0 { row.carrier = "new" }
      monitor.observe(row)
    }
    let window = monitor.window()
    for feature in monitor.layout.reference.features.indices {
      let bins = monitor.layout.displayBins(feature: feature, window: window)
      #expect(bins.count <= 32)
      #expect(abs(bins.reduce(0) { $0 + $1.reference } - 1) < 1e-9)
      #expect(abs(bins.reduce(0) { $0 + $1.current } - 1) < 1e-9)
      #expect(abs(bins.reduce(0) { $0 + $1.contribution } - 1) < 1e-9)
      #expect(bins.allSatisfy { $0.contribution >= 0 && !$0.label.isEmpty })
      #expect(Set(bins.map(\.label)).count == bins.count)
    }
    let speed = monitor.layout.displayBins(feature: 0, window: window)
    #expect(speed.first?.label.hasPrefix("to -") == true)
    #expect(speed.last?.label.hasPrefix("over ") == true)
    let gust = monitor.layout.displayBins(feature: 2, window: window).map(\.label)
    #expect(gust.contains("missing"))
    let carrier = monitor.layout.displayBins(feature: 1, window: window)
    #expect(carrier.first?.label == "UA")
    #expect(carrier.last?.label == "unseen")
  }
}
