import Core

/// What came of requests that were copied to a candidate while the stable answered them.
///
/// Both answered the same request, so each request is its own comparison: only those on which the
/// two came out differently say anything, and what is hard about a request cancels. Counts only,
/// like all evidence.
public struct ShadowEvidence: Sendable, Hashable, Codable {
  /// Requests by how two versions came out on them.
  public struct Pairs: Sendable, Hashable, Codable {
    /// The event happened to both.
    public var both = 0
    /// It happened to the candidate alone.
    public var candidateOnly = 0
    /// It happened to the other alone.
    public var otherOnly = 0
    /// It happened to neither.
    public var neither = 0

    /// Nothing seen.
    public init() {}

    /// All pairs.
    public var total: Int {
      saturated(saturated(both, candidateOnly), saturated(otherOnly, neither))
    }
    /// How often it happened to the candidate.
    public var candidate: Int { saturated(both, candidateOnly) }
    /// How often it happened to the other.
    public var other: Int { saturated(both, otherOnly) }

    mutating func add(candidate: Bool, other: Bool) {
      switch (candidate, other) {
      case (true, true): both = saturated(both, 1)
      case (true, false): candidateOnly = saturated(candidateOnly, 1)
      case (false, true): otherOnly = saturated(otherOnly, 1)
      case (false, false): neither = saturated(neither, 1)
      }
    }
  }

  /// Failed to answer; the other is the stable.
  public internal(set) var failures = Pairs()
  /// A label showed the answer to be wrong; the other is the stable.
  public internal(set) var wrongAnswers = Pairs()
  /// Answered otherwise than the stable did; the other is a clone of the stable that got a copy of
  /// the request too.
  public internal(set) var disagreements = Pairs()
  /// Slower than the stable's p50, p90 and p99; the other is the clone, which ran at the same place
  /// and time as the candidate.
  public internal(set) var slow = [Pairs(), Pairs(), Pairs()]
  /// Pairs without a clone's answer, whose disagreement is shown but not judged.
  public internal(set) var unclonedPairs = 0
  /// In how many of them the candidate answered otherwise than the stable.
  public internal(set) var unclonedDisagreements = 0
  /// Copies that were not made or not answered for want of room.
  public internal(set) var dropped = 0

  /// Nothing seen.
  public init() {}

  /// Requests that both the stable and the candidate were given.
  public var pairs: Int { failures.total }
}

/// One copied request: how the stable's answer, the candidate's and the clone's came out.
public struct ShadowPair: Sendable, Hashable {
  /// Whether the stable failed to answer.
  public var stableFailed: Bool
  /// Whether the candidate failed to answer.
  public var candidateFailed: Bool
  /// Whether the candidate's answer is another than the stable's; nil when one of them failed.
  public var candidateDiffers: Bool?
  /// Whether the clone's answer is another than the stable's; nil when there was no clone, or the
  /// clone or the stable failed.
  public var cloneDiffers: Bool?
  /// How long the candidate took; nil when it failed, or is not warm yet.
  public var candidateMicroseconds: Int?
  /// How long the clone took in the same place; nil like the candidate's, and without a clone.
  ///
  /// Which of the two runs first must be drawn anew for every request: the second finds the row in
  /// the cache.
  public var cloneMicroseconds: Int?

  /// Puts them together.
  public init(
    stableFailed: Bool, candidateFailed: Bool, candidateDiffers: Bool? = nil,
    cloneDiffers: Bool? = nil, candidateMicroseconds: Int? = nil, cloneMicroseconds: Int? = nil
  ) {
    self.stableFailed = stableFailed
    self.candidateFailed = candidateFailed
    self.candidateDiffers = candidateDiffers
    self.cloneDiffers = cloneDiffers
    self.candidateMicroseconds = candidateMicroseconds
    self.cloneMicroseconds = cloneMicroseconds
  }
}

extension RolloutEvidence {
  /// Counts one request that was copied to the candidate.
  ///
  /// It counts for the step's requests and for the breaker, but not for what users have seen of
  /// the candidate.
  public mutating func recordShadowPair(_ pair: ShadowPair) {
    var seen = shadow ?? ShadowEvidence()
    shadow = nil
    seen.failures.add(candidate: pair.candidateFailed, other: pair.stableFailed)
    if let differs = pair.candidateDiffers {
      if let cloneDiffers = pair.cloneDiffers {
        seen.disagreements.add(candidate: differs, other: cloneDiffers)
      } else {
        seen.unclonedPairs = saturated(seen.unclonedPairs, 1)
        if differs { seen.unclonedDisagreements = saturated(seen.unclonedDisagreements, 1) }
      }
    }
    if let thresholds, let candidate = pair.candidateMicroseconds,
      let clone = pair.cloneMicroseconds
    {
      let limits = (
        thresholds.p50Microseconds, thresholds.p90Microseconds,
        thresholds.p99Microseconds
      )
      seen.slow[0].add(candidate: candidate > limits.0, other: clone > limits.0)
      seen.slow[1].add(candidate: candidate > limits.1, other: clone > limits.1)
      seen.slow[2].add(candidate: candidate > limits.2, other: clone > limits.2)
    }
    shadow = seen
    countStep(failed: pair.candidateFailed)
  }

  /// Counts a late label of a request that both answered.
  public mutating func recordShadowLabel(candidateWrong: Bool, stableWrong: Bool) {
    var seen = shadow ?? ShadowEvidence()
    shadow = nil
    seen.wrongAnswers.add(candidate: candidateWrong, other: stableWrong)
    shadow = seen
  }

  /// Counts copies that were lost for want of room; they are no evidence of anything.
  public mutating func recordShadowDropped(_ count: Int = 1) {
    var seen = shadow ?? ShadowEvidence()
    shadow = nil
    seen.dropped = saturated(seen.dropped, max(0, count))
    shadow = seen
  }
}
