import Core
import Glibc
import Testing

/// The built program on the sample's real models: registry, control, batch, a node and its signals.
@Suite struct SampleTests {
  private static let sample =
    "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    + "/samples/flight-delay"
  private let folder: TestFolder
  private var state: String { folder.path + "/state" }

  init() throws { folder = try TestFolder() }

  @discardableResult
  private func run(
    _ arguments: String..., exits code: Int32 = 0, input: String = "",
    location: SourceLocation = #_sourceLocation
  ) throws -> Executable.Result {
    let result = try Executable.run(
      Executable.sluice, ["--state", state] + arguments, input: input)
    #expect(
      result.exitCode == code, "\(arguments): \(result.errors)", sourceLocation: location)
    return result
  }

  private func importModels(_ numbers: [Int]) throws {
    for number in numbers {
      try run(
        "model", "import", "\(Self.sample)/models/flight-delay-\(number).onnx", "--card",
        "\(Self.sample)/cards/flight-delay-\(number).md", "--reference",
        "\(Self.sample)/references/flight-delay-\(number).json")
    }
  }

  @Test func aVersionGoesFromItsFileToAllTraffic() throws {
    try importModels([1, 2])
    #expect(try run("model", "list").output.contains("flight-delay@2"))
    #expect(
      try run("model", "show", "flight-delay@2").output.contains("probabilities  float32 [N, 2]"))
    #expect(try run("model", "verify").output.hasSuffix("2 intact, 0 damaged\n"))
    try run("endpoint", "create", "flights")
    try run("deploy", "flights", "flight-delay@1")
    try run("deploy", "flights", "flight-delay@2")
    let split = try run("split", "flights", "flight-delay@1=75%", "flight-delay@2=25%")
    #expect(split.output.contains("@2 0% -> 25%") && split.errors.isEmpty)
    #expect(try run("status", "--json").output.contains("\"flight-delay@2\":2500"))
    try run("split", "flights", "flight-delay@2=100%", "--if-generation", "1", exits: 1)
    #expect(try run("undo", "flights").output.contains("100%"))
    let refused = try run("ramp", "flights", "flight-delay@1", "--dry-run", "--json", exits: 1)
    #expect(refused.output.contains("\"refusal\":") || refused.output.contains("\"error\":"))
    #expect(try run("journal", "verify").output.contains("the chain holds"))
    let rows = try run("journal", "export").output.split(separator: "\n")
    #expect(rows.count == 7 && rows.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    #expect(try run("note", "--endpoint", "flights", "a", "remark").output.contains("a remark"))
  }

  @Test func whatIsNotThereIsNamed() throws {
    try importModels([1])
    #expect(try run("model", "show", "flight-delay@9", exits: 2).errors.contains("flight-delay@9"))
    #expect(try run("predict", "flight-delay@9", exits: 2).output.isEmpty)
    #expect(try run("deploy", "nowhere", "flight-delay@1", exits: 2).errors.contains("nowhere"))
    #expect(try run("status", "nowhere", exits: 2).errors.contains("nowhere"))
    #expect(
      try run("ramp", "flights", "flight-delay@1", "--plan", "standard-lunch", exits: 2)
        .errors.contains("did you mean standard-launch?"))
    let plan = folder.path + "/plan.yaml"
    try writeText("name: p\nsteps:\n  - weight: 10%\n    hodl: 5m\n", to: plan)
    let malformed = try run("ramp", "flights", "flight-delay@1", "--plan", plan, exits: 2)
    #expect(malformed.errors.contains("plan.yaml:4:"), "\(malformed.errors)")
    let card = try run("model", "import", "\(Self.sample)/cards/flight-delay-1.md", exits: 2)
    #expect(card.output.isEmpty && card.errors.split(separator: "\n").count == 1)
    let bytes = try readBytes("\(Self.sample)/models/flight-delay-1.onnx")
    let cut = folder.path + "/cut.onnx"
    try writeBytes(Array(bytes.prefix(bytes.count / 2)), to: cut)
    #expect(try run("model", "import", cut, exits: 2).errors.hasPrefix("sluice: "))
    #expect(try run("model", "list", "--json").output.components("\"version\":") == 1)
  }

  @Test func batchAnswersAreTheSameForEveryFormAndBatchSize() throws {
    let model = "\(Self.sample)/models/flight-delay-2.onnx"
    let rows = "\(Self.sample)/golden.csv"
    let answers = try run("predict", model, "--input", rows).output
    #expect(answers.hasPrefix("label,probabilities_0,probabilities_1\n"))
    #expect(answers.components("\n") == 33)
    #expect(try run("predict", model, "--input", rows, "--batch", "1").output == answers)
    #expect(try run("predict", model, input: try readText(rows)).output == answers)
    let path = folder.path + "/answers.csv"
    let report = try run("predict", model, "--input", rows, "--output", path, "--json")
    #expect(try readText(path) == answers && report.output.contains("\"answered\":32"))
    let json = try run("predict", model, "--input", rows, "--json").output
    #expect(json.hasPrefix("{\"label\":") && json.components("\n") == 32)
  }

  @Test func aFailedBatchLeavesNoFileAndKeepsAnOldOne() throws {
    let model = "\(Self.sample)/models/flight-delay-1.onnx"
    let path = folder.path + "/answers.csv"
    try writeText("before", to: path)
    let text = try readText("\(Self.sample)/golden.csv")
    var lines = text.split(separator: "\n").map(String.init)
    lines[20] = "UA,EWR,LAX,Mon,six,1,1,1,1,1,1,1,1,0"
    let result = try run(
      "predict", model, "--output", path, exits: 2, input: lines.joined(separator: "\n"))
    #expect(
      result.errors.contains("standard input:21: column \"scheduled_hour\": expected a number"))
    #expect(try readText(path) == "before")
    let listed = try Executable.run("/bin/ls", [folder.path]).output
    #expect(listed == "answers.csv\n")
  }

  @Test func conformanceCasesAreCounted() throws {
    let suite = folder.path + "/cases"
    for path in ["", "/empty", "/empty/test_data_set_0", "/damaged", "/damaged/test_data_set_0"] {
      mkdir(suite + path, 0o700)
    }
    #expect(try run("onnx", "check", suite, exits: 2).errors.contains("there is no test case"))
    try writeBytes(
      try readBytes("\(Self.sample)/models/flight-delay-1.onnx"), to: suite + "/empty/model.onnx")
    try writeText("no model", to: suite + "/damaged/model.onnx")
    let result = try run("onnx", "check", suite, exits: 1)
    #expect(result.output.hasSuffix("\n0 passed, 2 failed, 0 skipped\n"), "\(result.output)")
    #expect(try run("onnx", "check", suite, "--json", exits: 1).output.contains("\"failed\":2"))
  }

  @Test func themesAreCheckedByLine() throws {
    let theme = folder.path + "/mine.yaml"
    try writeText("name: mine\ninherits: dark\nbordr: red\n", to: theme)
    #expect(try run("theme", "check", theme, exits: 1).output.contains("mine.yaml:3: unknown key"))
    try writeText("name: mine\ninherits: dark\n", to: theme)
    #expect(try run("theme", "check", theme).output == "mine: nothing is wrong\n")
    try writeText("name: [", to: theme)
    #expect(try run("theme", "check", theme, exits: 2).output.isEmpty)
  }

  /// A node without a screen: commands go through its socket, SIGHUP reloads, SIGTERM ends it well.
  @Test func aNodeServesCommandsAndEndsOnSignals() throws {
    try importModels([1])
    try run("endpoint", "create", "flights")
    try run("deploy", "flights", "flight-delay@1")
    let log = folder.path + "/log"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    let arguments = [
      "serve", "--state", state, "--replay", "\(Self.sample)/traffic.csv", "--endpoint", "flights",
      "--rate", "50",
    ]
    let node = try Executable.spawn(Executable.sluice, arguments, [:], &actions)
    defer { kill(node, SIGKILL) }
    try waitFor("the node", log: log) { try readText(log).contains("serving") }
    #expect(try run("status").output.contains("node \(node)"))
    // A second writer is refused by name while the first holds the lock.
    let second = try run("serve", exits: 3)
    #expect(second.errors.contains("\(node)"), "\(second.errors)")
    try waitFor("traffic", log: log) {
      try run("status").output.contains("0.0 requests/s") == false
    }
    #expect(try run("top", "--once", "--json").output.hasPrefix("{"))
    kill(node, SIGHUP)
    try waitFor("the reload", log: log) { try readText(log).contains("read again") }
    #expect(try run("endpoint", "drain", "flights").output.contains("drain"))
    kill(node, SIGTERM)
    #expect(try Executable.wait(node, 20) == 0)
    #expect(try run("status").output.contains("no node runs"))
    #expect(try run("journal", "verify").output.contains("the chain holds"))
  }

  private func waitFor(_ what: String, log: String, _ condition: () throws -> Bool) throws {
    for _ in 0..<200 {
      if (try? condition()) == true { return }
      usleep(50_000)
    }
    throw InvalidValue("\(what) did not come within 10 s: \((try? readText(log)) ?? "")")
  }
}

extension String {
  /// How often a text occurs.
  fileprivate func components(_ part: String) -> Int {
    var count = 0
    var rest = self[...]
    while let found = rest.firstRange(of: part) {
      count += 1
      rest = rest[found.upperBound...]
    }
    return count
  }
}
