import CNcurses
import Glibc

/// Wakes the thread that waits for input, from any thread.
public final class WakeUp: Sendable {
  /// The descriptor to wait on; readable after ``signal()``.
  public let descriptor: Int32

  /// Makes the descriptor.
  /// - Throws: ``ScreenError`` when the system has none left.
  public init() throws(ScreenError) {
    descriptor = sl_wake_descriptor()
    guard descriptor >= 0 else {
      throw ScreenError(
        .system, "no event descriptor: \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// Wakes the waiting thread; many calls before it looks are one wake-up.
  ///
  /// Never blocks.
  public func signal() {
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  /// Takes the wake-up; false when there was none.
  public func take() -> Bool {
    var count: UInt64 = 0
    return read(descriptor, &count, 8) == 8
  }
}

/// A signal a terminal program listens to.
public enum TerminalSignal: Sendable, Hashable {
  /// The window has another size.
  case windowChanged
  /// End in order (SIGTERM).
  case terminate
  /// Ctrl-C from outside the terminal (SIGINT).
  case interrupt
  /// The terminal went away (SIGHUP).
  case hangUp
  /// Somebody wants the process to stop (SIGTSTP).
  case suspend
  /// It runs again (SIGCONT).
  case resume
  /// SIGUSR1: read themes anew.
  case user1
  /// SIGUSR2.
  case user2

  /// The signal for a number; nil for others.
  init?(number: Int32) {
    switch number {
    case SIGWINCH: self = .windowChanged
    case SIGTERM: self = .terminate
    case SIGINT: self = .interrupt
    case SIGHUP: self = .hangUp
    case SIGTSTP: self = .suspend
    case SIGCONT: self = .resume
    case SIGUSR1: self = .user1
    case SIGUSR2: self = .user2
    default: return nil
    }
  }
}

/// Signals as something to wait on.
///
/// They must be blocked in all threads, which ``TerminalGuard/prepareProcess(crashLog:)`` does.
public final class SignalInbox: Sendable {
  /// The descriptor to wait on; readable when a signal came.
  public let descriptor: Int32

  /// Opens the inbox and blocks the signals in the calling thread.
  /// - Throws: ``ScreenError`` when the system has no descriptor left.
  public init() throws(ScreenError) {
    _ = sl_block_signals()
    descriptor = sl_signal_descriptor()
    guard descriptor >= 0 else {
      throw ScreenError(
        .system, "no signal descriptor: \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// The signals that came since the last call, each kind once, in order.
  public func take() -> [TerminalSignal] {
    var signals: [TerminalSignal] = []
    // A descriptor holds at most one of each kind.
    for _ in 0..<16 {
      let number = sl_next_signal(descriptor)
      if number == 0 { break }
      if let signal = TerminalSignal(number: number), !signals.contains(signal) {
        signals.append(signal)
      }
    }
    return signals
  }
}
