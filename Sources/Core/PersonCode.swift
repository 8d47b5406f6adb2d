/// Who turns the names of persons into the codes that the journal keeps in their place, and back.
///
/// The journal cannot be changed, and a name must be erasable: so the journal has only codes, and
/// the names are kept apart.
public protocol PersonCoding: Sendable {
  /// The code of a name, as ``PersonCode/text(of:)`` writes it; made at the name's first use.
  /// - Throws: a ``Failure`` when a new code cannot be kept.
  func code(for name: String) throws -> String
  /// The name that a pseudonym stands for, or what is shown when it is unknown or erased.
  func name(of pseudonym: String) -> String
}

extension CodingUserInfoKey {
  /// Where an encoder or decoder finds its ``PersonCoding``.
  static var people: CodingUserInfoKey {
    guard let key = CodingUserInfoKey(rawValue: "sluice.people") else {
      preconditionFailure("a constant key")
    }
    return key
  }
}

/// What stands for a person in the journal: 16 hexadecimal digits between tildes.
public enum PersonCode {
  private static let tilde = UInt8(ascii: "~")
  private static let digitCount = 16

  /// The code of a pseudonym of 16 digits: `~7f3a9c0012345678~`.
  public static func text(of pseudonym: String) -> String { "~\(pseudonym)~" }

  /// The pseudonym in a code; nil for any other text.
  public static func pseudonym(in text: String) -> String? {
    let bytes = Array(text.utf8)
    guard bytes.count == digitCount + 2, isCode(bytes[...]) else { return nil }
    return String(text.dropFirst().dropLast())
  }

  /// JSON in which each code, wherever it stands in a text, is replaced by its name.
  public static func expanded(_ json: [UInt8], _ people: any PersonCoding) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(json.count)
    var kept = 0
    var place = 0
    while let tilde = json[place...].firstIndex(of: tilde) {
      let end = tilde + digitCount + 2
      guard end <= json.count, isCode(json[tilde..<end]) else {
        place = tilde + 1
        continue
      }
      result += json[kept..<tilde]
      let pseudonym = String(decoding: json[(tilde + 1)..<(end - 1)], as: UTF8.self)
      // A text always has a JSON form; without its quotes it fits into another text.
      let name = (try? CanonicalJSON.encode(people.name(of: pseudonym))) ?? []
      result += name.dropFirst().dropLast()
      kept = end
      place = end
    }
    return result + json[kept...]
  }

  private static func isCode(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.first == tilde && bytes.last == tilde
      && bytes.dropFirst().dropLast().allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
      }
  }
}

extension ActorID: Codable {
  private enum Key: String, CodingKey {
    case kind, name
  }

  /// Decodes it, with a person's code replaced by the name when the decoder has a
  /// ``PersonCoding``.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    let kind = try values.decode(Kind.self, forKey: .kind)
    let name = try values.decode(String.self, forKey: .name)
    guard kind == .person, let pseudonym = PersonCode.pseudonym(in: name),
      let people = decoder.userInfo[.people] as? any PersonCoding
    else {
      self.init(kind: kind, name: name)
      return
    }
    self.init(kind: kind, name: people.name(of: pseudonym))
  }

  /// Encodes it, with a person's name replaced by the code when the encoder has a
  /// ``PersonCoding``.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(kind, forKey: .kind)
    let people = encoder.userInfo[.people] as? any PersonCoding
    try values.encode(coded(by: people).name, forKey: .name)
  }

  /// The actor with a person's name replaced by the code; others, and all without `people`, as they
  /// are.
  /// - Throws: a ``Failure`` when a new code cannot be kept.
  public func coded(by people: (any PersonCoding)?) throws -> ActorID {
    guard kind == .person, let people else { return self }
    return ActorID(kind: kind, name: try people.code(for: name))
  }

  /// The actor with a person's code replaced by the name.
  public func named(by people: (any PersonCoding)?) -> ActorID {
    guard kind == .person, let people, let pseudonym = PersonCode.pseudonym(in: name) else {
      return self
    }
    return ActorID(kind: kind, name: people.name(of: pseudonym))
  }
}
