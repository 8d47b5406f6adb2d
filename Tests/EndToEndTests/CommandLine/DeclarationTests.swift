import Core
import Glibc
import Node
import Testing

@testable import sluice

/// What is made from the declarations of the program's own commands.
@Suite struct DeclarationTests {
  private let set = CommandSet.all

  @Test func everyHelpPageFitsEightyColumnsAndHasAnExample() {
    let paths = [[]] + set.commands.map(\.path) + set.groups.map { [$0.name] }
    for path in paths {
      let text = HelpText(set: set).text(for: path)
      let name = path.joined(separator: " ")
      #expect(text.hasPrefix("usage: sluice"), "\(name)")
      for line in text.split(separator: "\n")
      where !line.hasPrefix("  sluice") && !line.contains("|") {
        #expect(line.count <= HelpText.width, "\(name): \(line)")
      }
    }
    for command in set.commands { #expect(!command.examples.isEmpty, "\(command.fullName)") }
  }

  @Test func namesAreUniqueAndDoNotHideWhatEveryCommandTakes() {
    #expect(Set(set.commands.map(\.path)).count == set.commands.count)
    for command in set.commands + [set.root] {
      let names = (command.parameters + CommandSet.everywhere).map(\.name)
      #expect(Set(names).count == names.count, "\(command.fullName): \(names)")
      let repeating = command.positionals.dropLast().contains { positional in
        if case .positional(repeats: true, _) = positional.form { true } else { false }
      }
      #expect(!repeating, "only the last positional may repeat")
    }
    for group in set.groups { #expect(!set.members(of: group.name).isEmpty) }
  }

  /// Every example is a line that the parser accepts.
  @Test func examplesCanBeTyped() throws {
    for command in set.commands {
      for example in command.examples {
        let simple = example.line.split(separator: "|").first { $0.contains("sluice ") } ?? ""
        let words = shellWords(String(simple.split(separator: ">").first ?? ""))
        #expect(words.first == "sluice", "\(example.line)")
        do {
          guard
            case .run(let found, _) = try CommandParser(set: set).parse(Array(words.dropFirst()))
          else { continue }
          #expect(found.path == command.path || command.path.isEmpty, "\(example.line)")
        } catch {
          Issue.record("\(example.line): \(error.message)")
        }
      }
    }
  }

  private func shellWords(_ line: String) -> [String] {
    var words: [String] = []
    for (index, part) in line.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
    {
      if index % 2 == 1 {
        words.append(String(part))
      } else {
        words += part.split(separator: " ").map(String.init)
      }
    }
    return words
  }

  @Test func theReferencePageIsWhatTheDeclarationsSay() throws {
    let folder = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    let page = try readText("/\(folder)/docs/reference/command-line.md")
    #expect(
      page == MarkdownReference(set: set).text,
      "make it again: sluice help --markdown > docs/reference/command-line.md")
  }

  @Test func completionScriptsKnowEveryCommandAndParse() throws {
    for shell in CompletionScript.shells {
      let script = CompletionScript(set: set).text(for: shell)
      for command in set.commands { #expect(script.contains(command.path.last ?? "?")) }
      guard let program = Executable.find(shell) else { continue }
      let flag = shell == "fish" ? "--no-execute" : "-n"
      let result = try Executable.run(program, [flag, "/dev/stdin"], input: script)
      #expect(result.exitCode == 0, "\(shell): \(result.errors)")
    }
  }

  /// bash itself offers what the script says.
  @Test func bashOffersSubcommandsAndOptions() throws {
    guard let bash = Executable.find("bash") else { return }
    let script = CompletionScript(set: set).text(for: "bash")
    func offers(_ words: [String]) throws -> String {
      let list = words.map { "'\($0)'" }.joined(separator: " ")
      let probe =
        "compopt() { :; }\n\(script)\nCOMP_WORDS=(\(list)); COMP_CWORD=\(words.count - 1)\n"
        + "_sluice\necho \"${COMPREPLY[*]}\"\n"
      return try Executable.run(bash, ["-s"], input: probe).output
    }
    #expect(try offers(["sluice", "rol"]) == "rollback\n")
    #expect(try offers(["sluice", "model", "im"]) == "import\n")
    #expect(try offers(["sluice", "--state", "/s", "ramp", "e", "--dr"]) == "--dry-run\n")
    #expect(try offers(["sluice", "serve", "--scenario", "se"]) == "season\n")
    #expect(try offers(["sluice", "completions", "z"]) == "zsh\n")
  }

  @Test func numbersReadWell() {
    #expect(grouped(1_234_567) == "1,234,567" && grouped(-999) == "-999" && grouped(0) == "0")
    #expect(fixed(1.005, 1) == "1.0" && fixed(0.25, 0) == "0" && fixed(nil, 2) == "-")
    #expect(
      fixed(-0.04, 1) == "0.0" && fixed(.nan, 1) == "-" && fixed(12_345.678, 2) == "12,345.68")
    #expect(
      percent(0.0123) == "1.23%" && byteText(999) == "999 B" && byteText(2_439_802) == "2.4 MB")
    #expect(byteText(999_960) == "1.0 MB")
    #expect(wrapped("aa bb cc", width: 5) == ["aa bb", "cc"] && wrapped("", width: 5) == [""])
  }

  @Test func tablesAlignAndAreHarmless() {
    var table = TextTable(["NAME", ">SIZE"])
    table.add(["a\u{1B}[2J", "1"])
    table.add(["bb", "200"])
    #expect(table.text == "NAME    SIZE\na^[[2J     1\nbb       200\n")
  }
}
