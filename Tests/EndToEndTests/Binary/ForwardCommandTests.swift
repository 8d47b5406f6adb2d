import Testing

/// Freezes, superseding, going again and undo through the built program.
@Suite struct ForwardCommandTests {
  private static let sample = "\(Executable.root)/samples/flight-delay"

  private func serving(_ folder: TestFolder) throws -> ([String]) throws -> Executable.Result {
    let state = folder.path + "/state"
    let sluice = { (words: [String]) in
      try Executable.run(Executable.sluice, ["--state", state] + words)
    }
    for number in 1...3 {
      let file = "\(ForwardCommandTests.sample)/models/flight-delay-\(number).onnx"
      let result = try sluice(["model", "import", file, "--name", "fd"])
      #expect(result.exitCode == 0, "\(result.errors)")
    }
    for words in [["endpoint", "create", "fd"], ["deploy", "fd", "fd@1"]] {
      #expect(try sluice(words).exitCode == 0)
    }
    return sluice
  }

  @Test func theLineStopsARampUntilItIsReleased() throws {
    let folder = try TestFolder()
    let sluice = try serving(folder)
    #expect(try sluice(["stop-the-line", "--reason", "incident 42"]).exitCode == 0)
    let refused = try sluice(["ramp", "fd", "fd@2"])
    #expect(refused.exitCode == 1)
    #expect(refused.errors.contains("incident 42"), "\(refused.errors)")
    let dry = try sluice(["ramp", "fd", "fd@2", "--dry-run"])
    #expect(dry.exitCode == 1 && dry.output.contains("step 1 cannot begin before that"))
    #expect(try sluice(["freeze", "list"]).output.contains("holds"))
    #expect(try sluice(["stop-the-line", "--release"]).exitCode == 0)
    #expect(try sluice(["freeze", "list"]).output == "nothing is frozen\n")
    let bad = try sluice(["freeze", "add", "Friday", "--reason", "x"])
    #expect(bad.exitCode == 2 && bad.errors.contains("Fri 16:00-Mon 08:00"))
    #expect(try sluice(["ramp", "fd", "fd@2"]).exitCode == 0)
  }

  @Test func aRampIsSupersededTriedAgainAndUndone() throws {
    let folder = try TestFolder()
    let sluice = try serving(folder)
    #expect(try sluice(["ramp", "fd", "fd@2"]).exitCode == 0)
    #expect(try sluice(["ramp", "fd", "fd@3"]).exitCode == 1)
    let other = try sluice(["ramp", "fd", "fd@3", "--supersede", "--reason", "newer"])
    #expect(other.exitCode == 0 && other.output.contains("superseded"), "\(other.errors)")
    #expect(try sluice(["abort", "fd"]).exitCode == 0)
    let again = try sluice(["retry", "fd"])
    #expect(again.exitCode == 0 && again.output.contains("ramp of fd@3"), "\(again.errors)")
    #expect(try sluice(["approve", "fd"]).exitCode == 1)
    #expect(try sluice(["rollback", "fd"]).exitCode == 0)
    #expect(try sluice(["deploy", "fd", "fd@2"]).exitCode == 0)
    #expect(try sluice(["split", "fd", "fd@2=100%"]).exitCode == 0)
    let undone = try sluice(["undo", "fd", "--to", "2"])
    #expect(undone.exitCode == 0, "\(undone.errors)")
    #expect(undone.output.contains("undone to generation 2"), "\(undone.output)")
  }
}
