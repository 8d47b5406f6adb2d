import Core

/// What is settled when the console starts.
public struct ConsoleSettings: Sendable {
  /// Who acts: recorded with every change.
  public var actor: ActorID
  /// The endpoint shown first; nil shows the only one, or the list when there are several.
  public var endpoint: Name?
  /// Overrides the node's profile (`dev`, `prod`) when given.
  public var profile: String?
  /// Starts with every change refused.
  public var readOnly: Bool
  /// True when the engine runs in this process, so that leaving may stop it.
  public var inProcess: Bool
  /// How often the picture is refreshed, times a second, 0.1 to 10.
  public var hertz: Double
  /// The themes that `T` goes through; the first is in use at the start.
  public var themes: [Theme]
  /// The characters that the screen can show.
  public var glyphs: GlyphSet
  /// Seconds that local time is ahead of UTC.
  public var localOffsetSeconds: Int
  /// This process, to tell its own connection from those of others; 0 when nobody asked.
  public var processID = 0

  /// Settings with the usual values.
  public init(
    actor: ActorID, endpoint: Name? = nil, profile: String? = nil, readOnly: Bool = false,
    inProcess: Bool = false, hertz: Double = 1, themes: [Theme] = [],
    glyphs: GlyphSet = .braille, localOffsetSeconds: Int = 0
  ) {
    self.actor = actor
    self.endpoint = endpoint
    self.profile = profile
    self.readOnly = readOnly
    self.inProcess = inProcess
    self.hertz = hertz.isFinite ? max(0.1, min(10, hertz)) : 1
    self.themes = themes.isEmpty ? [Theme(name: "plain")] : themes
    self.glyphs = glyphs
    self.localOffsetSeconds = localOffsetSeconds
  }
}
