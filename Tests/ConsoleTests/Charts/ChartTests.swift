import Core
import Testing

@testable import Console

private func drawn(_ width: Int, _ height: Int, _ draw: (inout CellBuffer) -> Void) -> String {
  var buffer = CellBuffer(width: width, height: height)
  draw(&buffer)
  return buffer.text
}

private let all = ChartGlyphs.allCases

@Suite struct ChartTests {
  @Test func brailleAreaGolden() {
    let values: [Double?] = (0..<28).map { Double($0 % 14) }
    let text = drawn(20, 4) {
      LineChart(series: [.init(role: .stable, values: values, isArea: true)])
        .draw(into: &$0, rect: $0.bounds)
    }
    let golden = [
      "   20", "   10      ⣀⣴     ⣀⣴", "        ⢀⣤⣾⣿⣿  ⢀⣤⣾⣿⣿", "    0 ⣠⣶⣿⣿⣿⣿⣿⣠⣶⣿⣿⣿⣿⣿",
    ]
    #expect(text == golden.joined(separator: "\n"))
  }

  @Test func newestValueIsAtTheRightAndGapsStayGaps() {
    for glyphs in all {
      let values: [Double?] = [1, nil, nil, nil, nil, nil, nil, 1]
      let text = drawn(8, 1) {
        LineChart(series: [.init(role: .stable, values: values)], glyphs: glyphs)
          .draw(into: &$0, rect: $0.bounds)
      }
      #expect(text.count == 8)
      #expect(text.filter { $0 == " " }.count >= 6)
      #expect(text.last != " ")
    }
  }

  @Test func aMovingWindowOnlyShiftsThePicture() {
    func columns(_ first: Int) -> [Double?] {
      let values = (first..<first + 300).map { Double(($0 * 7919) % 101) }
      return LineChart(series: [], firstIndex: first).grouped(values, columns: 60)
    }
    // 300 values in 60 columns: five values later the picture is one column further left.
    let now = columns(1_000)
    let later = columns(1_005)
    #expect(Array(now[1...].dropLast()) == Array(later[..<59].dropLast()))
    // Every column is used, and a spike is never lost.
    #expect(now.allSatisfy { $0 != nil })
    var spike = [Double?](repeating: 1, count: 1_000)
    spike[503] = 99
    #expect(LineChart(series: []).grouped(spike, columns: 33).contains(99))
  }

  @Test func laterSeriesWinTheirCells() {
    var buffer = CellBuffer(width: 4, height: 2)
    LineChart(series: [
      .init(role: .stable, values: Array(repeating: 1, count: 8), isArea: true),
      .init(role: .candidate, values: Array(repeating: 1, count: 8)),
    ]).draw(into: &buffer, rect: buffer.bounds)
    #expect(buffer[0, 0].role == .candidate)
    #expect(buffer[0, 1].role == .stable)
  }

  @Test func niceScalesHoldTheirValuesInFewRoundSteps() {
    var rng = SplitMix64(seed: 5)
    for _ in 0..<5_000 {
      let magnitude = [1e-9, 1e-3, 1, 1e3, 1e9, 1e15][Int(rng.next() % 6)]
      let low = (rng.nextUnit() - 0.5) * magnitude
      let high = low + rng.nextUnit() * magnitude
      let steps = 1 + Int(rng.next() % 6)
      let scale = NiceScale(from: low, to: high, stepsMax: steps)
      #expect(scale.low <= low + magnitude * 1e-9 && scale.high >= high - magnitude * 1e-9)
      #expect(scale.high > scale.low)
      #expect((scale.high - scale.low) / scale.step < Double(steps) + 1.5)
      #expect(scale.fraction(of: low) >= 0 && scale.fraction(of: high) <= 1)
    }
    #expect(NiceScale(from: 0, to: 1842, stepsMax: 3) == NiceScale(from: 0, to: 2000, stepsMax: 3))
    #expect(NiceScale(from: 5, to: 5, stepsMax: 2).high > 5)
    #expect(NiceScale(from: 0, to: 0, stepsMax: 2).low == 0)
    #expect(NiceScale(from: .nan, to: .infinity, stepsMax: 2).high.isFinite)
  }

  @Test func numbersAreShort() {
    let cases: [(Double, String)] = [
      (0, "0"), (0.05, "0.05"), (0.012, "0.012"), (24.9, "24.9"), (99.96, "100"), (180, "180"),
      (1842, "1.8k"), (2400, "2.4k"), (9960, "10k"), (13_000_000, "13M"), (-2.5, "-2.5"),
      (0.00001, "~0"), (.nan, "-"), (.infinity, "inf"), (1e18, ">1P"), (999.6, "1k"),
    ]
    for (value, text) in cases { #expect(ChartNumber.short(value) == text) }
    #expect(ChartNumber.fixed(3.14159, decimals: 2) == "3.14")
    #expect(ChartNumber.fixed(-0.001, decimals: 2) == "0.00")
    #expect(ChartNumber.fixed(1.005e3, decimals: 0) == "1005")
    #expect(ChartNumber.fixed(2.05, decimals: 3) == "2.050")
  }

  @Test func sparklineGolden() {
    let values: [Double?] = [0, 1, 2, 3, 4, 5, 6, 7, nil, 7]
    #expect(
      drawn(10, 1) { Sparkline(values: values).draw(into: &$0, x: 0, y: 0, width: 10) }
        == "▁▂▃▄▅▆▇█ █")
    #expect(
      drawn(10, 1) {
        Sparkline(values: values, glyphs: .ascii).draw(into: &$0, x: 0, y: 0, width: 10)
      } == "_.-~=+*# #")
    #expect(
      drawn(3, 1) {
        Sparkline(values: [5, 5, 5], isFromZero: false).draw(into: &$0, x: 0, y: 0, width: 3)
      } == "▁▁▁")
  }

  @Test func gaugeGolden() {
    func gauge(_ fraction: Double, _ glyphs: ChartGlyphs = .block, mark: Double? = nil) -> String {
      drawn(8, 1) {
        Gauge(fraction: fraction, mark: mark, glyphs: glyphs).draw(
          into: &$0, x: 0, y: 0, width: 8)
      }
    }
    #expect(gauge(0.5) == "████░░░░")
    #expect(gauge(0) == "░░░░░░░░")
    #expect(gauge(0.001) == "█░░░░░░░")
    #expect(gauge(0.999) == "███████░")
    #expect(gauge(1) == "████████")
    #expect(gauge(7) == "████████")
    #expect(gauge(.nan) == "░░░░░░░░")
    #expect(gauge(0.25, .ascii, mark: 0.75) == "##----|-")
  }

  @Test func splitBarKeepsTheSumAndShowsEveryPart() {
    var rng = SplitMix64(seed: 9)
    for _ in 0..<3_000 {
      let parts = (0..<Int(rng.next() % 5) + 1).map { _ in
        SplitBar.Part(role: .stable, weight: rng.next() % 3 == 0 ? 0 : Int(rng.next() % 10_001))
      }
      let width = Int(rng.next() % 60)
      let counts = SplitBar(parts: parts).columns(in: width)
      let present = parts.filter { $0.weight > 0 }.count
      #expect(counts.allSatisfy { $0 >= 0 })
      if present == 0 { continue }
      #expect(counts.reduce(0, +) == width)
      for (part, count) in zip(parts, counts) {
        if part.weight == 0 { #expect(count == 0) }
        if part.weight > 0 && present <= width { #expect(count > 0) }
      }
    }
    #expect(
      drawn(12, 1) {
        SplitBar(parts: [.init(role: .stable, weight: 7500), .init(role: .candidate, weight: 2500)])
          .draw(into: &$0, x: 0, y: 0, width: 12)
      } == "█████████▒▒▒")
    #expect(SplitBar.weight(atColumn: 30, width: 40, total: 10_000) == 7_500)
    #expect(SplitBar.weight(atColumn: 99, width: 40, total: 10_000) == 10_000)
  }

  @Test func evidenceBarIsLogarithmic() {
    func bar(_ evidence: Double, _ glyphs: ChartGlyphs = .block) -> String {
      drawn(28, 1) {
        EvidenceBar(evidence: evidence, holdAt: 20, rollbackAt: 100, glyphs: glyphs)
          .draw(into: &$0, x: 0, y: 0, width: 28)
      }
    }
    // 28 columns for 2 1/3 decades: 12 a decade. 20 is at 15.6, 100 at 24.
    #expect(bar(1) == "░░░░░░░░░░░░░░░░│░░░░░░░│░░░")
    #expect(bar(10) == "████████████░░░░│░░░░░░░│░░░")
    #expect(bar(10, .ascii) == "############----|-------|---")
    #expect(bar(.nan) == bar(1))
    #expect(bar(0) == bar(1))
    #expect(bar(.infinity).filter { $0 == "█" }.count == 26)
    func role(_ evidence: Double) -> Role {
      EvidenceBar(evidence: evidence, holdAt: 20, rollbackAt: 100).role
    }
    #expect([role(19.9), role(20), role(100), role(.nan)] == [.ok, .warn, .bad, .stale])
    for (value, log) in [
      (10.0, 1.0), (2, 0.301_029_995_66), (1e300, 300), (1.5e-7, -6.823_908_741),
    ] {
      #expect(abs(DecimalLogarithm.of(value) - log) < 1e-8)
    }
  }

  @Test func histogramGolden() {
    let histogram = OverlayHistogram(
      reference: [0.1, 0.4, 0.4, 0.1], current: [0.1, 0.2, 0.3, 0.4],
      contributions: [0, 0.1, 0.02, 0.4], glyphs: .ascii)
    // Reference: 2, 8, 8, 2 rows of 8ths; a line inside the fill where it is lower.
    #expect(
      drawn(8, 5) { histogram.draw(into: &$0, rect: $0.bounds) } == """
          ''''##
            ####
          ######
        --####--
          ::..##
        """)
  }

  @Test func everyChartFitsAnyRectangle() {
    var rng = SplitMix64(seed: 11)
    let odd: [Double?] = [
      nil, .nan, .infinity, -.infinity, 0, -5, 1e300, 3, nil, 4, .leastNonzeroMagnitude,
    ]
    for round in 0..<600 {
      var buffer = CellBuffer(width: 30, height: 12)
      let rect = Rect(
        x: Int(rng.next() % 40) - 5, y: Int(rng.next() % 16) - 2, width: Int(rng.next() % 34),
        height: Int(rng.next() % 14))
      let count = [0, 1, 2, 11, 200][round % 5]
      let values = (0..<count).map { _ in odd[Int(rng.next() % UInt64(odd.count))] }
      let plain = values.map { $0 ?? 0 }
      let glyphs = all[round % 3]
      LineChart(
        series: [.init(role: .stable, values: values, isArea: round % 2 == 0)],
        baseline: round % 3 == 0 ? .automatic : .zero, firstIndex: round * 17,
        limit: values.first ?? nil, glyphs: glyphs
      ).draw(into: &buffer, rect: rect)
      Sparkline(values: values, glyphs: glyphs)
        .draw(into: &buffer, x: rect.x, y: rect.y, width: rect.width)
      OverlayHistogram(
        reference: plain, current: plain.dropLast(), contributions: plain, glyphs: glyphs
      )
      .draw(into: &buffer, rect: rect)
      Gauge(fraction: plain.first ?? 0, mark: plain.last, glyphs: glyphs)
        .draw(into: &buffer, x: rect.x, y: rect.y, width: rect.width)
      EvidenceBar(evidence: plain.last ?? 0, holdAt: 20, rollbackAt: 100, glyphs: glyphs)
        .draw(into: &buffer, x: rect.x, y: rect.y, width: rect.width)
      // Nothing is drawn outside of the rectangle.
      for y in 0..<12 {
        for x in 0..<30 where !rect.contains(x: x, y: y) && y != rect.y {
          #expect(buffer[x, y] == .blank)
        }
      }
    }
  }
}
