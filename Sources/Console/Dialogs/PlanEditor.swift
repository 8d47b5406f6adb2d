import Control
import Core
import Node

/// A plan in a form, with what the node says it would do beside it.
///
/// Arrows move over the cells; Enter or a digit types in one; every change is checked and asked
/// about at once, so that what `y` starts has always been seen.
struct PlanEditor: Sendable {
  let endpoint: Name
  let candidates: [VersionID]
  let plans: [Plan]
  private(set) var replaces: VersionID?
  private(set) var generation: Int
  private(set) var opened: Moment
  var candidateIndex: Int
  private(set) var planIndex: Int
  private(set) var draft: PlanDraft
  /// The chosen cell, by row and column of ``PlanDraft/rows``.
  private(set) var row = 2
  private(set) var column = 0
  /// What is typed into the chosen cell; nil while none is.
  var field: TextField?
  /// What is wrong with the draft; nil when it is a plan.
  private(set) var fault: PlanDraft.Fault?
  /// The question whose answer is waited for.
  var ticket: Ticket?
  private(set) var preview: RampPreview?
  var failure: String?
  var notice: String?

  /// - Precondition: both lists hold something.
  init(
    endpoint: Name, candidates: [VersionID], candidate: VersionID?, plans: [Plan], plan: Int,
    replaces: VersionID?, generation: Int, opened: Moment
  ) {
    precondition(!candidates.isEmpty && !plans.isEmpty, "an editor needs a candidate and a plan")
    self.endpoint = endpoint
    self.candidates = candidates
    self.plans = plans
    self.replaces = replaces
    self.generation = generation
    self.opened = opened
    candidateIndex = candidate.flatMap(candidates.firstIndex(of:)) ?? 0
    planIndex = max(0, min(plans.count - 1, plan))
    draft = PlanDraft(plans[planIndex])
  }

  var candidate: VersionID { candidates[candidateIndex] }

  /// The chosen cell.
  var cell: PlanCell {
    let rows = draft.rows
    let cells = rows[max(0, min(rows.count - 1, row))]
    return cells[max(0, min(cells.count - 1, column))]
  }

  // MARK: Moving

  mutating func move(rows by: Int) {
    let count = draft.rows.count
    row = max(0, min(count - 1, row + by))
  }

  mutating func move(columns by: Int) {
    let count = draft.rows[max(0, min(draft.rows.count - 1, row))].count
    column = max(0, min(count - 1, min(column, count - 1) + by))
  }

  /// Goes to the next cell, over the ends of rows.
  mutating func moveOn(by step: Int) {
    let flat = draft.rows.enumerated().flatMap { row, cells in cells.indices.map { (row, $0) } }
    let here =
      flat.firstIndex { $0.0 == row && $0.1 == min(column, draft.rows[row].count - 1) } ?? 0
    let next = flat[max(0, min(flat.count - 1, here + step))]
    (row, column) = next
  }

  /// Goes to a cell of the form.
  mutating func go(to wanted: PlanCell) {
    for (index, cells) in draft.rows.enumerated() {
      if let place = cells.firstIndex(of: wanted) { (row, column) = (index, place) }
    }
  }

  // MARK: Changing

  /// Chooses another plan to edit, or another candidate; false when there is none further.
  mutating func choose(by step: Int) -> Bool {
    switch cell {
    case .plan:
      guard plans.count > 1 else { return false }
      planIndex = (planIndex + step + plans.count) % plans.count
      draft = PlanDraft(plans[planIndex])
      row = 1
    case .candidate:
      let next = max(0, min(candidates.count - 1, candidateIndex + step))
      guard next != candidateIndex else { return false }
      candidateIndex = next
    default: return false
    }
    check()
    return true
  }

  /// Puts typed text into the chosen cell.
  mutating func commit() {
    guard let field else { return }
    draft[cell] = field.text
    self.field = nil
    check()
  }

  mutating func addStep() -> Bool {
    let last = cell.step ?? draft.stepCount - 2
    guard draft.addStep(after: last) else { return false }
    go(to: .weight(last + 1))
    check()
    return true
  }

  /// Takes the chosen step out, or empties the cell.
  mutating func remove() -> Bool {
    if let step = cell.step {
      guard draft.removeStep(step) else { return false }
      row = max(2, min(row, draft.stepCount + 1))
    } else if let metric = cell.metric {
      draft[.tolerance(metric)] = ""
      draft[.riskPart(metric)] = ""
    } else {
      draft[cell] = ""
    }
    check()
    return true
  }

  /// Looks anew at what the draft comes to; what the node said before is of another plan.
  mutating func check() {
    preview = nil
    failure = nil
    notice = nil
    ticket = nil
    do throws(PlanDraft.Fault) {
      _ = try draft.plan()
      fault = nil
    } catch {
      fault = error
    }
  }

  /// Takes the node's answer; `y` counts from here.
  mutating func take(_ preview: RampPreview, at moment: Moment) {
    self.preview = preview
    opened = moment
  }

  mutating func endpointChanged(to newest: Int, replaces: VersionID?, at moment: Moment) {
    let old = generation
    generation = newest
    self.replaces = replaces == candidate ? nil : replaces
    opened = moment
    notice = "The endpoint changed (generation \(old) to \(newest)): look again"
  }

  /// The question that tells what it would do; nil while the draft is no plan.
  var request: NodeRequest? {
    guard let plan = try? draft.plan() else { return nil }
    return replaces == nil
      ? .previewRamp(endpoint: endpoint, version: candidate, plan: plan)
      : .previewSupersede(endpoint: endpoint, version: candidate, plan: plan)
  }

  /// The order that `y` gives; nil while the draft is no plan.
  func order(by actor: ActorID) -> Order? {
    guard let plan = try? draft.plan() else { return nil }
    return Order(
      command: replaces == nil
        ? .startRamp(endpoint: endpoint, version: candidate, plan: plan)
        : .supersede(endpoint: endpoint, version: candidate, plan: plan, reason: nil),
      actor: actor, expectedGeneration: generation)
  }
}

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
    if editor.field != nil { return type(key, in: editor) }
    switch key {
    case .up, .character("k"): editor.move(rows: -1)
    case .down, .character("j"): editor.move(rows: 1)
    case .pageUp: editor.move(rows: -8)
    case .pageDown: editor.move(rows: 8)
    case .tab: editor.moveOn(by: 1)
    case .backTab: editor.moveOn(by: -1)
    case .left, .character("h"), .right, .character("l"):
      let step = key == .left || key == .character("h") ? -1 : 1
      guard editor.cell.isChoice else {
        editor.move(columns: step)
        break
      }
      guard editor.choose(by: step) else { return [] }
      replaceTop(.planEditor(editor))
      return requestPlanPreview()
    case .character("a"), .character("d"), .delete:
      let isDone = key == .character("a") ? editor.addStep() : editor.remove()
      if !isDone { editor.notice = "a plan has 1 to \(ControlLimits.planStepsMax) steps" }
      replaceTop(.planEditor(editor))
      return isDone ? requestPlanPreview() : []
    case .enter:
      if !editor.cell.isChoice { editor.field = TextField(editor.draft[editor.cell]) }
    case .character("y"): return confirm(editor)
    case .character(let digit) where digit.isASCII && (digit.isNumber || digit == "."):
      // A figure typed over a cell replaces it, as in a spreadsheet.
      if !editor.cell.isChoice { editor.field = TextField(String(digit)) }
    default:
      guard isCancel(key) else { return [] }
      pop()
      if editor.draft.isEdited { say("The edited plan was left unused", .dim) }
      return []
    }
    replaceTop(.planEditor(editor))
    return []
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
}
