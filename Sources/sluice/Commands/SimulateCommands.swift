import Control
import Core
import Glibc
import Node

/// `sluice simulate rollouts`: the control plane in made-up worlds, with faults.
enum SimulateCommands {
  static let all: [CommandDeclaration] = [rollouts]

  private static let runs = DefaultedOption<Int>(
    "runs", .integer(1...100_000_000), default: 1_000, help: "how many runs, one a seed")
  private static let seed = DefaultedOption<UInt64>(
    "seed", .seed, default: 1, help: "the first seed; equal seeds give equal traces")
  private static let steps = DefaultedOption<Int>(
    "steps", .integer(1...10_000), default: RolloutSimulation.defaultSteps,
    shown: "\(RolloutSimulation.defaultSteps)", help: "the most steps of a run")
  private static let core = DefaultedOption<String>(
    "core", .choice("CORE", of: RolloutSimulationRuns.Program.allCases.map(\.rawValue)),
    default: "model",
    help: "model: a model of the node's transaction; node: the node's own, with its recovery")
  private static let broken = Option<String>(
    "broken", .choice("HOW", of: Mutation.allCases.map(\.rawValue)),
    help: "breaks the model on purpose, to see that it is found")
  private static let trace = Flag(
    "trace", help: "tells what happened in each step of the first run, on standard error")

  static let rollouts = CommandDeclaration(
    "simulate rollouts", summary: "Whether rollouts keep their promises whatever happens",
    discussion: [
      "Each run is decided by its seed alone: random operators, plans, answers and labels, and "
        + "faults (a stop before or after any write, full disks, failing and lost writes, jumping "
        + "clocks, long absences, effects that come late, twice or in another order) on virtual "
        + "time. After each step every promise is checked, and at its end each run is brought to "
        + "rest.",
      "When a promise is broken the run is shrunk to the steps that it takes, these are told with "
        + "the state before and after, and the exit code is 1.",
    ],
    parameters: [runs, seed, steps, core, broken, trace],
    examples: [
      ("sluice simulate rollouts --runs 10000", "seeds 1 to 10,000"),
      ("sluice simulate rollouts --runs 1 --seed 77 --trace", "one run, step by step"),
      ("sluice simulate rollouts --broken fence-after-commit", "exit code 1: found"),
    ]
  ) { call in
    let mutation = call[broken].flatMap { Mutation(rawValue: $0) }
    let program = RolloutSimulationRuns.Program(rawValue: call[core]) ?? .model
    guard mutation == nil || program == .model else {
      throw InvalidValue("--broken breaks the model only: leave --core out")
    }
    let simulation = RolloutSimulation(steps: call[steps], mutation: mutation)
    if call[trace] {
      let first = RolloutSimulationRuns.trace(simulation, program, seed: call[seed])
      for line in first.trace { call.note(printable(line, limit: 2_000)) }
    }
    let began = SystemClock.monotonicNanoseconds()
    let report = try RolloutSimulationRuns.play(
      simulation, program, seed: call[seed], runs: call[runs],
      threads: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    ) { _ in }
    let seconds = Double(SystemClock.monotonicNanoseconds() - began) / 1e9
    call.note("\(grouped(report.runs)) runs in \(fixed(seconds, 1)) s")
    try call.tell(report, text: text(of: report))
    return report.keepsItsPromises ? .done : .notSo
  }

  private static func text(of report: RolloutSimulationReport) -> String {
    var lines = [
      "\(grouped(report.runs)) runs from seed \(report.seed), at most \(report.steps) steps each: "
        + "\(grouped(report.events)) events, \(grouped(report.restarts)) restarts, "
        + "\(grouped(report.tombstones)) changes kept by tombstones",
      "trace hash \(report.traceHash)",
    ]
    guard let violation = report.violation else {
      return (lines + ["every promise was kept"]).joined(separator: "\n") + "\n"
    }
    lines.append(
      "seed \(violation.seed) broke \(violation.invariant): \(printable(violation.message))")
    lines.append("in \(violation.steps) steps:")
    lines += violation.trace.map { "  \(printable($0, limit: 2_000))" }
    for (word, state) in [("before", violation.before), ("after", violation.after)] {
      lines.append("\(word):")
      lines += state.endpoints.map { "  \($0.simulationSummary)" }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
