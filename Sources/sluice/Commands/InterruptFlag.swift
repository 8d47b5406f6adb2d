import Glibc
import Synchronization

/// Remembers that somebody wants the command to stop, so that it can end well.
///
/// The second signal of a kind ends the process at once, as it would without this.
enum InterruptFlag {
  /// The signal that came, 0 for none.
  private static let raised = Atomic<Int32>(0)

  /// Begins to catch Ctrl-C and the system's wish to end.
  static func arm() {
    // Made before a signal can come: its first use must not be in the handler.
    raised.store(0, ordering: .relaxed)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      InterruptFlag.raised.store(number, ordering: .relaxed)
    }
    action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_RESTART
    for number in [SIGINT, SIGTERM] { sigaction(number, &action, nil) }
  }

  /// Whether a signal came.
  static var isRaised: Bool { raised.load(ordering: .relaxed) != 0 }

  /// Ends the process as the signal that came would have ended it.
  static func endBySignal() {
    let number = raised.load(ordering: .relaxed)
    guard number != 0 else { return }
    signal(number, SIG_DFL)
    kill(getpid(), number)
  }
}
