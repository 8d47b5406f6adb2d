import Control
import Core
import Serving
import Telemetry
import Testing

@testable import Node

/// A rehearsal's draws beside those of a serving node's worker.
@Suite("A rehearsal draws as a node does", .serialized)
struct RehearsalParityTests {
  private let plan: Plan

  init() throws {
    let carrier = try RequestRule("carrier=AA|DL")
    plan = Plan(
      name: "p", summary: "",
      steps: [
        PlanStep(weight: 5_000, hold: .minutes(60), strategy: .shadow),
        PlanStep(weight: 2_000, hold: .minutes(60), rule: carrier),
        PlanStep(weight: 4_000, hold: .minutes(60), rule: carrier),
        PlanStep(weight: 1_000, hold: .minutes(60)),
        PlanStep(weight: 3_000, hold: .minutes(60), strategy: .abTest),
        PlanStep(weight: 10_000, hold: .zero),
      ], metrics: [JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 1)], warmUp: 0)
  }

  /// The stage of a node's endpoint; no requests are played on it.
  private func stage(_ fake: FakeNode, rivals: [Int]) throws -> RehearsalStage {
    let facts = [fact(false)]
    return RehearsalStage(
      RehearsalSubject(
        endpoint: fake.endpoint, stable: fake.v(1), candidate: fake.v(2),
        rivals: rivals.map(fake.v)), plan, facts: facts,
      answers: (0..<2 + rivals.count).map { _ in
        RehearsalAnswers(count: 1, measuresLatency: false)
      }, clone: nil, signatures: (0..<2 + rivals.count).map { _ in FakeNode.signature },
      clock: RehearsalClock(own: facts))
  }

  private func fact(_ isOfRule: Bool) -> RehearsalRows.Facts {
    RehearsalRows.Facts(
      time: 0, key: 0, isKeyed: true, label: 0, labelDelay: 0, rules: isOfRule ? 1 : 0)
  }

  /// Sends requests with keys of eight bytes and compares who gets them.
  private func compare(
    _ fake: FakeNode, _ worker: Worker, _ routing: inout RehearsalRouting
  ) throws -> (candidates: Int, evidence: Int) {
    let state = try #require(fake.node.core.state.endpoint(fake.endpoint))
    try routing.follow(state)
    var seen = (candidates: 0, evidence: 0)
    var random = SplitMix64(seed: 9)
    let versions = [fake.v(1), fake.v(2), fake.v(3)]
    for number in 0..<600 {
      let key = random.next()
      let carrier = number % 3 == 0 ? "AA" : number % 3 == 1 ? "UA" : "DL"
      let drawn = routing.draw(fact(carrier != "UA"), key: key)
      let text = Array(carrier.utf8)
      let answer = withUnsafeBytes(of: key.littleEndian) { bytes in
        text.withUnsafeBufferPointer { name in
          worker.row.setText(0, TextValue(bytes: name.baseAddress, count: name.count))
          worker.row.setNumber(1, Float(1))
          return worker.predict(
            Request(
              key: bytes.assumingMemoryBound(to: UInt8.self).baseAddress, keyCount: bytes.count,
              id: UInt64(number)))
        }
      }
      #expect(worker.version(of: answer) == versions[drawn.version])
      #expect(answer.flags.contains(.drawn) == drawn.isEvidence)
      if drawn.version > 0 { seen.candidates += 1 }
      if drawn.isEvidence { seen.evidence += 1 }
    }
    return seen
  }

  @Test("by the same tables, rules and salts, through every step of a plan")
  func steps() throws {
    for rivals in [[], [3]] {
      let fake = try FakeNode(versions: 3)
      try fake.give(
        .startRamp(
          endpoint: fake.endpoint, version: fake.v(2), plan: plan,
          options: RampOptions(rivals: rivals.map(fake.v))))
      let worker = try fake.runtime().makeWorker(seed: 1)
      // The node's first rollout draws by its number.
      var routing = RehearsalRouting(try stage(fake, rivals: rivals), seed: 1)
      var seen: [(candidates: Int, evidence: Int)] = []
      for step in 0..<5 {
        seen.append(try compare(fake, worker, &routing))
        #expect(routing.isCopying == (step == 0))
        guard step < 4 else { break }
        try fake.give(.step(endpoint: fake.endpoint, direction: .next, reason: "a test"))
      }
      // Nobody, then a part of a segment, then a part of all.
      #expect(seen[0] == (0, 0))
      #expect(seen[1].evidence == 400 && seen[2].evidence == 400)
      #expect(seen[1].candidates > 0 && seen[2].candidates > seen[1].candidates)
      #expect(seen[3].evidence == 600 && seen[4].candidates > seen[3].candidates)
      if !rivals.isEmpty {
        try fake.give(.drop(endpoint: fake.endpoint, version: fake.v(2), reason: "a test"))
        let left = try compare(fake, worker, &routing)
        #expect(left.candidates < seen[4].candidates && left.candidates > 0)
      }
    }
  }
}
