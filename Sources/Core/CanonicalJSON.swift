import FoundationEssentials

/// JSON on the cold side: the journal, the control socket, `--json` output.
///
/// Keys are sorted and the text is compact, so that equal values give equal bytes: the journal
/// hashes them.
public enum CanonicalJSON {
  /// The compact, key-sorted JSON of `value`.
  /// - Parameter people: who turns persons' names into codes; nil writes them as they are.
  /// - Throws: ``InvalidValue`` when the value holds a number that JSON cannot (a NaN), or a name
  ///   gets no code.
  public static func encode(
    _ value: some Encodable, people: (any PersonCoding)? = nil
  ) throws(InvalidValue) -> [UInt8] {
    let encoder = JSONEncoder()
    if let people { encoder.userInfo[.people] = people }
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return [UInt8](try encoder.encode(value))
    } catch let error as any Failure {
      throw InvalidValue(error.message)
    } catch {
      throw InvalidValue("\(type(of: value)) cannot be written as JSON: \(error)")
    }
  }

  /// Reads a value back.
  /// - Parameter people: who turns codes into persons' names; nil leaves codes as they are.
  /// - Throws: ``InvalidValue`` that says what was expected where.
  public static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8], people: (any PersonCoding)? = nil
  ) throws(InvalidValue) -> Value {
    let decoder = JSONDecoder()
    if let people { decoder.userInfo[.people] = people }
    do {
      return try decoder.decode(type, from: Data(bytes))
    } catch let error as InvalidValue {
      throw error
    } catch let error as DecodingError {
      throw InvalidValue("not a valid \(type): \(explain(error))")
    } catch {
      throw InvalidValue("not a valid \(type): \(error)")
    }
  }

  private static func explain(_ error: DecodingError) -> String {
    let context: DecodingError.Context
    switch error {
    case .typeMismatch(_, let c), .valueNotFound(_, let c), .dataCorrupted(let c): context = c
    case .keyNotFound(let key, let c):
      return "\(path(c)): the key \"\(printable(key.stringValue))\" is missing"
    @unknown default: return "unreadable"
    }
    return "\(path(context)): \(printable(context.debugDescription))"
  }

  private static func path(_ context: DecodingError.Context) -> String {
    let keys = context.codingPath.map { key in
      key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)"
    }
    return keys.isEmpty ? "at the top" : "at \(printable(keys.joined()))"
  }
}
