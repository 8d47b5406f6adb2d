import Control
import Core
import Serving

/// How requests are drawn now: what a node would publish for the state, by the places of the
/// rehearsal's versions.
///
/// The state's route and the node's own tables; a request takes the same turns as in a worker.
struct RehearsalRouting {
  /// Where a request goes.
  struct Draw {
    /// Who is asked, by place.
    var version: Int
    /// The key's hash; nil without a key.
    var key: UInt64?
    /// Whether its answer is evidence.
    var isEvidence: Bool
    /// Whether the step is about other requests.
    var isOutside: Bool
  }

  private struct Table {
    /// Who has each bucket, by place.
    var versions: [UInt8] = []
    var salt: UInt64 = 0
    var isDrawn = false
    /// The rule's bit.
    var mask: UInt64 = 0
  }

  /// Which requests are copied, and to whom.
  private struct Shadow {
    var candidates: [Int]
    var share: BasisPoints
    /// The rule's bit; 0 for all requests.
    var mask: UInt64
  }

  private let versions: [VersionID]
  private let rules: [RequestRule]
  private var tables: EndpointTables
  private var table = Table()
  private var ruleTables: [Table] = []
  /// Whether only what a rule is about is compared.
  private var hasDrawnRule = false
  private var shadow: Shadow?
  private var random: SplitMix64
  private var copyDraws: SplitMix64

  /// Nothing is routed before the first ``follow(_:)``.
  init(_ stage: RehearsalStage, seed: UInt64) {
    versions = stage.versions
    rules = stage.rules
    tables = EndpointTables(draw: seed)
    random = SplitMix64(seed: SplitMix64.mix(seed))
    copyDraws = SplitMix64(seed: SplitMix64.mix(~seed))
  }

  /// Whether requests are copied now.
  var isCopying: Bool { shadow != nil }

  /// Routes as the state says.
  mutating func follow(_ endpoint: EndpointState) throws(ServingError) {
    guard let route = endpoint.route, let stable = endpoint.stable else { return }
    let next = try tables.next(endpoint, route.split, stable)
    table = places(next, isDrawn: route.isDrawn || endpoint.rollout == nil, mask: 0)
    let routed = try tables.next(
      endpoint,
      rules: route.rules.map {
        EndpointTables.RuleOrder(
          name: $0.name, rule: $0.rule, isDrawn: $0.isDrawn, split: $0.split, stable: stable)
      })
    ruleTables = routed.map { places($0.table, isDrawn: $0.isDrawn, mask: mask($0.rule)) }
    hasDrawnRule = routed.contains(where: \.isDrawn)
    shadow = route.shadow.map { told in
      Shadow(
        candidates: told.candidates.filter { !endpoint.closed.contains($0) }
          .compactMap { versions.firstIndex(of: $0) }, share: told.share,
        mask: told.rule.map(mask) ?? 0)
    }
    if shadow?.candidates.isEmpty ?? false { shadow = nil }
  }

  private func places(_ table: RouteTable, isDrawn: Bool, mask: UInt64) -> Table {
    let arms = table.arms.map { UInt8(versions.firstIndex(of: $0) ?? 0) }
    return Table(
      versions: table.buckets.map { arms[Int($0)] }, salt: table.salt, isDrawn: isDrawn, mask: mask)
  }

  private func mask(_ rule: RequestRule) -> UInt64 {
    rules.firstIndex(of: rule).map { 1 << UInt64($0) } ?? 0
  }

  /// Draws who gets a request.
  /// - Parameter key: what stands for its key; nil without one.
  mutating func draw(_ fact: RehearsalRows.Facts, key: UInt64?) -> Draw {
    // By place: a rule without a bit is about no recorded request.
    let rule = ruleTables.firstIndex { fact.rules & $0.mask != 0 }
    let salt = rule.map { ruleTables[$0].salt } ?? table.salt
    let hash = key.map { RehearsalRouting.hashed($0, salt) }
    let bucket = KeyHash.bucket(of: hash ?? random.next())
    guard let rule else {
      let isAbout = shadow.map { $0.mask == 0 || fact.rules & $0.mask != 0 } ?? !hasDrawnRule
      return Draw(
        version: Int(table.versions[bucket]), key: hash, isEvidence: table.isDrawn,
        isOutside: !isAbout)
    }
    return Draw(
      version: Int(ruleTables[rule].versions[bucket]), key: hash,
      isEvidence: ruleTables[rule].isDrawn, isOutside: !ruleTables[rule].isDrawn)
  }

  /// Who gets a copy of a request that the stable was asked; nobody most of the time.
  ///
  /// Called once for every request while copies are made, so that what is left out does not shift
  /// the others' draws.
  mutating func copies(_ fact: RehearsalRows.Facts, of draw: Draw) -> [Int] {
    guard let shadow else { return [] }
    let bucket = KeyHash.bucket(of: copyDraws.next())
    guard bucket < shadow.share, draw.version == 0,
      shadow.mask == 0 || fact.rules & shadow.mask != 0
    else { return [] }
    return shadow.candidates
  }

  private static func hashed(_ key: UInt64, _ salt: UInt64) -> UInt64 {
    withUnsafeBytes(of: key.littleEndian) { bytes in
      guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return key }
      return KeyHash.hash(base, count: bytes.count, salt: salt)
    }
  }
}
