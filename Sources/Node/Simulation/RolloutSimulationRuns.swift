import Control
import Core
import Synchronization

/// Many simulated runs at once, on several threads.
public enum RolloutSimulationRuns {
  /// Which program is simulated.
  public enum Program: String, Sendable, CaseIterable {
    /// A model of the node's transaction, which can be broken on purpose.
    case model
    /// The node's own transaction and recovery.
    case node
  }

  /// Runs that a thread takes at once.
  private static let portion = 64

  /// Plays the runs of `runs` seeds from `seed` on.
  ///
  /// The report is the same however many threads there are. When a run breaks a promise no new ones
  /// are begun, and the one with the smallest seed is shrunk.
  /// - Parameters:
  ///   - progress: told how many runs are done, now and then.
  /// - Throws: ``NodeError`` when the system gives no thread.
  public static func play(
    _ simulation: RolloutSimulation, _ program: Program, seed: UInt64, runs: Int, threads: Int,
    progress: @escaping @Sendable (Int) -> Void
  ) throws -> RolloutSimulationReport {
    let pool = Pool(simulation, program, seed: seed, runs: runs)
    var workers: [ServiceThread] = []
    for _ in 1..<max(1, threads) {
      workers.append(
        try ServiceThread("simulation") { _ in
          while pool.playPortion() {}
        })
    }
    while pool.playPortion() { progress(pool.done) }
    for worker in workers { worker.stop() }
    return pool.report()
  }

  /// Plays one run and tells what happened in each step.
  public static func trace(
    _ simulation: RolloutSimulation, _ program: Program, seed: UInt64
  ) -> RolloutRunResult {
    simulation.play(seed: seed, program: make(program, simulation), isTracing: true)
  }

  /// The program's code.
  static func make(_ program: Program, _ simulation: RolloutSimulation) -> any SimulatedProgram {
    switch program {
    case .model: simulation.model
    case .node: NodeProgram()
    }
  }

  /// What the threads share.
  private final class Pool: Sendable {
    private struct State {
      var next = 0
      var isBroken = false
      var results: [Int: [RolloutRunResult]] = [:]
    }

    private let simulation: RolloutSimulation
    private let program: Program
    private let seed: UInt64
    private let runs: Int
    private let state = Mutex(State())

    init(_ simulation: RolloutSimulation, _ program: Program, seed: UInt64, runs: Int) {
      self.simulation = simulation
      self.program = program
      self.seed = seed
      self.runs = runs
    }

    /// Runs that are done, about.
    var done: Int { state.withLock { $0.results.count * portion } }

    /// Plays some runs; false when there are none left.
    func playPortion() -> Bool {
      let first = state.withLock { state -> Int? in
        guard state.next < runs, !state.isBroken else { return nil }
        defer { state.next += portion }
        return state.next
      }
      guard let first else { return false }
      let results = (first..<min(runs, first + portion)).map { index in
        simulation.play(
          seed: seed &+ UInt64(index), program: make(program, simulation), isTracing: false)
      }
      state.withLock { state in
        state.results[first] = results
        if results.contains(where: { $0.violation != nil }) { state.isBroken = true }
      }
      return true
    }

    /// What came of them, once every thread has ended.
    func report() -> RolloutSimulationReport {
      let results = state.withLock { $0.results }
      var report = RolloutSimulationReport(seed: seed, steps: simulation.steps)
      for first in results.keys.sorted() {
        for (index, result) in (results[first] ?? []).enumerated() {
          report.add(result)
          guard let violation = result.violation, report.broken == 1 else { continue }
          let found = simulation.explained(
            seed: seed &+ UInt64(first + index), invariant: violation.invariant,
            program: make(program, simulation))
          if let found { report.keep(found) }
        }
      }
      return report
    }
  }
}
