import Glibc
import Synchronization

/// A thread of the data plane: begun at once, joined once.
final class ServingThread: Sendable {
  private let handle: Mutex<pthread_t?>

  /// What the thread runs, on its way there.
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Begins a thread.
  /// - Throws: ``ServingError`` with the code `system` when the system gives none.
  init(_ run: @escaping @Sendable () -> Void) throws(ServingError) {
    handle = Mutex(try ServingThread.begin(run))
  }

  /// Begins a thread that ends by itself, and that nobody waits for.
  /// - Throws: as ``init(_:)``.
  static func detached(_ run: @escaping @Sendable () -> Void) throws(ServingError) {
    pthread_detach(try begin(run))
  }

  private static func begin(
    _ run: @escaping @Sendable () -> Void
  ) throws(ServingError) -> pthread_t {
    var thread = pthread_t()
    let body = Unmanaged.passRetained(Body(run))
    let result = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, body.toOpaque())
    guard result == 0 else {
      body.release()
      throw ServingError(
        .system, "the system gave no thread for traffic (error \(result)): raise the thread limit")
    }
    return thread
  }

  /// Waits for its end; later calls return at once.
  func join() {
    let thread = handle.withLock { handle in
      defer { handle = nil }
      return handle
    }
    if let thread { pthread_join(thread, nil) }
  }
}
