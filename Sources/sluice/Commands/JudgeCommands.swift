import Control
import Core
import Glibc
import Node

/// `sluice judge` and `sluice simulate …`: the judge off line.
enum JudgeCommands {
  static let group = CommandGroup(
    name: "simulate", summary: "The judge and the rollouts in made-up worlds")
  static let all: [CommandDeclaration] = [judge, simulateJudge, benchJudge]

  private static let input = DefaultedOption<String>(
    "input", .file, default: "-", help: "the events, a line each; - is standard input")
  private static let tolerance = DefaultedOption<Double>(
    "tolerance", .number(1...100), default: 1, shown: "1",
    help: "the tolerated ratio of bad rates, candidate to stable")
  private static let alphas = DefaultedOption<[Double]>(
    "alpha", .risks, default: [0.05, 0.01], shown: "0.05,0.01",
    help: "the risks whose lines are watched: evidence 1 / alpha")
  private static let shares = DefaultedOption<[String: Double]>(
    "split", .shares, default: [:], shown: "every metric all of it",
    help: "the part of the risk that each metric may spend, as errors=0.6,latency=0.4")

  private static let compare = Flag(
    "compare", help: "also tells what the rules of other tools would have said")
  private static let look = DefaultedOption<Int>(
    "look", .integer(1...100_000_000), default: 1_000,
    help: "with --compare: events of a metric that make one look of those rules")

  static let judge = CommandDeclaration(
    "judge", summary: "Judges recorded events as a rollout's guard would",
    discussion: [
      "A line is {\"arm\":\"candidate|stable\",\"weight_bp\":500,\"metric\":\"errors\","
        + "\"bad\":true,\"key\":\"k1\"}; the key may be left out. Each weight is an epoch, in the "
        + "order in which the weights first come; of a key only the first event of a metric "
        + "counts.",
      "For each metric it tells the counts by epoch, the evidence at the end, and the line at "
        + "which each threshold was first reached.",
      "--compare sets Flagger's, Argo Rollouts' and Kayenta's rules and a repeated z test beside "
        + "it, with the settings their documentation shows, each looking every --look events.",
    ],
    parameters: [input, tolerance, alphas, shares, compare, look],
    examples: [
      ("sluice judge --input events.jsonl --json", "counts, evidence, crossings"),
      ("sluice judge --input events.jsonl --tolerance 1.25 --split errors=0.5,latency=0.5", ""),
      ("sluice judge --input events.jsonl --compare --look 500", "beside other tools' rules"),
    ]
  ) { call in
    let report = try RecordedEvents.judge(
      path: call[input],
      settings: RecordedJudge.Settings(
        tolerance: call[tolerance], alphas: call[alphas], shares: call[shares],
        lookEvents: call[compare] ? call[look] : nil))
    try call.tell(report, text: text(of: report))
    return .done
  }

  private static func text(of report: RecordedJudge.Report) -> String {
    var lines: [String] = []
    for metric in report.metrics {
      lines.append("\(printable(metric.metric, limit: 100)): E \(evidenceText(metric.eValue))")
      for epoch in metric.epochs {
        lines.append(
          "  at \(percentText(epoch.weight)): candidate \(grouped(epoch.candidateBad)) of "
            + "\(grouped(epoch.candidateTotal)), stable \(grouped(epoch.stableBad)) of "
            + grouped(epoch.stableTotal))
      }
      for threshold in metric.thresholds {
        let when = threshold.line.map { "first reached at line \(grouped($0))" } ?? "never reached"
        lines.append("  E \(evidenceText(threshold.evidence)): \(when)")
      }
      for rule in metric.comparison ?? [] {
        let when = rule.line.map { "rolled back at line \(grouped($0))" } ?? "never rolled back"
        lines.append("  \(rule.judge): \(when)")
      }
    }
    return lines.isEmpty ? "no events\n" : lines.joined(separator: "\n") + "\n"
  }

  private static let runs = DefaultedOption<Int>(
    "runs", .integer(40...10_000_000), default: 10_000,
    help: "simulated canaries of a good version; harmful ones get a quarter as many")
  private static let seed = DefaultedOption<UInt64>(
    "seed", .seed, default: 1, help: "equal seeds give equal tables")

  static let simulateJudge = CommandDeclaration(
    "simulate judge", summary: "How often the judge is wrong, and how soon it is right",
    discussion: [
      "Sixty looks of a thousand requests, a share of 5, 10 and 25 % for ten looks each and of "
        + "50 % from then on, a good version failing 1 %; the rules of other tools judge the same "
        + "streams. Then copied requests, segments, rivals, labels that do not come, lost records, "
        + "confidence and scores. Shares come with Clopper and Pearson's 95 % interval.",
      "The exit code is 1 when a good version was held in more than 5 % or rolled back in more "
        + "than 1 % of the runs, or one that fails 1.5 times as often was certified to fail less "
        + "in more than 5 %.",
    ],
    parameters: [runs, seed],
    examples: [("sluice simulate judge --runs 10000 --seed 7", "some minutes")]
  ) { call in
    let report = try JudgeSimulationReport.make(
      runs: call[runs], seed: call[seed], threads: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    ) { name in
      if call.streams.notesAreWatched { call.note("\(name) …") }
    }
    try call.tell(report, text: table(report))
    return report.keepsItsPromise ? .done : .notSo
  }

  static let benchJudge = CommandDeclaration(
    "bench judge", summary: "Times the judge, in processor time an event and metric",
    discussion: ["The median over nine rounds on one thread, a million events a round."],
    examples: [("sluice bench judge --json", "nanoseconds")]
  ) { call in
    let report = try JudgeBench.run()
    var table = TextTable(["WHAT", ">NS", ">BEST"])
    for figure in report.figures {
      table.add([
        figure.name, fixed(figure.nanosecondsPerEvent, 1), fixed(figure.bestNanosecondsPerEvent, 1),
      ])
    }
    try call.tell(report, text: table.text)
    return .done
  }

  private static func table(_ report: JudgeSimulationReport) -> String {
    var table = TextTable(["world", "judge", "runs", "held", "rolled back", "median", "certified"])
    for row in report.rows {
      let medians = [row.medianToHold, row.medianToRollback].map { $0.map { grouped($0) } ?? "-" }
      table.add([
        row.world, row.judge, grouped(row.runs), row.held.map(share) ?? "-", share(row.rolledBack),
        row.held == nil ? medians[1] : medians.joined(separator: " / "),
        row.certified.map(share) ?? "-",
      ])
    }
    return table.text
  }

  private static func share(_ share: JudgeSimulationReport.Share) -> String {
    "\(percent(share.share)) (\(percent(share.low))-\(percent(share.high)))"
  }

  private static func percent(_ share: Double) -> String {
    let scaled = Int((share * 10_000).rounded())
    return "\(scaled / 100).\(padded(scaled % 100, 2))"
  }
}

extension ValueKind where Value == [Double] {
  /// `0.05,0.01`.
  static let risks = ValueKind(placeholder: "RISK,…", completion: .nothing) {
    (word) throws(InvalidValue) in
    try word.split(separator: ",", omittingEmptySubsequences: false).map {
      (part) throws(InvalidValue) in
      guard let risk = Double(part), risk > 1e-9, risk < 1 else {
        throw InvalidValue("expected risks like 0.05,0.01, got \"\(printable(word, limit: 60))\"")
      }
      return risk
    }
  }
}

extension ValueKind where Value == [String: Double] {
  /// `errors=0.6,latency=0.4`.
  static let shares = ValueKind(placeholder: "METRIC=SHARE,…", completion: .nothing) {
    (word) throws(InvalidValue) in
    var shares: [String: Double] = [:]
    for part in word.split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1)
      guard sides.count == 2, let share = Double(sides[1]), share > 0, share <= 1 else {
        throw InvalidValue(
          "expected shares like errors=0.6,latency=0.4, got \"\(printable(word, limit: 60))\"")
      }
      shares[String(sides[0])] = share
    }
    return shares
  }
}
