import CSystem
import Glibc

/// A plain thread of the system: a connection blocks in its own, and never in a pool that others
/// need.
enum Thread {
  /// Starts `body` on a new detached thread.
  /// - Parameter name: at most 15 bytes, for `top` and debuggers.
  /// - Returns: false when the system gives no thread; `body` is not run then.
  static func start(_ name: StaticString, _ body: @escaping @Sendable () -> Void) -> Bool {
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else { return false }
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
    let work = Unmanaged.passRetained(Work(name, body))
    var thread = pthread_t()
    let failed = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument else { return nil }
        let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
        work.name.withUTF8Buffer { name in
          name.withMemoryRebound(to: CChar.self) { chars in
            if let base = chars.baseAddress { sluice_thread_name(base) }
          }
        }
        work.body()
        return nil
      }, work.toOpaque())
    if failed != 0 { work.release() }
    return failed == 0
  }

  private final class Work: Sendable {
    // A literal's bytes end with NUL, which the system wants.
    let name: StaticString
    let body: @Sendable () -> Void
    init(_ name: StaticString, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}
