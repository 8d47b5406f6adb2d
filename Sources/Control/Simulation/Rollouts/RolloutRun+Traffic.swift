import Core

extension RolloutRun {
  /// Requests come for a while on some endpoints, and the guard looks.
  func traffic(hasRequests: Bool) {
    guard let node, !disk.isDown else { return }
    let span = TimeSpan.milliseconds(
      hasRequests ? 50 + draw.below(30_000) : 20_000 + draw.below(90_000))
    var busy: Set<Name> = []
    for name in endpoints where hasRequests && !draw.once(in: 4) {
      let count = [1, 20, 200, 1_000, 4_000][draw.below(5)]
      if send(count, to: name, node) { busy.insert(name) }
    }
    clock.advance(span)
    node.addTime(span, traffic: busy)
    for name in endpoints { watch(name) }
  }

  /// Sends requests by the table and takes in what is answered.
  /// - Returns: whether any was answered.
  @discardableResult
  func send(_ count: Int, to name: Name, _ node: SimulatedNode) -> Bool {
    guard let place = node.plane.places[name] else { return false }
    var batches: [AnswerBatch] = []
    var left = count
    for (index, stream) in node.plane.streams(on: name).enumerated() {
      // An eighth of what is left matches each rule.
      let part = index == place.rules.count ? left : left / 8
      left -= part
      batches += answers(part, stream, place.generation, name, node)
    }
    if draw.once(in: 2) { batches.reverse() }
    checkOrder(batches, name, node)
    for batch in batches {
      if batch.version == state.endpoint(name)?.stable { world.noteStable(name, batch.total) }
      if batch.isDrawn { world.sendLabels(batch, on: name, monotonic: clock.monotonic, &draw) }
      if draw.once(in: 12), world.answers.count < 32 {
        world.answers.append(SimulatedWorld.LateAnswers(endpoint: name, batch: batch))
      } else {
        take(batch, name, node)
      }
    }
    if let shadow = place.shadow { copy(count, by: shadow, place.generation, name, node) }
    return !batches.isEmpty
  }

  /// The answers of the versions of one table.
  private func answers(
    _ count: Int, _ stream: SimulatedPlane.Stream, _ route: Int, _ name: Name,
    _ node: SimulatedNode
  ) -> [AnswerBatch] {
    var batches: [AnswerBatch] = []
    for share in stream.shares {
      let total = (count * share.count + draw.below(Split.whole)) / Split.whole
      guard total > 0 else { continue }
      witness.routed(share.version, on: name, loaded: node.plane.loaded)
      var batch = world.batch(
        share.version, route: route, total: total, monotonic: clock.monotonic, &draw)
      batch.isDrawn = stream.isDrawn
      batch.segment = draw.below(4)
      batches.append(batch)
    }
    return batches
  }

  /// Requests are copied to the candidates; no caller gets their answers.
  private func copy(
    _ count: Int, by shadow: EndpointRoute.Shadow, _ route: Int, _ name: Name,
    _ node: SimulatedNode
  ) {
    let copies = min(30, (count * shadow.share + draw.below(Split.whole)) / Split.whole)
    for version in shadow.candidates {
      let pairs = world.copies(version, copies, &draw)
      witness.ledgers[name]?.takeCopies(route: route, of: version, copies)
      node.collector.takeCopies(name, route: route, of: version, pairs)
    }
  }

  private func take(_ batch: AnswerBatch, _ name: Name, _ node: SimulatedNode) {
    witness.ledgers[name]?.take(batch)
    node.collector.take(batch, on: name)
  }

  /// The order in which answers of one epoch arrive does not matter.
  private func checkOrder(_ batches: [AnswerBatch], _ name: Name, _ node: SimulatedNode) {
    guard batches.count == 2, let evidence = node.collector.evidence(of: name),
      let rollout = node.state.endpoint(name)?.rollout,
      evidence.candidateRequests >= rollout.plan.warmUp
    else { return }
    let spots = batches.compactMap {
      node.collector.place(name, route: $0.route, version: $0.version)
    }
    // One arm's own answers come one after another: the breaker counts them in that order.
    guard spots.count == 2, rollout.rivals == nil, spots[0].arm != spots[1].arm else { return }
    var (forward, backward) = (evidence, evidence)
    for (batch, spot) in zip(batches, spots) {
      forward.record(batch, spot.arm, epoch: spot.epoch, warmUp: 0)
    }
    for (batch, spot) in zip(batches, spots).reversed() {
      backward.record(batch, spot.arm, epoch: spot.epoch, warmUp: 0)
    }
    if forward != backward { witness.fail("I18", "the order of answers matters") }
  }

  /// Labels that are due arrive.
  func deliverLabels() {
    guard let node else { return }
    let due = world.labels.filter { $0.due <= clock.monotonic }
    world.labels.removeAll { $0.due <= clock.monotonic }
    for labels in due {
      witness.ledgers[labels.endpoint]?.takeLabels(
        route: labels.route, version: labels.version, wrong: labels.wrong, total: labels.total)
      node.collector.takeLabels(
        labels.endpoint, route: labels.route, version: labels.version, wrong: labels.wrong,
        total: labels.total)
    }
    for name in endpoints { watch(name) }
  }

  /// Answers that were under way arrive.
  func deliverAnswers() {
    guard let node else { return }
    let late = world.answers
    world.answers = []
    for answers in late { take(answers.batch, answers.endpoint, node) }
    for name in endpoints { watch(name) }
  }

  /// What a node does once a second.
  func slowRound() {
    guard let node, !disk.isDown else { return }
    keep(node.slowRound())
  }

  /// Evidence was saved for sure.
  func keep(_ saved: [(Name, RolloutEvidence)]) {
    if disk.isDown { return }
    for (name, evidence) in saved {
      witness.kept[name] = evidence
      checkVerdict(evidence, name)
    }
  }

  /// A verdict is a function of what is stored.
  private func checkVerdict(_ evidence: RolloutEvidence, _ name: Name) {
    guard let rollout = state.endpoint(name)?.rollout, rollout.id == evidence.rollout,
      let bytes = disk.evidence(name.text)
    else { return }
    guard let stored = try? CanonicalJSON.decode(RolloutEvidence.self, from: bytes) else {
      witness.fail("I18", "saved evidence cannot be read back")
      return
    }
    if stored != evidence
      || Judge.evaluate(stored, plan: rollout.plan) != Judge.evaluate(evidence, plan: rollout.plan)
    {
      witness.fail("I18", "the verdict from saved evidence is another one")
    }
  }

  /// The guard looks at an endpoint.
  func watch(_ name: Name) {
    guard let node, !disk.isDown else { return }
    let before = node.state
    let frozen = !before.activeFreezes(on: name, at: clock.now).isEmpty
    var mustRollBack = false
    if frozen, before.endpoint(name)?.rollout != nil {
      var thawed = before
      thawed.freezes = []
      mustRollBack = node.look(name, thawed).first?.body.isRollback == true
    }
    let (change, isTried) = node.watch(name)
    if disk.isDown { return }
    if let change {
      accept(change)
      note += change.events.map { " \($0.kind)" }.joined()
    }
    if mustRollBack, isTried, change?.events.first?.body.isRollback != true {
      witness.fail("I14", "a freeze keeps the guard from a rollback of \(name)")
    }
    checkCap(name, isTried: isTried && change == nil)
  }

  /// After a look nothing goes on past the plan's cap on requests.
  private func checkCap(_ name: Name, isTried: Bool) {
    guard isTried, let node, let rollout = node.state.endpoint(name)?.rollout,
      let cap = rollout.plan.blast?.requests, !rollout.isBlastPassed, rollout.isStarted,
      !rollout.isLastStep, !rollout.isSoaking, rollout.weight > 0, rollout.weight < Split.whole,
      rollout.retreat == nil, rollout.hold != .stuck,
      let evidence = node.collector.evidence(of: name), evidence.rollout == rollout.id
    else { return }
    if evidence.candidateRequests >= cap {
      witness.fail(
        "I19", "\(evidence.candidateRequests) requests of \(name), the plan allows \(cap)")
    }
  }

  /// Requests that come while something is written.
  func requestsDuring(_ events: [Event?]) {
    witness.begins(events)
    guard let node, !events.isEmpty else { return }
    let state = node.state
    for endpoint in state.endpoints {
      let isClosing = endpoint.name == witness.closingEndpoint
      // What stands in for a damaged version is no part of what is being written.
      let coming = events.filter { $0?.endpoint == endpoint.name }
        .compactMap { $0?.after }.flatMap(\.versions)
      // What is not committed yet gets no traffic.
      let open =
        (endpoint.split?.versions ?? []) + endpoint.rules.flatMap(\.split.versions)
        + (endpoint.route?.rules ?? []).flatMap(\.split.versions)
      checkAnswered(endpoint, node)
      for share in node.plane.streams(on: endpoint.name).flatMap(\.shares) {
        witness.routed(share.version, on: endpoint.name, loaded: node.plane.loaded)
        if !isClosing, coming.contains(share.version), share.version != endpoint.stable,
          !open.contains(share.version), isWhole(endpoint, node)
        {
          witness.fail("I3", "\(share.version) has traffic before that is written")
        }
      }
    }
  }

  /// No request goes without an answer while a version with traffic is in memory and stays open.
  func checkAnswered(_ endpoint: EndpointState, _ node: SimulatedNode) {
    guard !endpoint.isDrained, isWhole(endpoint, node) else { return }
    let isOpen = (endpoint.split?.versions ?? []).contains { version in
      !witness.isClosing(version, on: endpoint.name)
    }
    guard isOpen else { return }
    for stream in node.plane.streams(on: endpoint.name)
    where stream.shares.reduce(0, { $0 + $1.count }) < Split.whole {
      witness.fail("availability", "requests on \(endpoint.name) are answered by nobody")
    }
  }

  /// Whether every version that has weight, and the stable, is in memory.
  func isWhole(_ endpoint: EndpointState, _ node: SimulatedNode) -> Bool {
    let needed = (endpoint.split?.versions ?? []) + [endpoint.stable].compactMap { $0 }
    return needed.allSatisfy { node.plane.loaded.contains($0) }
  }
}
