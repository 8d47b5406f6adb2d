import Core

/// How one word of the command line becomes a value: what help calls it, how shells complete it,
/// and how it is read.
struct ValueKind<Value: Sendable>: Sendable {
  /// What help shows in its place: `NAME`, `M@N`, `DIR`.
  let placeholder: String
  /// What a shell offers for it.
  let completion: Completion
  /// Reads the word.
  ///
  /// The error says what was expected and what came instead.
  let parse: @Sendable (String) throws(InvalidValue) -> Value

  /// The same kind under a name that says more in its place.
  func named(_ placeholder: String) -> ValueKind {
    ValueKind(placeholder: placeholder, completion: completion, parse: parse)
  }
}

/// What a shell offers when a word is completed.
enum Completion: Sendable, Equatable {
  /// Nothing: free text, names that only a node knows.
  case nothing
  /// Names of files.
  case files
  /// Names of folders.
  case folders
  /// A fixed set of words.
  case words([String])
}

extension ValueKind where Value == String {
  /// Any text but the empty one.
  static let text = ValueKind(placeholder: "TEXT", completion: .nothing) {
    (word) throws(InvalidValue) in
    guard !word.isEmpty else { throw InvalidValue("expected some text, got an empty word") }
    return word
  }

  /// The path of a file; whether it exists is for the command to find out.
  static let file = ValueKind(placeholder: "FILE", completion: .files, parse: path)

  /// The path of a folder.
  static let folder = ValueKind(placeholder: "DIR", completion: .folders, parse: path)

  /// One of a fixed set of words; a near miss is suggested.
  static func choice(_ placeholder: String, of words: [String]) -> ValueKind {
    ValueKind(placeholder: placeholder, completion: .words(words)) { (word) throws(InvalidValue) in
      guard words.contains(word) else {
        throw InvalidValue(
          "expected \(spoken(words)), got \"\(printable(word, limit: 60))\""
            + didYouMean(word, among: words))
      }
      return word
    }
  }

  private static let path: @Sendable (String) throws(InvalidValue) -> String = {
    (word) throws(InvalidValue) in
    guard !word.isEmpty else { throw InvalidValue("expected a path, got an empty word") }
    guard !word.utf8.contains(0) else { throw InvalidValue("a path cannot hold a zero byte") }
    return word
  }
}

extension ValueKind where Value == Name {
  /// A legal name of an endpoint or a model.
  static let name = ValueKind(placeholder: "NAME", completion: .nothing) {
    (word) throws(InvalidValue) in try Name(word)
  }
}

extension ValueKind where Value == Backend {
  /// What runs a model.
  static let backend = ValueKind(
    placeholder: "BACKEND", completion: .words(Backend.allCases.map(\.rawValue))
  ) { (word) throws(InvalidValue) in
    guard let backend = Backend(rawValue: word) else {
      let words = Backend.allCases.map(\.rawValue)
      throw InvalidValue(
        "expected \(spoken(words)), got \"\(printable(word, limit: 60))\""
          + didYouMean(word, among: words))
    }
    return backend
  }
}

extension ValueKind where Value == VersionID {
  /// A version, `flight-delay@3`.
  static let version = ValueKind(placeholder: "M@N", completion: .nothing) {
    (word) throws(InvalidValue) in try AliasResolver.read(word)
  }
}

extension ValueKind where Value == TimeSpan {
  /// A duration, `90s`.
  static func duration(_ range: ClosedRange<TimeSpan>) -> ValueKind {
    ValueKind(placeholder: "TIME", completion: .nothing) { (word) throws(InvalidValue) in
      let span = try TimeSpan(word)
      guard range.contains(span) else {
        throw InvalidValue(
          "expected a duration from \(range.lowerBound) to \(range.upperBound), got \(span)")
      }
      return span
    }
  }
}

extension ValueKind where Value == Int {
  /// A whole number within `range`.
  static func integer(_ range: ClosedRange<Int>) -> ValueKind {
    ValueKind(placeholder: "N", completion: .nothing) { (word) throws(InvalidValue) in
      guard let number = Int(word), range.contains(number) else {
        throw InvalidValue(
          "expected a whole number from \(grouped(range.lowerBound)) to "
            + "\(grouped(range.upperBound)), got \"\(printable(word, limit: 60))\"")
      }
      return number
    }
  }
}

extension ValueKind where Value == UInt64 {
  /// The seed of a repeatable run.
  static let seed = ValueKind(placeholder: "N", completion: .nothing) {
    (word) throws(InvalidValue) in
    guard let number = UInt64(word) else {
      throw InvalidValue(
        "expected a whole number from 0 upwards, got \"\(printable(word, limit: 60))\"")
    }
    return number
  }
}

extension ValueKind where Value == Double {
  /// A number within `range`; never infinite, never NaN.
  static func number(_ range: ClosedRange<Double>) -> ValueKind {
    ValueKind(placeholder: "N", completion: .nothing) { (word) throws(InvalidValue) in
      guard let number = Double(word), range.contains(number) else {
        throw InvalidValue(
          "expected a number from \(plain(range.lowerBound)) to \(plain(range.upperBound)), "
            + "got \"\(printable(word, limit: 60))\"")
      }
      return number
    }
  }
}

extension ValueKind where Value == Split.Share {
  /// One version's part of a split, `flight-delay@2=10%`.
  static let share = ValueKind(placeholder: "M@N=PERCENT", completion: .nothing) {
    (word) throws(InvalidValue) in
    try Split.Share(written: word) { (name) throws(InvalidValue) in try AliasResolver.read(name) }
  }
}
