import CNcurses
import Glibc

/// What a process must do before it puts a screen up, so that a crash gives the terminal back.
///
/// Swift's crash reporter, left alone, asks "press space" for 30 s on the raw alternate screen. It
/// reads its settings from `SWIFT_BACKTRACE` before `main` runs, hence the one re-exec.
public enum TerminalGuard {
  /// Marks the process that was started again, so that this happens once.
  private static let marker = "SLUICE_GUARDED"
  private static let setting = "SWIFT_BACKTRACE"

  /// Blocks the signals of a terminal program, makes sure that a crash writes its trace to a file
  /// without a question, and installs the crash guard.
  ///
  /// Call first thing in `main`, before any thread is started. Returns in the same process or in
  /// its image started again; where starting again fails, goes on without the trace.
  ///
  /// - Parameter crashLog: where the trace goes.
  public static func prepareProcess(crashLog: String) {
    if getenv(marker) == nil {
      let before = getenv(setting).map { String(cString: $0) }
      if let wanted = backtraceSetting(before: before, crashLog: crashLog) {
        setenv(marker, before ?? "", 1)
        setenv(setting, wanted, 1)
        execv("/proc/self/exe", CommandLine.unsafeArgv)
      }
    }
    // Children get the environment the person had.
    if let before = getenv(marker).map({ String(cString: $0) }) {
      if before.isEmpty {
        unsetenv(setting)
      } else {
        setenv(setting, before, 1)
      }
      unsetenv(marker)
    }
    _ = sl_block_signals()
    _ = sl_guard_install()
  }

  /// The crash reporter's settings, or nil when those there already will not ask questions.
  static func backtraceSetting(before: String?, crashLog: String) -> String? {
    let ours = "interactive=no,color=no,output-to=\(crashLog)"
    guard let before, !before.isEmpty else { return "enable=yes,\(ours)" }
    if before.contains("interactive=no") || before.contains("enable=no") { return nil }
    return "\(before),interactive=no,color=no"
  }

  /// Ends the process as a failed check does. For the test of the guard.
  public static func crash() -> Never { sl_crash() }
}
