import Core

/// Which version gets which of the 10,000 buckets into which keys are hashed.
///
/// Immutable.
///
/// Every version but the stable has a fixed anchor and takes buckets from there on, the nearest
/// free ones first; the stable has the rest. A table made by ``changed(to:stable:)`` moves as few
/// buckets as the new weights allow: raising a candidate adds to its set and takes nothing from
/// other candidates, lowering it gives back the buckets taken last. So a caller who has reached a
/// candidate stays there while its weight rises.
///
/// With one candidate the table follows from the split alone. With several whose ranges meet it
/// also depends on the order of changes, so a restart must apply the rollout's splits in order.
public struct RouteTable: Sendable, Equatable {
  /// How many buckets there are, one a basis point.
  public static let bucketCount = Split.whole
  /// The most versions on one table.
  public static let armsMax = 32

  /// The versions, the stable first, then by version.
  ///
  /// The stable is there even without traffic: it is where fenced traffic goes.
  public let arms: [VersionID]
  /// The index in ``arms`` of each bucket's version.
  public let buckets: [UInt8]
  /// What keys are hashed with; one a rollout, so that not always the same callers go first.
  public let salt: UInt64

  /// The version that has the rest and takes fenced traffic.
  public var stable: VersionID { arms[0] }

  /// A first table, with no history.
  /// - Throws: ``ServingError`` with the code `tooManyVersions`.
  public init(_ split: Split, stable: VersionID, salt: UInt64) throws(ServingError) {
    try self.init(split, stable: stable, salt: salt, owners: [:])
  }

  /// The table for another split, with as few buckets moved as possible; the salt stays.
  /// - Throws: ``ServingError`` with the code `tooManyVersions`.
  public func changed(to split: Split, stable: VersionID) throws(ServingError) -> RouteTable {
    var owners: [VersionID: [Int]] = [:]
    for (bucket, arm) in buckets.enumerated() { owners[arms[Int(arm)], default: []].append(bucket) }
    return try RouteTable(split, stable: stable, salt: salt, owners: owners)
  }

  private init(
    _ split: Split, stable: VersionID, salt: UInt64, owners: [VersionID: [Int]]
  ) throws(ServingError) {
    let others = split.versions.filter { $0 != stable }
    guard others.count < RouteTable.armsMax else {
      throw ServingError(
        .tooManyVersions,
        "the split names \(others.count + 1) versions, an endpoint routes over at most "
          + "\(RouteTable.armsMax)")
    }
    arms = [stable] + others
    self.salt = salt
    var buckets = [UInt8](repeating: 0, count: RouteTable.bucketCount)
    // First what each may keep, so that nobody takes what another holds.
    for (i, version) in others.enumerated() {
      let held = owners[version, default: []].sorted {
        RouteTable.distance($0, from: version) < RouteTable.distance($1, from: version)
      }
      for bucket in held.prefix(split.weight(of: version)) { buckets[bucket] = UInt8(i + 1) }
    }
    // Then what each still lacks, from the stable's.
    for (i, version) in others.enumerated() {
      let arm = UInt8(i + 1)
      var lacking =
        split.weight(of: version)
        - min(
          split.weight(of: version), owners[version, default: []].count)
      let anchor = RouteTable.anchor(of: version)
      for step in 0..<RouteTable.bucketCount where lacking > 0 {
        let bucket = (anchor + step) % RouteTable.bucketCount
        guard buckets[bucket] == 0 else { continue }
        buckets[bucket] = arm
        lacking -= 1
      }
    }
    self.buckets = buckets
  }

  /// Where a version's range begins: far from its neighbours' (golden-ratio spacing), so that the
  /// ranges of a few candidates seldom meet.
  static func anchor(of version: VersionID) -> Int {
    let word = UInt64(version.number) &* 0x9E37_79B9_7F4A_7C15 &+ KeyHash.salt(version.model.text)
    return KeyHash.bucket(of: word)
  }

  private static func distance(_ bucket: Int, from version: VersionID) -> Int {
    let d = bucket - anchor(of: version)
    return d < 0 ? d + bucketCount : d
  }

  /// How many buckets `version` has.
  public func weight(of version: VersionID) -> BasisPoints {
    guard let arm = arms.firstIndex(of: version) else { return 0 }
    return buckets.count { $0 == UInt8(arm) }
  }

  /// How many buckets each of ``arms`` has.
  public var weights: [BasisPoints] {
    var weights = [BasisPoints](repeating: 0, count: arms.count)
    for arm in buckets { weights[Int(arm)] += 1 }
    return weights
  }

  /// Where a caller with `key` goes, with its bucket: what `sluice why` shows.
  public func route(key: [UInt8]) -> (version: VersionID, bucket: Int) {
    let hash = KeyHash.hash(key, salt: salt)
    let bucket = KeyHash.bucket(of: hash)
    return (arms[Int(buckets[bucket])], bucket)
  }
}
