import Control
import Core
import Node

/// The tables of a rehearsal's report: what each step saw.
enum RehearsalStepsText {
  /// Characters of a cell: seven metrics fit.
  private static let evidenceMax = 400

  static func page(_ report: RehearsalReport) -> String {
    let steps = report.run.steps
    var tables = [("", overview(steps))]
    if steps.contains(where: { $0.copiedRequests > 0 }) {
      tables.append(("copies, answered out of callers' sight:", copies(steps)))
    }
    if report.rivals != nil { tables.append(("candidates:", candidates(steps))) }
    if steps.contains(where: { $0.segments != nil }) {
      tables.append(("segments:", segments(steps)))
    }
    return tables.map { title, table in
      (title.isEmpty ? "" : title + "\n") + table.text + "\n"
    }.joined()
  }

  private static func overview(_ steps: [RehearsalReport.Step]) -> TextTable {
    let hasCopies = steps.contains { $0.copiedRequests > 0 }
    let hasOutside = steps.contains { $0.outsideRequests > 0 }
    var table = TextTable(
      ["STEP", "WEIGHT", ">FROM", ">LASTED", ">CANDIDATE", ">STABLE"]
        + (hasOutside ? [">NO PART"] : []) + (hasCopies ? [">COPIED"] : [])
        + ["EVIDENCE", "DECISION"])
    for step in steps {
      table.add(
        [
          name(step), printable(step.doing ?? percentText(step.weight), limit: 60),
          "\(step.began)", "\(step.lasted)", grouped(step.candidateRequests),
          grouped(step.stableRequests),
        ] + (hasOutside ? [grouped(step.outsideRequests)] : [])
          + (hasCopies ? [grouped(step.copiedRequests)] : []) + [
            evidence(step.metrics), printable(step.decision, limit: 120),
          ], limit: evidenceMax)
    }
    return table
  }

  private static func copies(_ steps: [RehearsalReport.Step]) -> TextTable {
    var table = TextTable([
      "STEP", "CANDIDATE", ">PAIRS", ">FAILED", ">STABLE FAILED", ">COMPARED", ">UNLIKE STABLE",
      ">CLONE UNLIKE", ">BEYOND CLONE", ">LABELS", ">ALONE WRONG", ">STABLE ALONE WRONG",
    ])
    for step in steps {
      for candidate in step.candidates {
        guard let copies = candidate.copies else { continue }
        table.add([
          name(step), "\(candidate.version)", grouped(copies.pairs),
          grouped(copies.candidateFailed), grouped(copies.stableFailed), grouped(copies.compared),
          grouped(copies.candidateDiffers), grouped(copies.cloneDiffers),
          grouped(copies.differsBeyondClone), grouped(copies.labelled),
          grouped(copies.onlyCandidateWrong), grouped(copies.onlyStableWrong),
        ])
      }
    }
    return table
  }

  private static func candidates(_ steps: [RehearsalReport.Step]) -> TextTable {
    var table = TextTable([
      "STEP", "CANDIDATE", ">REQUESTS", ">FAILED", ">LABELS", ">WRONG", "EVIDENCE", "DROPPED",
    ])
    for step in steps {
      for candidate in step.candidates {
        table.add(
          [
            name(step), "\(candidate.version)", grouped(candidate.requests),
            grouped(candidate.failed), grouped(candidate.labelled), grouped(candidate.wrong),
            evidence(candidate.metrics), printable(candidate.dropped ?? "", limit: 80),
          ], limit: evidenceMax)
      }
    }
    return table
  }

  private static func segments(_ steps: [RehearsalReport.Step]) -> TextTable {
    var table = TextTable([
      "STEP", "SEGMENT", ">CANDIDATE", ">FAILED", ">WRONG", ">STABLE", ">FAILED", ">WRONG",
      "EVIDENCE", "",
    ])
    for step in steps {
      for segment in step.segments ?? [] {
        table.add([
          name(step), printable(segment.segment, limit: 40), grouped(segment.candidateRequests),
          grouped(segment.candidateFailed),
          "\(grouped(segment.candidateWrong)) of \(grouped(segment.candidateLabelled))",
          grouped(segment.stableRequests), grouped(segment.stableFailed),
          "\(grouped(segment.stableWrong)) of \(grouped(segment.stableLabelled))",
          evidence(segment.metrics), segment.isClosed ? "closed" : "",
        ])
      }
    }
    return table
  }

  private static func name(_ step: RehearsalReport.Step) -> String {
    step.step.map(String.init) ?? "soak"
  }

  /// `wrong answers 1.2 of 50/250`.
  private static func evidence(_ metrics: [MetricEvidence]) -> String {
    metrics.map { metric in
      "\(metric.metric.words) \(evidenceText(metric.eValue)) of \(evidenceText(metric.holdAt))/"
        + evidenceText(metric.rollbackAt)
    }.joined(separator: ", ")
  }
}
