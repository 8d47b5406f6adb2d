import Control
import Core
import Storage
import Testing

@testable import Node

/// What becomes of several rollbacks that only tombstones hold.
@Suite("Tombstones that contradict each other")
struct TombstoneOrderTests {
  private let actor = ActorID(kind: .person, name: "ana")

  private func tombstone(
    _ sequence: UInt64, _ bench: Workbench, _ closed: [Int], to fallback: Int
  ) throws -> Tombstone {
    Tombstone(
      sequence: sequence,
      fence: Fence(
        endpoint: bench.endpoint, closed: closed.map { bench.v($0) }, fallback: bench.v(fallback),
        actor: actor, time: bench.now, generation: try bench.here.generation + 1))
  }

  /// Version 1 is the stable of a ramp of 3 and 4.
  private func ramping() throws -> Workbench {
    let bench = try Workbench()
    try bench.register(4)
    try bench.give(.createEndpoint(bench.endpoint))
    try bench.give(.deploy(endpoint: bench.endpoint, version: bench.v(1)))
    try bench.give(
      .startRamp(
        endpoint: bench.endpoint, version: bench.v(4), plan: Workbench.plan([500, 10_000]),
        options: RampOptions(rivals: [bench.v(3)])))
    return bench
  }

  @Test("a later rollback to what an earlier one closes, which nobody had obeyed, stands")
  func later() throws {
    let bench = try ramping()
    let outside = try tombstone(1, bench, [3, 4], to: 1)
    let own = try tombstone(2, bench, [1, 4], to: 3)
    #expect(Recovery.inOrder([outside, own]).map(\.sequence) == [2, 1])
    let state = Recovery.obeyed([outside, own], in: bench.core.state)
    let endpoint = try #require(state.endpoint(bench.endpoint))
    #expect(endpoint.split == Split(all: bench.v(3)))
    #expect(endpoint.closed == [bench.v(1), bench.v(4)])
  }

  @Test("others are obeyed as they came, whatever order they are read in")
  func inSequence() throws {
    let bench = try ramping()
    let first = try tombstone(1, bench, [4], to: 3)
    let second = try tombstone(2, bench, [3], to: 1)
    #expect(Recovery.inOrder([second, first]).map(\.sequence) == [1, 2])
  }

  @Test("a forced rollback is refused a version that another tombstone closes")
  func forced() throws {
    let bench = try ramping()
    let fence = try tombstone(1, bench, [1, 4], to: 3).fence
    try bench.tombstones.record(fence)
    let refused = #expect(throws: NodeError.self) {
      try NodeDoor.forceRollback(
        stateDirectory: bench.state, endpoint: bench.endpoint, to: bench.v(1), actor: actor)
    }
    #expect(refused?.code == .refused)
    #expect(try bench.tombstones.pending().map(\.fence) == [fence])
  }
}
