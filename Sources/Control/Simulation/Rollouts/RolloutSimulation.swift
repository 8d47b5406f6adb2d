import Core

/// Simulated runs of the control plane: random operators, plans, evidence and faults on virtual
/// time, each decided by its seed alone, each promise checked after every step.
public struct RolloutSimulation: Sendable {
  /// How many steps a run has at most.
  public let steps: Int
  /// How the node is broken on purpose; nil for the node as it is.
  public let mutation: Mutation?

  /// Puts the two together.
  public init(steps: Int = RolloutSimulation.defaultSteps, mutation: Mutation? = nil) {
    self.steps = max(1, steps)
    self.mutation = mutation
  }

  /// Enough for a few rollouts on each endpoint.
  public static let defaultSteps = 60

  /// A run's steps: each is a seed of its own, so that a run without some of them is a run too.
  public func script(seed: UInt64) -> [UInt64] {
    var draw = Draw(seed: SplitMix64.mix(seed &+ 1))
    // Runs end anywhere, so that every state is one from which an end must be reached.
    let count = 1 + steps / 3 + draw.below(steps - steps / 3)
    return (0..<count).map { _ in draw.bits() }
  }

  /// Plays the run that belongs to a seed.
  public func play(seed: UInt64, isTracing: Bool = false) -> RolloutRunResult {
    play(seed: seed, script: script(seed: seed), isTracing: isTracing)
  }

  /// Plays a run with some other steps.
  public func play(
    seed: UInt64, script: [UInt64], isTracing: Bool = false
  ) -> RolloutRunResult {
    play(
      seed: seed, script: script, program: ModelProgram(mutation: mutation), isTracing: isTracing)
  }

  /// The model of the node's program, broken as the simulation says.
  package var model: any SimulatedProgram { ModelProgram(mutation: mutation) }

  /// Plays the run of a seed by some program.
  package func play(
    seed: UInt64, program: any SimulatedProgram, isTracing: Bool
  ) -> RolloutRunResult {
    play(seed: seed, script: script(seed: seed), program: program, isTracing: isTracing)
  }

  /// Plays some steps by some program.
  package func play(
    seed: UInt64, script: [UInt64], program: any SimulatedProgram, isTracing: Bool
  ) -> RolloutRunResult {
    RolloutRun(seed: seed, program: program, mutation: mutation, isTracing: isTracing)
      .play(script)
  }

  /// Fewer steps that still break the same promise: parts of the script are left out as long as
  /// that holds, first halves, at last single steps.
  public func shrunk(seed: UInt64, invariant: String) -> [UInt64] {
    shrunk(seed: seed, invariant: invariant, program: ModelProgram(mutation: mutation))
  }

  package func shrunk(
    seed: UInt64, invariant: String, program: any SimulatedProgram
  ) -> [UInt64] {
    var script = script(seed: seed)
    var part = max(1, script.count / 2)
    var runs = 0
    while runs < RolloutSimulation.shrinkingRunsMax {
      var isShorter = false
      var start = 0
      while start < script.count, runs < RolloutSimulation.shrinkingRunsMax {
        var less = script
        less.removeSubrange(start..<min(script.count, start + part))
        runs += 1
        let result = play(seed: seed, script: less, program: program, isTracing: false)
        if result.violation?.invariant == invariant {
          script = less
          isShorter = true
        } else {
          start += part
        }
      }
      if part == 1, !isShorter { break }
      part = max(1, part / 2)
    }
    return script
  }

  /// Runs that shrinking may take.
  private static let shrinkingRunsMax = 600
}
