import Control
import Core
import Node

/// A rehearsal's report as people read it.
enum RehearsalText {
  static func page(_ report: RehearsalReport) -> String {
    let candidates = ([report.candidate] + (report.rivals ?? []).map(\.version))
      .map(\.description).joined(separator: ", ")
    var lines = [
      "\(report.endpoint): \(candidates) against \(report.stable) by \(report.plan), "
        + "\(grouped(report.rows)) requests, \(grouped(report.labelled)) with labels, over "
        + "\(report.spans)"
    ]
    lines += report.notes.map { "note: \(printable($0, limit: 400))" }
    lines += report.notPlayed.map { "not played: \(printable($0, limit: 400))" }
    lines.append("")
    return lines.joined(separator: "\n") + "\n" + RehearsalStepsText.page(report)
      + (outcome(report.run) + cost(report.run.cost) + distribution(report) + truths(report)
      + speed(report)).joined(separator: "\n") + "\n"
  }

  private static func outcome(_ run: RehearsalReport.Run) -> [String] {
    var lines = ["decisions:"]
    lines += run.decisions.map { "  \($0.after)  \(printable($0.words, limit: 200))" }
    if run.decisionsUnlisted > 0 {
      lines.append("  and \(grouped(run.decisionsUnlisted)) more")
    }
    lines.append(
      "outcome: \(run.outcome.words)"
        + (run.outcome == .completed ? "" : ", \(printable(run.reason, limit: 200))")
        + ", after \(run.took) and \(grouped(run.requests)) requests")
    for standing in run.choice?.left ?? [] {
      lines.append(
        "  \(standing.version): wrong \(share(standing.wrong)) of "
          + "\(grouped(standing.wrong.total)) labels, failed \(share(standing.failed)) of "
          + "\(grouped(standing.failed.total))")
    }
    return lines
  }

  private static func cost(_ cost: RehearsalReport.Cost) -> [String] {
    [
      "cost: \(grouped(cost.exposed)) requests exposed; \(grouped(cost.candidateFailures)) failed "
        + "on the candidate, \(grouped(cost.userErrors)) of all requests unanswered (the stable "
        + "alone: \(grouped(cost.userErrorsAlone)))",
      "      \(grouped(cost.wrongAnswersCaused)) wrong answers caused, "
        + "\(grouped(cost.wrongAnswersSpared)) spared: \(cost.netWrongAnswers > 0 ? "+" : "")"
        + "\(grouped(cost.netWrongAnswers)) against the stable",
    ]
  }

  private static func distribution(_ report: RehearsalReport) -> [String] {
    guard let all = report.distribution else { return [] }
    var lines = ["all \(grouped(all.outcomes.reduce(0) { $0 + $1.share.count })) runs:"]
    lines += all.outcomes.map { "  \(share($0.share))  \(printable($0.outcome, limit: 120))" }
    lines.append(
      "  median (90 %): \(all.tookMedian) (\(all.took90)), \(grouped(all.exposedMedian)) "
        + "(\(grouped(all.exposed90))) exposed, \(grouped(all.wrongMedian)) "
        + "(\(grouped(all.wrong90))) wrong answers more, \(fixed(all.userErrorsMean, 1)) unanswered"
    )
    return lines
  }

  private static func truths(_ report: RehearsalReport) -> [String] {
    truth(report.truth, report.rivals == nil ? nil : report.candidate)
      + (report.rivals ?? []).flatMap { truth($0.truth, $0.version) }
  }

  private static func truth(_ truth: RehearsalReport.Truth, _ version: VersionID?) -> [String] {
    var lines = [
      version.map { "truth of \($0), it and the stable on every request:" }
        ?? "truth, both versions on every request:",
      "  failed:    candidate \(share(truth.candidateFailed)), stable \(share(truth.stableFailed))",
      "  wrong:     candidate \(share(truth.candidateWrong)), stable \(share(truth.stableWrong)); "
        + "only the candidate \(grouped(truth.onlyCandidateWrong)), only the stable "
        + grouped(truth.onlyStableWrong),
      "  disagreed: \(share(truth.disagreed))",
    ]
    if let candidate = truth.candidateMicroseconds, let stable = truth.stableMicroseconds {
      lines.append(
        "  engine, us: candidate p50 \(candidate[0]), p90 \(candidate[1]), p99 \(candidate[2]); "
          + "stable p50 \(stable[0]), p90 \(stable[1]), p99 \(stable[2])")
    }
    return lines
  }

  private static func speed(_ report: RehearsalReport) -> [String] {
    [
      "speed: \(grouped(report.modelRowsPerSecond)) rows/s through the models, "
        + "\(grouped(report.replayedPerSecond)) requests/s through the plan"
    ]
  }

  private static func share(_ share: RehearsalReport.Share) -> String {
    "\(fixed(share.share * 100, 2))% (\(fixed(share.low * 100, 2))-\(fixed(share.high * 100, 2)))"
  }
}
