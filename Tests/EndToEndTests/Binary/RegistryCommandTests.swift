import Core
import Testing

@testable import sluice

/// The registry through the built program.
@Suite struct RegistryCommandTests {
  private static let sample = "\(Executable.root)/samples/flight-delay"

  private func registry(
    _ folder: TestFolder
  ) throws -> ([String]) throws -> Executable.Result {
    let state = folder.path + "/state"
    let sluice = { (words: [String]) in
      try Executable.run(Executable.sluice, ["--state", state] + words)
    }
    for number in 1...3 {
      let result = try sluice([
        "model", "import", "\(RegistryCommandTests.sample)/models/flight-delay-\(number).onnx",
        "--name", "fd", "--card", "\(RegistryCommandTests.sample)/cards/flight-delay-\(number).md",
        "--trained-by", "train.py", "--training-data", "\(RegistryCommandTests.sample)/golden.csv",
      ])
      #expect(result.exitCode == 0, "\(result.errors)")
    }
    return sluice
  }

  @Test func anAliasStandsWhereverAVersionDoes() throws {
    let folder = try TestFolder()
    let sluice = try registry(folder)
    #expect(try sluice(["model", "alias", "fd@1", "champion"]).exitCode == 0)
    for words in [["endpoint", "create", "fd"], ["deploy", "fd", "fd@champion"]] {
      #expect(try sluice(words).exitCode == 0)
    }
    #expect(try sluice(["deploy", "fd", "fd@2"]).exitCode == 0)
    let split = try sluice(["split", "fd", "fd@champion=90%", "fd@2=10%"])
    #expect(split.exitCode == 0, "\(split.errors)")
    // The journal has the number.
    let journal = try sluice(["journal", "tail"]).output
    #expect(journal.contains("fd@1 deployed and gets all traffic"))
    #expect(!journal.contains("fd@champion deployed"))
    let input = "\(RegistryCommandTests.sample)/golden.csv"
    let predicted = try sluice(["predict", "fd@champion", "--input", input])
    #expect(predicted.exitCode == 0, "\(predicted.errors)")
    let unknown = try sluice(["model", "show", "fd@challenger"])
    #expect(unknown.exitCode == 2 && unknown.errors.contains("it has: champion"))
    let served = try sluice(["model", "served-at", "fd", "now"])
    #expect(served.output.contains("fd@1 90%, fd@2 10%"))
    let elsewhere = try Executable.run(
      Executable.sluice, ["model", "show", "fd@champion", "--state", folder.path + "/typo"])
    #expect(elsewhere.exitCode == 2 && elsewhere.errors.contains("there is no state"))
    #expect(Executable.find(folder.path + "/typo") == nil)
  }

  @Test func searchLineageChecklistAndDeletion() throws {
    let folder = try TestFolder()
    let sluice = try registry(folder)
    #expect(try sluice(["model", "tag", "fd@2", "team=ops"]).exitCode == 0)
    let found = try sluice(["model", "search", "accuracy>0.5", "--tag", "team", "--json"])
    #expect(found.exitCode == 0 && found.output.contains("\"version\":\"fd@2\""))
    #expect(!found.output.contains("\"version\":\"fd@1\""))
    #expect(try sluice(["model", "search", "nothing-like-it"]).exitCode == 1)
    #expect(try sluice(["model", "search", "accuracy>much"]).exitCode == 2)
    let lineage = try sluice(["model", "lineage", "fd@2"])
    #expect(lineage.output.contains("trained by: train.py"))
    #expect(lineage.output.contains("training data sha256"))
    #expect(try sluice(["checklist", "show", "fd@2"]).exitCode == 1)
    for item in ["model card read", "evaluation reviewed", "rollback rehearsed", "callers told"] {
      #expect(try sluice(["checklist", "sign", "fd@2", item]).exitCode == 0)
    }
    #expect(try sluice(["checklist", "show", "fd@2"]).exitCode == 0)
    let again = try sluice(["checklist", "sign", "fd@2", "callers told"])
    #expect(again.exitCode == 1 && again.errors.contains("was signed by"))
    #expect(try sluice(["model", "retention", "set", "fd", "--keep", "1"]).exitCode == 0)
    let dry = try sluice(["model", "retention", "run", "--dry-run"])
    #expect(dry.output.contains("2 would go"), "\(dry.output)")
    #expect(try sluice(["model", "tag", "fd@1", "protected"]).exitCode == 0)
    #expect(try sluice(["model", "retention", "run"]).output.contains("1 versions deleted"))
    #expect(try sluice(["model", "delete", "fd@1"]).exitCode == 1)
    let list = try sluice(["model", "list"]).output
    #expect(list.contains("fd@1") && !list.contains("fd@2 "))
    let gone = try sluice(["model", "show", "fd@2"])
    #expect(gone.output.contains("DELETED") && gone.exitCode == 0)
  }

  /// A card from anywhere fits a terminal of 80 columns and writes no control character to it.
  @Test func aHostileCardIsHarmlessAndFits() throws {
    let folder = try TestFolder()
    let sluice = try registry(folder)
    let card = folder.path + "/card.md"
    try writeText(
      "---\nsummary: \"x\\e[31mred\\u202Eevil\"\n"
        + "owner: \(String(repeating: "o", count: 300))\n---\n"
        + "# A card\n\n| a | \(String(repeating: "wide ", count: 60)) |\n\n"
        + "```\n\(String(repeating: "c", count: 200))\n```\n"
        + "\(String(repeating: "w", count: 170)) end\n", to: card)
    let model = "\(RegistryCommandTests.sample)/models/flight-delay-1.onnx"
    #expect(try sluice(["model", "import", model, "--name", "bad", "--card", card]).exitCode == 0)
    for words in [["model", "card", "bad@1"], ["model", "show", "bad@1"], ["model", "list"]] {
      let text = try sluice(words).output
      #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0.value != 0x7F })
      #expect(!text.unicodeScalars.contains("\u{202E}"))
    }
    for line in try sluice(["model", "card", "bad@1"]).output.split(separator: "\n") {
      #expect(line.count <= 80, "\(line)")
    }
  }
}
