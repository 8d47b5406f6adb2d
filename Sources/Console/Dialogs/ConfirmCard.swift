import Control
import Core
import Node

/// A change that is shown before it is made: what it does, and what is asked for it.
struct ConfirmCard: Sendable {
  /// Something that is typed before the change is made.
  enum Demand: Sendable, Hashable {
    /// Exactly this text, because the change is hard to take back.
    case typed(String)
    /// Why, for the journal.
    case reason
    /// Why it is done although a freeze holds, for the journal.
    case freezeOverride
  }

  /// What was asked for; the card is made anew from it when the endpoint changes.
  let change: Change
  let title: String
  /// What will happen, in sentences.
  let sentences: [String]
  /// What the node is sent, before the reason is put in.
  let command: Command
  /// The endpoint that it changes; nil when it concerns the whole node.
  let endpoint: Name?
  /// The generation that was seen; nil when the change does not depend on it.
  let generation: Int?
  /// What is still to be typed, in order; when empty, `y` executes.
  var demands: [Demand]
  var opened: Moment
  var notice: String?
  var field = TextField()
  var reason: String?
  var freezeOverride: String?

  init(
    _ change: Change, _ title: String, _ sentences: [String], _ command: Command,
    endpoint: Name?, generation: Int?, demands: [Demand], opened: Moment
  ) {
    self.change = change
    self.title = title
    self.sentences = sentences
    self.command = command
    self.endpoint = endpoint
    self.generation = generation
    self.demands = demands
    self.opened = opened
  }

  /// What is typed now; nil when a key is enough.
  var demand: Demand? { demands.first }

  /// Takes what was typed for the present demand; false when it does not do.
  mutating func submit() -> Bool {
    let typed = field.text.trimmed
    switch demand {
    case .typed(let expected):
      guard typed == expected else {
        notice = "that is not \(expected): type it exactly, or Esc"
        return false
      }
    case .reason:
      guard !typed.isEmpty else {
        notice = "a reason is needed: it is recorded in the journal"
        return false
      }
      reason = typed
    case .freezeOverride:
      guard !typed.isEmpty else {
        notice = "going past a freeze takes a reason: it is recorded in the journal"
        return false
      }
      freezeOverride = typed
    case nil: return false
    }
    demands.removeFirst()
    field = TextField()
    notice = nil
    return true
  }

  /// The order that is given in the end.
  func order(by actor: ActorID) -> Order {
    Order(
      command: reason.map(command.giving(reason:)) ?? command, actor: actor,
      expectedGeneration: generation, freezeOverride: freezeOverride)
  }
}

extension Command {
  /// The same command with a reason, where it takes one.
  func giving(reason: String) -> Command {
    switch self {
    case .resume(let e, _): .resume(endpoint: e, reason: reason)
    case .step(let e, let d, _): .step(endpoint: e, direction: d, reason: reason)
    case .setCandidateWeight(let e, let w, _):
      .setCandidateWeight(endpoint: e, weight: w, reason: reason)
    case .abort(let e, _): .abort(endpoint: e, reason: reason)
    case .promote(let e, _, let v): .promote(endpoint: e, reason: reason, version: v)
    case .supersede(let e, let v, let p, _, let o):
      .supersede(endpoint: e, version: v, plan: p, reason: reason, options: o)
    case .approve(let e, let p, _): .approve(endpoint: e, plan: p, reason: reason)
    case .addFreeze(let e, let w, _): .addFreeze(endpoint: e, window: w, reason: reason)
    case .removeFreeze(let id, _): .removeFreeze(id: id, reason: reason)
    case .drop(let e, let v, _): .drop(endpoint: e, version: v, reason: reason)
    case .removeRule(let e, let n, _): .removeRule(endpoint: e, name: n, reason: reason)
    case .addRule(let e, let rule, _): .addRule(endpoint: e, rule: rule, reason: reason)
    case .retraining(.decline(let e, let v, _)):
      .retraining(.decline(endpoint: e, version: v, reason: reason))
    case .registry(.unsign(let v, let item, _)):
      .registry(.unsign(version: v, item: item, reason: reason))
    case .registry(.decideApproval(let v, let status, _)):
      .registry(.decideApproval(version: v, status: status, reason: reason))
    default: self
    }
  }

  /// True when it leads back to safety, and so must not wait behind anything.
  var isUrgent: Bool {
    switch self {
    case .rollBack, .abort: true
    default: false
    }
  }
}

extension String {
  /// The text without blanks at its ends.
  var trimmed: String {
    let head = drop { $0.isWhitespace }
    guard let last = head.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(head[...last])
  }
}
