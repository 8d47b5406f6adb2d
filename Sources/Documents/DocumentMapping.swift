import Core

/// A mapping whose keys have been checked against those that its shape has.
public struct DocumentMapping: Sendable {
  /// The mapping itself, for errors that concern all of it.
  public let node: DocumentNode
  private let values: [String: DocumentNode]

  /// Checks the keys of `node`.
  fileprivate init(_ node: DocumentNode, allowed: [String]) throws(DocumentError) {
    guard case .mapping(let entries) = node.content else {
      throw node.unexpected("a mapping with \(DocumentMapping.keys(allowed))")
    }
    var values: [String: DocumentNode] = [:]
    for entry in entries {
      guard allowed.contains(entry.key) else {
        let key = printable(entry.key, limit: 60)
        let advice =
          nearMiss(entry.key, among: allowed).map { "did you mean \"\($0)\"?" }
          ?? "expected \(DocumentMapping.keys(allowed))"
        throw node.error(
          "unknown key \"\(key)\": \(advice)", line: entry.line, column: entry.column)
      }
      values[entry.key] = entry.value
    }
    self.node = node
    self.values = values
  }

  /// The value of `key`, nil when the key is absent or its value is left empty.
  public func optional(_ key: String) -> DocumentNode? {
    guard let value = values[key], !value.isNull else { return nil }
    return value
  }

  /// The value of `key`.
  /// - Throws: ``DocumentError`` at the mapping when it is absent or left empty.
  public func required(_ key: String) throws(DocumentError) -> DocumentNode {
    if let value = values[key], value.isNull { throw value.error("a value is needed here") }
    guard let value = values[key] else { throw node.error("the key \"\(key)\" is missing") }
    return value
  }

  private static func keys(_ allowed: [String]) -> String {
    let shown = allowed.prefix(12).joined(separator: ", ")
    return (allowed.count == 1 ? "the key " : "the keys ") + shown
      + (allowed.count > 12 ? ", …" : "")
  }
}

extension DocumentNode {
  /// The mapping, when every key is one of `allowed`.
  /// - Throws: ``DocumentError`` at the first unknown key, with the nearest legal one suggested.
  public func mapping(allowed: [String]) throws(DocumentError) -> DocumentMapping {
    try DocumentMapping(self, allowed: allowed)
  }

  /// The keys and values of a mapping whose keys are the user's own, as labels are.
  /// - Parameter limit: the most keys accepted.
  public func entries(limit: Int = 1_000) throws(DocumentError) -> [Entry] {
    guard case .mapping(let entries) = content else { throw unexpected("a mapping") }
    guard entries.count <= limit else {
      throw error("this mapping has \(entries.count) keys, at most \(limit) are accepted")
    }
    return entries
  }
}
