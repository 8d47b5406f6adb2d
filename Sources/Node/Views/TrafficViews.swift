import Core
import Telemetry

/// Turns an endpoint's series into the points that charts show.
enum TrafficViews {
  /// The whole view over `seconds` seconds that end with `last`, in at most `points` points.
  static func view(
    of telemetry: EndpointTelemetry, endingAt last: Int, seconds: Int, points: Int, now: Int
  ) -> TrafficView {
    let span = min(max(seconds, 1), SecondSeries.secondsKept)
    let wanted = min(max(points, 1), span)
    let perPoint = (span + wanted - 1) / wanted
    let count = max(1, span / perPoint)
    // Points end on multiples of their length, so that a chart moves by whole points instead of
    // changing all of its values each second.
    let end = perPoint == 1 ? last : last - ((last + 1) % perPoint)
    var series = [line(nil, telemetry.points, end, perPoint, count, now)]
    for (version, own) in telemetry.versions.sorted(by: { $0.key < $1.key }) {
      let line = line(version, own.points, end, perPoint, count, now)
      if line.requestsPerSecond.contains(where: { $0 != nil }) { series.append(line) }
    }
    let totals = telemetry.total.totals
    return TrafficView(
      end: Timestamp(microseconds: Int64(end + 1) * 1_000_000), secondsPerPoint: perPoint,
      series: series, totalRequests: totals.requests, totalFailed: totals.failures,
      droppedTaps: telemetry.droppedTaps, totalLabels: totals.labels,
      routedAfterFence: telemetry.routedAfterFence)
  }

  private static func line(
    _ version: VersionID?, _ cache: PointCache, _ end: Int, _ perPoint: Int, _ count: Int,
    _ now: Int
  ) -> TrafficView.Series {
    let points = cache.points(endingAt: end, secondsPerPoint: perPoint, count: count, now: now)
    return TrafficView.Series(
      version: version,
      requestsPerSecond: points.map { $0.counts.requests > 0 ? $0.requestsPerSecond : nil },
      p50Milliseconds: points.map(\.p50Milliseconds),
      p90Milliseconds: points.map(\.p90Milliseconds),
      p99Milliseconds: points.map(\.p99Milliseconds),
      errorRate: points.map(\.errorRate), wrongRate: points.map(\.wrongRate))
  }
}
