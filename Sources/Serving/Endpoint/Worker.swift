import Core
import Telemetry

/// A request as a worker needs it; the row is in ``Worker/row``.
public struct Request {
  /// The sticky key; nil draws a version anew for this request.
  public var key: UnsafePointer<UInt8>?
  /// The key's bytes.
  public var keyCount: Int
  /// The identifier with which a late label comes back.
  public var id: UInt64
  /// When it should have begun, monotonic nanoseconds; 0 for a live caller.
  public var intendedNanoseconds: Int64
  /// A test request, outside of every verdict and never copied for shadows.
  public var isSynthetic: Bool
  /// The tag of the version that is asked for, ahead of every rule; ``TapRecord/noVersion`` for
  /// none.
  ///
  /// Such a request is no evidence, and no other version answers in its place: what is asked for
  /// answers, or nobody does.
  public var pinned: UInt16

  /// Puts them together.
  @inlinable
  public init(
    key: UnsafePointer<UInt8>? = nil, keyCount: Int = 0, id: UInt64,
    intendedNanoseconds: Int64 = 0, isSynthetic: Bool = false,
    pinned: UInt16 = TapRecord.noVersion
  ) {
    self.key = key
    self.keyCount = keyCount
    self.id = id
    self.intendedNanoseconds = intendedNanoseconds
    self.isSynthetic = isSynthetic
    self.pinned = pinned
  }
}

/// What a request got.
public struct Answer {
  /// How it ended.
  ///
  /// The prediction means something for `answered` and `fellBack` only.
  public var outcome: Outcome
  /// The answer; a text label is valid until the worker's next request.
  public var prediction: Prediction
  /// The tag of the version that answered; ``TapRecord/noVersion`` when none did.
  public var answeredBy: UInt16
  /// The tag of the version that was routed to; ``TapRecord/noVersion`` when the request was
  /// refused.
  public var routedTo: UInt16
  /// The place of the rule that routed; ``TapRecord/noRule`` when none did.
  public var rule: UInt8
  /// The bucket that was drawn, 0 to 9,999; -1 when none was.
  public var bucket: Int32
  /// Facts about the routing.
  public var flags: TapRecord.Flags
  /// The generation it was routed by.
  public var generation: Int
  /// From the beginning of routing to the answer.
  public var latencyNanoseconds: Int64
  /// The models' part of it, measured for synthetic requests; else 0.
  public var modelNanoseconds: Int64
  /// What a refused caller should wait; 0 when it was answered.
  public var retryAfterSeconds: Int
}

/// One thread's way through an endpoint: route, run, fall back, tap.
///
/// Holds the last snapshot and a warm session of each of its versions. Nothing here allocates or
/// locks until a new snapshot is published; then the first request after it takes sessions that
/// were made when the versions were loaded (microseconds). Used by one thread.
public final class Worker {
  /// The row to fill before ``predict(_:)``.
  public let row: RowBuffer
  /// The attributes to fill before ``predict(_:)``, which empties them.
  public let headers = RequestHeaders()
  /// Where its records go.
  let taps: TapRing

  private struct Arm {
    let version: LoadedVersion
    let predictor: any Predictor
    let slot: Int
    let closedBit: UInt64
    let tag: UInt16
    let weight: UInt16
    let takesDetours: Bool
  }

  /// Where a request goes, and by what.
  private struct Route {
    var arm = 0
    var hash: UInt64 = 0
    var rule = TapRecord.noRule
    var bucket: Int32 = -1
    var weight: UInt16 = 0
    var stableWeight: UInt16 = 0
    var flags: TapRecord.Flags
  }

  private let endpoint: EndpointRuntime
  private let buckets: UnsafeMutablePointer<UInt8>
  private var arms: [Arm] = []
  private var rules = CompiledRules.none
  private var hasRules = false
  private var isTableDrawn = true
  private var epoch = 0
  private var generation = 0
  private var salt: UInt64 = 0
  private var retryAfterSeconds = 1
  private var takesRequests = false
  /// Arms that have traffic on the table; the rest are standbys.
  private var routedArms = 0
  private var random: SplitMix64
  /// Which requests are copied is drawn apart, so that it tells nothing of the arm that is drawn.
  private var copyDraws: SplitMix64
  /// How many of 10,000 requests are copied.
  private var copyShare = 0
  /// The closed bits of all shadows: nothing is copied when all of them are set.
  private var shadowBits: UInt64 = 0
  /// Made when copies are asked for the first time.
  private var copies: ShadowRing?
  /// Where a row is left from time to time, for probes and test requests.
  private let samples: ShadowRing
  private var nextSample: Int64 = 0

  /// Between two rows that are left.
  private static let sampleNanoseconds: Int64 = 1_000_000_000

  init(endpoint: EndpointRuntime, taps: TapRing, samples: ShadowRing, seed: UInt64) {
    self.endpoint = endpoint
    self.taps = taps
    self.samples = samples
    row = RowBuffer(endpoint.schema)
    random = SplitMix64(seed: seed)
    copyDraws = SplitMix64(seed: SplitMix64.mix(seed &+ 1))
    buckets = .allocate(capacity: RouteTable.bucketCount)
    buckets.initialize(repeating: 0, count: RouteTable.bucketCount)
    _ = refresh()
  }

  deinit {
    for arm in arms { letGo(arm) }
    buckets.deallocate()
    taps.finish()
    samples.finish()
    copies?.finish()
  }

  /// Answers for the row and the attributes as they are now.
  public func predict(_ request: Request) -> Answer {
    let start = MonotonicClock.nanoseconds()
    defer { headers.clear() }
    var pass = endpoint.gate.enter()
    // After the pass: whoever saw a slot opened again sees the epoch that opened it.
    if endpoint.epoch.load(ordering: .acquiring) != epoch { pass = refresh() }
    var route = Route(flags: TapRecord.Flags(rawValue: 0))
    if request.isSynthetic { route.flags = .synthetic }
    guard takesRequests else { return refuse(request, pass, route, .unavailable, start) }
    if request.pinned != TapRecord.noVersion { return pin(request, pass, route, start) }
    choose(request, &route)
    if pass.closed & arms[route.arm].closedBit != 0 {
      guard let detour = detour(closed: pass.closed) else {
        return refuse(request, pass, route, .unavailable, start)
      }
      route.flags.remove(.drawn)
      route.flags.insert(.redirected)
      route.arm = detour
      route.weight =
        route.rule == TapRecord.noRule
        ? arms[detour].weight : rules.weight(Int(route.rule), arm: detour)
    }
    return run(request, route, pass, start)
  }

  /// Looks for a new snapshot without a request: lets go of versions that have left the table.
  ///
  /// For workers that have been idle.
  public func catchUp() {
    if endpoint.epoch.load(ordering: .acquiring) != epoch { _ = refresh() }
  }

  /// The version behind an answer's tag.
  public func version(of answer: Answer) -> VersionID? {
    arms.first { $0.tag == answer.answeredBy }?.version.id
  }

  /// Everything that the model gave with the last answer; nothing when nobody answered.
  public func outputs(of answer: Answer) -> [PredictionOutput] {
    arms.first { $0.tag == answer.answeredBy }?.predictor.allOutputs() ?? []
  }

  /// By the first rule that is about the request, else by the table.
  @inline(__always)
  private func choose(_ request: Request, _ route: inout Route) {
    let rule =
      hasRules
      ? rules.match(
        RuleSubject(
          row: UnsafeRawPointer(row.base), headers: headers, key: request.key,
          keyCount: request.keyCount)) : -1
    let by = rule >= 0 ? rules.route(rule) : nil
    if let key = request.key {
      route.flags.insert(.keyed)
      route.hash = KeyHash.hash(key, count: request.keyCount, salt: by?.salt ?? salt)
    } else {
      route.hash = random.next()
    }
    let bucket = KeyHash.bucket(of: route.hash)
    route.bucket = Int32(truncatingIfNeeded: bucket)
    if let by {
      route.rule = UInt8(truncatingIfNeeded: rule)
      route.arm = rules.arm(rule, bucket: bucket)
      route.weight = rules.weight(rule, arm: route.arm)
      route.stableWeight = by.stableWeight
      if by.isDrawn { route.flags.insert(.drawn) }
    } else {
      route.arm = Int(buckets[bucket])
      route.weight = arms[route.arm].weight
      route.stableWeight = arms[0].weight
      if isTableDrawn { route.flags.insert(.drawn) }
    }
  }

  private func run(
    _ request: Request, _ route: Route, _ pass: FenceGate.Pass, _ start: Int64
  ) -> Answer {
    let routed = route.arm
    let asked = request.isSynthetic ? MonotonicClock.nanoseconds() : 0
    var prediction = arms[routed].predictor.predict()
    var outcome = prediction.succeeded ? Outcome.answered : .failed
    var answering = routed
    let mayFallBack = routed != 0 && !route.flags.contains(.pinned)
    // Once, to the stable, and only from another version: the caller need not see a candidate fail.
    if !prediction.succeeded, mayFallBack, pass.closed & arms[0].closedBit == 0 {
      prediction = arms[0].predictor.predict()
      if prediction.succeeded {
        outcome = .fellBack
        answering = 0
      }
    }
    let answeredBy = outcome == .failed ? TapRecord.noVersion : arms[answering].tag
    let end = MonotonicClock.nanoseconds()
    var flags = route.flags
    let isCopied = copyShare > 0 && mayCopy(request, route, pass)
    if isCopied { flags.insert(.copied) }
    taps.push(
      record(
        request, route, flags, pass, start: start, end: end, outcome, prediction,
        version: arms[routed].tag, answeredBy: answeredBy), row: row)
    // Last of all: the answer is there, the record says how long it took, and a copy is no more
    // than bytes that are moved.
    if isCopied { copy(request, route, prediction, UInt64(max(0, end - start))) }
    if end >= nextSample, outcome == .answered, !request.isSynthetic { leaveSample(end) }
    return Answer(
      outcome: outcome, prediction: prediction, answeredBy: answeredBy,
      routedTo: arms[routed].tag, rule: route.rule, bucket: route.bucket, flags: flags,
      generation: generation, latencyNanoseconds: end - start,
      modelNanoseconds: request.isSynthetic ? end - asked : 0, retryAfterSeconds: 0)
  }

  private func refuse(
    _ request: Request, _ pass: FenceGate.Pass, _ route: Route, _ outcome: Outcome,
    _ start: Int64
  ) -> Answer {
    let end = MonotonicClock.nanoseconds()
    var flags = route.flags
    flags.remove(.drawn)
    taps.push(
      record(
        request, route, flags, pass, start: start, end: end, outcome, .failure,
        version: TapRecord.noVersion, answeredBy: TapRecord.noVersion), row: row)
    return Answer(
      outcome: outcome, prediction: .failure, answeredBy: TapRecord.noVersion,
      routedTo: TapRecord.noVersion, rule: route.rule, bucket: route.bucket, flags: flags,
      generation: generation, latencyNanoseconds: end - start, modelNanoseconds: 0,
      retryAfterSeconds: outcome == .unavailable ? retryAfterSeconds : 0)
  }

  @inline(__always)
  private func record(
    _ request: Request, _ route: Route, _ flags: TapRecord.Flags, _ pass: FenceGate.Pass,
    start: Int64, end: Int64, _ outcome: Outcome, _ prediction: Prediction, version: UInt16,
    answeredBy: UInt16
  ) -> TapRecord {
    let late = request.intendedNanoseconds > 0 ? max(0, start - request.intendedNanoseconds) : 0
    return TapRecord(
      ticket: UInt64(truncatingIfNeeded: pass.ticket), requestID: request.id,
      timeNanoseconds: end, latencyNanoseconds: UInt64(max(0, end - start)),
      lateNanoseconds: UInt64(late), generation: UInt64(truncatingIfNeeded: generation),
      keyHash: flags.contains(.keyed) ? route.hash : 0,
      keyIdentity: request.key.map { KeyHash.identity($0, count: request.keyCount) } ?? 0,
      label: prediction.label.key, score: prediction.score, version: version,
      answeredBy: answeredBy, weight: route.weight, stableWeight: route.stableWeight,
      outcome: outcome, flags: flags, rule: route.rule)
  }

  /// Where fenced traffic goes: the fence's own target, the stable, the first open standby.
  private func detour(closed: UInt64) -> Int? {
    let target = endpoint.fenceTarget.load(ordering: .acquiring)
    if target >= 0, let i = arms.firstIndex(where: { $0.slot == target }),
      closed & arms[i].closedBit == 0
    {
      return i
    }
    if closed & arms[0].closedBit == 0 { return 0 }
    return arms.indices.dropFirst(routedArms).first {
      arms[$0].takesDetours && closed & arms[$0].closedBit == 0
    }
  }
}

// MARK: - Asked for by version

extension Worker {
  /// The version that the request asks for, or a refusal that says what is wrong with it.
  private func pin(
    _ request: Request, _ pass: FenceGate.Pass, _ asked: Route, _ start: Int64
  ) -> Answer {
    var route = asked
    route.flags.insert(.pinned)
    guard let arm = arms.firstIndex(where: { $0.tag == request.pinned }) else {
      return refuse(request, pass, route, .notLoaded, start)
    }
    guard pass.closed & arms[arm].closedBit == 0 else {
      return refuse(request, pass, route, .closed, start)
    }
    route.arm = arm
    return run(request, route, pass, start)
  }
}

// MARK: - Copies for shadows

extension Worker {
  /// Whether this request is one of those that shadows answer too.
  ///
  /// Only what the stable was asked is: there is nothing to pair another version's answer with.
  @inline(__always)
  private func mayCopy(
    _ request: Request, _ route: Route, _ pass: FenceGate.Pass
  ) -> Bool {
    // Drawn for every request, so that what is left out does not shift the others' draws.
    let draw = KeyHash.bucket(of: copyDraws.next())
    guard draw < copyShare, route.arm == 0, pass.closed & shadowBits != shadowBits,
      route.flags.isDisjoint(with: .neverCopied)
    else { return false }
    return rules.mayCopy(
      RuleSubject(
        row: UnsafeRawPointer(row.base), headers: headers, key: request.key,
        keyCount: request.keyCount))
  }

  /// Leaves the row for whoever wants one; when nobody has taken the last ones it is let be.
  private func leaveSample(_ now: Int64) {
    nextSample = now + Worker.sampleNanoseconds
    samples.push(
      ShadowCopy(
        requestID: 0, generation: 0, latencyNanoseconds: 0, label: .missing, score: .nan,
        primary: TapRecord.noVersion, failed: false), row: row)
  }

  private func copy(
    _ request: Request, _ route: Route, _ prediction: Prediction, _ latencyNanoseconds: UInt64
  ) {
    copies?.push(
      ShadowCopy(
        requestID: request.id, generation: UInt64(truncatingIfNeeded: generation),
        latencyNanoseconds: latencyNanoseconds, label: prediction.label.key,
        score: prediction.score, primary: arms[0].tag, failed: !prediction.succeeded), row: row)
  }
}

// MARK: - Following the endpoint

extension Worker {
  /// Takes over the newest snapshot: copies the buckets, keeps the sessions of versions that stay,
  /// takes warm ones of new versions, gives the others back.
  private func refresh() -> FenceGate.Pass {
    let (snapshot, pass) = endpoint.currentWithPass()
    var old = arms
    arms = snapshot.arms.map { arm in
      let predictor: any Predictor
      if let kept = old.firstIndex(where: { $0.version === arm.version }) {
        predictor = old.remove(at: kept).predictor
      } else {
        predictor = attached(arm.version)
      }
      return Arm(
        version: arm.version, predictor: predictor, slot: arm.slot,
        closedBit: 1 << UInt64(arm.slot), tag: arm.tag, weight: arm.weight,
        takesDetours: arm.takesDetours)
    }
    for arm in old { letGo(arm) }
    let content = snapshot.content
    if let table = content.table {
      for (i, arm) in table.buckets.enumerated() { buckets[i] = arm }
      salt = table.salt
      routedArms = table.arms.count
    }
    rules = content.compiled
    hasRules = rules.count > 0
    isTableDrawn = content.isTableDrawn
    followShadows(content)
    epoch = snapshot.epoch
    generation = snapshot.generation
    retryAfterSeconds = content.retryAfterSeconds
    takesRequests = content.table != nil && !content.isDrained
    return pass
  }

  private func followShadows(_ content: RoutingSnapshot.Content) {
    copyShare = content.shadow?.share ?? 0
    shadowBits = 0
    for arm in arms where content.shadow?.candidates.contains(arm.version.id) ?? false {
      shadowBits |= arm.closedBit
    }
    if shadowBits == 0 { copyShare = 0 }
    if copyShare > 0, copies == nil { copies = endpoint.lane.makeRing() }
  }

  private func letGo(_ arm: Arm) {
    if !(arm.predictor is AbsentPredictor) { arm.version.giveBack(arm.predictor) }
  }

  /// A session bound to this worker's row.
  ///
  /// Publishing has tried the same, so a failure here is the system's (no memory); the version then
  /// fails its requests, which the guard sees.
  private func attached(_ version: LoadedVersion) -> any Predictor {
    do throws(ServingError) {
      let predictor = try version.take()
      try predictor.attach(to: row)
      return predictor
    } catch {
      return AbsentPredictor()
    }
  }
}

/// Stands for a session that could not be made: fails every request.
private final class AbsentPredictor: Predictor {
  func attach(to row: RowBuffer) throws(ServingError) {
    throw ServingError(.noSession, "the version had no session to give")
  }
  func predict() -> Prediction { .failure }
}
