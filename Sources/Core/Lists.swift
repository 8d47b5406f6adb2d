/// Reads names with commas between, like `carriers,fraud-score`; blanks beside them do not matter.
/// - Throws: ``InvalidValue`` that shows the name that is wrong.
public func parseNames(_ text: String) throws(InvalidValue) -> [Name] {
  var names: [Name] = []
  for part in text.split(separator: ",", omittingEmptySubsequences: false) {
    var word = part.drop { $0 == " " }
    while word.last == " " { word.removeLast() }
    names.append(try Name(String(word)))
  }
  return names
}

extension Split.Share {
  /// Reads one version's part of a split, `flight-delay@2=10%`.
  /// - Parameter version: reads what stands before the last `=`.
  /// - Throws: ``InvalidValue`` that shows what was expected.
  public init(
    written word: String, version: (String) throws(InvalidValue) -> VersionID
  ) throws(InvalidValue) {
    guard let equals = word.lastIndex(of: "=") else {
      throw InvalidValue(
        "expected a share like flight-delay@2=10%, got \"\(printable(word, limit: 60))\"")
    }
    let weight = try parsePercent(String(word[word.index(after: equals)...]))
    self.init(version: try version(String(word[..<equals])), weight: weight)
  }
}
