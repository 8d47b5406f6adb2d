import CNcurses
import Core
import Glibc

/// ncurses started on a file in memory.
final class CursesTerminal {
  private let memory: UnsafeMutablePointer<FILE>
  private let memoryDescriptor: Int32
  private let input: UnsafeMutablePointer<FILE>
  private let screen: OpaquePointer
  /// What puts the terminal back in order, whatever it was doing.
  let restoreText: String

  /// Starts ncurses for a type of terminal; nothing is written to the device.
  /// - Throws: ``ScreenError`` when the type is unknown or cannot place its cursor.
  init(
    profile: TerminalProfile, size: ScreenSize, input descriptor: Int32
  ) throws(ScreenError) {
    let streams = try CursesTerminal.openStreams(input: descriptor)
    guard
      let screen = CursesTerminal.start(
        type: profile.type, isDirect: profile.depth == .truecolour, size: size, streams: streams)
    else {
      fclose(streams.memory)
      fclose(streams.input)
      throw ScreenError(
        .unknownTerminal,
        "the terminal type TERM=\(printableType(profile.type)) has no description on this system; "
          + "set TERM to one that has (xterm-256color, say) or use `sluice top --once`")
    }
    guard sl_capability("cup") != nil else {
      endwin()
      delscreen(screen)
      fclose(streams.memory)
      fclose(streams.input)
      throw ScreenError(
        .noCursorAddressing,
        "the terminal type TERM=\(printableType(profile.type)) cannot place its cursor; "
          + "use `sluice top --once` or `sluice status`")
    }
    memory = streams.memory
    memoryDescriptor = streams.descriptor
    input = streams.input
    self.screen = screen
    restoreText = CursesTerminal.makeRestoreText()
    start_color()
    // The terminal's own background, so that nothing has to be painted to clear (no `bce`).
    use_default_colors()
    nonl()
    typeahead(-1)
  }

  deinit {
    delscreen(screen)
    fclose(memory)
    fclose(input)
  }

  /// Takes what ncurses has written since the last call.
  func takeBytes() -> [UInt8] {
    let count = Int(lseek(memoryDescriptor, 0, SEEK_CUR))
    guard count > 0 else { return [] }
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      used = max(0, pread(memoryDescriptor, buffer.baseAddress, count, 0))
    }
    lseek(memoryDescriptor, 0, SEEK_SET)
    return bytes
  }

  private struct Streams {
    var memory: UnsafeMutablePointer<FILE>
    var descriptor: Int32
    var input: UnsafeMutablePointer<FILE>
  }

  private static func openStreams(input: Int32) throws(ScreenError) -> Streams {
    let descriptor = sl_memory_file("sluice-frames")
    let copy = fcntl(input, F_DUPFD_CLOEXEC, 3)
    guard descriptor >= 0, let memory = fdopen(descriptor, "w") else {
      throw ScreenError(
        .system, "no memory file for frames: \(String(cString: strerror(errno)))")
    }
    guard copy >= 0, let stream = fdopen(copy, "r") else {
      fclose(memory)
      throw ScreenError(
        .system, "the terminal cannot be copied: \(String(cString: strerror(errno)))")
    }
    return Streams(memory: memory, descriptor: descriptor, input: stream)
  }

  /// newterm, with the window's size and the description for 24-bit colour in the environment.
  ///
  /// A file in memory has no size, and ncurses would set the scrolling margins for the 24 rows of
  /// the description. Child processes do not see these variables: they last for this call alone.
  private static func start(
    type: String, isDirect: Bool, size: ScreenSize, streams: Streams
  ) -> OpaquePointer? {
    var variables = [("LINES", "\(size.rows)"), ("COLUMNS", "\(size.columns)")]
    if isDirect { variables.append(("TERMINFO", "b64:\(TruecolourTerminfo.base64)")) }
    let before = variables.map { name, _ in getenv(name).map { String(cString: $0) } }
    for (name, value) in variables { setenv(name, value, 1) }
    defer {
      for ((name, _), value) in zip(variables, before) {
        if let value {
          setenv(name, value, 1)
        } else {
          unsetenv(name)
        }
      }
    }
    return sl_new_terminal(
      isDirect ? TruecolourTerminfo.name : type, streams.memory, streams.input)
  }

  private static func makeRestoreText() -> String {
    let names: [String] = ["rmcup", "cnorm", "sgr0"]
    let own = names.compactMap { name in sl_capability(name).map { String(cString: $0) } }
    // CAN ends a sequence that was cut off half-way.
    return "\u{18}" + String(decoding: TerminalModes.off, as: UTF8.self) + own.joined() + "\r\n"
  }
}

private func printableType(_ type: String) -> String {
  type.isEmpty ? "(not set)" : printable(type, limit: 40)
}
