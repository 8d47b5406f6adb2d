import Control
import Core
import Glibc
import Node

/// Finds the version that an alias on the command line stands for: `flight-delay@champion`.
///
/// It is asked while the words are read, so that every command takes an alias wherever it takes a
/// version, and the journal only ever sees the number.
struct AliasResolver: Sendable {
  /// The one that reads the present command line; nil while none is read.
  @TaskLocal static var current: AliasResolver?

  private let stateDirectory: String

  /// The resolver of a command line: its state directory is where the words say.
  init(words: [String]) {
    var directory: String?
    for (index, word) in words.prefix(while: { $0 != "--" }).enumerated() {
      if word == "--state", index + 1 < words.count { directory = words[index + 1] }
      if word.hasPrefix("--state=") { directory = String(word.dropFirst("--state=".count)) }
    }
    stateDirectory = directory ?? NodeDoor.defaultStateDirectory()
  }

  /// Whether a text has the form of an alias: a model, `@`, and a word that begins with a letter.
  static func isAlias(_ text: String) -> Bool {
    guard let at = text.lastIndex(of: "@") else { return false }
    let word = text[text.index(after: at)...]
    guard let first = word.utf8.first, (0x61...0x7A).contains(first) else { return false }
    return (try? Name(String(text[..<at]))) != nil && (try? Name(String(word))) != nil
  }

  /// Asks the node, or the state when no node runs.
  /// - Throws: ``InvalidValue`` with what the registry said.
  func version(_ text: String) throws(InvalidValue) -> VersionID {
    // Opening a state makes one, and a mistyped path shall make none.
    guard access(stateDirectory, F_OK) == 0 else {
      throw InvalidValue("there is no state in \(printable(stateDirectory)) that knows \(text)")
    }
    do {
      let client = try NodeDoor.open(stateDirectory: stateDirectory)
      defer { (client as? Node)?.stop() }
      return try client.resolve(text)
    } catch {
      throw InvalidValue(NodeError(describing: error).message)
    }
  }

  /// Reads `model@number`, or `model@alias` where a command line is read.
  static func read(_ word: String) throws(InvalidValue) -> VersionID {
    guard isAlias(word), let resolver = current else { return try VersionID(word) }
    return try resolver.version(word)
  }
}
