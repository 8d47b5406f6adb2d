import Testing

/// `model evaluate`, `compare`, `gate` and `card` through the built program.
@Suite struct EvaluateTests {
  private static let sample = "\(Executable.root)/samples/flight-delay"
  private static let rows = ["--rows", "\(sample)/eval.csv", "--label", "late"]

  private func sluice(_ state: String, _ words: [String]) throws -> Executable.Result {
    try Executable.run(Executable.sluice, ["--state", state] + words)
  }

  private func model(_ number: Int) -> String {
    "\(EvaluateTests.sample)/models/flight-delay-\(number).onnx"
  }

  @Test func aFileIsMeasured() throws {
    let folder = try TestFolder()
    let told = try sluice(
      folder.path, ["model", "evaluate", model(1), "--segment", "origin"] + EvaluateTests.rows)
    #expect(told.exitCode == 0, "\(told.errors)")
    #expect(told.output.contains("accuracy            0.7765"))
    #expect(told.output.contains("95% DeLong on logits"))
    #expect(told.output.contains("equalised odds difference"))
    let wrong = try sluice(
      folder.path,
      ["model", "evaluate", model(1), "--rows", "\(EvaluateTests.sample)/eval.csv"])
    #expect(wrong.exitCode == 2)
    #expect(wrong.errors.contains("--label is missing"))
  }

  @Test func anUnknownLabelIsBadInput() throws {
    let folder = try TestFolder()
    let text = try readText("\(EvaluateTests.sample)/eval.csv")
    var lines = text.split(separator: "\n").prefix(6).map(String.init)
    lines[3] = String(lines[3].dropLast()) + "late"
    let path = folder.path + "/rows.csv"
    try writeText(lines.joined(separator: "\n"), to: path)
    let told = try sluice(
      folder.path, ["model", "evaluate", model(1), "--rows", path, "--label", "late"])
    #expect(told.exitCode == 2)
    #expect(told.errors.contains("rows.csv:4: column \"late\": the label \"late\""))
  }

  @Test func theSecondMustBeAsGood() throws {
    let folder = try TestFolder()
    let better = try sluice(
      folder.path, ["model", "compare", model(1), model(2)] + EvaluateTests.rows)
    #expect(better.exitCode == 0, "\(better.errors)")
    #expect(better.output.contains("paired DeLong"))
    let worse = try sluice(
      folder.path, ["model", "compare", model(2), model(1), "--json"] + EvaluateTests.rows)
    #expect(worse.exitCode == 1)
    #expect(worse.output.contains("\"verdict\":\"refuted\""))
    #expect(worse.output.contains("\"as_good\":false"))
  }

  @Test func gatesPassFailAndAreAudited() throws {
    let folder = try TestFolder()
    let state = folder.path + "/state"
    for number in 1...2 {
      let imported = try sluice(
        state,
        [
          "model", "import", model(number), "--name", "flight-delay", "--golden",
          "\(EvaluateTests.sample)/golden/flight-delay-\(number).jsonl", "--card",
          "\(EvaluateTests.sample)/cards/flight-delay-\(number).md",
        ])
      #expect(imported.exitCode == 0, "\(imported.errors)")
    }
    let path = folder.path + "/gates.yaml"
    try writeText(
      """
      name: strict
      signature: true
      golden: {min_rows: 10}
      metrics:
        - {metric: accuracy, min: 0.75}
      against:
        - {metric: accuracy, ratio: 0.95}
        - {metric: roc_auc, margin: 0.01}
      memory: {growth_mb: 1000}
      warm_up: true
      card: true
      checklist: [load test]

      """, to: path)
    func gate(_ version: String, _ against: String, _ more: [String]) throws -> Executable.Result {
      try sluice(
        state,
        ["model", "gate", version, "--gates", path, "--against", against] + EvaluateTests.rows
          + more)
    }
    let passed = try gate("flight-delay@2", "flight-delay@1", ["--sign", "load test=ana"])
    #expect(passed.exitCode == 0, "\(passed.output)\(passed.errors)")
    #expect(passed.output.contains("all 9 gates pass (journal 3)"))
    let failed = try gate("flight-delay@1", "flight-delay@2", [])
    #expect(failed.exitCode == 1)
    #expect(failed.output.contains("FAIL  roc_auc vs stable"))
    #expect(failed.output.contains("FAIL  load test"))
    let journal = try sluice(state, ["journal", "tail"])
    #expect(journal.output.contains("on flight-delay@2: passed, 9 of 9 pass"))
    #expect(journal.output.contains("load test by ana"))
    #expect(journal.output.contains("on flight-delay@1: FAILED"))
    let unknown = try gate("flight-delay@2", "flight-delay@1", ["--sign", "lod test=ana"])
    #expect(unknown.exitCode == 2)
    #expect(unknown.errors.contains("is \"load test\" meant?"))
    let card = try sluice(state, ["model", "card", "flight-delay@2"])
    #expect(card.exitCode == 0)
    #expect(card.output.contains("6 of 6 required fields"))
    // The history is folded to the width of a terminal.
    let words = card.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains("on flight-delay@2: passed"))
  }

  @Test func aWrongGateFileIsBadInputWithItsLine() throws {
    let folder = try TestFolder()
    let state = folder.path + "/state"
    _ = try sluice(state, ["model", "import", model(1), "--name", "flight-delay"])
    let path = folder.path + "/gates.yaml"
    try writeText("name: g\nmetrics:\n  - {metric: accurcy, min: 1}\n", to: path)
    let told = try sluice(
      state, ["model", "gate", "flight-delay@1", "--gates", path] + EvaluateTests.rows)
    #expect(told.exitCode == 2)
    #expect(told.errors.contains("gates.yaml:3:14: metrics[0].metric: \"accurcy\" is not known"))
    let card = try sluice(state, ["model", "card", "flight-delay@1"])
    #expect(card.exitCode == 1)
    #expect(card.output.contains("MISSING  owner"))
  }
}
