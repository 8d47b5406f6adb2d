import Core
import Glibc
import Synchronization

/// A node that gets ready on a thread of its own while its screen is already up.
///
/// Requests wait until it is ready; when it cannot get ready, every request fails with the reason.
public final class DeferredNode: NodeClient {
  private enum Progress {
    case preparing
    case ready
    case failed(NodeError)
  }

  /// The node; it serves once it is ready.
  public let node: Node
  private let progress: Mutex<Progress>
  private let thread: Mutex<ServiceThread?>

  /// Begins to prepare `node`.
  /// - Throws: ``NodeError`` when the system gives no thread.
  public init(
    _ node: Node, prepare: @escaping @Sendable (Node) throws -> Void
  ) throws(NodeError) {
    self.node = node
    progress = Mutex(.preparing)
    thread = Mutex(nil)
    let started = try ServiceThread("prepare") { [self] _ in
      do {
        try prepare(node)
        progress.withLock { $0 = .ready }
      } catch {
        progress.withLock { $0 = .failed(NodeError(describing: error)) }
      }
    }
    thread.withLock { $0 = started }
  }

  /// Answers when the node is ready.
  /// - Throws: ``NodeError`` with why it could not get ready, or its own refusal.
  public func send(_ request: NodeRequest) throws -> NodeReply {
    try wait()
    return try node.send(request)
  }

  /// Waits until the node is ready.
  /// - Throws: ``NodeError`` with why it could not get ready.
  public func wait() throws(NodeError) {
    while true {
      switch progress.withLock({ $0 }) {
      case .ready: return
      case .failed(let error): throw error
      case .preparing: usleep(1_000)
      }
    }
  }

  /// Waits for the preparing thread, so that the node can be stopped; the reason when it failed.
  public func finish() -> NodeError? {
    let preparing = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    preparing?.stop()
    if case .failed(let error) = progress.withLock({ $0 }) { return error }
    return nil
  }
}
