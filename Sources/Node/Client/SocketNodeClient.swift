import Core
import Gateway

/// A ``NodeClient`` over the control socket of a running node.
public final class SocketNodeClient: NodeClient {
  private let socket: ControlSocketClient

  /// Connects to the node that listens at `path`.
  /// - Throws: ``NodeError`` with the code `unreachable`.
  public init(path: String) throws(NodeError) {
    socket = ControlSocketClient(path: path)
    do {
      try socket.connect()
    } catch {
      throw NodeError(.unreachable, error.message)
    }
  }

  /// Sends a request and waits for the answer.
  /// - Throws: ``NodeError``: the node's own refusal, or `unreachable`.
  public func send(_ request: NodeRequest) throws -> NodeReply {
    let bytes = try NodeWire.encode(request)
    let answer: [UInt8]
    do {
      answer = try socket.call(bytes, timeout: SocketNodeClient.patience(request))
    } catch {
      throw NodeError(.unreachable, error.message)
    }
    return try NodeWire.decodeReply(answer)
  }

  /// How long an answer may take: a model that is loaded first can take a while.
  private static func patience(_ request: NodeRequest) -> TimeSpan {
    switch request {
    case .perform, .runbook, .verifyJournal: .seconds(60)
    default: .seconds(10)
    }
  }
}
