import Core
import Testing

/// `sluice model optimize` as a person or a script calls it.
struct OptimizeCommandTests {
  private let state: TestFolder
  private let sample: String

  init() throws {
    state = try TestFolder()
    sample =
      String(
        #filePath.prefix(
          upTo: #filePath.firstRange(of: "/Tests/")?.lowerBound
            ?? #filePath.endIndex)) + "/samples/flight-delay"
  }

  private func sluice(_ words: [String]) throws -> Executable.Result {
    try Executable.run(Executable.sluice, ["--state", state.path + "/state"] + words)
  }

  /// The first lines of the evaluation rows: enough here, and quick in a debug build.
  private func rows(_ count: Int) throws -> String {
    let lines = try readText("\(sample)/eval.csv").split(separator: "\n").prefix(count + 1)
    let path = "\(state.path)/rows.csv"
    try writeText(lines.joined(separator: "\n") + "\n", to: path)
    return path
  }

  @Test func aVersionIsMadeAndAnExcessRefused() throws {
    let imported = try sluice([
      "model", "import", "\(sample)/models/flight-delay-3.onnx", "--name", "flights", "--card",
      "\(sample)/cards/flight-delay-3.md",
    ])
    #expect(imported.exitCode == 0)
    let rows = try rows(60)
    let made = try sluice([
      "model", "optimize", "flights@1", "--rows", rows, "--label", "late", "--json",
    ])
    #expect(made.exitCode == 0, "\(made.errors)")
    #expect(made.output.contains("\"parent\":\"flights@1\""))
    #expect(made.output.contains("\"version\":\"flights@2\""))
    #expect(made.output.contains("\"metric\":\"accuracy\""))
    #expect(made.output.contains("\"labels_changed\":0"))
    let shown = try sluice(["model", "show", "flights@2"])
    #expect(shown.output.contains("Optimised from flights@1"))

    let refused = try sluice([
      "model", "optimize", "flights@1", "--rows", rows, "--passes", "quantize",
    ])
    #expect(refused.exitCode == 1)
    #expect(refused.output.contains("not registered: an output changes by"))
    #expect(try sluice(["model", "show", "flights@3"]).exitCode == 2)
    let wrong = try sluice(["model", "optimize", "flights@1", "--passes", "prun"])
    #expect(wrong.exitCode == 2)
    #expect(wrong.errors.contains("prune"))
  }
}
