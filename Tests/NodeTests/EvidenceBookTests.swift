import Control
import Core
import Telemetry
import Testing

@testable import Node

@Suite("The step clock of live evidence")
struct EvidenceClockTests {
  @Test("pauses between the requests of a quiet endpoint count, a silence does not")
  func pauses() throws {
    let bench = try Workbench()
    try bench.ramp()
    let here = try bench.here
    var book = EvidenceBook()
    book.follow(here, route: here.generation)
    let tick = TimeSpan.milliseconds(100)
    func run(seconds: Int, requestEvery: Int) {
      for index in 0..<(seconds * 10) {
        book.addTime(here.name, tick, hadTraffic: index % (requestEvery * 10) == 0)
      }
    }
    run(seconds: 60, requestEvery: 2)
    book.addTime(here.name, tick, hadTraffic: true)
    #expect(book.evidence(of: here.name)?.stepObserved == .milliseconds(60_100))
    // Two minutes of silence, then one request.
    for _ in 0..<1_200 { book.addTime(here.name, tick, hadTraffic: false) }
    #expect(book.evidence(of: here.name)?.idle == .seconds(120))
    book.addTime(here.name, tick, hadTraffic: true)
    #expect(book.evidence(of: here.name)?.stepObserved == .milliseconds(60_200))
  }

  @Test("evidence saved before the last event does not replace what the event knew")
  func restoring() throws {
    let bench = try Workbench()
    try bench.ramp()
    let started = try #require(try bench.here.rollout)
    let old = started.evidence
    var live = started.evidence
    for _ in 0..<50 { live.recordAnswer(.candidate, failed: false, latencyMicroseconds: 10) }
    _ = try bench.core.transact(on: bench.plane) { state in
      try decide(
        state, .pause(endpoint: bench.endpoint),
        DecisionContext(
          now: bench.now, actor: .system, prepared: bench.shelf.prepared, evidence: live))
    }
    let here = try bench.here
    var book = EvidenceBook()
    book.follow(here, route: here.generation)
    book.restore(old, for: here)
    #expect(book.evidence(of: here.name)?.candidateRequests == 50)
    live.recordAnswer(.stable, failed: false, latencyMicroseconds: 10)
    book.restore(live, for: here)
    #expect(book.evidence(of: here.name)?.epochs.last?.errors.stableTotal == 1)
  }

  @Test("evidence saved before a candidate was dropped does not replace what is known of the rest")
  func restoringAfterDrop() throws {
    let bench = try Workbench()
    try bench.register(4)
    try bench.give(.createEndpoint(bench.endpoint))
    try bench.give(.deploy(endpoint: bench.endpoint, version: bench.v(1)))
    try bench.give(
      .startRamp(
        endpoint: bench.endpoint, version: bench.v(2), plan: Workbench.plan([500, 10_000]),
        options: RampOptions(rivals: [bench.v(3), bench.v(4)])))
    var live = try #require(try bench.here.rollout).evidence
    func answer(_ count: Int, _ rival: Int?) {
      for _ in 0..<count {
        live[rival: rival].recordAnswer(.candidate, failed: false, latencyMicroseconds: 10)
      }
    }
    answer(500, nil)
    answer(20, 0)
    let saved = live
    answer(50, 0)
    answer(7, 1)
    _ = try bench.core.transact(on: bench.plane) { state in
      try decide(
        state, .drop(endpoint: bench.endpoint, version: bench.v(2), reason: "why"),
        DecisionContext(
          now: bench.now, actor: ActorID(kind: .person, name: "ana"),
          prepared: bench.shelf.prepared, evidence: live))
    }
    let here = try bench.here
    #expect(here.rollout?.candidate == bench.v(3))
    var book = EvidenceBook()
    book.follow(here, route: here.generation)
    book.restore(saved, for: here)
    #expect(book.evidence(of: here.name)?.candidateRequests == 70)
    // What was saved later is taken, whoever was dropped meanwhile.
    answer(9, 0)
    book.restore(live, for: here)
    #expect(book.evidence(of: here.name)?.candidateRequests == 79)
    #expect(book.evidence(of: here.name)?.rivals?.map(\.evidence.candidateRequests) == [7])
  }

  @Test("an answer counts in the epoch in which it was routed")
  func epochs() throws {
    let bench = try Workbench()
    try bench.ramp()
    var book = EvidenceBook()
    let first = try bench.here
    book.follow(first, route: first.generation)
    try bench.give(.setCandidateWeight(endpoint: bench.endpoint, weight: 2_000, reason: "why"))
    let second = try bench.here
    book.follow(second, route: second.generation)
    let page = try #require(book.page(of: first.name))
    func answer(_ route: Int, _ version: Int) -> DrawnAnswer {
      DrawnAnswer(
        route: route, version: bench.v(version), failed: true, latencyMicroseconds: 1, key: nil,
        label: .missing, score: .nan)
    }
    for (route, version) in [(first.generation, 2), (second.generation, 1), (first.generation, 1)] {
      #expect(page.take(answer(route, version)) == .init(isCounted: true, isDraw: true))
      let counted = page.takeLabel(route: route, version: bench.v(version), wrong: true)
      #expect(counted)
    }
    #expect(!page.take(answer(99, 2)).isCounted)
    let epochs = try #require(book.evidence(of: first.name)).epochs
    #expect(epochs.map(\.drawn.candidateTotal) == [1, 0])
    #expect(epochs.map(\.drawn.stableTotal) == [1, 1])
    let counts = epochs.map(\.wrongAnswers)
    #expect(counts.map(\.candidateBad) == [1, 0] && counts.map(\.stableBad) == [1, 1])
  }
}
