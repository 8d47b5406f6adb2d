import Core
import Testing

@testable import Documents

private enum Color: String, CaseIterable { case red, green, deepBlue = "deep-blue" }

@Suite struct ValueTests {
  private func value(_ text: String) throws -> DocumentNode {
    try document("steps:\n  - hold: \(text)\n").mapping(allowed: ["steps"]).required("steps")
      .items()[0]
      .entries()[0].value
  }

  @Test func goodValuesAreRead() throws {
    #expect(try value("12").int(in: 0...20) == 12)
    #expect(try value("-3").int() == -3)
    #expect(try value("0.25").double() == 0.25)
    #expect(try value("1e3").double(in: 0...2_000) == 1_000)
    #expect(try value("true").bool())
    #expect(try value("false").bool() == false)
    #expect(try value("12.5%").percent() == 1_250)
    #expect(try value("\"25\"").percent() == 2_500)
    #expect(try value("1h30m").duration() == .minutes(90))
    #expect(try value("flight-delay").name() == Name("flight-delay"))
    #expect(try value("flight-delay@3").version() == VersionID("flight-delay@3"))
    #expect(try value("deep-blue").choice(Color.self) == .deepBlue)
    #expect(try value("[a, \"2\", 3]").strings() == ["a", "2", "3"])
    #expect(try value("[]").items().isEmpty)
    #expect(try value("~").isNull)
    #expect(try value("\"~\"").isNull == false)
  }

  @Test func wrongValuesSayWhatWasExpectedWhere() throws {
    let cases: [(String, (DocumentNode) throws -> Void, String)] = [
      ("\"5 min\"", { _ = try $0.duration() }, "expected a duration like 5m, got \"5 min\""),
      ("[5m]", { _ = try $0.duration() }, "expected a duration like 5m, got a list"),
      (
        "1s", { _ = try $0.duration(in: .minutes(1) ... .minutes(5)) },
        "expected a duration from 1m to 5m, got \"1s\""
      ),
      (
        "0s", { _ = try $0.duration(in: .seconds(1)...TimeSpan(microseconds: .max)) },
        "expected a duration of at least 1s, got \"0s\""
      ),
      (
        "ten", { _ = try $0.percent() },
        "expected a percentage like 25% or 12.5%, got \"ten\""
      ),
      ("101%", { _ = try $0.percent() }, "\"101%\" is more than 100 %"),
      ("1.5", { _ = try $0.int() }, "expected a whole number, got \"1.5\""),
      ("21", { _ = try $0.int(in: 0...20) }, "expected a whole number from 0 to 20, got \"21\""),
      ("0", { _ = try $0.int(in: 1 ... .max) }, "expected a whole number of at least 1, got \"0\""),
      ("\"12\"", { _ = try $0.int() }, "expected a whole number, got \"12\""),
      (
        "99999999999999999999", { _ = try $0.int() },
        "expected a whole number, got \"99999999999999999999\""
      ),
      ("nan", { _ = try $0.double() }, "expected a number, got \"nan\""),
      ("0x10", { _ = try $0.double() }, "expected a number, got \"0x10\""),
      ("1e999", { _ = try $0.double() }, "expected a number, got \"1e999\""),
      ("2", { _ = try $0.double(in: 0...1) }, "expected a number from 0.0 to 1.0, got \"2\""),
      ("yes", { _ = try $0.bool() }, "expected true or false, got \"yes\""),
      ("~", { _ = try $0.string() }, "expected a text, got nothing"),
      ("{a: 1}", { _ = try $0.string() }, "expected a text, got a mapping"),
      ("x", { _ = try $0.items() }, "expected a list, got \"x\""),
      (
        "[a, b, c]", { _ = try $0.items(limit: 2) }, "this list has 3 items, at most 2 are accepted"
      ),
      (
        "[]", { _ = try $0.mapping(allowed: ["a", "b"]) },
        "expected a mapping with the keys a, b, got an empty list"
      ),
      ("gren", { _ = try $0.choice(Color.self) }, "\"gren\" is not known: did you mean \"green\"?"),
      (
        "mauve", { _ = try $0.choice(Color.self) },
        "expected red, green or deep-blue, got \"mauve\""
      ),
      ("Flight", { _ = try $0.name() }, "the name \"Flight\" must begin with a-z or 0-9"),
      (
        "x@0", { _ = try $0.version() },
        "\"x@0\" is not a version: after '@' expected a number from 1 upwards"
      ),
    ]
    for (text, read, expected) in cases {
      let node = try value(text)
      #expect(complaint { try read(node) } == "plan.yaml:2:11: steps[0].hold: \(expected)")
    }
  }

  @Test func unknownKeysGetASuggestion() throws {
    let root = try document("name: x\nsetps: []\n")
    #expect(
      complaint { _ = try root.mapping(allowed: ["name", "steps"]) }
        == "plan.yaml:2:1: unknown key \"setps\": did you mean \"steps\"?")
    let nested = try document("a:\n  - {color: 1}\n").mapping(allowed: ["a"]).required("a").items()[
      0]
    #expect(
      complaint { _ = try nested.mapping(allowed: ["weight", "hold"]) }
        == "plan.yaml:2:6: a[0]: unknown key \"color\": expected the keys weight, hold")
  }

  @Test func missingAndEmptyKeysAreNamed() throws {
    let map = try document("a: 1\nb:\nc: ~\n").mapping(allowed: ["a", "b", "c", "d"])
    #expect(try map.optional("a")?.int() == 1)
    #expect(map.optional("b") == nil && map.optional("d") == nil)
    #expect(complaint { _ = try map.required("d") } == "plan.yaml:1:1: the key \"d\" is missing")
    #expect(complaint { _ = try map.required("c") } == "plan.yaml:3:4: c: a value is needed here")
  }

  @Test func errorsAreWrongUsage() throws {
    let error = try document("a: 1").error("no")
    #expect(error.exitCode == .usage)
    #expect("\(error)" == "plan.yaml:1:1: no")
  }

  @Test func nearMissesAreNear() {
    let keys = ["steps", "name", "metrics", "soak", "hold"]
    let cases: [(String, String?)] = [
      ("setps", "steps"), ("step", "steps"), ("Steps", "steps"), ("nmae", "name"),
      ("metric", "metrics"),
      ("sock", "soak"), ("xyz", nil), ("", nil), ("n", nil),
      (String(repeating: "s", count: 900), nil),
      ("stxxx", nil),
    ]
    for (word, expected) in cases { #expect(nearMiss(word, among: keys) == expected, "\(word)") }
    #expect(nearMiss("a", among: []) == nil)
  }
}

@Suite struct FrontMatterTests {
  private func split(_ text: String) throws -> FrontMatter {
    try FrontMatter.split(Array(text.utf8), file: "card.md")
  }

  @Test func yamlAndTextAreParted() throws {
    let card = try split("---\nname: x\nlicense: CC0\n---\n# Title\n\n--- text\n")
    let map = try #require(card.node).mapping(allowed: ["name", "license"])
    #expect(try map.required("license").string() == "CC0")
    #expect(try map.required("license").line == 3)
    #expect(card.body == "# Title\n\n--- text\n")
  }

  @Test func formsWithoutFrontMatter() throws {
    for text in ["", "# Title\n---\na: 1\n---\n", "--- x\n", "----\n", "---", "text"] {
      let card = try split(text)
      #expect(card.node == nil && card.body == text)
    }
    #expect(try split("---\n---\nbody").body == "body")
    #expect(try split("---\n---\nbody").node == nil)
    #expect(try split("\u{FEFF}---\r\na: 1\r\n---\r\nb\r\n").body == "b\r\n")
    #expect(try split("---\na: 1\n---").body == "")
  }

  @Test func errorsCountTheLinesOfTheWholeFile() {
    #expect(
      complaint { _ = try split("---\na: 1\na: 2\n---\n") }
        == "card.md:3:1: the key \"a\" is given twice, first on line 2")
    #expect(
      complaint { _ = try split("---\na: 1\n") }
        == "card.md:1:1: the front matter that begins here is not closed: end it with a line of ---"
    )
    #expect(
      complaint { _ = try split("---\na: [\n---\n") }?.hasPrefix("card.md:3:1: malformed") == true)
  }
}
