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
  /// - Parameter crashLog: where the trace goes: Swift's where its crash reporter is installed,
  ///   else a plain one.
  public static func prepareProcess(crashLog: String) {
    let reporter = crashReporter()
    if getenv(marker) == nil {
      let before = getenv(setting).map { String(cString: $0) }
      if let wanted = backtraceSetting(before: before, crashLog: crashLog, reporter: reporter) {
        setenv(marker, before ?? "", 1)
        setenv(setting, wanted, 1)
        execv(ownPath(), CommandLine.unsafeArgv)
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
    let isOff = getenv(setting).map { String(cString: $0).contains("enable=no") } ?? false
    _ = sl_block_signals()
    _ = reporter == nil || isOff ? sl_guard_install(crashLog) : sl_guard_install(nil)
  }

  /// The crash reporter's settings, or nil when those there already will not ask questions.
  static func backtraceSetting(before: String?, crashLog: String, reporter: String?) -> String? {
    if let before, before.contains("interactive=no") || before.contains("enable=no") { return nil }
    guard let reporter else { return "enable=no" }
    // A comma would end the setting.
    let crashLog = crashLog.contains(",") ? "stderr" : crashLog
    guard let before, !before.isEmpty else {
      return "enable=yes,interactive=no,color=no,swift-backtrace=\(reporter),output-to=\(crashLog)"
    }
    return "\(before),interactive=no,color=no"
  }

  /// The program's file, under its own name so that `ps` shows that.
  private static func ownPath() -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let link = "/proc/self/exe"
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { chars in
        chars.baseAddress.map { readlink(link, $0, chars.count) } ?? -1
      }
    }
    let path = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    return count > 0 && access(path, X_OK) == 0 ? path : link
  }

  /// Where Swift's crash reporter is: it belongs to the toolchain, so most machines have none.
  ///
  /// A program with the Swift runtime inside does not find it by itself.
  private static func crashReporter() -> String? {
    let roots = ["/usr", "/opt/swift/usr", "/usr/local"]
    let own = getenv("SWIFT_ROOT").map { [String(cString: $0)] } ?? []
    for root in own + roots {
      for name in ["swift-backtrace-static", "swift-backtrace"] {
        let path = "\(root)/libexec/swift/linux/\(name)"
        if access(path, X_OK) == 0 { return path }
      }
    }
    return nil
  }

  /// Ends the process as a failed check does.
  ///
  /// For the test of the guard.
  public static func crash() -> Never { sl_crash() }
}
