import Control
import Core

extension PlanEditor {
  /// One line of the form: a row of cells, or a heading.
  struct FormLine {
    let label: String
    let labelWidth: Int
    let items: [Item]
    let isHeading: Bool
    let isOnSecondPage: Bool

    /// A cell with what stands before it.
    struct Item {
      let cell: PlanCell
      let title: String
      let titleWidth: Int
      let width: Int

      init(_ cell: PlanCell, _ width: Int, title: String = "", titleWidth: Int = 15) {
        self.cell = cell
        self.title = title
        self.titleWidth = titleWidth
        self.width = width
      }
    }

    init(_ label: String, _ items: [Item], labelWidth: Int = 17) {
      self.label = label
      self.labelWidth = labelWidth
      self.items = items
      isHeading = false
      isOnSecondPage = items.first?.cell.isOnSecondPage ?? false
    }

    init(heading: String, isOnSecondPage: Bool = false) {
      label = heading
      labelWidth = 0
      items = []
      isHeading = true
      self.isOnSecondPage = isOnSecondPage
    }
  }

  /// The form, whose cells are those of ``PlanDraft/rows`` in the same order.
  var lines: [FormLine] {
    var lines = [
      FormLine("candidate", [.init(.candidate, 40)], labelWidth: 11),
      FormLine("plan", [.init(.plan, 40)], labelWidth: 11),
      FormLine(heading: "step  weight    hold     requests   approvals  kind     when"),
    ]
    for step in 0..<draft.stepCount {
      lines.append(
        FormLine(
          "\(padded(step + 1, 2))",
          [
            .init(.weight(step), 8), .init(.hold(step), 7), .init(.requests(step), 9),
            .init(.approvals(step), 9), .init(.strategy(step), 7), .init(.rule(step), 16),
          ], labelWidth: 5))
    }
    lines.append(FormLine(heading: "metric        tolerance   risk part   limit"))
    for metric in Metric.allCases {
      var items: [FormLine.Item] = [.init(.tolerance(metric), 10), .init(.riskPart(metric), 10)]
      if metric == .disagreement { items.append(.init(.limit(metric), 10)) }
      lines.append(FormLine(MetricText.of(metric), items, labelWidth: 13))
    }
    return lines + guardLines + startLines + judgeLines
  }

  private func pair(
    _ label: String, _ cell: PlanCell, _ title: String, _ other: PlanCell, _ width: Int = 12
  ) -> FormLine {
    FormLine(label, [.init(cell, 10), .init(other, width, title: title)])
  }

  private var guardLines: [FormLine] {
    [
      FormLine(heading: "guard and limits"),
      pair("hold risk", .holdRisk, "roll back risk", .rollbackRisk),
      pair("promote under", .margin, "at risk", .promotionRisk),
      pair("cap requests", .capRequests, "cap errors", .capErrors),
      pair("warm-up answers", .warmUp, "latency slack", .latencySlack),
      FormLine("soak", [.init(.soak, 10)]),
    ]
  }

  private var startLines: [FormLine] {
    [
      FormLine(heading: "before the first step", isOnSecondPage: true),
      pair("start approvals", .startApprovals, "from", .approvers, 28),
      FormLine(
        "required",
        Requirement.allCases.map { requirement in
          let word = requirement.rawValue
          return .init(.requirement(requirement), 4, title: word, titleWidth: word.count + 1)
        }),
      FormLine("after", [.init(.after, 40)]),
      FormLine(heading: "holds", isOnSecondPage: true),
      FormLine("weight", [.init(.holdWeight, 40)]),
      pair("deadline", .holdDeadline, "then", .holdEnding),
    ]
  }

  private var judgeLines: [FormLine] {
    var lines = [
      FormLine(heading: "judgement", isOnSecondPage: true),
      pair("segments of", .segmentColumn, "values", .segmentValues, 28),
      FormLine("judge", [.init(.judge, 40)]),
    ]
    switch draft.tool {
    case nil, .evidence: break
    case .flagger, .argo:
      lines.append(pair("look every", .judgeInterval, "limit", .judgeLimit))
      lines.append(
        draft.tool == .argo
          ? pair("failed looks", .judgeFailures, "window, looks", .judgeWindow)
          : FormLine("failed looks", [.init(.judgeFailures, 10)]))
    case .kayenta:
      lines.append(pair("look every", .judgeInterval, "confidence", .judgeConfidence))
      lines.append(pair("tolerance", .judgeTolerance, "after looks", .judgePoints))
    }
    return lines + [FormLine("summary", [.init(.summary, 96)])]
  }
}

extension PlanDraft {
  /// What the second page holds, in a line.
  var rest: String {
    var parts: [String] = []
    if !self[.startApprovals].isEmpty { parts.append("approvals \(self[.startApprovals])") }
    let required = Requirement.allCases.filter { self[.requirement($0)] == "yes" }
    if !required.isEmpty {
      parts.append("required " + required.map(\.rawValue).joined(separator: ", "))
    }
    if !self[.after].isEmpty { parts.append("after \(self[.after])") }
    if !self[.holdWeight].isEmpty { parts.append("hold at \(self[.holdWeight])") }
    if !self[.holdDeadline].isEmpty {
      let ending = self[.holdEnding].isEmpty ? "rollback" : self[.holdEnding]
      parts.append("held for \(self[.holdDeadline]), then \(ending)")
    }
    if !self[.segmentColumn].isEmpty { parts.append("segments of \(self[.segmentColumn])") }
    if tool != .evidence { parts.append("judge \(self[.judge])") }
    return parts.isEmpty
      ? "approvals, required, after, holds, segments, judge" : parts.joined(separator: "; ")
  }
}
