import Control
import Core
import Node

/// What `R` would do, bound to one endpoint in one generation.
///
/// `y` executes it, digits choose an older target.
struct RollbackCard: Sendable {
  let endpoint: Name
  /// What the node says a rollback would do now.
  private(set) var preview: RollbackPreview
  /// 0 is the preview's own target, 1 the first alternative and so on.
  private(set) var chosen = 0
  /// When it opened or last changed; the guard counts from here.
  private(set) var opened: Moment
  /// Why it asks again.
  private(set) var notice: String?

  init(endpoint: Name, preview: RollbackPreview, target: VersionID? = nil, opened: Moment) {
    self.endpoint = endpoint
    self.preview = preview
    self.opened = opened
    if let target, let index = preview.alternatives.firstIndex(of: target) { chosen = index + 1 }
  }

  /// The version that would get all traffic.
  var target: VersionID { chosen == 0 ? preview.target : preview.alternatives[chosen - 1] }

  /// What can be chosen, the proposed target first; at most nine, one a digit.
  var targets: [VersionID] { Array(([preview.target] + preview.alternatives).prefix(9)) }

  /// Chooses by digit, counted from 1; false when there is no such target.
  mutating func choose(_ digit: Int) -> Bool {
    guard targets.indices.contains(digit - 1) else { return false }
    chosen = digit - 1
    return true
  }

  /// Takes the endpoint's newest state; asks again when its generation moved.
  mutating func refresh(with newest: RollbackPreview, at moment: Moment) {
    guard newest.generation != preview.generation else {
      // The same generation: live figures may move, what would be done may not.
      let kept = target
      preview = newest
      chosen = targets.firstIndex(of: kept) ?? 0
      if target != kept { askAgain("the targets changed", at: moment) }
      return
    }
    let kept = target
    let old = preview.generation
    preview = newest
    chosen = targets.firstIndex(of: kept) ?? 0
    askAgain(
      "The endpoint changed (generation \(old) to \(newest.generation)): look again", at: moment)
  }

  /// Begins the guard anew and says why.
  mutating func askAgain(_ sentence: String, at moment: Moment) {
    notice = sentence
    opened = moment
  }

  /// Says something without asking again.
  mutating func remark(_ sentence: String) { notice = sentence }

  /// The order that `y` gives.
  func order(by actor: ActorID) -> Order {
    Order(
      command: .rollBack(endpoint: endpoint, to: target, symptom: preview.symptom), actor: actor,
      expectedGeneration: preview.generation)
  }
}
