import CNcurses
import Glibc

/// The terminal behind standard input and output: descriptors, size, settings.
///
/// The device is opened anew, so that our descriptor can refuse to block without changing the
/// shell's; where that is not allowed, a copy of the given descriptor serves.
public final class TerminalDevice {
  /// Where keys come from.
  public let inputDescriptor: Int32
  /// Where frames go.
  public let outputDescriptor: Int32
  /// Whether writing never blocks.
  public let isNonBlocking: Bool
  private let saved: termios
  private var isRaw = false

  /// Opens the terminal.
  /// - Throws: ``ScreenError`` when either descriptor is no terminal or cannot be copied.
  public init(input: Int32 = 0, output: Int32 = 1) throws(ScreenError) {
    guard isatty(input) == 1, isatty(output) == 1 else {
      throw ScreenError(
        .notATerminal,
        "standard \(isatty(input) == 1 ? "output" : "input") is not a terminal; run `sluice top "
          + "--once` or `sluice status --json` for output to a file or a pipe")
    }
    var settings = termios()
    guard tcgetattr(input, &settings) == 0 else { throw TerminalDevice.failure("tcgetattr") }
    saved = settings
    let reopenedOutput = sl_reopen_terminal(output)
    let reopenedInput = sl_reopen_terminal(input)
    isNonBlocking = reopenedOutput >= 0
    outputDescriptor =
      reopenedOutput >= 0 ? reopenedOutput : fcntl(output, F_DUPFD_CLOEXEC, 3)
    inputDescriptor = reopenedInput >= 0 ? reopenedInput : fcntl(input, F_DUPFD_CLOEXEC, 3)
    guard inputDescriptor >= 0, outputDescriptor >= 0 else {
      let error = TerminalDevice.failure("opening the terminal")
      if inputDescriptor >= 0 { close(inputDescriptor) }
      if outputDescriptor >= 0 { close(outputDescriptor) }
      throw error
    }
  }

  deinit {
    restore()
    close(inputDescriptor)
    close(outputDescriptor)
  }

  /// The window's size; 80 x 24 where the device does not know.
  public var size: ScreenSize {
    var columns: Int32 = 0
    var rows: Int32 = 0
    guard sl_window_size(outputDescriptor, &columns, &rows) else {
      return ScreenSize(columns: 80, rows: 24)
    }
    return ScreenSize(columns: Int(columns), rows: Int(rows))
  }

  /// Bytes as typed, no echo, no signals from keys: Ctrl-Z must not stop the serving process.
  public func makeRaw() {
    var raw = sl_raw_settings(saved)
    tcsetattr(outputDescriptor, TCSADRAIN, &raw)
    isRaw = true
  }

  /// The settings found at the start.
  public func restore() {
    guard isRaw else { return }
    var settings = saved
    tcsetattr(outputDescriptor, TCSANOW, &settings)
    isRaw = false
  }

  /// Arms the crash guard with what puts this terminal back in order.
  func armGuard(restoring text: String, notice: String) {
    var settings = saved
    _ = sl_guard_arm(outputDescriptor, &settings, text, notice)
  }

  private static func failure(_ what: String) -> ScreenError {
    ScreenError(.system, "\(what) failed: \(String(cString: strerror(errno)))")
  }
}
