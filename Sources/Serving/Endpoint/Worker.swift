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
  /// A test request, outside of every verdict.
  public var isSynthetic: Bool

  /// Puts them together.
  @inlinable
  public init(
    key: UnsafePointer<UInt8>? = nil, keyCount: Int = 0, id: UInt64,
    intendedNanoseconds: Int64 = 0, isSynthetic: Bool = false
  ) {
    self.key = key
    self.keyCount = keyCount
    self.id = id
    self.intendedNanoseconds = intendedNanoseconds
    self.isSynthetic = isSynthetic
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
  /// The generation it was routed by.
  public var generation: Int
  /// From the beginning of routing to the answer.
  public var latencyNanoseconds: Int64
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
  /// Where its records go.
  let taps: TapRing

  private struct Arm {
    let version: LoadedVersion
    let predictor: any Predictor
    let slot: Int
    let closedBit: UInt64
    let tag: UInt16
    let weight: UInt16
  }

  private let endpoint: EndpointRuntime
  private let buckets: UnsafeMutablePointer<UInt8>
  private var arms: [Arm] = []
  private var epoch = 0
  private var generation = 0
  private var salt: UInt64 = 0
  private var retryAfterSeconds = 1
  private var takesRequests = false
  /// Arms that have traffic on the table; the rest are standbys.
  private var routedArms = 0
  private var random: SplitMix64

  init(endpoint: EndpointRuntime, taps: TapRing, seed: UInt64) {
    self.endpoint = endpoint
    self.taps = taps
    row = RowBuffer(endpoint.schema)
    random = SplitMix64(seed: seed)
    buckets = .allocate(capacity: RouteTable.bucketCount)
    buckets.initialize(repeating: 0, count: RouteTable.bucketCount)
    _ = refresh()
  }

  deinit {
    for arm in arms { letGo(arm) }
    buckets.deallocate()
    taps.finish()
  }

  /// Answers for the row as it is now.
  public func predict(_ request: Request) -> Answer {
    let start = MonotonicClock.nanoseconds()
    var pass = endpoint.gate.enter()
    // After the pass: whoever saw a slot opened again sees the epoch that opened it.
    if endpoint.epoch.load(ordering: .acquiring) != epoch { pass = refresh() }
    var flags: TapRecord.Flags = request.isSynthetic ? [.synthetic] : []
    guard takesRequests else { return refuse(request, pass, flags, start) }
    let hash: UInt64
    if let key = request.key {
      flags.insert(.keyed)
      hash = KeyHash.hash(key, count: request.keyCount, salt: salt)
    } else {
      hash = random.next()
    }
    var routed = Int(buckets[KeyHash.bucket(of: hash)])
    if pass.closed & arms[routed].closedBit == 0 {
      flags.insert(.drawn)
    } else {
      guard let detour = detour(closed: pass.closed) else {
        return refuse(request, pass, flags, start)
      }
      flags.insert(.redirected)
      routed = detour
    }
    return run(request, hash, on: routed, pass, flags, start)
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

  private func run(
    _ request: Request, _ hash: UInt64, on routed: Int, _ pass: FenceGate.Pass,
    _ flags: TapRecord.Flags, _ start: Int64
  ) -> Answer {
    var prediction = arms[routed].predictor.predict()
    var outcome = prediction.succeeded ? Outcome.answered : .failed
    var answering = routed
    // Once, to the stable, and only from another version: the caller need not see a candidate fail.
    if !prediction.succeeded, routed != 0, pass.closed & arms[0].closedBit == 0 {
      prediction = arms[0].predictor.predict()
      if prediction.succeeded {
        outcome = .fellBack
        answering = 0
      }
    }
    let answeredBy = outcome == .failed ? TapRecord.noVersion : arms[answering].tag
    let end = MonotonicClock.nanoseconds()
    taps.push(
      record(
        request, hash, pass, flags, start: start, end: end, outcome, prediction,
        version: arms[routed].tag, answeredBy: answeredBy, weight: arms[routed].weight), row: row)
    return Answer(
      outcome: outcome, prediction: prediction, answeredBy: answeredBy, generation: generation,
      latencyNanoseconds: end - start, retryAfterSeconds: 0)
  }

  private func refuse(
    _ request: Request, _ pass: FenceGate.Pass, _ flags: TapRecord.Flags, _ start: Int64
  ) -> Answer {
    let end = MonotonicClock.nanoseconds()
    taps.push(
      record(
        request, 0, pass, flags, start: start, end: end, .unavailable, .failure,
        version: TapRecord.noVersion, answeredBy: TapRecord.noVersion, weight: 0), row: row)
    return Answer(
      outcome: .unavailable, prediction: .failure, answeredBy: TapRecord.noVersion,
      generation: generation, latencyNanoseconds: end - start,
      retryAfterSeconds: retryAfterSeconds)
  }

  @inline(__always)
  private func record(
    _ request: Request, _ hash: UInt64, _ pass: FenceGate.Pass, _ flags: TapRecord.Flags,
    start: Int64, end: Int64,
    _ outcome: Outcome, _ prediction: Prediction, version: UInt16, answeredBy: UInt16,
    weight: UInt16
  ) -> TapRecord {
    let late = request.intendedNanoseconds > 0 ? max(0, start - request.intendedNanoseconds) : 0
    return TapRecord(
      ticket: UInt64(truncatingIfNeeded: pass.ticket), requestID: request.id,
      timeNanoseconds: end, latencyNanoseconds: UInt64(max(0, end - start)),
      lateNanoseconds: UInt64(late), generation: UInt64(truncatingIfNeeded: generation),
      keyHash: flags.contains(.keyed) ? hash : 0,
      keyIdentity: request.key.map { KeyHash.identity($0, count: request.keyCount) } ?? 0,
      label: prediction.label.key,
      score: prediction.score, version: version,
      answeredBy: answeredBy, weight: weight, stableWeight: arms.first?.weight ?? 0,
      outcome: outcome, flags: flags)
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
    return arms.indices.dropFirst(routedArms).first { closed & arms[$0].closedBit == 0 }
  }

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
        closedBit: 1 << UInt64(arm.slot), tag: arm.tag, weight: arm.weight)
    }
    for arm in old { letGo(arm) }
    if let table = snapshot.table {
      for (i, arm) in table.buckets.enumerated() { buckets[i] = arm }
      salt = table.salt
      routedArms = table.arms.count
    }
    epoch = snapshot.epoch
    generation = snapshot.generation
    retryAfterSeconds = snapshot.retryAfterSeconds
    takesRequests = snapshot.table != nil && !snapshot.isDrained
    return pass
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
