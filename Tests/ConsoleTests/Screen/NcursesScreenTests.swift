import Glibc
import Testing

@testable import Console

/// A pseudo-terminal: the screen draws on one end, the test reads the other.
private final class Pty {
  let master: Int32
  let slave: Int32

  init?() {
    // posix_openpt and its kin are not in Swift's Glibc: the same by Linux' own calls.
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    var unlock: Int32 = 0
    var number: UInt32 = 0
    guard master >= 0, ioctl(master, 0x4004_5431, &unlock) == 0,
      ioctl(master, 0x8004_5430, &number) == 0
    else { return nil }
    slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    var size = winsize(ws_row: 12, ws_col: 40, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(master, UInt(TIOCSWINSZ), &size)
  }

  deinit {
    close(master)
    close(slave)
  }

  /// What has arrived so far.
  func read() -> String {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var request = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    while poll(&request, 1, 50) == 1 {
      let count = Glibc.read(master, &buffer, buffer.count)
      guard count > 0 else { break }
      all += buffer[..<count]
    }
    return String(decoding: all, as: UTF8.self)
  }
}

/// One after the other: ncurses is one for the whole process.
@Suite(.serialized) struct NcursesScreenTests {
  private func open(
    _ pty: Pty, _ environment: [String: String]
  ) throws -> (NcursesScreen, TerminalDevice) {
    _ = TerminalProfile.current()
    let device = try TerminalDevice(input: pty.slave, output: pty.slave)
    let profile = TerminalProfile(environment: environment, localeIsUTF8: true)
    return (try NcursesScreen(device: device, profile: profile, logPath: nil), device)
  }

  @Test func drawsOnceThenNothingThenOnlyWhatChanged() throws {
    let pty = try #require(Pty())
    let (screen, _) = try open(pty, ["TERM": "xterm-256color", "COLORTERM": "truecolor"])
    #expect(screen.size == ScreenSize(columns: 40, rows: 12))
    #expect(screen.depth == .truecolour)
    var theme = Theme(name: "t")
    theme[.bad].foreground = .nearest(to: RGB(packed: 0xFF8800))
    var frame = CellBuffer(width: 40, height: 12)
    frame.put("hello 中 ⣿", x: 3, y: 11, role: .bad)
    guard case .sent(let bytes) = screen.draw(frame, theme: theme) else {
      Issue.record("nothing was sent")
      return
    }
    let first = pty.read()
    for part in ["\u{1B}[?1049h", "\u{1B}[?1002h", "\u{1B}[?1006h", "\u{1B}[?2004h", "\u{1B}[r"] {
      #expect(first.contains(part))
    }
    // The margins are those of the window, not of the description.
    #expect(!first.contains("\u{1B}[1;24r"))
    #expect(first.contains("\u{1B}[38;2;255;136;0mhello 中 ⣿"))
    #expect(first.hasSuffix("\u{1B}[?2026l"))
    #expect(bytes > 0)
    #expect(screen.draw(frame, theme: theme) == .unchanged)
    #expect(pty.read().isEmpty)
    frame.put("H", x: 3, y: 11, role: .bad)
    guard case .sent(let few) = screen.draw(frame, theme: theme) else {
      Issue.record("nothing was sent")
      return
    }
    #expect(pty.read().utf8.count == few)
    #expect(few < 64)
    screen.leave()
    let last = pty.read()
    for part in [
      "\u{1B}[?1002l", "\u{1B}[?1006l", "\u{1B}[?1004l", "\u{1B}[?2004l", "\u{1B}[?1049l",
    ] {
      #expect(last.contains(part))
    }
  }

  @Test func aStalledTerminalDelaysNothing() throws {
    let pty = try #require(Pty())
    let (screen, _) = try open(pty, ["TERM": "xterm-256color"])
    let theme = Theme(name: "t")
    var skipped = 0
    for round in 0..<400 {
      var frame = CellBuffer(width: 40, height: 12)
      for y in 0..<12 { frame.put("\(round * 7919 &+ y * 104_729) 中文 ⣿", x: round % 9, y: y) }
      if screen.draw(frame, theme: theme) == .skipped { skipped += 1 }
    }
    #expect(skipped > 0)
    #expect(screen.statistics.framesSkipped == skipped)
    // It reads again: the latest state goes out.
    _ = pty.read()
    var frame = CellBuffer(width: 40, height: 12)
    frame.put("latest", x: 0, y: 0)
    screen.flush()
    _ = pty.read()
    #expect(screen.draw(frame, theme: theme) != .skipped)
    #expect(pty.read().contains("latest"))
  }

  @Test func settingsComeBack() throws {
    let pty = try #require(Pty())
    var before = termios()
    tcgetattr(pty.slave, &before)
    let (screen, device) = try open(pty, ["TERM": "tmux-256color"])
    var during = termios()
    tcgetattr(pty.slave, &during)
    #expect(during.c_lflag & tcflag_t(ICANON | ECHO | ISIG) == 0)
    screen.leave()
    device.restore()
    var after = termios()
    tcgetattr(pty.slave, &after)
    #expect(after.c_lflag == before.c_lflag && after.c_oflag == before.c_oflag)
    #expect(after.c_iflag == before.c_iflag)
    screen.resume()
    _ = pty.read()
    #expect(screen.draw(CellBuffer(width: 40, height: 12), theme: Theme(name: "t")) != .skipped)
    #expect(pty.read().contains("\u{1B}[?1049h"))
  }

  @Test(arguments: [
    ("dumb", ScreenError.Code.noCursorAddressing), ("no-such-terminal", .unknownTerminal),
    ("", .unknownTerminal),
  ])
  func terminalsThatCannotAreRefusedInASentence(type: String, code: ScreenError.Code) throws {
    let pty = try #require(Pty())
    do {
      _ = try open(pty, ["TERM": type])
      Issue.record("opened")
    } catch let error as ScreenError {
      #expect(error.code == code)
      #expect(error.message.contains("sluice top --once"))
    }
    #expect(pty.read().isEmpty)
  }

  @Test func aPipeIsNoTerminal() {
    var ends: [Int32] = [0, 0]
    pipe(&ends)
    defer { ends.forEach { close($0) } }
    #expect(throws: ScreenError.self) { try TerminalDevice(input: ends[0], output: ends[1]) }
  }

  @Test func crashReporterNeverAsks() {
    func setting(_ before: String?, _ reporter: String? = "/r") -> String? {
      TerminalGuard.backtraceSetting(before: before, crashLog: "/s/crash.log", reporter: reporter)
    }
    #expect(setting(nil)?.contains("interactive=no") == true)
    #expect(setting(nil)?.contains("output-to=/s/crash.log") == true)
    #expect(setting("enable=yes")?.hasSuffix("interactive=no,color=no") == true)
    #expect(setting("interactive=no") == nil)
    #expect(setting("enable=no") == nil)
    #expect(setting(nil, nil) == "enable=no")
  }
}
