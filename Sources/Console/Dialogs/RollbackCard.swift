import Control
import Core
import Node

/// What `R` would do, bound to one endpoint in one generation.
///
/// `y` executes it at once, digits choose an older target; `o` gives it a time over which a running
/// ramp's traffic goes back little by little.
struct RollbackCard: Sendable {
  let endpoint: Name
  /// What the node says a rollback would do now.
  private(set) var preview: RollbackPreview
  /// 0 is the preview's own target, 1 the first alternative and so on.
  private(set) var chosen = 0
  /// Where a running ramp can go back to little by little; nil when nothing can.
  private(set) var gradualTarget: VersionID?
  /// Over how long the traffic goes back; nil is at once.
  private(set) var over: TimeSpan?
  /// The time that is being typed; nil while none is.
  var field: TextField?
  /// When it opened or last changed; the guard counts from here.
  private(set) var opened: Moment
  /// Why it asks again.
  private(set) var notice: String?

  init(
    endpoint: Name, preview: RollbackPreview, target: VersionID? = nil, over: TimeSpan? = nil,
    rollout: RolloutView? = nil, opened: Moment
  ) {
    self.endpoint = endpoint
    self.preview = preview
    self.opened = opened
    self.over = over
    gradualTarget = RollbackCard.gradualTarget(rollout)
    if let target, let index = preview.alternatives.firstIndex(of: target) { chosen = index + 1 }
  }

  /// The version that would get all traffic.
  var target: VersionID { chosen == 0 ? preview.target : preview.alternatives[chosen - 1] }

  /// What can be chosen, the proposed target first; at most nine, one a digit.
  var targets: [VersionID] { Array(([preview.target] + preview.alternatives).prefix(9)) }

  /// What a running ramp came from, while it has traffic that can go back little by little.
  private static func gradualTarget(_ rollout: RolloutView?) -> VersionID? {
    guard let rollout, rollout.isRunning, rollout.candidateWeight > 0,
      rollout.facts?.retreat == nil
    else { return nil }
    return rollout.fallback
  }

  /// Why it cannot go back little by little; nil when it can.
  var gradualObstacle: String? {
    guard let gradualTarget else {
      return "Only a running ramp with traffic goes back little by little"
    }
    return target == gradualTarget
      ? nil : "Only to \(gradualTarget), which the ramp came from, does it go back little by little"
  }

  /// Takes the typed time; empty is at once.
  ///
  /// When it is wrong it says so and keeps the text.
  mutating func submit(at moment: Moment) {
    guard let text = field?.text.trimmed else { return }
    do throws(InvalidValue) {
      let span = text.isEmpty ? nil : try TimeSpan(text)
      if let span, !(TimeSpan.seconds(1)...ControlLimits.spanMax).contains(span) {
        throw InvalidValue(
          "expected a duration from 1s to \(ControlLimits.spanMax), got \(span)")
      }
      over = span
    } catch {
      notice = error.message
      return
    }
    field = nil
    notice = nil
    opened = moment
  }

  /// A time that does not fit what is chosen now is dropped, and that is said.
  private mutating func settleOver(at moment: Moment) {
    guard let obstacle = gradualObstacle else { return }
    field = nil
    guard over != nil else { return }
    over = nil
    askAgain("\(obstacle): now it goes back at once", at: moment)
  }

  /// Chooses by digit, counted from 1; false when there is no such target.
  mutating func choose(_ digit: Int, at moment: Moment) -> Bool {
    guard targets.indices.contains(digit - 1) else { return false }
    chosen = digit - 1
    settleOver(at: moment)
    return true
  }

  /// Takes the endpoint's newest state; asks again when its generation moved.
  mutating func refresh(
    with newest: RollbackPreview, rollout: RolloutView?, at moment: Moment
  ) {
    gradualTarget = RollbackCard.gradualTarget(rollout)
    defer { settleOver(at: moment) }
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
      command: .rollBack(
        endpoint: endpoint, to: target, symptom: preview.symptom, over: over), actor: actor,
      expectedGeneration: preview.generation)
  }
}
