import Core
import Testing

@testable import Telemetry

/// A latency drawn evenly in its logarithm, 1 ns to the histogram's end.
func randomLatency(_ random: inout SplitMix64) -> Int {
  let octave = Int(random.next() % 36)
  return (1 << octave) + Int(random.next() & ((1 << UInt64(octave)) - 1))
}

@Suite struct LatencyHistogramTests {
  @Test func bucketsCoverEveryLatencyOnceAndInOrder() {
    for index in 1..<LatencyHistogram.bucketCount {
      let lower = LatencyHistogram.lowerBound(of: index)
      #expect(LatencyHistogram.bucket(of: lower) == index)
      #expect(LatencyHistogram.bucket(of: lower - 1) == index - 1)
    }
    #expect(LatencyHistogram.bucket(of: -5) == 0)
    #expect(LatencyHistogram.bucket(of: .max) == LatencyHistogram.bucketCount - 1)
  }

  @Test func middleIsWithinOnePartIn128() {
    var random = SplitMix64(seed: 3)
    for _ in 0..<2_000 {
      let latency = randomLatency(&random)
      let middle = LatencyHistogram.middle(of: LatencyHistogram.bucket(of: latency))
      #expect(abs(middle - Double(latency)) <= Double(latency) / 128)
    }
  }

  @Test func quantilesStayWithinTheErrorOfExactOnes() throws {
    var random = SplitMix64(seed: 11)
    var histogram = LatencyHistogram()
    var all: [Int] = []
    for _ in 0..<3_000 {
      let latency = randomLatency(&random)
      histogram.record(nanoseconds: latency)
      all.append(latency)
    }
    all.sort()
    for q in [0.01, 0.5, 0.9, 0.99, 1.0] {
      let exact = Double(all[Int((Double(all.count) * q).rounded(.up)) - 1])
      let estimate = try #require(histogram.quantile(q))
      #expect(abs(estimate - exact) <= exact / 128)
    }
    #expect(LatencyHistogram().quantile(0.5) == nil)
  }

  @Test func mergeIsAssociativeAndCommutative() {
    var random = SplitMix64(seed: 5)
    var parts = [LatencyHistogram](repeating: LatencyHistogram(), count: 3)
    var whole = LatencyHistogram()
    for i in 0..<300 {
      let latency = randomLatency(&random)
      parts[i % 3].record(nanoseconds: latency)
      whole.record(nanoseconds: latency)
    }
    var left = parts[0]
    left.merge(parts[1])
    left.merge(parts[2])
    var right = parts[2]
    right.merge(parts[1])
    right.merge(parts[0])
    #expect(left == whole)
    #expect(right == whole)
  }

  @Test func countAboveLeavesOutTheThresholdsOwnBucket() {
    var histogram = LatencyHistogram()
    for latency in [10, 100, 1_000, 1_000_000] { histogram.record(nanoseconds: latency) }
    #expect(histogram.count(above: 100) == 2)
    #expect(histogram.count(above: .max) == 0)
  }
}

@Suite struct CompactHistogramTests {
  private func roundTrip(_ histogram: LatencyHistogram, bytes: Int) -> (LatencyHistogram, Int, Int)
  {
    var buffer = [UInt8](repeating: 0xEE, count: bytes)
    let packed = buffer.withUnsafeMutableBufferPointer {
      CompactHistogram.encode(histogram.counts, into: $0)
    }
    var result = LatencyHistogram()
    buffer.withUnsafeBufferPointer {
      CompactHistogram.decode(
        UnsafeBufferPointer(rebasing: $0[..<packed.bytes]), level: packed.level, into: &result)
    }
    return (result, packed.bytes, packed.level)
  }

  @Test func typicalSecondIsExact() {
    var random = SplitMix64(seed: 7)
    var histogram = LatencyHistogram()
    for _ in 0..<500 {
      // 20 to 40 us with a tail.
      let tail = random.next() % 50 == 0 ? 400_000 : 0
      histogram.record(nanoseconds: 20_000 + Int(random.next() % 20_000) + tail)
    }
    let (back, _, level) = roundTrip(histogram, bytes: SecondSeries.payloadBytes)
    #expect(level == 0)
    #expect(back == histogram)
  }

  @Test func worstCaseFitsAndKeepsItsError() throws {
    var histogram = LatencyHistogram()
    for i in 0..<LatencyHistogram.bucketCount { histogram.add(UInt64(i) << 40 + 1, toBucket: i) }
    let (back, used, level) = roundTrip(histogram, bytes: CompactHistogram.bytesMin)
    #expect(used <= CompactHistogram.bytesMin)
    #expect(back.total == histogram.total)
    let exact = try #require(histogram.quantile(0.5))
    let coarse = try #require(back.quantile(0.5))
    #expect(abs(coarse - exact) <= CompactHistogram.errorMax(exact, level: level))
  }

  @Test func levelsKeepTheTotalAndTheError() throws {
    var random = SplitMix64(seed: 13)
    var histogram = LatencyHistogram()
    for _ in 0..<1_500 { histogram.record(nanoseconds: randomLatency(&random)) }
    let (back, _, level) = roundTrip(histogram, bytes: SecondSeries.payloadBytes)
    #expect(level > 0)
    #expect(back.total == histogram.total)
    for q in [0.1, 0.5, 0.99] {
      let exact = try #require(histogram.quantile(q))
      let coarse = try #require(back.quantile(q))
      #expect(abs(coarse - exact) <= CompactHistogram.errorMax(exact, level: level))
    }
  }
}

@Suite struct SecondSeriesTests {
  @Test func windowsEndAtAnyPastSecond() throws {
    let series = SecondSeries()
    for second in 1_000..<1_100 {
      for i in 0..<10 {
        series.record(second: second, latencyNanoseconds: (second - 999) * 1_000, failed: i == 0)
      }
      series.recordLabel(second: second, wrong: second % 2 == 0)
    }
    let last = series.window(endingAt: 1_099, seconds: 10)
    #expect(last.counts == .init(requests: 100, failures: 10, labels: 10, wrong: 5))
    #expect(last.requestsPerSecond == 10)
    #expect(last.errorRate == 0.1)
    let past = series.window(endingAt: 1_009, seconds: 10)
    let median = try #require(past.p50Milliseconds)
    #expect(abs(median - 0.005) < 0.005 / 64)
    #expect(series.window(endingAt: 999, seconds: 10).requestsPerSecond == nil)
    #expect(series.totals.requests == 1_000)
  }

  @Test func pointsMergeHistogramsAndDoNotAverageQuantiles() throws {
    let series = SecondSeries()
    // One second of 99 fast requests and one of a single slow one: the median is fast, an average
    // of medians would be half of the slow one.
    for _ in 0..<99 { series.record(second: 0, latencyNanoseconds: 1_000, failed: false) }
    series.record(second: 1, latencyNanoseconds: 1_000_000, failed: false)
    let points = series.points(endingAt: 3, secondsPerPoint: 2, count: 2)
    #expect(points.map(\.counts.requests) == [100, 0])
    #expect(try #require(points[0].p50Milliseconds) < 0.0011)
    #expect(try #require(points[0].p99Milliseconds) < 0.0011)
    #expect(points[1].p50Milliseconds == nil)
  }

  @Test func writesInAnyOrderGiveTheSameCells() {
    var random = SplitMix64(seed: 17)
    let samples = (0..<400).map { _ in
      (second: Int(random.next() % 20), latency: 1_000 + Int(random.next() % 50_000))
    }
    let inOrder = SecondSeries()
    for s in samples.sorted(by: { $0.second < $1.second }) {
      inOrder.record(second: s.second, latencyNanoseconds: s.latency, failed: false)
    }
    let mixed = SecondSeries()
    for s in samples {
      mixed.record(second: s.second, latencyNanoseconds: s.latency, failed: false)
    }
    for second in 0..<20 {
      #expect(
        inOrder.window(endingAt: second, seconds: 1) == mixed.window(endingAt: second, seconds: 1))
    }
  }

  @Test func theRingForgetsAndRefusesWhatIsTooOld() {
    let series = SecondSeries()
    series.record(second: 10, latencyNanoseconds: 5, failed: false)
    series.record(second: 10 + SecondSeries.secondsKept, latencyNanoseconds: 7, failed: false)
    #expect(series.window(endingAt: 10, seconds: 1).counts.requests == 0)
    series.record(second: 10, latencyNanoseconds: 5, failed: false)
    #expect(series.lateWrites == 1)
    #expect(series.totals.requests == 2)
    #expect(series.window(endingAt: 10 + SecondSeries.secondsKept, seconds: 1).counts.requests == 1)
  }

  @Test func mergeEqualsOneSeriesOfBothStreams() {
    var random = SplitMix64(seed: 23)
    let parts = [SecondSeries(), SecondSeries()]
    let whole = SecondSeries()
    for i in 0..<600 {
      let second = i / 30
      let latency = 500 + Int(random.next() % 2_000)
      let failed = random.next() % 9 == 0
      parts[Int(random.next() & 1)].record(
        second: second, latencyNanoseconds: latency, failed: failed)
      whole.record(second: second, latencyNanoseconds: latency, failed: failed)
    }
    parts[1].merge(parts[0])
    #expect(parts[1].totals == whole.totals)
    for second in 0..<20 {
      #expect(
        parts[1].window(endingAt: second, seconds: 1) == whole.window(endingAt: second, seconds: 1))
    }
    // Reading two series at once is the same as merging them.
    let both = SeriesPoint.merging([parts[0], SecondSeries()], endingAt: 19, seconds: 20)
    #expect(both == parts[0].window(endingAt: 19, seconds: 20))
  }

  @Test func memoryIsBounded() { #expect(SecondSeries.memoryBytes < 2_000_000) }
}
