import Core

extension EndpointState {
  /// Where a rollback can go, best first: the running rollout's fallback; else the stable, when a
  /// split by hand gave others traffic; then earlier stables, newest first.
  ///
  /// Only versions that are on the endpoint, open, and do not have all traffic already; a rollout
  /// whose candidate has none yet can still be ended by going back to its fallback.
  /// - Parameter prepared: the versions that the node has loaded; nil leaves that out of account.
  public func rollbackTargets(prepared: Set<VersionID>? = nil) -> [VersionID] {
    guard let split else { return [] }
    var targets: [VersionID] = []
    if let rollout {
      targets.append(rollout.fallback)
    } else if let stable {
      targets.append(stable)
    }
    for version in goodVersions where !targets.contains(version) { targets.append(version) }
    return targets.filter { version in
      isDeployed(version) && !closed.contains(version)
        && (split.weight(of: version) < Split.whole || version == rollout?.fallback)
        && (prepared?.contains(version) ?? true)
    }
  }
}
