import Control
import Core
import Node

extension ConsoleModel {
  /// Opens the editor on the first plan and the likeliest candidate.
  mutating func openPlanEditor() -> [Effect] {
    guard let detail = liveDetail, let plans = feed.live?.plans, !plans.isEmpty else {
      say("The node knows no plan: put one into its plans folder", .warn)
      return []
    }
    let replaced = runningRollout?.candidate
    let candidates = rampCandidates.filter { $0 != replaced }
    guard !candidates.isEmpty else { return [] }
    return editPlan(
      endpoint: detail.name, candidates: candidates,
      candidate: selection.version.flatMap { candidates.contains($0) ? $0 : nil }, plans: plans,
      plan: 0, replaces: replaced)
  }

  /// Opens the editor.
  mutating func editPlan(
    endpoint: Name, candidates: [VersionID], candidate: VersionID?, plans: [Plan], plan: Int,
    replaces: VersionID?
  ) -> [Effect] {
    push(
      .planEditor(
        PlanEditor(
          endpoint: endpoint, candidates: candidates, candidate: candidate, plans: plans,
          plan: plan, replaces: replaces, generation: liveDetail?.generation ?? 0, opened: moment)))
    return requestPlanPreview()
  }

  /// Asks what the edited plan would do.
  mutating func requestPlanPreview() -> [Effect] {
    guard case .planEditor(var editor) = dialogs.last, let request = editor.request else {
      return []
    }
    let ticket = ticket(.planPreview)
    editor.ticket = ticket
    replaceTop(.planEditor(editor))
    return [.send(ticket, request, .reading)]
  }

  mutating func press(_ key: InputEvent.Key, in editor: PlanEditor) -> [Effect] {
    var editor = editor
    if editor.saving != nil { return save(key, in: editor) }
    if editor.field != nil { return type(key, in: editor) }
    editor.notice = nil
    switch key {
    case .up, .character("k"): editor.move(rows: -1)
    case .down, .character("j"): editor.move(rows: 1)
    case .pageUp: editor.move(rows: -8)
    case .pageDown: editor.move(rows: 8)
    case .tab: editor.moveOn(by: 1)
    case .backTab: editor.moveOn(by: -1)
    case .left, .character("h"), .right, .character("l"):
      let step = key == .left || key == .character("h") ? -1 : 1
      // A choice among other cells would keep the arrows from going past it.
      guard editor.cell.isChoice, editor.isAlone else {
        editor.move(columns: step)
        break
      }
      return choose(by: step, in: editor)
    case .character(" "): if editor.cell.isChoice { return choose(by: 1, in: editor) }
    case .character("o"): editor.turnPage()
    case .character("s"):
      if let obstacle = editor.fault?.sentence ?? savingObstacle {
        editor.notice = obstacle
      } else {
        editor.saving = .init(
          field: TextField(editor.draft.isEdited ? editor.freeName : editor.draft.base.name))
      }
    case .character("a") where editor.cell.isOnSecondPage:
      editor.notice = "Steps are added on the first page: o turns to it"
    case .character("a"), .character("d"), .delete:
      let isDone = key == .character("a") ? editor.addStep() : editor.remove()
      if !isDone {
        editor.notice =
          editor.cell.step == nil && key != .character("a")
          ? "there is nothing to delete here"
          : "a plan has 1 to \(ControlLimits.planStepsMax) steps"
      }
      replaceTop(.planEditor(editor))
      return isDone ? requestPlanPreview() : []
    case .enter:
      if editor.cell.isChoice { return choose(by: 1, in: editor) }
      type(TextField(editor.draft[editor.cell]), in: &editor)
    case .character("y"): return confirm(editor)
    case .character(let digit) where digit.isASCII && (digit.isNumber || digit == "."):
      // A figure typed over a cell replaces it, as in a spreadsheet.
      if !editor.cell.isChoice { type(TextField(String(digit)), in: &editor) }
    default:
      guard isCancel(key) else { return [] }
      pop()
      if editor.draft.isEdited { say("The edited plan was left unused", .dim) }
      return []
    }
    replaceTop(.planEditor(editor))
    return []
  }

  private mutating func choose(by step: Int, in editor: PlanEditor) -> [Effect] {
    var editor = editor
    guard editor.choose(by: step) else {
      replaceTop(.planEditor(editor))
      return []
    }
    replaceTop(.planEditor(editor))
    return requestPlanPreview()
  }

  /// Begins to type in the chosen cell.
  private func type(_ field: TextField, in editor: inout PlanEditor) {
    if let obstacle = editor.typingObstacle {
      editor.notice = obstacle
    } else {
      editor.field = field
    }
  }

  private mutating func type(_ key: InputEvent.Key, in editor: PlanEditor) -> [Effect] {
    var editor = editor
    switch key {
    case .escape: editor.field = nil
    case .control("c"): return perform(.quit)
    case .enter, .tab, .backTab, .up, .down:
      editor.commit()
      switch key {
      case .tab: editor.moveOn(by: 1)
      case .backTab: editor.moveOn(by: -1)
      case .up: editor.move(rows: -1)
      case .down: editor.move(rows: 1)
      default: break
      }
      replaceTop(.planEditor(editor))
      return requestPlanPreview()
    default: _ = editor.field?.edit(key)
    }
    replaceTop(.planEditor(editor))
    return []
  }

  private mutating func confirm(_ editor: PlanEditor) -> [Effect] {
    var editor = editor
    if let fault = editor.fault {
      editor.notice = fault.sentence
      if let cell = fault.cell { editor.go(to: cell) }
    } else if isGuarded(since: editor.opened) {
      editor.notice = "That was too quick to have been read: y again"
    } else if let failure = editor.failure {
      editor.notice = failure
    } else if editor.preview == nil {
      editor.notice = "The node is still working out the steps"
    } else if let refusal = editor.preview?.refusal,
      refusal.firstRange(ofASCII: "--override-freeze") == nil
    {
      editor.notice = refusal
    } else if let obstacle = obstacle(to: .editPlan) {
      editor.notice = obstacle
    } else if let order = editor.order(by: settings.actor) {
      dialogs.removeAll()
      focus = .canary
      return send(order, what: "ramp \(editor.candidate) by \(editor.draft.name)")
    }
    replaceTop(.planEditor(editor))
    return []
  }

  // MARK: Saving

  private var savingObstacle: String? {
    look.isReadOnly ? "Read-only: nothing is changed; ! allows changes" : nil
  }

  /// Types the name under which the plan is saved, and sends it.
  private mutating func save(_ key: InputEvent.Key, in editor: PlanEditor) -> [Effect] {
    var editor = editor
    switch key {
    case .control("c"): return perform(.quit)
    case .escape:
      editor.saving = nil
      editor.notice = nil
    case .enter:
      // The answer to the first is still on its way.
      guard editor.saving?.sent == nil else { return [] }
      if let request = saveRequest(&editor) {
        let ticket = ticket(.planSave)
        editor.saving?.sent = (request.plan, ticket)
        editor.notice = nil
        replaceTop(.planEditor(editor))
        return [
          .send(
            ticket,
            .savePlan(request.plan, replaces: request.replaces, actor: settings.actor), .orders)
        ]
      }
    default:
      guard editor.saving?.sent == nil else { return [] }
      _ = editor.saving?.field.edit(key)
      editor.saving?.replaces = nil
      editor.notice = nil
    }
    replaceTop(.planEditor(editor))
    return []
  }

  /// What to send; nil with the reason as the editor's notice.
  private func saveRequest(_ editor: inout PlanEditor) -> (plan: Plan, replaces: Bool)? {
    guard let saving = editor.saving else { return nil }
    let name: Name
    let plan: Plan
    do throws(InvalidValue) { name = try Name(saving.field.text.trimmed) } catch {
      editor.notice = error.message
      return nil
    }
    do throws(PlanDraft.Fault) { plan = try editor.draft.plan() } catch {
      editor.notice = error.sentence
      return nil
    }
    let isKnown = (feed.live?.plans ?? editor.plans).contains { $0.name == name.text }
    guard !isKnown || saving.replaces == name.text else {
      editor.saving?.replaces = name.text
      editor.notice = "There is a plan \(name) already: Enter again takes its place"
      return nil
    }
    return (plan.named(name.text), isKnown)
  }
}

extension Plan {
  /// The same plan under another name.
  func named(_ name: String) -> Plan {
    Plan(
      name: name, summary: summary, steps: steps, metrics: metrics, holdRisk: holdRisk,
      rollbackRisk: rollbackRisk, soak: soak, holdDeadline: holdDeadline,
      latencySlack: latencySlack, approvals: approvals, blast: blast, promotion: promotion,
      warmUp: warmUp, holdPolicy: holdPolicy, segments: segments, judge: judge, after: after,
      requirements: requirements)
  }
}
