import Core
import Serving
import Telemetry

/// What the analyst keeps of one version on one endpoint.
///
/// Owned by the analyst's lock.
final class VersionTelemetry {
  /// An hour of seconds.
  let series = SecondSeries()
  /// Its rows against its training reference; nil when it has none that fits.
  var drift: DriftMonitor?
  /// Why there is no drift monitor although there is a reference.
  var driftFault: String?
  /// When its features were last judged, and how.
  var verdict: DriftVerdictCache?
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
  /// Answers that wait for their labels; nil when there was no memory for it.
  let predictions = try? PredictionLog(capacity: 1 << 20)
  /// Each version that has served since the node began.
  private(set) var versions: [VersionID: VersionTelemetry] = [:]
  /// Records that the rings dropped because the analyst was behind.
  var droppedTaps = 0
  /// Requests routed to a version after its fence; must stay 0.
  var routedAfterFence = 0
  /// Requests that were refused because the endpoint is drained or empty.
  var refused = 0

  /// The telemetry of a version, made on first use.
  func version(_ id: VersionID) -> VersionTelemetry {
    if let known = versions[id] { return known }
    let made = VersionTelemetry()
    versions[id] = made
    return made
  }
}
