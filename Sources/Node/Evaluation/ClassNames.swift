import Core

/// Which classes there are, and which of them labels mean.
struct ClassNames {
  /// In the order of the model's scores.
  let names: [String]
  /// What the reader should know of how they were found.
  let note: String?

  /// A label in the one form in which labels are compared: `1` of `1.0` and ` 1`.
  static func canonical(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 &- 0x30 <= 9 }), text.utf8.first != 0x30 || text.utf8.count == 1 {
      return text
    }
    guard text.utf8.count <= 24,
      text.utf8.allSatisfy({ "0123456789+-.eE ".utf8.contains($0) }),
      let number = Double(text.filter { $0 != " " }), let whole = Int64(exactly: number)
    else { return text }
    return "\(whole)"
  }

  /// Finds the classes of a table.
  ///
  /// By the names that the model gives its scores, else 0, 1 and on, else the labels met in sorted
  /// order, as scikit-learn orders classes.
  /// - Throws: ``NodeError`` that names the first line with a label that the model does not know.
  init(_ table: AnswerTable, label: String) throws(NodeError) {
    let width = table.scoreWidth
    let known: [String]?
    if let names = table.scoreNames {
      known = names.map(ClassNames.canonical)
    } else {
      known = nil
    }
    let truths = ClassNames.aligned(table.truths.words, to: known ?? table.answers.words)
    let found = Set(truths).union(table.answers.words)
    let numbered = width == 1 ? 2 : width
    let byNumber = (0..<numbered).map { "\($0)" }
    if let known {
      names = known
      note = nil
    } else if numbered > 0, found.isSubset(of: byNumber) {
      names = byNumber
      note = nil
    } else if numbered > 0, found.isSubset(of: ["false", "true"]), numbered == 2 {
      names = ["false", "true"]
      note = nil
    } else if numbered == 0 || found.count == numbered {
      names = ClassNames.sorted(found)
      note = numbered == 0 ? nil : "the model does not name its classes: taken in sorted order"
    } else {
      // Too many labels: those that the model never gives are the strange ones.
      names = table.answers.words.isEmpty ? byNumber : ClassNames.sorted(Set(table.answers.words))
      note = nil
    }
    for (index, word) in truths.enumerated() where !names.contains(word) {
      throw NodeError(
        .badInput,
        "\(table.truths.places[index]): column \"\(printable(label, limit: 60))\": the label "
          + "\"\(printable(word, limit: 40))\" is none of the model's classes "
          + ClassNames.list(names))
    }
    for word in table.answers.words where !names.contains(word) {
      throw NodeError(
        .badInput,
        "the model answers \"\(printable(word, limit: 40))\", which its scores have no class for: "
          + ClassNames.list(names))
    }
    guard numbered == 0 || names.count == numbered else {
      throw NodeError(
        .badInput,
        "the model gives \(numbered) scores a row, but \(names.count) classes were found: "
          + ClassNames.list(names))
    }
  }

  /// Truth values written as numbers and the reverse, in the form that the model has.
  static func aligned(_ words: [String], to known: [String]) -> [String] {
    let isTruth = !known.isEmpty && Set(known).isSubset(of: ["false", "true"])
    let isNumber = !known.isEmpty && Set(known).isSubset(of: ["0", "1"])
    return words.map { word in
      let small = word.count <= 5 ? word.lowercased() : word
      if isTruth { return word == "1" ? "true" : word == "0" ? "false" : small }
      if isNumber || (known.isEmpty && (small == "true" || small == "false")) {
        if isNumber { return small == "true" ? "1" : small == "false" ? "0" : word }
        return small
      }
      return word
    }
  }

  private static func sorted(_ words: Set<String>) -> [String] {
    let numbers = words.compactMap { word in Int64(word).map { ($0, word) } }
    if numbers.count == words.count { return numbers.sorted { $0.0 < $1.0 }.map(\.1) }
    return words.sorted {
      Array($0.unicodeScalars).lexicographicallyPrecedes(
        Array($1.unicodeScalars))
    }
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(10).map { printable($0, limit: 40) }.joined(separator: ", ")
    return names.count > 10 ? "\(shown), …" : shown
  }
}
