import Core

extension Rollout {
  /// The requests of callers by version, with each candidate at `weight`: of all requests, or of
  /// those that the step's rule is about.
  ///
  /// A start checks that the candidates' weights fit beside each other.
  func trafficSplit(_ weight: BasisPoints, without dropped: Set<VersionID> = []) -> Split {
    let left = candidates.filter { !dropped.contains($0) }
    let shares = left.map { Split.Share(version: $0, weight: weight) }
    let rest = Split.Share(version: fallback, weight: Split.whole - weight * left.count)
    return (try? Split(shares + [rest])) ?? Split(all: fallback)
  }

  /// The endpoint's split with each candidate at `weight` in a step: while a step is about some
  /// requests only, all others go to the stable.
  func split(
    _ weight: BasisPoints, step: Int? = nil, without dropped: Set<VersionID> = []
  ) -> Split {
    let index = min(max(0, step ?? self.step), plan.steps.count - 1)
    guard plan.steps[index].rule == nil || weight == 0 else { return Split(all: fallback) }
    return trafficSplit(weight, without: dropped)
  }

  /// Whether all requests go to the candidate.
  public var hasAllTraffic: Bool { weight >= Split.whole && (planStep.isOpen || isSoaking) }
}
