import Core

/// What a console is started with.
public struct ConsoleOptions: Sendable {
  /// Who acts, which endpoint, which profile, how often, what may be done.
  public var settings: ConsoleSettings
  /// The theme's name; nil takes the default.
  public var theme: String?
  /// Folders with the user's own themes.
  public var themeFolders: [String]
  /// Lines for screen readers and simple terminals instead of a screen.
  public var isLinear: Bool
  /// Where output of the process goes that is no frame.
  public var logPath: String
  /// What is said when the program dies with the screen up.
  public var crashNotice: String
  /// Where `e` writes.
  public var exportFolder: String

  /// Options with the usual values.
  public init(
    settings: ConsoleSettings, theme: String? = nil, themeFolders: [String] = [],
    isLinear: Bool = false, logPath: String = "/dev/null", crashNotice: String = "",
    exportFolder: String = "."
  ) {
    self.settings = settings
    self.theme = theme
    self.themeFolders = themeFolders
    self.isLinear = isLinear
    self.logPath = logPath
    self.crashNotice = crashNotice
    self.exportFolder = exportFolder
  }

  /// The themes that `T` goes through, the chosen one first, and what is wrong with the others.
  public func themes() -> (themes: [Theme], complaints: [String]) {
    let library = ThemeLibrary.yaml(folders: themeFolders)
    var names = ThemeLibrary.builtInNames
    if let theme {
      names.removeAll { $0 == theme }
      names.insert(theme, at: 0)
    }
    var themes: [Theme] = []
    var complaints: [String] = []
    for name in names {
      do {
        let (theme, warnings) = try library.theme(named: name)
        themes.append(theme)
        complaints += warnings.map { "theme \(name), line \($0)" }
      } catch {
        complaints.append(error.message)
      }
    }
    return (themes, complaints)
  }
}

/// How a console ended.
public enum ConsoleExit: Sendable, Hashable {
  /// The person left; `stopNode` says whether an engine in this process stops too.
  case quit(stopNode: Bool)
  /// The person left and wants the engine to go on without a screen.
  case detached
  /// The terminal went away; the caller decides, usually to serve on.
  case terminalLost
}
