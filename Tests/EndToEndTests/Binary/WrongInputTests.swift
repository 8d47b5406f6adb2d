import Core
import Testing

/// The built program with wrong input: the exit code, one sentence, nothing on standard output.
@Suite struct WrongInputTests {
  private func expect(
    _ arguments: [String], exits code: Int32, saying part: String, input: String = "",
    location: SourceLocation = #_sourceLocation
  ) throws {
    let result = try Executable.run(Executable.sluice, arguments, input: input)
    #expect(result.exitCode == code, "\(arguments): \(result.errors)", sourceLocation: location)
    #expect(result.output.isEmpty, "\(arguments)", sourceLocation: location)
    #expect(result.errors.hasPrefix("sluice: "), "\(result.errors)", sourceLocation: location)
    #expect(result.errors.contains(part), "\(result.errors)", sourceLocation: location)
    let lines = result.errors.split(separator: "\n").count
    #expect(lines == 1, "\(result.errors)", sourceLocation: location)
  }

  @Test func wrongUsage() throws {
    try expect(["rolback", "e"], exits: 2, saying: "did you mean rollback?")
    try expect(["model"], exits: 2, saying: "model needs one of import")
    try expect(["split", "e", "m@1=50%", "m@2=40%"], exits: 2, saying: "sums to 90%")
    try expect(["split", "e", "m@1=50%", "m@1=50%"], exits: 2, saying: "named twice")
    try expect(["split", "e", "m@1"], exits: 2, saying: "expected a share like")
    try expect(["deploy", "E", "m@1"], exits: 2, saying: "must begin with a-z")
    try expect(["deploy", "e", "m@X"], exits: 2, saying: "after '@' expected a number")
    try expect(["top"], exits: 2, saying: "top needs --once")
    try expect(["serve", "--replay", "x.csv"], exits: 2, saying: "needs --endpoint")
    try expect(["serve", "--rate", "0"], exits: 2, saying: "expected a number from")
    try expect(["step", "e", "--to", "5%", "--back"], exits: 2, saying: "cannot be given together")
    try expect(["completions", "tcsh"], exits: 2, saying: "bash, zsh or fish")
    try expect(["help", "nothing"], exits: 2, saying: "there is no command")
  }

  @Test func aMissingStateDirectoryIsNotMade() throws {
    let folder = try TestFolder()
    let path = folder.path + "/none"
    for command in [
      ["status"], ["journal", "tail"], ["rollback", "e"], ["rollback", "e", "--force"],
    ] {
      try expect(["--state", path] + command, exits: 2, saying: "there is no state in")
    }
    #expect(Executable.find("none") == nil)
    try writeText("x", to: path)
    try expect(["--state", path, "status"], exits: 2, saying: "is not a folder")
  }

  @Test func theConsoleNeedsATerminal() throws {
    try expect([], exits: 2, saying: "the console needs a terminal")
    try expect(["attach"], exits: 2, saying: "the console needs a terminal")
  }

  @Test func batchInputThatIsNotThere() throws {
    try expect(["predict", "/nonexistent/m.onnx"], exits: 2, saying: "/nonexistent/m.onnx")
    try expect(["predict", "model"], exits: 2, saying: "is neither a version like")
    try expect(
      ["predict", "./m.onnx", "--bad-rows", "igonre"], exits: 2, saying: "fail, skip or null")
  }

  @Test func errorsAreJSONToo() throws {
    let result = try Executable.run(Executable.sluice, ["split", "e", "m@1=5%", "--json"])
    #expect(result.exitCode == 2 && result.errors.hasPrefix("sluice: "))
    struct Answer: Decodable {
      struct Body: Decodable { let code: String; let message: String }
      let error: Body
    }
    let answer = try CanonicalJSON.decode(Answer.self, from: Array(result.output.utf8))
    #expect(answer.error.code == "badInput")
    #expect(result.errors == "sluice: \(answer.error.message)\n")
    let usage = try Executable.run(Executable.sluice, ["--json", "nonsense"])
    #expect(usage.output.contains("\"code\":\"usage\""))
  }

  @Test func aFullDiskIsToldAndAClosedPipeIsNot() throws {
    guard let shell = Executable.find("sh") else { return }
    let full = try Executable.run(
      shell, ["-c", "\"$0\" help --markdown > /dev/full", Executable.sluice])
    #expect(full.exitCode == 3 && full.errors.contains("No space left on device"))
    let pipe = try Executable.run(
      shell, ["-c", "{ \"$0\" help --markdown; echo $? >&2; } | head -c 1", Executable.sluice])
    #expect(pipe.errors == "0\n" && pipe.output == "#")
  }

  @Test func helpAndVersionAreResults() throws {
    for arguments in [
      ["--help"], ["ramp", "--help"], ["help", "model"], ["--version"], ["version"],
    ] {
      let result = try Executable.run(Executable.sluice, arguments)
      #expect(result.exitCode == 0 && result.errors.isEmpty && !result.output.isEmpty)
    }
  }
}
