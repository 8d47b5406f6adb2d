/// A share of traffic in basis points: 10,000 is all of it.
public typealias BasisPoints = Int

/// An endpoint's weights over versions, in basis points, always summing to 10,000.
public struct Split: Sendable, Hashable, Codable, CustomStringConvertible {
  /// One version's part of the traffic.
  public struct Share: Sendable, Hashable, Codable {
    /// Whose part it is.
    public let version: VersionID
    /// How much, 0 to 10,000.
    public let weight: BasisPoints
    /// Puts the two together.
    public init(version: VersionID, weight: BasisPoints) {
      self.version = version
      self.weight = weight
    }
  }

  /// All of the traffic, in basis points.
  public static let whole: BasisPoints = 10_000

  /// The shares, ordered by version, none of them zero.
  public let shares: [Share]

  /// Checks that the shares name each version once and sum to 10,000; drops zero shares.
  /// - Throws: ``InvalidValue`` that gives the sum found.
  public init(_ shares: [Share]) throws(InvalidValue) {
    var seen: Set<VersionID> = []
    for share in shares {
      guard (0...Split.whole).contains(share.weight) else {
        throw InvalidValue(
          "\(share.version) has \(percentText(share.weight)): a share is between 0 % and 100 %")
      }
      guard seen.insert(share.version).inserted else {
        throw InvalidValue("\(share.version) is named twice in the split")
      }
    }
    let sum = shares.reduce(0) { $0 + $1.weight }
    guard sum == Split.whole else {
      throw InvalidValue("the split sums to \(percentText(sum)): it must be exactly 100 %")
    }
    self.shares = shares.filter { $0.weight > 0 }.sorted { $0.version < $1.version }
  }

  /// All traffic to one version.
  public init(all version: VersionID) {
    shares = [Share(version: version, weight: Split.whole)]
  }

  /// Two versions: `candidate` gets `weight`, `stable` the rest.
  /// - Precondition: the versions differ and `weight` is 0 to 10,000.
  public init(stable: VersionID, candidate: VersionID, weight: BasisPoints) {
    precondition(stable != candidate && (0...Split.whole).contains(weight))
    shares = [
      Share(version: stable, weight: Split.whole - weight),
      Share(version: candidate, weight: weight),
    ].filter { $0.weight > 0 }.sorted { $0.version < $1.version }
  }

  /// The share of `version`, 0 when it has none.
  public func weight(of version: VersionID) -> BasisPoints {
    shares.first { $0.version == version }?.weight ?? 0
  }

  /// The versions that get traffic, in order.
  public var versions: [VersionID] { shares.map(\.version) }

  /// `flight-delay@1=90% flight-delay@2=10%`.
  public var description: String {
    shares.map { "\($0.version)=\(percentText($0.weight))" }.joined(separator: " ")
  }

  /// Decodes and checks as ``init(_:)-(_)`` does, so that an altered file gives no illegal split.
  public init(from decoder: any Decoder) throws {
    try self.init(try decoder.singleValueContainer().decode([Share].self))
  }
  /// Encodes as the list of shares.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(shares)
  }
}

/// Basis points as a person writes them: `12.5%`, `100%`, `0.05%`.
public func percentText(_ weight: BasisPoints) -> String {
  let sign = weight < 0 ? "-" : ""
  let (units, hundredths) = abs(weight).quotientAndRemainder(dividingBy: 100)
  if hundredths == 0 { return "\(sign)\(units)%" }
  let digits =
    hundredths % 10 == 0
    ? "\(hundredths / 10)" : (hundredths < 10 ? "0\(hundredths)" : "\(hundredths)")
  return "\(sign)\(units).\(digits)%"
}

/// Reads `25%`, `12.5%`, `0.05 %` or `25` (per cent) as basis points.
/// - Throws: ``InvalidValue`` when it is no such number, or finer than one basis point.
public func parsePercent(_ text: String) throws(InvalidValue) -> BasisPoints {
  var body = text.filter { $0 != " " }[...]
  if body.last == "%" { body = body.dropLast() }
  let parts = body.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
  let fraction = parts.count == 2 ? parts[1] : ""
  let isDigits = { (s: Substring) in s.utf8.allSatisfy { (0x30...0x39).contains($0) } }
  guard let whole = parts.first, !whole.isEmpty, whole.count <= 3, isDigits(whole),
    isDigits(fraction), parts.count == 1 || !fraction.isEmpty, let units = Int(whole)
  else {
    throw InvalidValue("expected a percentage like 25% or 12.5%, got \"\(printable(text))\"")
  }
  guard fraction.count <= 2 else {
    throw InvalidValue("\"\(printable(text))\" is finer than 0.01 %, the smallest share")
  }
  let padded = fraction + String(repeating: "0", count: 2 - fraction.count)
  let weight = units * 100 + (Int(padded) ?? 0)
  guard weight <= Split.whole else {
    throw InvalidValue("\"\(printable(text))\" is more than 100 %")
  }
  return weight
}
