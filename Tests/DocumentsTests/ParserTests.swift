import Core
import Testing

@testable import Documents

/// The document of a text that is good YAML.
func document(_ text: String, file: String = "plan.yaml") throws -> DocumentNode {
  try #require(try YAMLParser.parse(Array(text.utf8), file: file))
}

/// The message of the error that `body` throws.
func complaint(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return (error as? DocumentError)?.message
  }
}

/// The message of the error that parsing gives.
func complaint(parsing text: String) -> String? {
  complaint { _ = try YAMLParser.parse(Array(text.utf8), file: "f.yaml") }
}

@Suite struct ParserTests {
  @Test func everyNodeKnowsItsPlace() throws {
    let root = try document(
      """
      # a comment
      name: standard
      steps:
        - weight: 10%
          hold: 1h
        - {weight: 100%, hold: "2h"}
      "ключ": [é, x]
      """)
    let map = try root.mapping(allowed: ["name", "steps", "ключ"])
    let name = try map.required("name")
    #expect((name.line, name.column, name.path) == (2, 7, "name"))
    let steps = try map.required("steps").items()
    let first = try steps[0].mapping(allowed: ["weight", "hold"]).required("hold")
    #expect((first.line, first.column, first.path) == (5, 11, "steps[0].hold"))
    let second = try steps[1].mapping(allowed: ["weight", "hold"]).required("hold")
    #expect((second.line, second.column, second.path) == (6, 26, "steps[1].hold"))
    // Columns count characters, not bytes.
    let item = try map.required("ключ").items()[1]
    #expect((item.line, item.column, item.path) == (7, 13, "ключ[1]"))
    #expect(root.path == "" && root.line == 2)
  }

  @Test(arguments: [
    "", "\n", "# only a comment\n", "---\n", "~", "null\n", "\u{FEFF}", "\r\n\r\n",
  ])
  func anEmptyDocumentIsNone(_ text: String) throws {
    #expect(try YAMLParser.parse(Array(text.utf8), file: "f") == nil)
  }

  @Test func scalarsKeepTheirText() throws {
    let items = try document(
      """
      - no
      - "no"
      - 'it''s'
      - "tab\\tend"
      - |
        two
        lines
      - >-
        folded
        text
      - 007
      - ''
      """
    ).items()
    #expect(
      try items.map { try $0.string() }
        == ["no", "no", "it's", "tab\tend", "two\nlines\n", "folded text", "007", ""])
  }

  @Test func aByteOrderMarkAndWindowsLineEndsAreRead() throws {
    let root = try document("\u{FEFF}a: 1\r\nb: 2\r\n")
    let map = try root.mapping(allowed: ["a", "b"])
    #expect(try map.required("b").int() == 2)
    #expect(try map.required("b").line == 2)
  }

  @Test func malformedTextIsNamedWithItsPlace() {
    let cases = [
      ("a: [1, 2\n", "f.yaml:2:1: malformed YAML: "),
      (
        "a: 1\n\tb: 2\n",
        "f.yaml:2:1: malformed YAML: found a tab character that violates indentation"
      ),
      ("a: b: c\n", "f.yaml:1:5: malformed YAML: mapping values are not allowed in this context"),
      ("a: \"open\n", "f.yaml:2:1: malformed YAML: found unexpected end of stream"),
      ("- 1\nb: 2\n", "f.yaml:2:1: malformed YAML: "),
      ("a: 1\n b: 2\n", "f.yaml:2:"),
      ("%YAML 3.0\n---\na: 1\n", "f.yaml:1:1: malformed YAML: "),
      ("a: @x\n", "f.yaml:1:4: malformed YAML: "),
    ]
    for (text, expected) in cases {
      let message = complaint(parsing: text)
      #expect(message?.hasPrefix(expected) == true, "\(text) gave \(message ?? "nothing")")
    }
  }

  @Test func whatConfigurationDoesNotNeedIsRefused() {
    let cases = [
      ("a: &x 1\n", "f.yaml:1:4: anchors (&name) are not supported: write the value out"),
      ("a: 1\nb: *x\n", "f.yaml:2:4: aliases (*name) are not supported: write the value out"),
      ("a: !!str 1\n", "f.yaml:1:4: tags (!name) are not supported: remove it"),
      ("a: !python/object:os.system []\n", "f.yaml:1:4: tags (!name) are not supported: remove it"),
      (
        "a: 1\n---\nb: 2\n",
        "f.yaml:2:1: a second document begins here: one file holds one document"
      ),
      ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: the key \"a\" is given twice, first on line 1"),
      ("\"a\": 1\na: 2\n", "f.yaml:2:1: the key \"a\" is given twice, first on line 1"),
      ("? [1]\n: 2\n", "f.yaml:1:3: a key must be a text, not a list or a mapping"),
      ("a: {<<: 1}\n", "f.yaml:1:5: merge keys (<<) are not supported: write the keys out"),
    ]
    for (text, expected) in cases { #expect(complaint(parsing: text) == expected, "\(text)") }
  }
}

@Suite struct HostileDocumentTests {
  @Test func expandingAliasesAreRefusedAtOnce() {
    var laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    for level in 1..<10 {
      let references = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",")
      laughs += "a\(level): &a\(level) [\(references)]\n"
    }
    #expect(complaint(parsing: laughs)?.contains("anchors") == true)
  }

  @Test func deepNestingIsRefusedInShortTime() {
    let started = ContinuousClock.now
    for opening in ["[", "{a: ", "- ", "{a: [", "? "] {
      let text = String(repeating: opening, count: (1 << 20) / opening.utf8.count - 10)
      let message = complaint(parsing: text)
      #expect(message != nil, "\(opening)")
    }
    let deep = String(repeating: "[", count: 66) + String(repeating: "]", count: 66)
    #expect(
      complaint(parsing: deep) == "f.yaml:1:66: lists and mappings are nested more than 64 deep")
    let allowed = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
    #expect(complaint(parsing: allowed) == nil)
    #expect(ContinuousClock.now - started < .seconds(5))
  }

  @Test func sizeAndNumberOfValuesAreBounded() {
    let long = "a: " + String(repeating: "x", count: 1 << 20)
    #expect(complaint(parsing: long)?.contains("at most 1048576 are accepted") == true)
    let many = "[" + String(repeating: "1,", count: 60_000) + "1]"
    #expect(complaint(parsing: many)?.hasSuffix("the file has more than 50000 values") == true)
    let oneLongScalar = "a: " + String(repeating: "x", count: 1_000_000)
    let message = complaint {
      _ = try document(oneLongScalar).mapping(allowed: ["a"]).required("a").string()
    }
    #expect(message == "plan.yaml:1:4: a: this text has 1000000 bytes, at most 4096 are accepted")
  }

  @Test func bytesThatAreNoTextAreNamed() {
    let cases: [([UInt8], String)] = [
      ([0x61, 0x0A, 0x62, 0xFF], "f:2:2: the file is not UTF-8 from here on: save it as UTF-8"),
      ([0xC3], "f:1:1: the file is not UTF-8 from here on: save it as UTF-8"),
      ([0xC3, 0xA9, 0xC3], "f:1:2: the file is not UTF-8 from here on: save it as UTF-8"),
      ([0x61, 0xED, 0xA0, 0x80], "f:1:2: the file is not UTF-8 from here on: save it as UTF-8"),
      ([0x61, 0xC0, 0xAF], "f:1:2: the file is not UTF-8 from here on: save it as UTF-8"),
      ([0x61, 0x00], "f:1:2: a control character (byte 0) is not allowed here: remove it"),
      (
        [0x61, 0x0A, 0x1B, 0x5B],
        "f:2:1: a control character (byte 27) is not allowed here: remove it"
      ),
      (
        [0xFF, 0xFE, 0x61, 0x00],
        "f:1:4: a control character (byte 0) is not allowed here: remove it"
      ),
    ]
    for (bytes, expected) in cases {
      #expect(complaint { _ = try YAMLParser.parse(bytes, file: "f") } == expected)
    }
  }

  @Test func hostileTextIsShownHarmless() throws {
    let root = try document("\"\\e[2J\\u202E\": 1\nb: \"\\e]0;x\\a\"\n", file: "\u{1B}[1m.yaml")
    for message in [
      complaint { _ = try root.mapping(allowed: ["b"]) },
      complaint { _ = try root.entries()[1].value.int() },
      complaint(parsing: "\"\\e[2J\": 1\n\"\\e[2J\": 2\n"),
    ] {
      let text = try #require(message)
      #expect(
        text.unicodeScalars.allSatisfy {
          $0.value >= 0x20 && $0.value != 0x7F && $0.value != 0x202E
        })
      #expect(text.contains("^["))
    }
  }

  /// Random bytes, random YAML marks, and good files with a few bytes changed: an error or a
  /// document, never more.
  @Test func noBytesHarmTheParser() throws {
    var random = SplitMix64(seed: 21)
    let marks = Array("-:?{}[],&*!|>'\"%@#\n\n  ab1~\t".utf8)
    let good = Array(
      "name: x\nsteps:\n  - {weight: 10%, hold: 1h}\n  - [a, 'b', \"c\\n\"]\ntext: |\n  y\n".utf8)
    var documents = 0
    for round in 0..<3_000 {
      var bytes: [UInt8]
      switch round % 3 {
      case 0:
        bytes = (0..<(random.next() % 80)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      case 1:
        bytes = (0..<(random.next() % 60)).map { _ in
          marks[Int(random.next() % UInt64(marks.count))]
        }
      default:
        bytes = good
        for _ in 0...(random.next() % 3) {
          bytes[Int(random.next() % UInt64(good.count))] =
            marks[Int(random.next() % UInt64(marks.count))]
        }
      }
      do throws(DocumentError) {
        documents += try YAMLParser.parse(bytes, file: "f") == nil ? 0 : 1
        _ = try FrontMatter.split(bytes, file: "f")
        _ = try FrontMatter.split(Array("---\n".utf8) + bytes + Array("\n---\n".utf8), file: "f")
      } catch {
        #expect(error.line >= 1 && error.column >= 1)
      }
    }
    #expect(documents > 300)
  }
}
