import Glibc

/// What other threads have for the console's thread.
///
/// It needs no limit of its own: each message answers one request, and ``NodeWorker`` bounds those.
final class Mailbox: Sendable {
  private let lock = MessageLock()
  private let wake: @Sendable () -> Void

  /// - Parameter wake: called after each message, from the thread that left it.
  init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

  func post(_ message: Message) {
    lock.append(message)
    wake()
  }

  /// Everything that came since the last call, in order.
  func take() -> [Message] { lock.takeAll() }
}

/// A list behind a mutex.
// Safe: every access to `messages` is made while `mutex` is held.
private final class MessageLock: @unchecked Sendable {
  private var messages: [Message] = []
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

  init() { pthread_mutex_init(mutex, nil) }
  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  func append(_ message: Message) {
    pthread_mutex_lock(mutex)
    messages.append(message)
    pthread_mutex_unlock(mutex)
  }

  func takeAll() -> [Message] {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    let taken = messages
    messages = []
    return taken
  }
}

/// A thread that makes blocking calls one after the other, so that the console's thread never waits
/// for the node.
// Safe: every access to the fields is made while `mutex` is held.
final class NodeWorker: @unchecked Sendable {
  /// The most jobs that wait; one more is refused.
  static let jobLimit = 16

  private var jobs: [@Sendable () -> Void] = []
  private var isBusy = false
  private var isEnding = false
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// Starts the thread, which lives until ``end()``.
  init() {
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(changed, &attributes)
    pthread_condattr_destroy(&attributes)
    var thread = pthread_t()
    let me = Unmanaged.passRetained(self)
    let failure = pthread_create(
      &thread, nil,
      { argument in
        if let argument {
          Unmanaged<NodeWorker>.fromOpaque(argument).takeRetainedValue().work()
        }
        return nil
      }, me.toOpaque())
    if failure == 0 {
      pthread_detach(thread)
    } else {
      me.release()
      isEnding = true
    }
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// Takes a job; false when too many wait or the thread has ended.
  func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard !isEnding, jobs.count < NodeWorker.jobLimit else { return false }
    jobs.append(job)
    pthread_cond_broadcast(changed)
    return true
  }

  /// Waits until nothing is left to do, at most until a time on the monotonic clock, microseconds.
  func drain(untilMicros deadline: Int64) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    var time = timespec(
      tv_sec: Int(deadline / 1_000_000), tv_nsec: Int(deadline % 1_000_000) * 1000)
    while isBusy || !jobs.isEmpty {
      if pthread_cond_timedwait(changed, mutex, &time) != 0 { return }
    }
  }

  /// Lets the thread end after the job it is at.
  func end() {
    pthread_mutex_lock(mutex)
    isEnding = true
    jobs = []
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
  }

  private func work() {
    pthread_mutex_lock(mutex)
    while true {
      while jobs.isEmpty && !isEnding { pthread_cond_wait(changed, mutex) }
      if isEnding { break }
      let job = jobs.removeFirst()
      isBusy = true
      pthread_mutex_unlock(mutex)
      job()
      pthread_mutex_lock(mutex)
      isBusy = false
      pthread_cond_broadcast(changed)
    }
    pthread_mutex_unlock(mutex)
  }
}
