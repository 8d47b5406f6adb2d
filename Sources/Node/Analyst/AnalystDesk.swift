import Control
import Core
import Serving
import Telemetry

/// Everything that the analyst knows, behind one lock.
final class AnalystDesk {
  /// Whether this node serves; one that only answers a command line has no figures.
  let serves: Bool
  /// Each endpoint's figures.
  var telemetry: [Name: EndpointTelemetry] = [:]
  /// The evidence of running rollouts.
  var book = EvidenceBook()
  /// What is wrong now.
  var symptoms = SymptomTracker()
  /// When each version was closed on each endpoint, in tickets.
  var fences: [Name: FenceLedger] = [:]
  /// Why an endpoint's route table could not be replaced.
  var routingFaults: [Name: String] = [:]
  /// The names behind tap records' tags.
  var tags: [Name: [UInt16: VersionID]] = [:]
  /// Requests since the last tick, by endpoint, for the step clock.
  var requestsInTick: [Name: Int] = [:]
  /// What is wrong on endpoints that is no candidate's fault.
  var incidents = IncidentTracker()
  /// Why the node cannot bear more load; nil when it can.
  var overCapacity: String?
  /// Endpoints whose evidence grew since the guard looked.
  var grown: Set<Name> = []
  /// Where the requests of recorded endpoints are offered.
  var recorders: [Name: EndpointRecorder] = [:]

  init(serves: Bool) { self.serves = serves }

  /// The endpoint's figures, made on first use.
  func figures(_ endpoint: Name) -> EndpointTelemetry {
    if let known = telemetry[endpoint] { return known }
    let made = EndpointTelemetry()
    telemetry[endpoint] = made
    return made
  }
}

/// When a version was closed, as intervals of an endpoint's tickets: the check of the promise that
/// no request is routed to a version after its fence.
struct FenceLedger {
  private struct Interval {
    let version: VersionID
    let from: Int
    var to: Int
  }

  /// Intervals kept; older ones can have no records left in the rings.
  private static let intervalsKept = 256
  private var intervals: [Interval] = []
  private var lastTicket: [VersionID: Int] = [:]

  /// The version was closed with this ticket.
  /// - Returns: whether a request with a later ticket had been taken in before this was known.
  mutating func close(_ version: VersionID, ticket: Int) -> Bool {
    let isBroken = (lastTicket[version] ?? -1) > ticket
    if intervals.contains(where: { $0.version == version && $0.to == .max }) { return isBroken }
    intervals.append(Interval(version: version, from: ticket, to: .max))
    if intervals.count > FenceLedger.intervalsKept { intervals.removeFirst() }
    return isBroken
  }

  /// The version is about to be opened; tickets up to this one were taken before.
  mutating func open(_ version: VersionID, ticketsTaken: Int) {
    for index in intervals.indices
    where intervals[index].version == version && intervals[index].to == .max {
      intervals[index].to = ticketsTaken
    }
  }

  /// Notes a request and says whether it should not have gone to the version.
  mutating func forbids(_ version: VersionID, ticket: Int) -> Bool {
    lastTicket[version] = max(ticket, lastTicket[version] ?? -1)
    return intervals.contains { $0.version == version && ticket > $0.from && ticket < $0.to }
  }
}
