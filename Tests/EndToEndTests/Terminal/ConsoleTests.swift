import Core
import Glibc
import Testing

/// The real console in a real terminal.
///
/// One at a time: each runs a node with traffic.
@Suite(
  "The console in a terminal", .serialized,
  .enabled(if: !Executable.tmux.isEmpty, "tmux is the terminal"))
struct ConsoleTests {
  private func demo(
    _ columns: Int = 120, _ rows: Int = 40, environment: [String: String] = [:],
    options: String = ""
  ) throws -> Terminal {
    try Terminal(
      columns: columns, rows: rows, "demo --rate 200 --speed 3600 \(options)",
      environment: environment)
  }

  /// A demonstration that shows its first figures.
  private func running(
    _ columns: Int = 120, _ rows: Int = 40, environment: [String: String] = [:],
    options: String = ""
  ) throws -> Terminal {
    let terminal = try demo(columns, rows, environment: environment, options: options)
    try #require(try terminal.shows("R ROLLBACK"), "\(terminal.picture)")
    try #require(try terminal.shows("@1"), "\(terminal.picture)")
    return terminal
  }

  @Test(
    "it opens, shows the endpoint and quits at every size",
    arguments: [(80, 24), (120, 40), (200, 60), (60, 18), (100, 30)])
  func opens(columns: Int, rows: Int) throws {
    let terminal = try running(columns, rows)
    #expect(try terminal.screen().contains("flight-delay"), "\(terminal.picture)")
    #expect(try terminal.rows().allSatisfy { $0.count <= columns }, "\(terminal.picture)")
    #expect(try terminal.property("alternate_on") == "1")
    try terminal.type("q")
    #expect(try terminal.shows("s stop"), "\(terminal.picture)")
    try terminal.type("s")
    #expect(try terminal.shows("exit=0"), "\(terminal.picture)")
    #expect(try terminal.property("alternate_on") == "0")
    #expect(try terminal.property("mouse_any_flag") == "0")
  }

  /// A card refuses an answer that came before it could be read.
  private static func readTheCard() { usleep(700_000) }

  @Test("three keys ramp a version and two keys roll it back")
  func rampsAndRollsBack() throws {
    let terminal = try running()
    try terminal.type("c")
    #expect(try terminal.shows("Enter dry run"), "\(terminal.picture)")
    try terminal.type("Enter")
    #expect(try terminal.shows("y START"), "\(terminal.picture)")
    #expect(try terminal.shows("1. 5%"), "\(terminal.picture)")
    Self.readTheCard()
    try terminal.type("y")
    #expect(
      try terminal.shows { $0.contains("Canary @1 → @4") && $0.contains("ramp") },
      "\(terminal.picture)")
    try terminal.type("R")
    #expect(
      try terminal.shows { $0.contains("y ROLL BACK") && $0.contains("@1") },
      "\(terminal.picture)")
    Self.readTheCard()
    try terminal.type("y")
    #expect(try terminal.shows("rolled back"), "\(terminal.picture)")
    #expect(
      try terminal.shows { !$0.contains("Canary @1 →") && $0.contains("@1 █") },
      "\(terminal.picture)")
  }

  @Test("a click on ROLLBACK and one on its button roll back")
  func clicks() throws {
    let terminal = try running()
    try terminal.type("c")
    try #require(try terminal.shows("Enter dry run"), "\(terminal.picture)")
    try terminal.type("Enter")
    try #require(try terminal.shows("1. 5%"), "\(terminal.picture)")
    Self.readTheCard()
    try terminal.type("y")
    try #require(try terminal.shows("Canary @1 → @4"), "\(terminal.picture)")
    let hint = try #require(try terminal.place(of: "R ROLLBACK"))
    #expect(hint.row == 39)
    try terminal.click(hint.column + 3, hint.row)
    try #require(try terminal.shows("y ROLL BACK"), "\(terminal.picture)")
    Self.readTheCard()
    let button = try #require(try terminal.place(of: "y ROLL BACK"))
    try terminal.click(button.column + 2, button.row)
    #expect(try terminal.shows("rolled back"), "\(terminal.picture)")
  }

  @Test("a storm of resizes ends in a whole screen of the last size")
  func resizes() throws {
    let terminal = try running(120, 40)
    for step in 0..<30 {
      try terminal.resize(columns: 20 + step * 37 % 180, rows: 4 + step * 13 % 56)
    }
    for (columns, rows) in [(60, 18), (200, 60), (80, 24)] {
      try terminal.resize(columns: columns, rows: rows)
      #expect(
        try terminal.shows(within: 5) { screen in
          let lines = screen.split(separator: "\n", omittingEmptySubsequences: false)
          let last = lines.last { !$0.isEmpty } ?? ""
          // The last line reaches to the last column; nothing is left of another size.
          return lines.count <= rows + 1 && screen.contains("flight-delay")
            && last.hasSuffix("R ROLLBACK") && last.count == columns - 1
        }, "\(columns)x\(rows): \(terminal.picture)")
    }
  }

  @Test("Ctrl-C asks, Ctrl-Z explains, neither stops the engine")
  func controlKeys() throws {
    let terminal = try running()
    let process = try #require(try terminal.program())
    try terminal.type("C-z")
    #expect(try terminal.shows("engine runs in this process"), "\(terminal.picture)")
    let state = try readText("/proc/\(process)/stat").split(separator: ")").last ?? ""
    #expect(!state.hasPrefix(" T"), "Ctrl-Z must not stop a process that serves")
    try terminal.type("C-c")
    #expect(try terminal.shows("s stop"), "\(terminal.picture)")
    try terminal.type("Escape")
    #expect(try terminal.shows { !$0.contains("s stop") }, "\(terminal.picture)")
    #expect(try terminal.program() == process)
  }

  @Test("SIGTERM ends it with code 0 and the terminal as it was")
  func terminates() throws {
    let terminal = try running()
    kill(try #require(try terminal.program()), SIGTERM)
    #expect(try terminal.shows("exit=0", within: 10), "\(terminal.picture)")
    #expect(try terminal.property("alternate_on") == "0")
    #expect(try terminal.property("mouse_any_flag") == "0")
    #expect(try !terminal.screen().contains("ROLLBACK"), "\(terminal.picture)")
  }

  @Test("a crash gives the terminal back at once", arguments: [SIGILL, SIGSEGV])
  func crashes(signal: Int32) throws {
    let terminal = try running()
    kill(try #require(try terminal.program()), signal)
    // The screen comes back before any trace is written.
    #expect(
      try Terminal.isSo(within: 2) { try terminal.property("alternate_on") == "0" },
      "\(terminal.picture)")
    #expect(try terminal.property("mouse_any_flag") == "0")
    #expect(try terminal.screen().contains("the program crashed"), "\(terminal.picture)")
  }

  @Test("a demonstration whose terminal is lost ends and leaves nothing behind")
  func demoHangsUp() throws {
    let terminal = try running()
    let process = try #require(try terminal.program())
    #expect(try Executable.demoFolders(in: terminal.folder.path).count == 1)
    try terminal.hangUp()
    #expect(try Terminal.isSo(within: 10) { kill(process, 0) != 0 }, "it must end")
    #expect(try Executable.demoFolders(in: terminal.folder.path).isEmpty)
  }

  @Test("a node whose terminal is lost serves on until SIGTERM")
  func nodeHangsUp() throws {
    let folder = try TestFolder()
    let state = folder.path + "/n"
    try Executable.prepareState(state)
    let terminal = try Terminal(columns: 100, rows: 30, "--state \(state)", folder: folder)
    try #require(try terminal.shows("R ROLLBACK"), "\(terminal.picture)")
    let process = try #require(try terminal.program())
    try terminal.hangUp()
    let status = try Executable.run(
      Executable.built, ["status", "--state", state, "--json"], limitSeconds: 10)
    #expect(status.exitCode == 0, "\(status.errors)")
    #expect(status.output.contains("\"pid\":\(process)"), "\(status.output)")
    kill(process, SIGTERM)
    #expect(try Terminal.isSo(within: 10) { kill(process, 0) != 0 }, "SIGTERM must end it")
  }

  @Test("a dumb terminal is told what to use instead; --linear works on any")
  func dumbTerminal() throws {
    let terminal = try demo(options: "--linear")
    #expect(try terminal.shows("flight-delay"), "\(terminal.picture)")
    #expect(try terminal.property("alternate_on") == "0")
    // tmux says what terminal it is, whatever its environment said.
    let dumb = try Terminal(columns: 160, rows: 24, "version; TERM=dumb \(Executable.built) demo")
    let screen = try dumb.shows("exit=") ? dumb.screen() : ""
    #expect(screen.contains("TERM=dumb") && screen.contains("sluice top --once"), "\(screen)")
    #expect(!screen.contains("exit=0"), "\(screen)")
    #expect(try Executable.demoFolders(in: dumb.folder.path).isEmpty)
  }

  @Test("a C locale gets ASCII alone")
  func cLocale() throws {
    let terminal = try running(environment: ["LC_ALL": "C"])
    usleep(1_500_000)
    let screen = try terminal.screen()
    #expect(screen.unicodeScalars.allSatisfy { $0.isASCII }, "\(screen)")
  }

  @Test("NO_COLOR gets no colours")
  func noColour() throws {
    // SGR 30-37, 40-47, 90-107 and 38/48 are colours; 1 and 7 are bold and reverse.
    let colour = /\u{1B}\[(?:[0-9]+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9]+)*m/
    let plain = try running(environment: ["NO_COLOR": "1"])
    usleep(1_200_000)
    #expect(try plain.styledScreen().firstMatch(of: colour) == nil)
    let coloured = try running()
    #expect(try coloured.styledScreen().firstMatch(of: colour) != nil)
  }

  @Test("texts from outside cannot write to the terminal")
  func hostileTexts() throws {
    let folder = try TestFolder()
    let state = folder.path + "/n"
    try Executable.prepareState(state)
    let card = folder.path + "/card.md"
    try writeText(
      "---\nsummary: \"BEFORE\\e[2J\\e]0;owned\\a\\r\\u202Eback AFTER\"\n---\n", to: card)
    let words = [
      "model", "import", "\(Executable.root)/samples/flight-delay/models/flight-delay-2.onnx",
      "--name", "flight-delay", "--card", card, "--state", state,
    ]
    let imported = try Executable.run(Executable.built, words, limitSeconds: 20)
    let isTaken = imported.exitCode == 0
    let noted = try Executable.run(
      Executable.built,
      [
        "note", "NOTED\u{1B}[2J\u{1B}]0;owned\u{7}\r\u{202E}back", "--endpoint", "flight-delay",
        "--state", state,
      ], limitSeconds: 20)
    #expect(isTaken || noted.exitCode == 0, "\(imported.errors) \(noted.errors)")
    for text in [imported, noted].map({ $0.output + $0.errors }) {
      #expect(!text.contains("\u{1B}") && !text.contains("\u{202E}"), "\(text)")
    }
    let terminal = try Terminal(columns: 160, rows: 40, "--state \(state)", folder: folder)
    try #require(try terminal.shows("R ROLLBACK"), "\(terminal.picture)")
    if noted.exitCode == 0 { #expect(try terminal.shows("NOTED"), "\(terminal.picture)") }
    if isTaken {
      try terminal.type("2", "Down", "Enter")
      #expect(try terminal.shows("BEFORE"), "\(terminal.picture)")
    }
    #expect(try terminal.screen().contains("sluice"), "nothing cleared the screen")
    #expect(try terminal.property("pane_title") != "owned")
    #expect(try !terminal.screen().unicodeScalars.contains("\u{202E}"))
  }
}

extension Executable {
  /// A state directory with the sample's first version live on an endpoint of its name.
  static func prepareState(_ state: String, versions: Int = 1) throws {
    var lines = (1...versions).map { number in
      [
        "model", "import", "\(root)/samples/flight-delay/models/flight-delay-\(number).onnx",
        "--name", "flight-delay",
      ]
    }
    lines.append(["endpoint", "create", "flight-delay"])
    lines.append(["deploy", "flight-delay", "flight-delay@1"])
    for words in lines {
      let result = try run(built, words + ["--state", state], limitSeconds: 20)
      try #require(result.exitCode == 0, "\(words): \(result.errors)")
    }
  }

  /// The throw-away states of demonstrations in a folder.
  static func demoFolders(in path: String) throws -> [String] {
    guard let folder = opendir(path) else { throw InvalidValue("\(path) cannot be read") }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      names.append(
        withUnsafeBytes(of: entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        })
    }
    return names.filter { $0.hasPrefix("sluice-demo-") }
  }
}
