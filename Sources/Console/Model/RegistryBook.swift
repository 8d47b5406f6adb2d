import Core
import Node

/// All registered versions, as the console keeps them between pictures: a node has thousands, so
/// they come in pages, and only when something about them changed.
struct RegistryBook: Sendable {
  /// How many versions a page has.
  static let pageSize = 500

  /// The versions, by model and number.
  private(set) var versions: [RegisteredVersionView] = []
  /// Which state of the node's registry this is; nil before the first.
  private(set) var revision: Int?
  /// Counts the replacements, so that lists made from it know when they are old.
  private(set) var edition = 0
  /// What a filter looks through, in lower case, one a version.
  private(set) var searchTexts: [[UInt8]] = []
  private var places: [VersionID: Int] = [:]

  /// The pages of a newer state that came so far.
  private var coming: (revision: Int, versions: [RegisteredVersionView])?
  /// Whether a page is under way.
  private(set) var isFetching = false

  /// A version's entry.
  subscript(version: VersionID) -> RegisteredVersionView? {
    places[version].map { versions[$0] }
  }

  /// Where the next page begins when the node's registry is at `wanted`; nil when nothing is to be
  /// fetched.
  mutating func nextOffset(wanted: Int?) -> Int? {
    guard let wanted, wanted != revision, !isFetching else { return nil }
    if coming?.revision != wanted { coming = nil }
    isFetching = true
    return coming?.versions.count ?? 0
  }

  /// Takes a page; true when all are there now.
  mutating func take(_ page: RegistryPage) -> Bool {
    isFetching = false
    if page.offset == 0 { coming = (page.revision, []) }
    guard var book = coming, book.revision == page.revision, book.versions.count == page.offset
    else {
      // The registry changed between two pages: the next picture asks anew.
      coming = nil
      return false
    }
    coming = nil
    book.versions += page.versions
    guard book.versions.count >= page.total || page.versions.isEmpty else {
      coming = book
      return false
    }
    replace(with: book.versions, revision: page.revision)
    return true
  }

  /// A page that could not be had.
  mutating func fail() {
    isFetching = false
    coming = nil
  }

  /// Puts other versions in place.
  mutating func replace(with newest: [RegisteredVersionView], revision: Int?) {
    versions = newest
    self.revision = revision
    edition += 1
    places = Dictionary(
      newest.enumerated().map { ($0.element.version, $0.offset) },
      uniquingKeysWith: { first, _ in first })
    searchTexts = newest.map { Array($0.searchText.lowercased().utf8) }
  }
}

extension RegisteredVersionView {
  /// What a filter looks through.
  var searchText: String {
    let places = (traits?.places ?? []).map { "\($0.endpoint) \($0.role)" }.joined(separator: " ")
    let state = loadedOn.isEmpty ? "unused" : "deployed"
    var text = "\(version) \(state) \(places) \(summary) \(traits?.by.name ?? "")"
    if let standing {
      text += " \(standing.status.rawValue) \(standing.gateWords) "
        + standing.aliases.map(\.text).joined(separator: " ") + " "
        + standing.tags.map(\.description).joined(separator: " ")
    }
    return text
  }
}
