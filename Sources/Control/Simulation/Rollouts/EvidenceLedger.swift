import Core

/// The simulator's own account of what a rollout's evidence has to hold.
struct EvidenceLedger {
  private struct Epoch: Equatable {
    var errors = RolloutEvidence.Counts()
    var wrong = RolloutEvidence.Counts()
    var drawn = RolloutEvidence.Counts()
  }

  /// What a route table meant.
  private struct Route {
    let generation: Int
    let epoch: Int
    let candidate: VersionID
    let fallback: VersionID
  }

  let rollout: Int
  private let warmUp: Int
  private var epochs: [Epoch] = []
  private var routes: [Route] = []
  private var candidateRequests = 0

  /// Begins with what the journal has.
  init(_ rollout: Rollout) {
    self.rollout = rollout.id
    warmUp = rollout.plan.warmUp
    restart(from: rollout.evidence)
  }

  /// Begins anew from what a started node went on from.
  mutating func restart(from evidence: RolloutEvidence) {
    epochs = evidence.epochs.map {
      Epoch(errors: $0.errors, wrong: $0.wrongAnswers, drawn: $0.drawn)
    }
    candidateRequests = evidence.candidateRequests
  }

  /// A table was published.
  mutating func note(_ rollout: Rollout, generation: Int) {
    routes.append(
      Route(
        generation: generation, epoch: rollout.epoch, candidate: rollout.candidate,
        fallback: rollout.fallback))
  }

  mutating func follow(_ rollout: Rollout) {
    while epochs.count <= rollout.epoch { epochs.append(Epoch()) }
  }

  private func place(_ generation: Int, _ version: VersionID) -> (RolloutEvidence.Arm, Int)? {
    guard let route = routes.last(where: { $0.generation == generation }) else { return nil }
    if version == route.candidate { return (.candidate, route.epoch) }
    return version == route.fallback ? (.stable, route.epoch) : nil
  }

  mutating func take(_ batch: AnswerBatch) {
    guard let (arm, epoch) = place(batch.route, batch.version), epochs.indices.contains(epoch)
    else { return }
    epochs[epoch].drawn.add(arm, bad: 0, total: batch.total)
    if candidateRequests >= warmUp {
      epochs[epoch].errors.add(arm, bad: batch.failed, total: batch.total)
    }
    if arm == .candidate { candidateRequests += batch.total }
  }

  mutating func takeLabels(route: Int, version: VersionID, wrong: Int, total: Int) {
    guard let (arm, epoch) = place(route, version), epochs.indices.contains(epoch) else { return }
    epochs[epoch].wrong.add(arm, bad: wrong, total: total)
  }

  /// How live evidence differs from the account; nil when it does not.
  func difference(_ evidence: RolloutEvidence) -> String? {
    guard evidence.rollout == rollout else { return "evidence of rollout \(evidence.rollout)" }
    for index in 0..<max(epochs.count, evidence.epochs.count) {
      let told = evidence.epochs.indices.contains(index) ? evidence.epochs[index] : nil
      let known = epochs.indices.contains(index) ? epochs[index] : Epoch()
      let seen = Epoch(
        errors: told?.errors ?? .init(), wrong: told?.wrongAnswers ?? .init(),
        drawn: told?.drawn ?? .init())
      if seen != known { return "epoch \(index) holds \(seen), seen was \(known)" }
    }
    if evidence.candidateRequests != candidateRequests {
      return "\(evidence.candidateRequests) candidate requests, \(candidateRequests) were answered"
    }
    return nil
  }
}
