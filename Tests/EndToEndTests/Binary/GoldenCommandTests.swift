import Testing

/// Golden rows through the built program: import, show, verify.
@Suite struct GoldenCommandTests {
  private static let sample = "\(Executable.root)/samples/flight-delay"

  private func sluice(_ state: String, _ words: [String]) throws -> Executable.Result {
    try Executable.run(Executable.sluice, ["--state", state] + words)
  }

  private func importing(_ number: Int, golden: String, _ more: [String] = []) -> [String] {
    [
      "model", "import", "\(GoldenCommandTests.sample)/models/flight-delay-\(number).onnx",
      "--golden", golden,
    ] + more
  }

  @Test func rowsThatPassAreShownAndVerified() throws {
    let folder = try TestFolder()
    let state = folder.path + "/state"
    let golden = "\(GoldenCommandTests.sample)/golden/flight-delay-2.jsonl"
    let imported = try sluice(state, importing(2, golden: golden, ["--golden-tolerance", "1e-6"]))
    #expect(imported.exitCode == 0, "\(imported.errors)")
    let shown = try sluice(state, ["model", "show", "flight-delay@1"])
    #expect(shown.output.contains("golden      not run since the node started"))
    let verified = try sluice(state, ["model", "verify", "flight-delay@1"])
    #expect(verified.exitCode == 0, "\(verified.errors)")
    #expect(verified.output.contains("ok, golden: 32 rows of onnxruntime"), "\(verified.output)")
    #expect(verified.output.contains("tolerance 1e-06"))
    #expect(verified.output.contains("1 intact, 0 damaged\n"))
  }

  @Test func oneChangedValueIsRefusedAtImport() throws {
    let folder = try TestFolder()
    let state = folder.path + "/state"
    let text = try readText("\(GoldenCommandTests.sample)/golden/flight-delay-1.jsonl")
    var lines = text.split(separator: "\n").map(String.init)
    lines[5] = lines[5].replacing("\"probabilities\":[0.", with: "\"probabilities\":[1.")
    let path = folder.path + "/golden.jsonl"
    try writeText(lines.joined(separator: "\n"), to: path)
    let refused = try sluice(state, importing(1, golden: path))
    #expect(refused.exitCode == 1)
    #expect(
      refused.errors.contains("row 5, output \"probabilities\"[0]: expected 1."),
      "\(refused.errors)")
    #expect(refused.errors.contains(", got 0.") && refused.errors.contains("tolerance 1e-05"))
    try writeText("{\"inputs\":{\"carrier\":1},\"outputs\":{\"label\":0}}", to: path)
    let bad = try sluice(state, importing(1, golden: path))
    #expect(bad.exitCode == 2)
    #expect(bad.errors.contains("golden.jsonl:1: inputs.carrier: expected a text, got 1"))
    let list = try sluice(state, ["model", "list"])
    #expect(list.output.contains("no versions yet"), "\(list.output)")
  }
}
