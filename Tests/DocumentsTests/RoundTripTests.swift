import Core
import Testing

@testable import Documents

/// A value without places, to compare with.
private indirect enum Tree: Equatable {
  case text(String)
  case list([Tree])
  case map([String: Tree])

  init(_ node: DocumentNode) {
    switch node.content {
    case .scalar(let scalar): self = .text(scalar.text)
    case .sequence(let items): self = .list(items.map(Tree.init))
    case .mapping(let entries):
      self = .map(Dictionary(uniqueKeysWithValues: entries.map { ($0.key, Tree($0.value)) }))
    }
  }

  /// A random tree with texts of all kinds.
  static func random(_ random: inout SplitMix64, depth: Int) -> Tree {
    switch depth == 0 ? 0 : random.next() % 3 {
    case 0: return .text(text(&random))
    case 1:
      return .list((0..<(random.next() % 5)).map { _ in Tree.random(&random, depth: depth - 1) })
    default:
      var map: [String: Tree] = [:]
      for index in 0..<(random.next() % 5) {
        map["k\(index) \(text(&random))"] = Tree.random(&random, depth: depth - 1)
      }
      return .map(map)
    }
  }

  private static func text(_ random: inout SplitMix64) -> String {
    let alphabet: [Unicode.Scalar] = [
      "a", "Z", "0", " ", ":", "-", "#", "'", "\"", "\\", "\n", "\t", "é", "日", "\u{1F600}", "{",
      "]", "&",
      "*", "%", "\u{1B}", "\u{0}", "\u{2028}",
    ]
    var text = ""
    for _ in 0..<(random.next() % 12) {
      text.unicodeScalars.append(alphabet[Int(random.next() % UInt64(alphabet.count))])
    }
    return text
  }

  /// The tree in YAML: quoted flow style, or blocks with indentation.
  func yaml(indent: Int?) -> String {
    switch self {
    case .text(let text): return Tree.quoted(text)
    case .list(let items):
      guard let indent, !items.isEmpty else {
        return "[" + items.map { $0.yaml(indent: nil) }.joined(separator: ", ") + "]"
      }
      return items.map {
        "\n" + String(repeating: " ", count: indent) + "- " + $0.yaml(indent: indent + 2)
      }
      .joined()
    case .map(let entries):
      guard let indent, !entries.isEmpty else {
        return "{"
          + entries.map { "\(Tree.quoted($0)): \($1.yaml(indent: nil))" }.joined(separator: ", ")
          + "}"
      }
      return entries.map {
        "\n" + String(repeating: " ", count: indent) + Tree.quoted($0) + ": "
          + $1.yaml(indent: indent + 2)
      }.joined()
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\u{1B}": result += "\\e"
      case "\u{0}": result += "\\0"
      case "\u{2028}": result += "\\L"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

@Suite struct RoundTripTests {
  @Test func whatIsWrittenIsRead() throws {
    var random = SplitMix64(seed: 99)
    for round in 0..<400 {
      let tree = Tree.random(&random, depth: 4)
      let text = tree.yaml(indent: round % 2 == 0 ? nil : 0)
      let node = try #require(try YAMLParser.parse(Array(text.utf8), file: "f"), "\(text)")
      #expect(Tree(node) == tree, "\(text)")
    }
  }

  /// Every node's place is the place of its first character in the file.
  @Test func placesPointAtTheText() throws {
    var random = SplitMix64(seed: 7)
    for _ in 0..<60 {
      let text = Tree.random(&random, depth: 3).yaml(indent: nil)
      let node = try #require(try YAMLParser.parse(Array(text.utf8), file: "f"))
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
        Array($0.unicodeScalars)
      }
      func check(_ node: DocumentNode) {
        let scalar = lines[node.line - 1][node.column - 1]
        switch node.content {
        case .scalar: #expect(scalar == "\"")
        case .sequence(let items):
          #expect(scalar == "[")
          items.forEach(check)
        case .mapping(let entries):
          #expect(scalar == "{")
          for entry in entries {
            #expect(lines[entry.line - 1][entry.column - 1] == "\"")
            check(entry.value)
          }
        }
      }
      check(node)
    }
  }
}
