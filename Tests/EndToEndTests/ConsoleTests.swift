import Foundation
import Testing

/// The real console in a real terminal.
///
/// One at a time: each runs a node with traffic.
@Suite("The console in a terminal", .serialized)
struct ConsoleTests {
  private func demo(
    columns: Int = 120, rows: Int = 40, environment: [String: String] = [:], options: String = ""
  ) throws -> Terminal {
    let terminal = try Terminal(
      columns: columns, rows: rows,
      command: "\(Scratch.program) demo --speed 3600 \(options)",
      environment: ["SLUICE_SAMPLES": Scratch.root + "/samples", "LC_ALL": "C.UTF-8"]
        .merging(environment) { $1 })
    return terminal
  }

  @Test(
    "it opens, shows traffic and quits at every size",
    arguments: [(80, 24), (120, 40), (200, 60), (60, 18), (100, 30)])
  func opens(columns: Int, rows: Int) throws {
    let terminal = try demo(columns: columns, rows: rows)
    #expect(try terminal.shows("flight-delay"), "\(terminal.picture)")
    #expect(try terminal.shows("@1"))
    for row in try terminal.rows() { #expect(row.count <= columns) }
    try terminal.type("q")
    try terminal.type("s")
    #expect(try terminal.shows("exit=0"), "\(terminal.picture)")
  }

  @Test("three keys ramp a version and two keys roll it back")
  func rampAndRollBack() throws {
    let terminal = try demo()
    #expect(try terminal.shows("live"))
    usleep(1_500_000)
    try terminal.type("c")
    #expect(try terminal.shows("@2"), "\(terminal.picture)")
    usleep(400_000)
    try terminal.type("Enter")
    usleep(500_000)
    try terminal.type("y")
    #expect(
      try terminal.shows(within: 15) { $0.contains("canary") && $0.contains("5%") },
      "\(terminal.picture)")
    try terminal.type("R")
    #expect(try terminal.shows("100%"))
    usleep(400_000)
    try terminal.type("y")
    #expect(
      try terminal.shows(within: 10) { $0.contains("rolled back") || $0.contains("rollback") },
      "\(terminal.picture)")
  }

  @Test("a resize redraws within the new size")
  func resizes() throws {
    let terminal = try demo(columns: 120, rows: 40)
    #expect(try terminal.shows("Traffic"))
    for (columns, rows) in [(80, 24), (200, 60), (50, 12), (120, 40)] {
      try terminal.resize(columns: columns, rows: rows)
      #expect(
        try terminal.shows(within: 5) { screen in
          let lines = screen.split(separator: "\n", omittingEmptySubsequences: false)
          return lines.count <= rows + 1 && screen.contains("flight-delay")
        }, "\(columns)x\(rows): \(terminal.picture)")
    }
  }

  @Test("Ctrl-C asks, Ctrl-Z explains, neither stops the engine")
  func controlKeys() throws {
    let terminal = try demo()
    #expect(try terminal.shows("Traffic"))
    try terminal.type("C-z")
    usleep(500_000)
    let process = try #require(try terminal.programProcess())
    let state = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
    #expect(!state.contains(" T "), "Ctrl-Z must not stop a process that serves")
    try terminal.type("C-c")
    #expect(
      try terminal.shows(within: 5) { $0.contains("headless") || $0.contains("leave") },
      "\(terminal.picture)")
    try terminal.type("Escape")
    #expect(try terminal.shows("Traffic"))
    #expect(kill(process, 0) == 0)
  }

  @Test("SIGTERM ends it with the terminal restored")
  func terminates() throws {
    let terminal = try demo()
    #expect(try terminal.shows("Traffic"))
    let process = try #require(try terminal.programProcess())
    kill(process, SIGTERM)
    #expect(try terminal.shows("exit=0", within: 10), "\(terminal.picture)")
    #expect(try !terminal.screen().contains("Traffic"))
  }

  @Test("a closed terminal detaches the screen and the node serves on")
  func hangsUp() throws {
    let state = try Scratch.directory()
    let terminal = try demo(options: "--state \(state)")
    #expect(try terminal.shows("Traffic"))
    let process = try #require(try terminal.programProcess())
    try terminal.hangUp()
    usleep(1_000_000)
    #expect(kill(process, 0) == 0, "the node must live on")
    let status = try Shell.run(Scratch.program, ["status", "--state", state, "--json"])
    #expect(status.status == 0, "\(status.errors)")
    #expect(status.output.contains("flight-delay"))
    kill(process, SIGTERM)
    var waited = 0
    while kill(process, 0) == 0, waited < 100 {
      usleep(100_000)
      waited += 1
    }
    #expect(kill(process, 0) != 0, "SIGTERM must end the detached node")
  }

  @Test("a crash gives the terminal back at once")
  func crashes() throws {
    let terminal = try demo()
    #expect(try terminal.shows("Traffic"))
    let process = try #require(try terminal.programProcess())
    kill(process, SIGILL)
    #expect(try terminal.shows("exit=", within: 8), "\(terminal.picture)")
    #expect(try !terminal.screen().contains("Traffic"))
  }

  @Test("a dumb terminal gets lines instead of a screen")
  func dumbTerminal() throws {
    let result = try Shell.run(
      "/usr/bin/env",
      [
        "TERM=dumb", "SLUICE_SAMPLES=\(Scratch.root)/samples", Scratch.program, "top", "--once",
        "--state", try Scratch.directory(),
      ])
    #expect(!result.output.contains("\u{1B}"))
    #expect(!result.errors.contains("\u{1B}"))
  }
}
