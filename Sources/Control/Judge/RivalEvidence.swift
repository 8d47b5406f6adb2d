import Core

/// The evidence of a further candidate of the same rollout.
public struct RivalEvidence: Sendable, Hashable, Codable {
  /// Which version.
  public let version: VersionID
  /// What was seen of it and of the stable; it has no rivals of its own.
  public internal(set) var evidence: RolloutEvidence
}

extension RolloutEvidence {
  /// The most rivals beside the leading candidate.
  public static let rivalsMax = 7

  /// Adds further candidates at the beginning of a rollout, before anything was seen.
  ///
  /// All candidates have the same weight, so each one's share among it and the stable is the weight
  /// over what the others leave.
  public mutating func beginRivals(_ versions: [VersionID]) {
    guard rivals == nil, !versions.isEmpty else { return }
    let versions = versions.prefix(RolloutEvidence.rivalsMax)
    if let whole = RolloutEvidence.whole(weight: epochs[epoch].weight, rivals: versions.count) {
      epochs[epoch].whole = whole
    }
    rivals = versions.map { RivalEvidence(version: $0, evidence: self) }
  }

  /// A candidate's evidence: nil is the leading one, else the place of a rival.
  ///
  /// Of the stable's answers each candidate has its own count, since each is warm at its own time:
  /// record a stable's answer once for every candidate that it is compared with. A rival that is
  /// not there takes nothing.
  public subscript(rival index: Int?) -> RolloutEvidence {
    get {
      guard let index, let rivals, rivals.indices.contains(index) else { return self }
      return rivals[index].evidence
    }
    _modify {
      if let index {
        var list = rivals ?? []
        // Taken out for the time of the change, so that nothing is copied.
        rivals = nil
        let isThere = list.indices.contains(index)
        var nowhere = RolloutEvidence.begin(rollout: rollout, weight: 0)
        defer { rivals = list.isEmpty ? nil : list }
        if isThere { yield &list[index].evidence } else { yield &nowhere }
      } else {
        yield &self
      }
    }
  }

  /// Changes a candidate's evidence in place; for paths that may not allocate, which the coroutine
  /// behind ``subscript(rival:)`` does.
  public mutating func update(rival index: Int?, _ change: (inout RolloutEvidence) -> Void) {
    guard let index else { return change(&self) }
    guard var list = rivals, list.indices.contains(index) else { return }
    // Taken out for the time of the change, so that nothing is copied.
    rivals = nil
    change(&list[index].evidence)
    rivals = list
  }

  /// The place of a version among the rivals.
  public func rivalIndex(of version: VersionID) -> Int? {
    rivals?.firstIndex { $0.version == version }
  }

  /// Leaves a rival out from now on.
  ///
  /// Its share goes to the stable, so an epoch must begin with it: ``follow(_:)`` does so when the
  /// rollout's epoch was counted up.
  public mutating func drop(rival version: VersionID) {
    rivals?.removeAll { $0.version == version }
    if rivals?.isEmpty ?? false { rivals = nil }
  }

  /// Makes a rival the leading candidate, the present one being left out from now on.
  ///
  /// The step clock goes on; what was seen is the rival's. A version that is no rival changes
  /// nothing.
  public mutating func lead(by version: VersionID) {
    guard let index = rivalIndex(of: version), var next = rivals?[index].evidence else { return }
    next.rivals = rivals?.filter { $0.version != version }
    if next.rivals?.isEmpty ?? false { next.rivals = nil }
    next.stage = stage
    next.stepObserved = stepObserved
    next.idle = idle
    next.watched = watched
    self = next
  }

  /// Changes the evidence of every rival.
  mutating func updateRivals(_ change: (inout RolloutEvidence) -> Void) {
    guard var list = rivals else { return }
    rivals = nil
    for index in list.indices { change(&list[index].evidence) }
    rivals = list
  }

  /// What a candidate and the stable get together when so many rivals have the same weight; nil is
  /// everything.
  static func whole(weight: BasisPoints, rivals: Int) -> BasisPoints? {
    rivals == 0 ? nil : max(weight, Split.whole - rivals * weight)
  }
}
