import Core

/// What a runbook's check can look at.
public enum RunbookMetric: String, Sendable, Codable, CaseIterable {
  case requestsPerSecond = "requests_per_second"
  /// 0 to 1.
  case errorRate = "error_rate"
  case p50Milliseconds = "p50_ms"
  case p99Milliseconds = "p99_ms"
  /// Wrong answers by late label, 0 to 1.
  case wrongRate = "wrong_rate"
  /// The greatest PSI of any feature or output.
  case maxPSI = "max_psi"
  /// How many features are over their line.
  case driftedFeatures = "drifted_features"
  /// The candidate's weight in per cent; 0 without a rollout.
  case candidateWeight = "candidate_weight"
  /// 1 while a rollout runs, else 0.
  case rolloutActive = "rollout_active"
  /// The greatest evidence of the rollout's metrics; 1 without one.
  case eMax = "e_max"
}

/// How a check compares.
public enum Comparison: String, Sendable, Codable, CaseIterable {
  case below = "<"
  case atMost = "<="
  case above = ">"
  case atLeast = ">="

  /// Whether `value` stands so to `limit`; never for a value that is no number.
  public func holds(_ value: Double, _ limit: Double) -> Bool {
    switch self {
    case .below: value < limit
    case .atMost: value <= limit
    case .above: value > limit
    case .atLeast: value >= limit
    }
  }
}

/// A question to the live values: `p99_ms > 25 over 5m`.
public struct RunbookCheck: Sendable, Hashable, Codable {
  /// What is looked at.
  public let metric: RunbookMetric
  /// How it is compared.
  public let comparison: Comparison
  /// With what.
  public let value: Double
  /// Over which past time; nil is the node's shortest window.
  public let window: TimeSpan?

  /// Puts them together.
  public init(
    metric: RunbookMetric, comparison: Comparison, value: Double, window: TimeSpan? = nil
  ) {
    self.metric = metric
    self.comparison = comparison
    self.value = value
    self.window = window
  }

  /// The key of its live value: `p99_ms`, or `p99_ms/5m` with a window.
  public var key: String {
    window.map { "\(metric.rawValue)/\($0)" } ?? metric.rawValue
  }
  /// `p99_ms > 25 over 5m`.
  public var sentence: String {
    "\(metric.rawValue) \(comparison.rawValue) \(shortNumber(value))"
      + (window.map { " over \($0)" } ?? "")
  }
}

/// A command that a runbook may give; the endpoint is filled in when it runs.
public enum RunbookAction: String, Sendable, Codable, CaseIterable {
  case pause, abort, rollback, resume, drain, enable, promote, step
  case stepBack = "step-back"

  /// The command for an endpoint, with the symptom as its reason.
  public func command(endpoint: Name, symptom: String) -> Command {
    switch self {
    case .pause: .pause(endpoint: endpoint)
    case .abort: .abort(endpoint: endpoint, reason: symptom)
    case .rollback: .rollBack(endpoint: endpoint, to: nil, symptom: symptom)
    case .resume: .resume(endpoint: endpoint, reason: symptom)
    case .drain: .drainEndpoint(endpoint)
    case .enable: .enableEndpoint(endpoint)
    case .promote: .promote(endpoint: endpoint, reason: symptom)
    case .step: .step(endpoint: endpoint, direction: .next, reason: symptom)
    case .stepBack: .step(endpoint: endpoint, direction: .previous, reason: symptom)
    }
  }
}

/// One step of a runbook.
public enum RunbookStep: Sendable, Hashable {
  /// Looks; the runbook stops where a check does not hold.
  case check(RunbookCheck, text: String)
  /// Acts, when every guard holds just before; else the step is skipped.
  case action(RunbookAction, guards: [RunbookCheck], text: String)
  /// Tells the person something to do or know.
  case note(String)

  /// The step in words.
  public var sentence: String {
    switch self {
    case .check(let check, let text): text.isEmpty ? "check \(check.sentence)" : text
    case .action(let action, let guards, let text):
      (text.isEmpty ? action.rawValue : text)
        + (guards.isEmpty ? "" : ", if " + guards.map(\.sentence).joined(separator: " and "))
    case .note(let text): text
    }
  }
}

/// Symptom, then steps.
public struct Runbook: Sendable, Hashable {
  /// The most steps of a runbook.
  public static let stepsMax = 64
  /// Its name: `high-error-rate`.
  public let name: String
  /// One line for people.
  public let title: String
  /// The kind of symptom it is proposed for: `high-error-rate`, `high-latency`, `drift`.
  public let symptom: String
  /// What to do, in order.
  public let steps: [RunbookStep]

  /// Puts them together.
  public init(name: String, title: String, symptom: String, steps: [RunbookStep]) {
    self.name = name
    self.title = title
    self.symptom = symptom
    self.steps = steps
  }

  /// Checks that it can be run.
  /// - Throws: ``InvalidValue`` that names the field.
  public func validate() throws(InvalidValue) {
    let label = "runbook \"\(printable(name, limit: 60))\""
    guard !name.isEmpty, name.unicodeScalars.count <= 100 else {
      throw InvalidValue("a runbook's name has 1 to 100 characters")
    }
    guard !steps.isEmpty, steps.count <= Runbook.stepsMax else {
      throw InvalidValue("\(label) must have 1 to \(Runbook.stepsMax) steps, got \(steps.count)")
    }
    for (index, step) in steps.enumerated() {
      let checks: [RunbookCheck] =
        switch step {
        case .check(let check, _): [check]
        case .action(_, let guards, _): guards
        case .note: []
        }
      for check in checks where !check.value.isFinite {
        throw InvalidValue("\(label): steps[\(index)] compares with \(check.value): give a number")
      }
    }
  }
}

/// A number as people write it: `25`, `0.05`.
func shortNumber(_ value: Double) -> String {
  guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
  if value == value.rounded() { return String(Int(value)) }
  // Four significant digits are enough to compare by eye.
  var scale = 1.0
  while abs(value) * scale < 1_000, scale < 1e9 { scale *= 10 }
  let rounded = (value * scale).rounded() / scale
  return rounded == rounded.rounded() ? String(Int(rounded)) : "\(rounded)"
}
