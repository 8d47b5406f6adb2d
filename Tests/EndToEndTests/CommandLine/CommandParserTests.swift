import Core
import Testing

@testable import sluice

/// The parser on a small command set and on the program's own.
@Suite struct CommandParserTests {
  private static let endpoint = Positional("endpoint", .name.named("ENDPOINT"), help: "which")
  private static let shares = Positional("shares", .share, count: .any, help: "parts")
  private static let plan = Option<String>("plan", .file, help: "a plan")
  private static let rate = DefaultedOption<Int>(
    "rate", .integer(1...100), default: 5, help: "rate")
  private static let force = Flag("force", help: "really")

  private static let set = CommandSet(
    root: CommandDeclaration("", summary: "root") { _ in .done },
    groups: [CommandGroup(name: "model", summary: "models")],
    commands: [
      CommandDeclaration(
        "split", summary: "splits", parameters: [endpoint, shares, plan, rate, force]
      ) { _ in .done },
      CommandDeclaration("model list", summary: "lists") { _ in .done },
      CommandDeclaration("model show", summary: "shows") { _ in .done },
    ])

  private func invoke(_ words: String...) throws -> Invocation {
    guard case .run(let command, let values) = try CommandParser(set: Self.set).parse(words) else {
      throw InvalidValue("help instead of a command")
    }
    return Invocation(command: command, values: values, streams: .standard())
  }

  private func complaint(_ words: String...) -> String {
    do {
      _ = try CommandParser(set: Self.set).parse(words)
      return ""
    } catch {
      return error.message
    }
  }

  @Test func readsPositionalsOptionsAndFlagsInAnyOrder() throws {
    let call = try invoke(
      "split", "--rate=7", "web", "--force", "m@1=90%", "--plan", "p.yaml", "m@2=10%")
    #expect(call[required: Self.endpoint].text == "web")
    #expect(call[all: Self.shares].map(\.weight) == [9_000, 1_000])
    #expect(call[Self.plan] == "p.yaml")
    #expect(call[Self.rate] == 7)
    #expect(call[Self.force])
  }

  @Test func fallsBackOnlyWhenAnOptionIsLeftOut() throws {
    let call = try invoke("split", "web")
    #expect(call[Self.rate] == 5)
    #expect(call[Self.plan] == nil)
    #expect(!call[Self.force])
    #expect(call[all: Self.shares].isEmpty)
  }

  @Test func takesWhatEveryCommandTakesBeforeAndBehindItsName() throws {
    for words in [
      ["--state", "/s", "--json", "split", "e"], ["split", "e", "--json", "--state=/s"],
    ] {
      guard case .run(let command, let values) = try CommandParser(set: Self.set).parse(words)
      else {
        Issue.record("no command")
        continue
      }
      let call = Invocation(command: command, values: values, streams: .standard())
      #expect(call[CommandSet.state] == "/s" && call.wantsJSON && command.path == ["split"])
    }
  }

  @Test func everythingBehindTwoDashesIsPositional() throws {
    #expect(complaint("split", "--", "--force").contains("--force"))
    #expect(try invoke("split", "--", "web")[required: Self.endpoint].text == "web")
  }

  @Test func helpIsFoundWhereverItStands() throws {
    for words in [["split", "--help"], ["split", "e", "--bad", "-h"], ["--help", "split"]] {
      guard case .help(let path) = try CommandParser(set: Self.set).parse(words) else {
        Issue.record("no help for \(words)")
        continue
      }
      #expect(path == ["split"])
    }
    guard case .help([]) = try CommandParser(set: Self.set).parse(["--help"]) else {
      Issue.record("no help of the program")
      return
    }
    guard case .help(["model"]) = try CommandParser(set: Self.set).parse(["model", "--help"]) else {
      Issue.record("no help of the group")
      return
    }
  }

  @Test func namesWhatIsWrong() {
    #expect(complaint("splt", "e") == "unknown command \"splt\"; did you mean split?")
    #expect(complaint("xyzzy") == "unknown command \"xyzzy\"; sluice --help lists them")
    #expect(complaint("model") == "model needs one of list or show")
    #expect(complaint("model", "shwo").hasSuffix("did you mean show?"))
    #expect(complaint("split").contains("needs ENDPOINT"))
    #expect(complaint("split", "e", "--plna", "x").hasSuffix("did you mean --plan?"))
    #expect(complaint("split", "e", "--plan") == "--plan needs a value: --plan FILE")
    #expect(complaint("split", "e", "--plan", "--force").contains("is an option"))
    #expect(complaint("split", "e", "--force=yes") == "--force takes no value")
    #expect(complaint("split", "e", "--force", "--force") == "--force is given twice")
    #expect(complaint("split", "e", "--rate", "101").contains("from 1 to 100, got \"101\""))
    #expect(complaint("split", "e", "-x").contains("no option -x"))
    #expect(complaint("split", "Bad!").hasPrefix("ENDPOINT: the name"))
    #expect(complaint("model", "list", "extra").contains("does not take \"extra\""))
  }

  @Test func hostileWordsBecomeHarmlessSentences() {
    let hostile = "\u{1B}[31mred\u{202E}"
    for words in [
      [hostile], ["split", hostile], ["split", "e", "--\(hostile)"], ["model", hostile],
    ] {
      do {
        _ = try CommandParser(set: Self.set).parse(words)
        Issue.record("\(words) was accepted")
      } catch {
        #expect(!error.message.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
      }
    }
  }

  /// Whatever the words, the parser answers with a request or one sentence.
  @Test func neverFailsOnRandomWords() {
    let words = [
      "--", "-", "--json", "--state", "--state=", "model", "split", "list", "=", "--=", "---", "",
      "m@1=50%", "e", "--rate", "-1", "--rate=", "-h", "@", "=5%", "m@", "--help=1",
    ]
    var random = SplitMix64(seed: 7)
    for _ in 0..<5_000 {
      let line = (0..<Int.random(in: 0...6, using: &random)).map { _ in
        words[Int.random(in: 0..<words.count, using: &random)]
      }
      do {
        _ = try CommandParser(set: Self.set).parse(line)
      } catch {
        #expect(!error.message.isEmpty && !error.message.contains("\n"))
      }
    }
  }
}

/// How single words are read.
@Suite struct ValueKindTests {
  @Test func sharesAreVersionAndPercent() throws {
    let share = try ValueKind.share.parse("flight-delay@2=12.5%")
    #expect(share.version.description == "flight-delay@2" && share.weight == 1_250)
    for bad in ["", "a@1", "a@1=", "a@0=5%", "a@1=101%", "=5%", "a@1=5.001%"] {
      #expect(throws: InvalidValue.self) { try ValueKind.share.parse(bad) }
    }
  }

  @Test func numbersKeepTheirRange() throws {
    let kind = ValueKind.number(0.5...2)
    #expect(try kind.parse("1.25") == 1.25)
    for bad in ["nan", "inf", "0.4", "3", "", "1e400", "two"] {
      #expect(throws: InvalidValue.self) { try kind.parse(bad) }
    }
    let span = ValueKind.duration(.seconds(1)...(.minutes(5)))
    #expect(try span.parse("1m30s") == .seconds(90))
    for bad in ["0s", "6m", "5 min", "-1s"] {
      #expect(throws: InvalidValue.self) { try span.parse(bad) }
    }
  }

  @Test func aNearMissIsSuggestedAndAStrangerIsNot() {
    #expect(nearest(to: "statsu", among: ["status", "start"]) == "status")
    #expect(nearest(to: "rolback", among: ["rollback", "ramp"]) == "rollback")
    #expect(nearest(to: "prom", among: ["promote", "pause"]) == "promote")
    #expect(nearest(to: "zzz", among: ["status", "ramp"]) == nil)
    #expect(editDistance(Array("abcd".utf8), Array("acbd".utf8)) == 1)
    #expect(editDistance(Array("kitten".utf8), Array("sitting".utf8)) == 3)
  }

  @Test func anImportIsNamedAfterItsFile() throws {
    #expect(
      try ModelCommands.modelName(ofFile: "models/flight-delay-2.onnx").text == "flight-delay")
    #expect(try ModelCommands.modelName(ofFile: "Iris.onnx").text == "iris")
    #expect(try ModelCommands.modelName(ofFile: "a-b").text == "a-b")
    #expect(throws: InvalidValue.self) { try ModelCommands.modelName(ofFile: "ä!.onnx") }
  }
}
