import Core

/// How requests and replies cross the control socket: one JSON object each way.
enum NodeWire {
  /// A reply or the reason why there is none.
  struct Envelope: Codable {
    var reply: NodeReply?
    var error: NodeError?
  }

  static func encode(_ request: NodeRequest) throws -> [UInt8] {
    try CanonicalJSON.encode(request)
  }

  static func decodeRequest(_ bytes: [UInt8]) throws -> NodeRequest {
    try CanonicalJSON.decode(NodeRequest.self, from: bytes)
  }

  /// The answer of `handler` as bytes; an error becomes part of the answer.
  static func answer(_ bytes: [UInt8], by handler: (NodeRequest) throws -> NodeReply) -> [UInt8] {
    var envelope = Envelope()
    do {
      envelope.reply = try handler(try decodeRequest(bytes))
    } catch {
      envelope.error = NodeError(describing: error)
    }
    if let bytes = try? CanonicalJSON.encode(envelope) { return bytes }
    let apology = NodeError(.system, "the answer cannot be written as JSON")
    return (try? CanonicalJSON.encode(Envelope(reply: nil, error: apology))) ?? []
  }

  static func decodeReply(_ bytes: [UInt8]) throws -> NodeReply {
    let envelope = try CanonicalJSON.decode(Envelope.self, from: bytes)
    if let error = envelope.error { throw error }
    guard let reply = envelope.reply else {
      throw NodeError(.system, "the node answered with nothing; are both of the same version?")
    }
    return reply
  }
}

extension NodeError {
  /// Any error of this program as a node error, keeping its sentence and its exit code.
  public init(describing error: any Error) {
    switch error {
    case let error as NodeError: self = error
    case let error as any Failure:
      switch error.exitCode {
      case .done, .notSo: self.init(.refused, error.message)
      case .usage: self.init(.badInput, error.message)
      case .system: self.init(.system, error.message)
      }
    default: self.init(.system, printable("\(error)"))
    }
  }
}
