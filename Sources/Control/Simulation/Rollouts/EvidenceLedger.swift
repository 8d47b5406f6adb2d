import Core

/// The simulator's own account of what a rollout's evidence has to hold, by candidate.
struct EvidenceLedger {
  private struct Epoch: Equatable {
    var errors = RolloutEvidence.Counts()
    var wrong = RolloutEvidence.Counts()
    var drawn = RolloutEvidence.Counts()
  }

  /// What was seen of one candidate and of the stable beside it.
  private struct Account {
    let candidate: VersionID
    var epochs: [Epoch] = []
    var candidateRequests = 0
    var copies = 0
  }

  /// What a route table meant.
  private struct Route {
    let generation: Int
    let epoch: Int
    let candidates: [VersionID]
    let fallback: VersionID
  }

  let rollout: Int
  private let warmUp: Int
  private var accounts: [Account] = []
  private var routes: [Route] = []

  /// Begins with what the journal has.
  init(_ rollout: Rollout) {
    self.rollout = rollout.id
    warmUp = rollout.plan.warmUp
    restart(from: rollout.evidence, rollout)
  }

  /// Begins anew from what a started node went on from.
  mutating func restart(from evidence: RolloutEvidence, _ rollout: Rollout) {
    accounts = rollout.candidates.map { version in
      let own = evidence.about(version, in: rollout)
      var account = Account(candidate: version)
      account.epochs = (own?.epochs ?? []).map {
        Epoch(errors: $0.errors, wrong: $0.wrongAnswers, drawn: $0.drawn)
      }
      account.candidateRequests = own?.candidateRequests ?? 0
      account.copies = own?.shadow?.pairs ?? 0
      return account
    }
  }

  /// A table was published.
  mutating func note(_ rollout: Rollout, generation: Int) {
    routes.append(
      Route(
        generation: generation, epoch: rollout.epoch, candidates: rollout.candidates,
        fallback: rollout.fallback))
  }

  /// The rollout goes on, perhaps with fewer candidates.
  mutating func follow(_ rollout: Rollout) {
    accounts.removeAll { !rollout.candidates.contains($0.candidate) }
    for index in accounts.indices {
      while accounts[index].epochs.count <= rollout.epoch { accounts[index].epochs.append(Epoch()) }
    }
  }

  /// Where answers of a version count that came by a route.
  private func places(
    _ generation: Int, _ version: VersionID
  ) -> (arm: RolloutEvidence.Arm, epoch: Int, accounts: [Int])? {
    guard let route = routes.last(where: { $0.generation == generation }) else { return nil }
    if route.candidates.contains(version) {
      let own = accounts.indices.filter { accounts[$0].candidate == version }
      return (.candidate, route.epoch, own)
    }
    guard version == route.fallback else { return nil }
    return (
      .stable, route.epoch,
      accounts.indices.filter { route.candidates.contains(accounts[$0].candidate) }
    )
  }

  mutating func take(_ batch: AnswerBatch) {
    guard batch.isDrawn, let (arm, epoch, own) = places(batch.route, batch.version) else { return }
    for index in own where accounts[index].epochs.indices.contains(epoch) {
      accounts[index].epochs[epoch].drawn.add(arm, bad: 0, total: batch.total)
      if accounts[index].candidateRequests >= warmUp {
        accounts[index].epochs[epoch].errors.add(arm, bad: batch.failed, total: batch.total)
      }
      if arm == .candidate { accounts[index].candidateRequests += batch.total }
    }
  }

  mutating func takeLabels(route: Int, version: VersionID, wrong: Int, total: Int) {
    guard let (arm, epoch, own) = places(route, version) else { return }
    for index in own where accounts[index].epochs.indices.contains(epoch) {
      accounts[index].epochs[epoch].wrong.add(arm, bad: wrong, total: total)
    }
  }

  mutating func takeCopies(route: Int, of version: VersionID, _ count: Int) {
    guard let (arm, _, own) = places(route, version), arm == .candidate else { return }
    for index in own { accounts[index].copies += count }
  }

  /// How live evidence differs from the account; nil when it does not.
  func difference(_ evidence: RolloutEvidence, _ rollout: Rollout) -> String? {
    guard evidence.rollout == self.rollout else { return "evidence of rollout \(evidence.rollout)" }
    for account in accounts {
      guard let own = evidence.about(account.candidate, in: rollout) else {
        return "no evidence of \(account.candidate)"
      }
      for index in 0..<max(account.epochs.count, own.epochs.count) {
        let told = own.epochs.indices.contains(index) ? own.epochs[index] : nil
        let known = account.epochs.indices.contains(index) ? account.epochs[index] : Epoch()
        let seen = Epoch(
          errors: told?.errors ?? .init(), wrong: told?.wrongAnswers ?? .init(),
          drawn: told?.drawn ?? .init())
        if seen != known {
          return "epoch \(index) of \(account.candidate) holds \(seen), seen was \(known)"
        }
      }
      if own.candidateRequests != account.candidateRequests {
        return "\(own.candidateRequests) answers of \(account.candidate), it gave "
          + "\(account.candidateRequests)"
      }
      if own.shadow?.pairs ?? 0 != account.copies {
        return "\(own.shadow?.pairs ?? 0) copies to \(account.candidate), there were "
          + "\(account.copies)"
      }
    }
    return nil
  }
}
