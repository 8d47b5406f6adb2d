import CSystem
import Core
import Glibc
import Synchronization

/// A thread of the node that runs until it is asked to stop.
final class ServiceThread: Sendable {
  /// Says to the body whether it should go on.
  final class StopFlag: Sendable {
    private let stopping = Atomic<Bool>(false)
    /// True once the thread should end.
    var isSet: Bool { stopping.load(ordering: .acquiring) }
    fileprivate func set() { stopping.store(true, ordering: .releasing) }
  }

  private final class Start: Sendable {
    let body: @Sendable (StopFlag) -> Void
    let flag: StopFlag
    let name: String
    init(_ name: String, _ flag: StopFlag, _ body: @escaping @Sendable (StopFlag) -> Void) {
      self.name = name
      self.flag = flag
      self.body = body
    }
  }

  private let flag = StopFlag()
  private let handle: Mutex<pthread_t?>

  /// Starts a thread; its name (at most 15 bytes) is seen in process listings.
  /// - Throws: ``NodeError`` when the system gives no thread.
  init(_ name: String, _ body: @escaping @Sendable (StopFlag) -> Void) throws(NodeError) {
    let start = Unmanaged.passRetained(Start(name, flag, body))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        sluice_thread_name(start.name)
        start.body(start.flag)
        return nil
      }, start.toOpaque())
    guard status == 0 else {
      start.release()
      throw NodeError(.system, "the system gives no more threads (\(name))")
    }
    handle = Mutex(thread)
  }

  /// Asks the thread to end and waits until it has.
  func stop() {
    flag.set()
    wait()
  }

  /// Waits until the thread has ended by itself.
  func wait() {
    let thread = handle.withLock { handle in
      defer { handle = nil }
      return handle
    }
    if let thread { pthread_join(thread, nil) }
  }
}
