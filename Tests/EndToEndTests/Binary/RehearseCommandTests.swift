import Testing

/// Rehearsals through the built program.
@Suite struct RehearseCommandTests {
  private static let sample = "\(Executable.root)/samples/flight-delay"

  @Test func severalCandidatesAreRehearsedAndWhatIsNotPlayedIsSaid() throws {
    let folder = try TestFolder()
    let state = folder.path + "/state"
    let sluice = { (words: [String]) in
      try Executable.run(Executable.sluice, ["--state", state] + words)
    }
    for number in 1...3 {
      let file = "\(RehearseCommandTests.sample)/models/flight-delay-\(number).onnx"
      #expect(try sluice(["model", "import", file, "--name", "fd"]).exitCode == 0)
    }
    for words in [["endpoint", "create", "fd"], ["deploy", "fd", "fd@1"]] {
      #expect(try sluice(words).exitCode == 0)
    }
    let plan = folder.path + "/plan.yaml"
    try writeText(
      "name: both\nsteps:\n  - shadow: 50%\n    hold: 5s\n  - ab: 20%\n    hold: 5s\n"
        + "  - weight: 100%\nmetrics:\n  - metric: errors\n    tolerance: 2\n"
        + "    risk_share: 100%\nwarm_up: 0\nafter: [other]\n", to: plan)
    let rows = try readText("\(RehearseCommandTests.sample)/traffic.csv").split(separator: "\n")
    let traffic = folder.path + "/traffic.csv"
    try writeText(rows.prefix(3_001).joined(separator: "\n") + "\n", to: traffic)
    let words = [
      "rehearse", "fd", "fd@2", "fd@3", "--plan", plan, "--from", traffic, "--rate", "200",
      "--no-latency",
    ]
    let told = try sluice(words)
    #expect(told.exitCode == 0, "\(told.errors)")
    for part in [
      "fd@2, fd@3 against fd@1 by both", "not played: waiting for the ramps", "shadow of 50%",
      "BEYOND CLONE", "outcome: choice, a person picks one of 2", "truth of fd@3",
    ] {
      #expect(told.output.contains(part), "\(part)")
    }
    let json = try sluice(words + ["--json"])
    #expect(json.exitCode == 0)
    for part in ["\"notPlayed\":[", "\"differsBeyondClone\":", "\"outcome\":\"choice\""] {
      #expect(json.output.contains(part), "\(part)")
    }
    let same = try sluice(["rehearse", "fd", "fd@2", "fd@2", "--from", traffic])
    #expect(same.exitCode != 0 && same.errors.contains("named twice"), "\(same.errors)")
  }
}
