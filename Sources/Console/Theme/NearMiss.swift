/// Finds the word somebody probably meant.
enum NearMiss {
  /// The nearest of `known` within two edits (a third of the word for short ones); nil when none.
  static func suggestion(for word: String, among known: [String]) -> String? {
    let limit = max(1, min(2, word.count / 3))
    var best: (word: String, distance: Int)?
    for candidate in known {
      let distance = distance(Array(word.utf8.prefix(64)), Array(candidate.utf8.prefix(64)))
      if distance <= limit && distance < (best?.distance ?? .max) { best = (candidate, distance) }
    }
    return best?.word
  }

  /// Edits from one word to the other: insertions, deletions, changes (Levenshtein 1966).
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let change = diagonal + (x == y ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(change, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
