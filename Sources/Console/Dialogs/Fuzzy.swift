/// Finds entries by letters in their order, as command palettes do.
enum Fuzzy {
  /// How well `query` fits `text`, higher is better; nil when its letters do not occur in order.
  ///
  /// A run of neighbouring letters and the beginning of a word count more; an exact beginning of
  /// the text counts most, a long text counts a little less.
  static func score(_ query: String, in text: String) -> Int? {
    let wanted = Array(query.lowercased().filter { $0 != " " })
    guard !wanted.isEmpty else { return 0 }
    let letters = Array(text.lowercased())
    var total = 0
    var place = 0
    var last = -2
    for character in wanted {
      guard let found = letters[place...].firstIndex(of: character) else { return nil }
      total += 1
      if found == last + 1 { total += 4 }
      if found == 0 || !letters[found - 1].isLetter { total += 3 }
      last = found
      place = found + 1
    }
    if letters.starts(with: wanted) { total += 20 }
    return total * 8 - min(letters.count, 64)
  }

  /// The best of an entry's names; names after the first count a little less.
  static func best(_ query: String, names: [String]) -> Int? {
    names.enumerated().compactMap { index, name in
      score(query, in: name).map { $0 - (index == 0 ? 0 : 6) }
    }.max()
  }
}
