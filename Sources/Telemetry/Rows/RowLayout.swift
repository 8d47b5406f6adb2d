/// Where each feature of a request lies in a tapped row: texts first, as ``TextKey`` of 16 bytes,
/// then numbers as `Float` of 4 bytes; the whole is rounded up to 8 bytes.
///
/// The data plane writes rows in this layout into its tap, and the drift monitor reads them there;
/// neither knows the other.
public struct RowLayout: Sendable, Hashable {
  /// What a feature is.
  public enum Kind: String, Sendable, Hashable {
    case number, text
  }

  /// One feature's place.
  public struct Field: Sendable, Hashable {
    /// The feature's name.
    public let name: String
    /// Number or text.
    public let kind: Kind
    /// Bytes from the row's beginning.
    public let offsetBytes: Int
  }

  /// The fields, in the order given.
  public let fields: [Field]
  /// Bytes of one row, a multiple of 8.
  public let strideBytes: Int

  /// Lays out features in the order of the endpoint's columns.
  public init(_ features: [(name: String, kind: Kind)]) {
    var textOffset = 0
    var numberOffset = 16 * features.count { $0.kind == .text }
    fields = features.map { name, kind in
      switch kind {
      case .text:
        defer { textOffset += 16 }
        return Field(name: name, kind: kind, offsetBytes: textOffset)
      case .number:
        defer { numberOffset += 4 }
        return Field(name: name, kind: kind, offsetBytes: numberOffset)
      }
    }
    strideBytes = (numberOffset + 7) / 8 * 8
  }

  /// The field called `name`.
  public func field(_ name: String) -> Field? { fields.first { $0.name == name } }
}
