import Core
import Node

/// `sluice bench route` and `sluice bench breach`.
enum RouteBenchCommands {
  static let all = [route, breach]

  static let route = CommandDeclaration(
    "bench route", summary: "Times routing a request, with rules and copies for shadows",
    discussion: [
      "In processor time on the caller's thread, with a model that costs nothing: what a request "
        + "costs beside its model. A figure is the median over 41 rounds of 2,000 requests."
    ],
    examples: [("sluice bench route", "nanoseconds a request")]
  ) { call in
    let report = try RouteBench.run()
    let lines = report.figures.map {
      "\($0.name): \(Int($0.nanosecondsPerRequest.rounded())) ns a request, best "
        + "\(Int($0.bestNanosecondsPerRequest.rounded()))"
    }
    try call.tell(report, text: lines.joined(separator: "\n") + "\n")
    return .done
  }

  private static let runs = DefaultedOption<Int>(
    "runs", .integer(1...100_000), default: 1_000, help: "rollouts that are broken")

  static let breach = CommandDeclaration(
    "bench breach", summary: "Times the guard: from the answer that breaks a rollout to the fence",
    discussion: [
      "A whole node in a throw-away state: a candidate with half of 2,000 requests a second begins "
        + "to fail; the fifth failure in a row breaks it. Exit code 1 when a request was lost or "
        + "came to a closed version."
    ],
    parameters: [runs],
    examples: [("sluice bench breach --runs 1000", "p50, p99 and the longest, in milliseconds")]
  ) { call in
    let report = try BreachBench.run(runs: call[runs])
    func text(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
    try call.tell(
      report,
      text: "\(report.runs) breaches: fence after \(text(report.p50Milliseconds)) ms p50, "
        + "\(text(report.p99Milliseconds)) ms p99, \(text(report.maxMilliseconds)) ms at most; "
        + "\(report.routedAfterFence) requests to a closed version, "
        + "\(report.unanswered) unanswered\n"
    )
    return report.routedAfterFence == 0 && report.unanswered == 0 ? .done : .notSo
  }
}
