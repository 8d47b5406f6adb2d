import Control
import Core
import Glibc
import Node

/// `sluice rehearse`: a ramp off line, on recorded requests.
enum RehearseCommand {
  private static let endpoint = Positional(
    "endpoint", .name.named("ENDPOINT"), help: "whose requests are replayed")
  private static let candidates = Positional(
    "candidate", ValueKind.text.named("MODEL"), count: .oneOrMore,
    help: "a version, like flight-delay@2, or a model file; several are ramped at once")
  private static let plan = DefaultedOption<String>(
    "plan", ValueKind.file.named("PLAN"), default: "standard-launch",
    help: "a plan's name, or the path of its YAML file")
  private static let from = Option<String>(
    "from", .file, help: "a traffic file (CSV) in place of the recording")
  private static let rate = Option<Double>(
    "rate", .number(0.001...1_000_000),
    help: "requests a second, evenly (default: their own times; of a file the plan's time)")
  private static let seed = DefaultedOption<UInt64>(
    "seed", .seed, default: 1, help: "equal seeds draw equally")
  private static let runs = DefaultedOption<Int>(
    "runs", .integer(1...RehearsalOptions.runsMax), default: 1,
    help: "rollouts with other draws, for the distribution of outcomes")
  private static let noLatency = Flag(
    "no-latency", help: "runs batches instead of timing each row; the report is then repeatable")

  static let declaration = CommandDeclaration(
    "rehearse", summary: "Replays recorded requests through a candidate and a plan, off line",
    discussion: [
      "All versions answer every recorded request at full speed. Then the plan's rollout is "
        + "played in the recording's time: its draws decide which answer counts and what is "
        + "copied, and the guard's own evidence and decisions say what each step would have seen "
        + "and done, when, and at what cost. Because all versions answered everything, the truth "
        + "stands beside it.",
      "Shadow steps, previews, steps for a segment, A/B tests and several candidates are played "
        + "as a node would; the report names what is not. Approvals are given at once; a hold that "
        + "needs a person ends the rehearsal when it has lasted as long as the plan.",
      "With several candidates left before all traffic the rehearsal ends and says which of them "
        + "the evidence puts first; a person picks. The exit code is 1 when no candidate would "
        + "have become the stable or been there to pick. With --runs the first run is shown whole "
        + "and all are counted.",
    ],
    parameters: [
      endpoint, candidates, plan, RecordCommands.since, RecordCommands.until, from, rate, seed,
      runs,
      noLatency,
    ],
    examples: [
      (
        "sluice rehearse flight-delay flight-delay@2 --plan quick-ramp",
        "what would the ramp have done this month?"
      ),
      (
        "sluice rehearse flight-delay flight-delay@2 flight-delay@3 --plan ab-test",
        "two candidates at once: which would be picked?"
      ),
      (
        "sluice rehearse flight-delay flight-delay@2 --from traffic.csv --runs 100 --no-latency",
        "how often does it end how"
      ),
    ]
  ) { call in
    // A file that is no plan is told before anything is opened.
    let given = try PlanChoice.load(call[plan])
    let words = call[all: candidates]
    let models = try words.map { word in
      let (model, backend) = try PredictCommand.source(of: word, call)
      return RehearsalModel(model, backend: backend)
    }
    let name = call[required: endpoint]
    let (stable, stableModel, chosen, number) = try call.withNode { client in
      let snapshot = try client.snapshot(
        SnapshotRequest(endpoint: name, points: 1, eventLimit: 0))
      guard let known = snapshot.endpoints.first(where: { $0.name == name }) else {
        throw NodeError(
          .unknown, "there is no endpoint \"\(name)\": see sluice endpoint list")
      }
      guard let stable = known.stable else {
        throw NodeError(
          .refused, "\(name) serves nothing yet, so there is nothing to compare with")
      }
      let detail = try client.detail(of: stable)
      let last = snapshot.registry.filter { $0.version.model == stable.model }
        .map(\.version.number).max()
      return (
        stable,
        RehearsalModel(
          .stored(digest: detail.registered.digest, stateDirectory: call.stateDirectory),
          backend: detail.backend), try given ?? PlanChoice.find(call[plan], client),
        (last ?? stable.number) + 1
      )
    }
    let options = RehearsalOptions(
      plan: chosen, stateDirectory: call.stateDirectory, trafficPath: call[from],
      since: call[RecordCommands.since], until: call[RecordCommands.until],
      requestsPerSecond: call[rate], seed: call[seed], runs: call[runs],
      measuresLatency: !call[noLatency], threads: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    // Files get the numbers that they would have.
    var next = number
    let versions = words.map { word in
      if let version = try? VersionID(word) { return version }
      defer { next += 1 }
      return VersionID(model: stable.model, number: next)
    }
    guard let first = versions.first else { throw InvalidValue("name a version to rehearse") }
    let report = try Rehearsal.run(
      RehearsalSubject(
        endpoint: name, stable: stable, candidate: first, rivals: Array(versions.dropFirst())),
      stable: stableModel, candidates: models, options
    ) { sentence in
      if call.streams.notesAreWatched { call.note(sentence) }
    }
    try call.tell(report, text: RehearsalText.page(report))
    return [.completed, .choice].contains(report.run.outcome) ? .done : .notSo
  }
}
