import Control
import Core
import Glibc
import Telemetry

/// Whether an endpoint's stable itself is in trouble, so that nothing that is seen meanwhile is a
/// candidate's fault.
///
/// Owned by the analyst's lock. It comes at one level and goes at a lower one, as symptoms do.
struct IncidentTracker {
  private var present: [Name: String] = [:]

  /// What is wrong on an endpoint; nil when nothing is.
  func incident(on endpoint: Name) -> String? { present[endpoint] }

  /// Judges an endpoint's stable anew.
  /// - Parameters:
  ///   - stable: the stable's own answers of the last minute; nil while it has no traffic of its
  ///     own that could be looked at.
  ///   - fault: why a version cannot be routed to, or a change not be made.
  mutating func update(
    _ endpoint: Name, version: VersionID?, stable: SeriesPoint?, fault: String?
  ) {
    if let fault {
      present[endpoint] = fault
      return
    }
    guard let version, let stable,
      stable.counts.requests >= SymptomTracker.minimumRequests
    else {
      // Missing data keeps the state: an outage of traffic is not a recovery.
      if version == nil { present[endpoint] = nil }
      return
    }
    let isOn = present[endpoint] != nil
    let rates = SymptomTracker.errorRateLimits
    let times = SymptomTracker.latencyLimitsMilliseconds
    if let rate = stable.errorRate, rate > (isOn ? rates.off : rates.on) {
      present[endpoint] = "\(decimal(rate * 100, 1)) % of \(version)'s own answers fail"
    } else if let p99 = stable.p99Milliseconds, p99 > (isOn ? times.off : times.on) {
      present[endpoint] =
        "the slowest hundredth of \(version)'s answers takes \(decimal(p99, 1)) ms"
    } else {
      present[endpoint] = nil
    }
  }
}

/// Whether the node can bear more load: nothing is dropped, and the processors are not all busy.
struct CapacityWatch {
  /// A share of all processors so great for so long is a node at its limit.
  static let busyShare = 0.95
  static let busySpan = TimeSpan.seconds(30)
  /// So long after the last dropped record the node counts as behind.
  static let dropSpan = TimeSpan.seconds(10)

  private let processors: Int
  private var dropped: Int?
  private var lastDrop: UInt64?
  private var busySince: UInt64?

  /// - Parameter processors: how many the process may use.
  init(processors: Int = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))) {
    self.processors = processors
  }

  /// One look, about once a second.
  /// - Parameters:
  ///   - dropped: records of requests that the analyst has lost since the beginning.
  ///   - used: processors in use since the last look.
  ///   - now: monotonic nanoseconds.
  /// - Returns: why the node cannot bear more; nil when it can.
  mutating func look(dropped total: Int, used: Double, now: UInt64) -> String? {
    if let before = dropped, total > before { lastDrop = now }
    dropped = total
    if used >= CapacityWatch.busyShare * Double(processors) {
      busySince = busySince ?? now
    } else {
      busySince = nil
    }
    if let lastDrop, now - lastDrop < CapacityWatch.nanoseconds(CapacityWatch.dropSpan) {
      return "requests come faster than they can be accounted for"
    }
    if let busySince, now - busySince >= CapacityWatch.nanoseconds(CapacityWatch.busySpan) {
      return "all \(processors) processors have been busy for \(CapacityWatch.busySpan)"
    }
    return nil
  }

  private static func nanoseconds(_ span: TimeSpan) -> UInt64 { UInt64(span.microseconds) * 1_000 }
}
