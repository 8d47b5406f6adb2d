import Core

extension DocumentNode {
  /// Whether the value is left out: empty, `~` or `null`.
  public var isNull: Bool {
    if case .scalar(let scalar) = content { return scalar.isNull }
    return false
  }

  /// The text; a number or truth value is given as it was written.
  /// - Parameter limitBytes: the longest text accepted.
  /// - Throws: ``DocumentError`` when there is none, or it is longer.
  public func string(limitBytes: Int = 4_096) throws(DocumentError) -> String {
    guard case .scalar(let scalar) = content, !scalar.isNull else { throw unexpected("a text") }
    guard scalar.text.utf8.count <= limitBytes else {
      throw error(
        "this text has \(scalar.text.utf8.count) bytes, at most \(limitBytes) are accepted")
    }
    return scalar.text
  }

  /// A whole number in decimal digits.
  /// - Throws: ``DocumentError`` when it is no number or outside of `range`.
  public func int(in range: ClosedRange<Int> = .min ... .max) throws(DocumentError) -> Int {
    guard let text = plainText, let value = Int(text) else {
      throw unexpected("a whole number\(DocumentNode.between(range.lowerBound, range.upperBound))")
    }
    guard range.contains(value) else {
      throw unexpected("a whole number\(DocumentNode.between(range.lowerBound, range.upperBound))")
    }
    return value
  }

  /// A finite number.
  /// - Throws: ``DocumentError`` when it is no number, not finite, or outside of `range`.
  public func double(
    in range: ClosedRange<Double> = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
  ) throws(DocumentError) -> Double {
    // Digits, sign, point and exponent only: Swift would also read "nan", "inf" and hexadecimal.
    guard let text = plainText, text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }),
      let value = Double(text), value.isFinite, range.contains(value)
    else {
      let isOpen = range.upperBound == .greatestFiniteMagnitude
      throw unexpected(
        isOpen && range.lowerBound < -1e300
          ? "a number"
          : isOpen
            ? "a number of at least \(range.lowerBound)"
            : "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// `true` or `false`.
  /// - Throws: ``DocumentError`` for anything else, `yes` and `on` included.
  public func bool() throws(DocumentError) -> Bool {
    switch plainText {
    case "true": return true
    case "false": return false
    default: throw unexpected("true or false")
    }
  }

  /// A percentage like `25%`, in basis points.
  /// - Throws: ``DocumentError`` with the words of ``Core/parsePercent(_:)``.
  public func percent() throws(DocumentError) -> BasisPoints {
    guard let text = scalarText else { throw unexpected("a percentage like 25% or 12.5%") }
    do throws(InvalidValue) { return try parsePercent(text) } catch {
      throw self.error(error.message)
    }
  }

  /// A duration like `5m`.
  /// - Throws: ``DocumentError`` when it is none or outside of `range`.
  public func duration(
    in range: ClosedRange<TimeSpan> = .zero...TimeSpan(microseconds: .max)
  ) throws(DocumentError) -> TimeSpan {
    guard let text = scalarText else { throw unexpected("a duration like 5m") }
    let span: TimeSpan
    do throws(InvalidValue) { span = try TimeSpan(text) } catch { throw self.error(error.message) }
    guard range.contains(span) else {
      throw unexpected(
        range.upperBound.microseconds == .max
          ? "a duration of at least \(range.lowerBound)"
          : "a duration from \(range.lowerBound) to \(range.upperBound)")
    }
    return span
  }

  /// A name of a model or an endpoint.
  public func name() throws(DocumentError) -> Name {
    guard let text = scalarText else { throw unexpected("a name") }
    do throws(InvalidValue) { return try Name(text) } catch { throw self.error(error.message) }
  }

  /// A version like `flight-delay@3`.
  public func version() throws(DocumentError) -> VersionID {
    guard let text = scalarText else { throw unexpected("a version like flight-delay@3") }
    do throws(InvalidValue) { return try VersionID(text) } catch { throw self.error(error.message) }
  }

  /// One of the raw values of an enumeration.
  /// - Throws: ``DocumentError`` that lists them, or suggests the nearest.
  public func choice<Choice: RawRepresentable & CaseIterable>(
    _ type: Choice.Type = Choice.self
  ) throws(DocumentError) -> Choice where Choice.RawValue == String {
    let choices = Choice.allCases.map(\.rawValue)
    guard let text = scalarText else { throw unexpected(DocumentNode.list(choices)) }
    if let value = Choice(rawValue: text) { return value }
    if let near = nearMiss(text, among: choices) {
      throw error("\"\(printable(text, limit: 60))\" is not known: did you mean \"\(near)\"?")
    }
    throw unexpected(DocumentNode.list(choices))
  }

  /// The items of a list.
  /// - Parameter limit: the most items accepted.
  /// - Throws: ``DocumentError`` when it is no list, or longer.
  public func items(limit: Int = 1_000) throws(DocumentError) -> [DocumentNode] {
    guard case .sequence(let items) = content else { throw unexpected("a list") }
    guard items.count <= limit else {
      throw error("this list has \(items.count) items, at most \(limit) are accepted")
    }
    return items
  }

  /// The texts of a list of texts.
  public func strings(limit: Int = 1_000) throws(DocumentError) -> [String] {
    var texts: [String] = []
    for item in try items(limit: limit) { texts.append(try item.string()) }
    return texts
  }

  /// A scalar's text that is not nothing, nil otherwise.
  private var scalarText: String? {
    if case .scalar(let scalar) = content, !scalar.isNull { return scalar.text }
    return nil
  }

  /// A scalar's text when it was written without quotes: a quoted number is a text.
  private var plainText: String? {
    if case .scalar(let scalar) = content, scalar.isPlain { return scalar.text }
    return nil
  }

  private static func between(_ low: Int, _ high: Int) -> String {
    switch (low, high) {
    case (.min, .max): ""
    case (_, .max): " of at least \(low)"
    case (.min, _): " of at most \(high)"
    default: " from \(low) to \(high)"
    }
  }

  private static func list(_ choices: [String]) -> String {
    switch choices.count {
    case 0, 1: return choices.first ?? "nothing"
    default: return choices.dropLast().joined(separator: ", ") + " or " + (choices.last ?? "")
    }
  }
}
