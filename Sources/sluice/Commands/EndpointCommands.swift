import Control
import Core
import Node

/// `sluice endpoint …`.
enum EndpointCommands {
  static let group = CommandGroup(
    name: "endpoint", summary: "Endpoints: the named addresses that route requests over versions")
  static let all: [CommandDeclaration] = [create, list, drain, enable]
  private static let endpoint = ControlCommands.endpoint

  static let create = CommandDeclaration(
    "endpoint create", summary: "Makes an endpoint; it serves when a version is deployed on it",
    parameters: [endpoint],
    examples: [("sluice endpoint create flight-delay", "an empty endpoint")]
  ) { call in
    try call.carryOut(.createEndpoint(call[required: endpoint]), creates: true)
  }

  static let list = CommandDeclaration(
    "endpoint list", summary: "Shows every endpoint on one line",
    examples: [("sluice endpoint list", "names, states, versions and traffic")]
  ) { call in
    let snapshot = try call.withNode {
      try $0.snapshot(SnapshotRequest(points: 1, eventLimit: 0))
    }
    try call.tell(snapshot.endpoints, text: StatusText.endpoints(snapshot.endpoints))
    return .done
  }

  static let drain = CommandDeclaration(
    "endpoint drain", summary: "Stops taking requests; callers are told to come back later",
    parameters: [endpoint, ControlCommands.ifGeneration],
    examples: [("sluice endpoint drain flight-delay", "requests get 503 with Retry-After")]
  ) { call in
    try call.carryOut(.drainEndpoint(call[required: endpoint]))
  }

  static let enable = CommandDeclaration(
    "endpoint enable", summary: "Takes requests again after a drain",
    parameters: [endpoint, ControlCommands.ifGeneration],
    examples: [("sluice endpoint enable flight-delay", "the same split as before serves on")]
  ) { call in
    try call.carryOut(.enableEndpoint(call[required: endpoint]))
  }
}
