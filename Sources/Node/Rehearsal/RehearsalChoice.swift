import Control
import Core

extension RehearsalReport.Choice {
  /// What the evidence says of the candidates that are left.
  ///
  /// They are put in order by wrong answers when each has labels, else by failed answers. Which of
  /// them is picked is a person's to say; nothing here is tested against the plan's risk.
  init(_ running: Rollout, _ evidence: RolloutEvidence) {
    var standings = [Self.standing(running.candidate, evidence)]
    standings += (evidence.rivals ?? []).map { Self.standing($0.version, $0.evidence) }
    let metric: Metric = standings.allSatisfy { $0.wrong.total > 0 } ? .wrongAnswers : .errors
    func share(_ standing: RehearsalReport.Standing) -> RehearsalReport.Share {
      metric == .wrongAnswers ? standing.wrong : standing.failed
    }
    standings.sort {
      (share($0).share, $0.version.number) < (share($1).share, $1.version.number)
    }
    left = standings
    (by, best, isClear) = (nil, nil, false)
    guard let first = standings.first, let second = standings.dropFirst().first,
      share(first).total > 0, share(first).share < share(second).share
    else { return }
    by = metric
    best = first.version
    isClear = standings.dropFirst().allSatisfy { share(first).high < share($0).low }
  }

  private static func standing(
    _ version: VersionID, _ evidence: RolloutEvidence
  ) -> RehearsalReport.Standing {
    func share(
      _ counts: KeyPath<RolloutEvidence.Epoch, RolloutEvidence.Counts>
    ) -> RehearsalReport.Share {
      let all = evidence.epochs.map { $0[keyPath: counts] }
      return RehearsalReport.Share(
        all.reduce(0) { $0 + $1.candidateBad }, of: all.reduce(0) { $0 + $1.candidateTotal })
    }
    return RehearsalReport.Standing(
      version: version, failed: share(\.errors), wrong: share(\.wrongAnswers))
  }

  /// In words, without figures.
  public var words: String {
    guard let best, let by else { return "the evidence puts none before the others" }
    return "\(best) has the fewest \(by.words), "
      + (isClear ? "clearly" : "but the intervals overlap")
  }
}
