import Console
import Control
import Core
import Node

/// `sluice status` and `sluice top --once`.
enum StatusCommands {
  static let all: [CommandDeclaration] = [status, top]

  /// What `status --json` tells scripts.
  struct Report: Encodable {
    struct Endpoint: Encodable {
      let summary: EndpointSummary
      /// Weights in basis points by version.
      let split: [String: Int]
      let versions: [VersionRow]
      let rollout: RolloutView?
    }
    let running: Bool
    let time: Timestamp
    let node: NodeInfo
    let endpoints: [Endpoint]
    let symptoms: [Symptom]
    let proposals: [RetrainingProposal]
  }

  private static let only = Positional(
    "endpoint", .name.named("ENDPOINT"), count: .optional, help: "only this endpoint")

  static let status = CommandDeclaration(
    "status", summary: "Shows endpoints, split, rollout, verdicts and symptoms",
    parameters: [only],
    examples: [
      ("sluice status", "everything, for a person"),
      ("sluice status flight-delay --json", "one endpoint, for a script"),
    ]
  ) { call in
    let running = NodeDoor.isNodeRunning(stateDirectory: call.stateDirectory)
    let report = try call.withNode { try collect($0, running: running, only: call[only]) }
    try call.tell(report, text: StatusText.text(of: report))
    return .done
  }

  private static func collect(
    _ client: any NodeClient, running: Bool, only: Name?
  ) throws -> Report {
    let first = try client.snapshot(SnapshotRequest(points: 1, eventLimit: 0))
    var summaries = first.endpoints
    if let only {
      summaries = summaries.filter { $0.name == only }
      guard !summaries.isEmpty else {
        throw NodeError(
          .unknown,
          "there is no endpoint \(only)"
            + didYouMean(only.text, among: first.endpoints.map(\.name.text))
            .ifEmpty("; sluice endpoint list shows them"))
      }
    }
    let endpoints = try summaries.map { summary in
      let request = SnapshotRequest(endpoint: summary.name, points: 1, eventLimit: 0)
      let detail = try client.snapshot(request).detail
      let shares = detail?.split?.shares ?? []
      return Report.Endpoint(
        summary: summary,
        split: Dictionary(
          shares.map { ($0.version.description, $0.weight) }, uniquingKeysWith: { a, _ in a }),
        versions: detail?.versions ?? [], rollout: detail?.rollout)
    }
    return Report(
      running: running, time: first.time, node: first.node, endpoints: endpoints,
      symptoms: first.symptoms.filter { only == nil || $0.endpoint == only },
      proposals: (first.proposals ?? []).filter { only == nil || $0.endpoint == only })
  }

  private static let once = Flag("once", help: "prints one picture and ends")
  private static let shown = Option<Name>(
    "endpoint", .name.named("ENDPOINT"), help: "the endpoint shown in detail")
  static let top = CommandDeclaration(
    "top", summary: "Prints one picture of the live screen as text",
    discussion: ["It needs --once; the live screen is `sluice` itself, or `sluice attach`."],
    parameters: [once, shown],
    examples: [("sluice top --once --endpoint flight-delay", "for a log or a chat message")]
  ) { call in
    guard call[once] else {
      throw InvalidValue("top needs --once; the live screen is sluice attach")
    }
    let snapshot = try call.withNode {
      try $0.snapshot(SnapshotRequest(endpoint: call[shown], eventLimit: 10))
    }
    try call.tell(snapshot, text: TopView.lines(snapshot).joined(separator: "\n") + "\n")
    return .done
  }
}
