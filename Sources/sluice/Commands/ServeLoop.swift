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

  /// Sleeps until one of them comes.
  func next() -> Wish {
    var set = SignalWait.waited
    var number: Int32 = 0
    while sigwait(&set, &number) != 0 {}
    return number == SIGHUP ? .reload : .stop
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
  /// Returns when the process is asked to stop; reloads when it is asked for that.
  static func untilStopped(_ node: Node, _ signals: SignalWait, _ call: Invocation) {
    while signals.next() == .reload {
      do {
        call.note("reloaded: \(try node.reload())")
      } catch {
        // A reload is all or nothing; the node serves on with what it had.
        call.note("not reloaded: \(ErrorReport.message(of: error))")
      }
    }
    call.note("stopping")
  }
}
