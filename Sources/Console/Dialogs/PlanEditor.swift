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
  private(set) var plans: [Plan]
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
  /// The name under which the plan is being saved; nil while it is not.
  var saving: Saving?
  /// What is wrong with the draft; nil when it is a plan.
  private(set) var fault: PlanDraft.Fault?
  /// The question whose answer is waited for.
  var ticket: Ticket?
  private(set) var preview: RampPreview?
  var failure: String?
  var notice: String?

  /// A plan on its way into the library.
  struct Saving: Sendable {
    /// Its name, as it is typed.
    var field: TextField
    /// The name of which it was said that there is such a plan, so that Enter replaces it.
    var replaces: String?
    /// What was sent, and the question whose answer is waited for.
    var sent: (plan: Plan, ticket: Ticket)?
  }

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

  /// Whether the chosen cell has its row for itself.
  var isAlone: Bool { draft.rows[max(0, min(draft.rows.count - 1, row))].count == 1 }

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

  /// Chooses another plan to edit, another candidate, or a cell's next word; false when there is
  /// none further.
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
    default: guard draft.choose(cell, by: step) else { return false }
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
    } else if cell == .plan || cell == .candidate {
      return false
    } else if let metric = cell.metric {
      for cell in [PlanCell.tolerance(metric), .riskPart(metric), .limit(metric)] {
        draft[cell] = ""
      }
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

  /// Goes to the first cell of the other page.
  mutating func turnPage() {
    let isThere = !cell.isOnSecondPage
    let rows = draft.rows
    row = rows.firstIndex { $0.contains { $0.isOnSecondPage == isThere } } ?? row
    // The steps are what the first page is about.
    if !isThere { row = min(2, rows.count - 1) }
    column = 0
  }

  /// Why nothing can be typed into the chosen cell; nil when something can.
  var typingObstacle: String? {
    if draft.isIdle(cell) {
      return "a preview has no weight, no requests and no rule: nothing counts"
    }
    guard draft[cell].count < TextField.limit else {
      return "this is longer than the form takes: change it in a file"
    }
    return nil
  }

  // MARK: Saving

  /// A name that no plan has, for the edited one.
  var freeName: String {
    let stem = draft.base.name
    let taken = Set(plans.map(\.name))
    return (2...100).map { "\(stem)-\($0)" }.first { !taken.contains($0) } ?? stem
  }

  /// The saved plan takes the draft's place, unless that was changed meanwhile.
  mutating func saved(as path: String) {
    guard let plan = saving?.sent?.plan else { return }
    saving = nil
    if let index = plans.firstIndex(where: { $0.name == plan.name }) {
      plans[index] = plan
    } else {
      plans.append(plan)
    }
    let isTheSame = (try? draft.plan())?.named(plan.name) == plan
    if isTheSame {
      planIndex = plans.firstIndex { $0.name == plan.name } ?? planIndex
      draft = PlanDraft(plan)
      check()
    }
    notice = "Saved as \(path)"
  }

  mutating func saveFailed(_ sentence: String) {
    saving?.sent = nil
    notice = sentence
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
