import Control
import Core
import Telemetry

/// The live evidence of running rollouts, and which route each answer came by.
///
/// Owned by the analyst's lock.
///
/// An event counts in the epoch in which its request was *routed*, however late its label comes, so
/// each published route table leaves a mark here that says which rollout and epoch it belonged to.
struct EvidenceBook {
  /// The last picture of a rollout that ended.
  struct Ended {
    /// As the Canary pane shows it.
    let view: RolloutView
    /// What was known of each metric.
    let verdict: VerdictView
  }

  private var pages: [Name: EvidencePage] = [:]
  private var endings: [Name: Ended] = [:]

  /// The endpoint's page; nil before it was followed.
  func page(of endpoint: Name) -> EvidencePage? { pages[endpoint] }

  /// Follows an endpoint whose route table gets the generation `route`; nil when what comes by that
  /// table is no evidence.
  mutating func follow(_ endpoint: EndpointState, route: Int?, layout: Telemetry.RowLayout? = nil) {
    opened(endpoint.name).follow(endpoint, route: route, layout: layout)
    if endpoint.rollout != nil { endings[endpoint.name] = nil }
  }

  /// Puts back the evidence that was saved before a restart, when it is this rollout's and the last
  /// event of the journal did not know more: it is saved once a second, events take it as it is.
  mutating func restore(_ evidence: RolloutEvidence, for endpoint: EndpointState) {
    guard let rollout = endpoint.rollout else { return }
    opened(endpoint.name).restore(RolloutEvidence.resumed(evidence, in: rollout))
  }

  private mutating func opened(_ endpoint: Name) -> EvidencePage {
    if let page = pages[endpoint] { return page }
    let page = EvidencePage()
    pages[endpoint] = page
    return page
  }

  /// The evidence of the endpoint's running rollout.
  func evidence(of endpoint: Name) -> RolloutEvidence? { pages[endpoint]?.evidence }

  /// The rollout that the endpoint ran when it was last followed.
  func running(of endpoint: Name) -> Rollout? { pages[endpoint]?.running }

  /// Adds time to the endpoint's step clock; see ``EvidencePage/addTime(_:hadTraffic:)``.
  func addTime(_ endpoint: Name, _ span: TimeSpan, hadTraffic: Bool) {
    pages[endpoint]?.addTime(span, hadTraffic: hadTraffic)
  }

  /// Keeps the picture of a rollout that has ended.
  mutating func keepEnded(_ ended: Ended, of endpoint: Name) { endings[endpoint] = ended }

  /// The picture of the endpoint's last rollout that ended while this node ran.
  func ended(of endpoint: Name) -> Ended? { endings[endpoint] }

  /// The evidence that changed since the last call, to be saved.
  func takeChanged() -> [(Name, RolloutEvidence)] {
    var result: [(Name, RolloutEvidence)] = []
    for (name, page) in pages where page.isChanged {
      guard let evidence = page.evidence else { continue }
      result.append((name, evidence))
      page.isChanged = false
    }
    return result
  }
}
