import Core
import Documents

/// A version's model card, held against the fields that it must have.
public struct CardReview: Sendable, Encodable {
  /// What a card must tell unless something else is asked for.
  public static let standardFields = [
    "summary", "owner", "intended_use", "training_data", "metrics", "limitations",
  ]
  /// Other names under which a field is found as well.
  private static let synonyms: [String: [String]] = [
    "training_data": ["data"], "data": ["training_data"], "license": ["licence"],
    "licence": ["license"], "intended use": ["intended_use"],
  ]

  /// One required field.
  public struct Field: Sendable, Encodable, Equatable {
    /// Its name.
    public let name: String
    /// Whether the card fills it in.
    public let isThere: Bool
    enum CodingKeys: String, CodingKey {
      case name
      case isThere = "present"
    }
  }

  /// The required fields in order.
  public let fields: [Field]
  /// All fields of the card's front matter with their values in one line each.
  public let values: [CardValue]
  /// The Markdown after it.
  public let body: String

  /// One entry of a card's front matter.
  public struct CardValue: Sendable, Encodable {
    /// The key.
    public let name: String
    /// Its value; a list or mapping in one line.
    public let text: String
  }

  /// The required fields that are missing or left empty.
  public var missing: [String] { fields.filter { !$0.isThere }.map(\.name) }

  /// Reads a card.
  /// - Parameter required: the fields that it must have.
  /// - Throws: a ``Failure`` with the card's line when its front matter is malformed.
  public init(_ card: String, required: [String] = CardReview.standardFields) throws {
    let front = try FrontMatter.split(Array(card.utf8), file: "card")
    body = front.body
    var values: [CardValue] = []
    for entry in try front.node?.entries() ?? [] {
      let text = CardReview.text(entry.value).trimmed
      if !text.isEmpty { values.append(CardValue(name: entry.key, text: text)) }
    }
    self.values = values
    let names = Set(values.map(\.name))
    let headings = CardReview.filledSections(front.body)
    fields = required.map { field in
      let accepted = [field] + (CardReview.synonyms[field] ?? [])
      return Field(
        name: field,
        isThere: accepted.contains { name in
          names.contains(name) || headings.contains(CardReview.key(name))
        })
    }
  }

  private static func key(_ name: String) -> String {
    String(name.lowercased().map { $0 == "_" || $0 == "-" ? " " : $0 })
  }

  /// Headings of the Markdown with some text under them.
  private static func filledSections(_ body: String) -> Set<String> {
    var filled: Set<String> = []
    var heading: String?
    for line in body.split(separator: "\n") {
      if line.hasPrefix("#") {
        heading = key(String(line.drop { $0 == "#" || $0 == " " }).trimmed)
      } else if let name = heading, !String(line).trimmed.isEmpty {
        filled.insert(name)
      }
    }
    return filled
  }

  private static func text(_ node: DocumentNode) -> String {
    switch node.content {
    case .scalar(let scalar): scalar.isNull ? "" : scalar.text
    case .sequence(let items): items.map(text).joined(separator: ", ")
    case .mapping(let entries):
      entries.map { "\($0.key) \(text($0.value))" }.joined(separator: ", ")
    }
  }
}

extension String {
  /// Without white space at its ends.
  fileprivate var trimmed: String {
    var text = self[...]
    while let last = text.last, last.isWhitespace { text.removeLast() }
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    return String(text)
  }
}
