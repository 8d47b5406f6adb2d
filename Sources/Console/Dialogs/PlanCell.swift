import Control
import Core

/// A value of a plan that can be edited.
enum PlanCell: Sendable, Hashable {
  case plan, candidate
  case weight(Int), hold(Int), requests(Int), approvals(Int), strategy(Int), rule(Int)
  case tolerance(Metric), riskPart(Metric), limit(Metric)
  case soak, warmUp, latencySlack
  case holdRisk, rollbackRisk
  case capRequests, capErrors
  case margin, promotionRisk
  // The second page: what most plans leave as it is.
  case startApprovals, approvers, requirement(Requirement), after
  case holdWeight, holdDeadline, holdEnding
  case segmentColumn, segmentValues
  case judge, judgeInterval, judgeLimit, judgeFailures, judgeWindow
  case judgeConfidence, judgeTolerance, judgePoints
  case summary

  /// The words between which it is chosen, the usual one first; nil for what is typed.
  ///
  /// Plan and candidate are chosen too, of what there is.
  var choices: [String]? {
    switch self {
    case .strategy: [Strategy.canary, .shadow, .preview, .abTest].map(\.rawValue)
    case .holdWeight: HoldPolicy.Weight.allCases.map(\.rawValue)
    case .holdEnding: HoldPolicy.Ending.allCases.map(\.rawValue)
    case .judge: ComparisonSettings.Tool.allCases.map(\.rawValue)
    case .requirement: ["no", "yes"]
    default: nil
    }
  }

  /// Whether it is chosen rather than typed.
  var isChoice: Bool { self == .plan || self == .candidate || choices != nil }

  /// Whether it stands on the second page, where both do not fit on the screen together.
  var isOnSecondPage: Bool {
    switch self {
    case .startApprovals, .approvers, .requirement, .after, .holdWeight, .holdDeadline,
      .holdEnding, .segmentColumn, .segmentValues, .summary:
      true
    default: isOfJudge
    }
  }

  /// Whether it belongs to the rule of another tool.
  var isOfJudge: Bool {
    switch self {
    case .judge, .judgeInterval, .judgeLimit, .judgeFailures, .judgeWindow, .judgeConfidence,
      .judgeTolerance, .judgePoints:
      true
    default: false
    }
  }

  /// The step it belongs to.
  var step: Int? {
    switch self {
    case .weight(let step), .hold(let step), .requests(let step), .approvals(let step),
      .strategy(let step), .rule(let step):
      step
    default: nil
    }
  }

  /// The metric it belongs to.
  var metric: Metric? {
    switch self {
    case .tolerance(let metric), .riskPart(let metric), .limit(let metric): metric
    default: nil
    }
  }
}

extension PlanCell {
  /// What may be typed or chosen, for the line under the form.
  var hint: String {
    switch self {
    case .plan: "Left and Right choose the plan that is edited"
    case .candidate: "Left and Right choose the candidate"
    case .weight: "the candidate's share, like 25%; weights rise, the last is 100%"
    case .hold: "observed time in the step, like 5m or 1h; without traffic it stands still"
    case .requests: "how many requests the candidate must have answered in the step"
    case .strategy: "Space: canary, shadow (copies only), preview (no traffic), ab (a fixed time)"
    case .rule: "only such requests take part, like carrier=AA|UA header:x-beta=1; empty: all"
    case .approvals: "nothing, any (anyone may let it go on), or how many people have to agree"
    default: metricHint ?? limitHint ?? secondPageHint
    }
  }

  private var metricHint: String? {
    switch self {
    case .tolerance:
      "tolerated ratio of bad answers to the stable's, 1 or more; empty: not judged"
    case .riskPart: "part of the risk budget, like 40%; the parts of all metrics sum to 100%"
    case .limit: "answers that may differ, over those of a copy of the stable, like 2%"
    case .holdRisk: "chance of holding a good version, over the whole rollout, like 5%"
    case .rollbackRisk: "chance of rolling a good version back, smaller than the hold's, like 1%"
    case .margin:
      "certain before 100%: not so many times worse than the stable; empty: no"
    case .promotionRisk: "chance that a candidate at the margin is let through, like 5%"
    default: nil
    }
  }

  private var limitHint: String? {
    switch self {
    case .soak: "how long both versions stay watched and loaded after 100%"
    case .warmUp: "first answers of the candidate that are left out of the judgement"
    case .latencySlack: "slower than the stable's usual by more than this counts as slow"
    case .capRequests: "answers of the candidate before the last step after which it is held at 0%"
    case .capErrors: "failed and wrong answers before the last step after which it is rolled back"
    default: nil
    }
  }

  private var secondPageHint: String {
    switch self {
    case .startApprovals: "how many people have to agree before the first step; empty: nobody"
    case .approvers: "login names of those who may, blanks between; empty: anyone but the author"
    case .requirement(.gates): "Space: its newest run of the gates must have passed"
    case .requirement(.approved): "Space: a person must have approved the version"
    case .requirement: "Space: each item of its checklist must be signed"
    case .after: "endpoints whose ramps must complete first, blanks between; empty: none"
    case .holdWeight: "while the guard holds: keep the weight, floor (the first step's) or zero"
    case .holdDeadline: "how long a hold may last, like 12h; empty: for ever"
    case .holdEnding: "Space: then rollback, escalate (alarm, hold on) or extend (once more)"
    case .segmentColumn: "the column of the row whose values are judged apart; empty: none"
    case .segmentValues:
      "at most \(ControlLimits.segmentsMax), like AA|UA; a bad one goes back to the stable"
    case .judge: "evidence: the sequential test; flagger, argo, kayenta: as those tools do"
    case .judgeInterval: "time with traffic between two looks, like 1m"
    case .judgeLimit: "a look fails when more of the candidate's answers than this are bad"
    case .judgeFailures: "how many failed looks it takes"
    case .judgeWindow: "over how many of the last looks the share is taken, 1 to 100"
    case .judgeConfidence: "how sure the interval of the difference is, like 98%"
    case .judgeTolerance: "a shift by more than so much of the stable's mean fails, like 0.25"
    case .judgePoints: "looks that it takes before the first comparison, 1 to 100"
    default: "one sentence for people, as it stands beside the plan's name"
    }
  }
}

extension ComparisonSettings.Tool {
  /// The cells of its settings.
  var cells: [PlanCell] {
    switch self {
    case .evidence: []
    case .flagger: [.judgeInterval, .judgeLimit, .judgeFailures]
    case .argo: [.judgeInterval, .judgeLimit, .judgeFailures, .judgeWindow]
    case .kayenta: [.judgeInterval, .judgeConfidence, .judgeTolerance, .judgePoints]
    }
  }
}
