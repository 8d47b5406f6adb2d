import Core
import Glibc
import Node

/// The console on a terminal, over any node: `ConsoleApp(client:options:).run()`.
///
/// ``run()`` blocks the thread that calls it and is the only thread that touches the terminal; node
/// calls are made on three threads of their own. Call ``TerminalGuard/prepareProcess(crashLog:)``
/// first thing in `main`.
public final class ConsoleApp {
  private let client: any NodeClient
  private let options: ConsoleOptions

  /// A console that is not on the screen yet.
  public init(client: any NodeClient, options: ConsoleOptions) {
    self.client = client
    self.options = options
  }

  /// Puts the console up and goes on until the person leaves or the terminal is lost.
  ///
  /// Changes under way get two seconds to reach the node before it returns.
  /// - Throws: ``ScreenError`` when there is no terminal that a screen can be drawn on; the linear
  ///   mode works on any.
  public func run() throws(ScreenError) -> ConsoleExit {
    let inbox = try SignalInbox()
    let wakeUp = try WakeUp()
    var settings = options.settings
    settings.localOffsetSeconds = ConsoleApp.localOffsetSeconds()
    if options.isLinear {
      let profile = TerminalProfile.current()
      settings.glyphs = profile.isUTF8 ? .block : .ascii
      settings.isLinear = true
      return try runLinear(settings, inbox, wakeUp)
    }
    let device = try TerminalDevice()
    let profile = TerminalProfile.current()
    let (themes, complaints) = options.themes()
    if let first = themes.first {
      settings.themes = themes
      settings.glyphs = ConsoleApp.glyphs(profile, first)
    } else {
      settings.glyphs = profile.glyphs
    }
    let screen = try NcursesScreen(
      device: device, profile: profile, logPath: options.logPath,
      crashNotice: options.crashNotice)
    let requests = RequestRunner(
      client: client, mailbox: Mailbox { wakeUp.signal() }, exportFolder: options.exportFolder)
    var model = ConsoleModel(
      settings: settings, columns: screen.size.columns, rows: screen.size.rows,
      moment: Moment(
        milliseconds: Int(InputSource.monotonicMicros() / 1000), wall: RequestRunner.systemTime()))
    if let complaint = complaints.first { model.say(complaint, .warn) }
    let loop = ConsoleLoop(
      model: model, screen: screen,
      input: InputSource(device: device, inbox: inbox, wakeUp: wakeUp), requests: requests,
      reloadThemes: { [options] in options.themes().themes })
    let exit = loop.run()
    screen.leave()
    requests.finish(untilMicros: InputSource.monotonicMicros() + 2_000_000)
    return exit
  }

  /// A theme may wish for simpler glyphs than the terminal can show, not for finer ones.
  private static func glyphs(_ profile: TerminalProfile, _ theme: Theme) -> GlyphSet {
    guard let wish = theme.chartGlyphs, !profile.glyphs.isASCII else { return profile.glyphs }
    return profile.glyphs.charts == .braille || wish == .ascii
      ? GlyphSet(charts: wish) : profile.glyphs
  }

  private static func localOffsetSeconds() -> Int {
    var now = time(nil)
    var local = tm()
    return localtime_r(&now, &local) == nil ? 0 : Int(local.tm_gmtoff)
  }

  private func runLinear(
    _ settings: ConsoleSettings, _ inbox: SignalInbox, _ wakeUp: WakeUp
  ) throws(ScreenError) -> ConsoleExit {
    let requests = RequestRunner(
      client: client, mailbox: Mailbox { wakeUp.signal() }, exportFolder: options.exportFolder)
    let loop = LinearLoop(settings: settings, inbox: inbox, wakeUp: wakeUp, requests: requests)
    let exit = loop.run()
    requests.finish(untilMicros: InputSource.monotonicMicros() + 2_000_000)
    return exit
  }
}
