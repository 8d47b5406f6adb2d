import Core
import Serving
import Telemetry

/// Points of a chart that were computed before.
///
/// The past does not change, so a picture a tenth of a second later costs next to nothing. Owned by
/// the analyst's lock.
final class PointCache {
  /// Records reach their second's cell at most so late.
  private static let settlingSeconds = 3
  private static let pointsKept = 4_096

  private let series: SecondSeries
  private var secondsPerPoint = 0
  private var settled: [Int: SeriesPoint] = [:]
  /// Windows that end with one second, by their length.
  private var windows: [Int: SeriesPoint] = [:]
  private var windowsEnd = Int.min

  init(_ series: SecondSeries) { self.series = series }

  /// As ``SecondSeries/points(endingAt:secondsPerPoint:count:)``; `now` tells what is settled.
  func points(endingAt end: Int, secondsPerPoint: Int, count: Int, now: Int) -> [SeriesPoint] {
    if secondsPerPoint != self.secondsPerPoint || settled.count > PointCache.pointsKept {
      settled.removeAll(keepingCapacity: true)
      self.secondsPerPoint = secondsPerPoint
    }
    return (0..<count).map { index in
      let last = end - (count - 1 - index) * secondsPerPoint
      if let known = settled[last] { return known }
      let point = series.window(endingAt: last, seconds: secondsPerPoint)
      if last <= now - PointCache.settlingSeconds { settled[last] = point }
      return point
    }
  }

  /// As ``SecondSeries/window(endingAt:seconds:)``, computed once a second.
  func window(endingAt end: Int, seconds: Int) -> SeriesPoint {
    if end != windowsEnd {
      windows.removeAll(keepingCapacity: true)
      windowsEnd = end
    }
    if let known = windows[seconds] { return known }
    let point = series.window(endingAt: end, seconds: seconds)
    windows[seconds] = point
    return point
  }
}

/// What the analyst keeps of one version on one endpoint.
///
/// Owned by the analyst's lock.
final class VersionTelemetry {
  /// An hour of seconds.
  let series = SecondSeries()
  /// What screens ask of it.
  let points: PointCache
  /// Its latest answers, from which a rollout takes what a stable usually says.
  var answers = AnswerSample()
  /// Its rows against its training reference; nil when it has none that fits.
  var drift: DriftMonitor?
  /// Why there is no drift monitor although there is a reference.
  var driftFault: String?
  /// When its features were last judged, and how.
  var verdict: DriftVerdictCache?

  init() { points = PointCache(series) }
}

/// Drift figures computed a moment ago; computing them for each frame would be waste.
struct DriftVerdictCache {
  var rowsSeen: Int
  var features: [DriftView.Feature]
}

/// What the analyst keeps of one endpoint.
///
/// Owned by the analyst's lock.
final class EndpointTelemetry {
  /// All versions together.
  let total = SecondSeries()
  /// What screens ask of it.
  let points: PointCache
  /// Answers that wait for their labels; nil when there was no memory for it.
  let predictions = try? PredictionLog(capacity: 1 << 20)
  /// Answers of shadows that wait for their labels; made when there are some.
  lazy var shadows = try? ShadowLog()
  /// Whether a shadow has answered since the node began.
  var hasShadows = false
  /// Each version that has served since the node began.
  private(set) var versions: [VersionID: VersionTelemetry] = [:]
  /// Records that the rings dropped because the analyst was behind.
  var droppedTaps = 0
  /// Requests routed to a version after its fence; must stay 0.
  var routedAfterFence = 0
  /// Requests that were refused because the endpoint is drained or empty.
  var refused = 0

  init() { points = PointCache(total) }

  /// The telemetry of a version, made on first use.
  func version(_ id: VersionID) -> VersionTelemetry {
    if let known = versions[id] { return known }
    let made = VersionTelemetry()
    versions[id] = made
    return made
  }
}
