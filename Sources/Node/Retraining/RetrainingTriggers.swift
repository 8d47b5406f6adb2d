import Control
import Core

/// What the triggers of one policy look at.
struct RetrainingFigures: Equatable {
  /// Requests of the last minute: what drifted before traffic ended is no news.
  var recentRequests = 0
  /// Inputs of the stable that surely drifted from its training; nil when that is not known.
  var drifted: [String]?
  /// Late labels of the stable in the policy's window.
  var labels = 0
  /// Those that differ from the answer.
  var wrong = 0
}

/// Says when a policy's run is to begin: pure, with its clock from outside.
struct RetrainingTriggers {
  /// What begins a run, with what was seen.
  struct Begin: Equatable {
    var trigger: RetrainingTrigger
    var detail: String
  }

  /// Since when enough inputs have drifted, without a break.
  private(set) var driftSince: Timestamp?
  /// The next scheduled moment.
  private(set) var nextMoment: Timestamp?
  private var schedule: [WeeklyMoment] = []

  /// Looks once.
  /// - Parameters:
  ///   - state: what is known of the policy's runs; nil when it never ran.
  ///   - isOccupied: whether the endpoint has a rollout, or a proposal of this policy waits: people
  ///     have the answer to drift and accuracy in their hands.
  mutating func look(
    _ policy: RetrainingPolicy, _ figures: RetrainingFigures, _ state: RetrainingState?,
    isOccupied: Bool, now: Timestamp
  ) -> Begin? {
    let drift = drift(policy, figures, now)
    let accuracy = accuracy(policy, figures)
    let moment = moment(policy, now)
    guard state?.running == nil else { return nil }
    if let last = state?.lastBegan, now < last + policy.coolDown { return nil }
    if let moment { return moment }
    guard !isOccupied else { return nil }
    if let drift {
      driftSince = nil
      return drift
    }
    return accuracy
  }

  private mutating func drift(
    _ policy: RetrainingPolicy, _ figures: RetrainingFigures, _ now: Timestamp
  ) -> Begin? {
    guard let rule = policy.drift, let drifted = figures.drifted, figures.recentRequests > 0,
      drifted.count >= rule.features
    else {
      driftSince = nil
      return nil
    }
    // A clock that was set back begins anew.
    let since = min(driftSince ?? now, now)
    driftSince = since
    guard now - since >= rule.time else { return nil }
    let names = drifted.prefix(5).joined(separator: ", ")
    return Begin(
      trigger: .drift,
      detail: "drift in \(drifted.count) inputs for \(rule.time): \(names)"
        + (drifted.count > 5 ? " and \(drifted.count - 5) more" : ""))
  }

  private func accuracy(
    _ policy: RetrainingPolicy, _ figures: RetrainingFigures
  ) -> Begin? {
    guard let rule = policy.accuracy, figures.labels >= rule.labels else { return nil }
    let right = Double(figures.labels - figures.wrong) / Double(figures.labels)
    guard right < Double(rule.below) / 10_000 else { return nil }
    return Begin(
      trigger: .accuracy,
      detail: "\(decimal(right * 100, 2)) % of \(figures.labels) labels right within "
        + "\(rule.window), wanted \(percentWords(rule.below))")
  }

  /// A moment that passed since the last look; one that passed while no node ran is passed over.
  private mutating func moment(_ policy: RetrainingPolicy, _ now: Timestamp) -> Begin? {
    // Also when the clock was set back by far.
    let isFar = nextMoment.map { $0 - now > .minutes(7 * 1_440) } ?? false
    if schedule != policy.schedule || isFar {
      schedule = policy.schedule
      nextMoment = policy.nextMoment(after: now)
    }
    guard let due = nextMoment, due <= now else { return nil }
    nextMoment = policy.nextMoment(after: now)
    return Begin(trigger: .schedule, detail: "scheduled for \(due)")
  }
}
