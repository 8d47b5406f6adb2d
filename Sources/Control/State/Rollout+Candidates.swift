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

  /// A candidate's share among it and the stable when it has `weight`: what evidence is judged by.
  func share(_ weight: BasisPoints) -> BasisPoints {
    let others = (candidates.count - 1) * weight
    guard others > 0, others < Split.whole else { return weight }
    let both = Split.whole - others
    return (weight * Split.whole + both / 2) / both
  }

  /// A candidate's share of what both it and the stable get now.
  public var comparedShare: BasisPoints { share(weight) }

  /// Whether all requests go to the candidate.
  public var hasAllTraffic: Bool { weight >= Split.whole && (planStep.isOpen || isSoaking) }
}
