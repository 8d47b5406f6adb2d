import Glibc
import Node

/// Signals that are waited for instead of interrupting whatever runs.
struct SignalWait: Sendable {
  /// What a signal asks for.
  enum Wish { case stop, reload }

  private init() {}

  /// Blocks the signals that are waited for.
  ///
  /// Threads inherit it, so it must come before the first.
  static func beforeThreads() -> SignalWait {
    var set = waited
    pthread_sigmask(SIG_BLOCK, &set, nil)
    return SignalWait()
  }

  /// Sleeps until one of them comes, or for `milliseconds`; nil when none came.
  func next(within milliseconds: Int) -> Wish? {
    var set = SignalWait.waited
    var limit = timespec(
      tv_sec: milliseconds / 1_000, tv_nsec: milliseconds % 1_000 * 1_000_000)
    switch sigtimedwait(&set, nil, &limit) {
    case SIGHUP: return .reload
    case let number where number > 0: return .stop
    default: return nil
    }
  }

  private static var waited: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, number) }
    return set
  }
}

/// A node of this process that runs without a screen.
enum ServeLoop {
  /// How often it is looked whether somebody asked the node itself to stop.
  private static let lookMilliseconds = 200

  /// Returns when the process or the node is asked to stop; reloads when it is asked for that.
  static func untilStopped(_ node: Node, _ signals: SignalWait, _ call: Invocation) {
    while !node.shouldStop {
      switch signals.next(within: lookMilliseconds) {
      case nil: continue
      case .stop:
        call.note("stopping")
        return
      case .reload: reload(node, call)
      }
    }
    call.note("stopping: somebody asked the node to")
  }

  private static func reload(_ node: Node, _ call: Invocation) {
    do {
      try node.reload()
      call.note("plans and runbooks were read again")
    } catch {
      // A reload is all or nothing; the node serves on with what it had.
      call.note("nothing was reloaded: \(ErrorReport.message(of: error))")
    }
  }
}
