import Control
import Core
import Node

/// `sluice endpoint …`.
enum EndpointCommands {
  static let group = CommandGroup(
    name: "endpoint", summary: "Endpoints: the named addresses that route requests over versions")
  static let all: [CommandDeclaration] = [create, list, drain, enable, why]
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

  private static let key = Option<String>("key", .text, help: "the caller's sticky key")

  static let why = CommandDeclaration(
    "why", summary: "Says which version a caller's key gets, and by which rule",
    discussion: ["Requests without a key draw a version anew each time."],
    parameters: [endpoint, key],
    examples: [("sluice why flight-delay --key carrier-9E", "the bucket, its range, the version")]
  ) { call in
    guard let given = call[key] else {
      throw InvalidValue("--key is missing: whose version is asked for?")
    }
    let request = NodeRequest.why(endpoint: call[required: endpoint], key: given)
    let found = try call.withNode { client in
      guard case .why(let found) = try client.send(request) else { throw client.mismatch }
      return found
    }
    let version = found.version.map { "\($0)" } ?? "nobody"
    let place = "bucket \(found.bucket) of \(found.rangeFirst)-\(found.rangeLast)"
    try call.tell(
      found,
      text: "\(version): \(place); \(printable(found.rule, limit: 300)) (generation "
        + "\(found.generation))\n")
    return .done
  }
}
