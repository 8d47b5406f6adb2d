import Core

/// What the headless demonstration did and measured; its JSON is a documented contract.
public struct DemoReport: Sendable, Encodable {
  /// One part of the scenario.
  public struct Phase: Sendable, Encodable {
    /// `steady`, `good-ramp`, `bad-candidate`, `rollbacks`, `crash`, `after`.
    public var name: String
    /// Whether what should happen did.
    public var passed: Bool
    /// How long it took.
    public var seconds: Double
    /// Requests answered during it.
    public var requests: Int
    /// What happened, in a sentence.
    public var summary: String
  }

  /// Requests over the whole scenario.
  public struct Requests: Sendable, Encodable {
    /// Answered by the node, over all its lives.
    public var total = 0
    /// Answered with a failure.
    public var failed = 0
    /// Routed to a version after its fence; the promise is 0.
    public var routedAfterFence = 0
    /// Late labels that came back and found their answer.
    public var labels = 0

    enum CodingKeys: String, CodingKey {
      case total, failed, labels
      case routedAfterFence = "routed_after_fence"
    }
  }

  /// What the bad candidate cost before the guard took it off.
  public struct BadCandidate: Sendable, Encodable {
    /// Whether the guard rolled it back by itself.
    public var rolledBack = false
    /// Requests that it answered.
    public var candidateRequests = 0
    /// Wrong answers beyond what the stable version would have given to as many labelled requests.
    public var extraBadAnswers = 0.0
    /// Wrong answers among its labelled ones.
    public var wrong = 0
    /// Its labelled answers.
    public var labelled = 0
    /// The stable's share of wrong answers in the same time.
    public var stableWrongRate = 0.0
    /// The evidence when it was taken off.
    public var evidence = 0.0
    /// Why, in the guard's words.
    public var cause = ""

    enum CodingKeys: String, CodingKey {
      case evidence, cause, wrong, labelled
      case rolledBack = "rolled_back"
      case candidateRequests = "candidate_requests"
      case extraBadAnswers = "extra_bad_answers"
      case stableWrongRate = "stable_wrong_rate"
    }
  }

  /// Rollbacks by hand under load.
  public struct Rollback: Sendable, Encodable {
    /// How many were done.
    public var count = 0
    /// From the node's receipt of the command until no later request can be routed to the closed
    /// version, microseconds.
    public var decisionToLastRoutedMedian = 0.0
    /// The same, 99th percentile.
    public var decisionToLastRouted99 = 0.0
    /// The same, largest.
    public var decisionToLastRoutedMax = 0.0
    /// From receipt until the journal is on disk, milliseconds.
    public var durableMedian = 0.0
    /// The same, 99th percentile.
    public var durable99 = 0.0
    /// The same, largest.
    public var durableMax = 0.0

    enum CodingKeys: String, CodingKey {
      case count
      case decisionToLastRoutedMedian = "decision_to_last_routed_us_p50"
      case decisionToLastRouted99 = "decision_to_last_routed_us_p99"
      case decisionToLastRoutedMax = "decision_to_last_routed_us_max"
      case durableMedian = "durable_ms_p50"
      case durable99 = "durable_ms_p99"
      case durableMax = "durable_ms_max"
    }
  }

  /// The node killed with `kill -9` in the middle of a ramp.
  public struct Crash: Sendable, Encodable {
    /// Whether the restarted node held exactly the last acknowledged state.
    public var stateKept = false
    /// Journal rows before the kill and after the restart.
    public var sequenceBefore = 0
    /// Journal rows after the restart, before any new command.
    public var sequenceAfter = 0
    /// From start of the process to the first answered request on its socket, milliseconds.
    public var restartMilliseconds = 0.0

    enum CodingKeys: String, CodingKey {
      case stateKept = "state_kept"
      case sequenceBefore = "sequence_before"
      case sequenceAfter = "sequence_after"
      case restartMilliseconds = "restart_ms"
    }
  }

  /// Each part, in order.
  public var phases: [Phase] = []
  /// Requests over all parts.
  public var requests = Requests()
  /// The bad candidate.
  public var badCandidate = BadCandidate()
  /// Rollbacks by hand.
  public var rollback = Rollback()
  /// The kill.
  public var crash = Crash()
  /// The journal's rows and whether its chain holds.
  public var journalRows = 0
  /// Nil when the journal's chain holds.
  public var journalFault: String?

  /// Whether every part passed, no request failed and none was routed after a fence.
  public var succeeded: Bool {
    phases.allSatisfy(\.passed) && requests.failed == 0 && requests.routedAfterFence == 0
      && journalFault == nil
  }

  enum CodingKeys: String, CodingKey {
    case phases, requests, rollback, crash, succeeded
    case badCandidate = "bad_candidate"
    case journalRows = "journal_rows"
    case journalFault = "journal_fault"
  }

  /// Encodes all of it, with `succeeded` computed.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(phases, forKey: .phases)
    try container.encode(requests, forKey: .requests)
    try container.encode(badCandidate, forKey: .badCandidate)
    try container.encode(rollback, forKey: .rollback)
    try container.encode(crash, forKey: .crash)
    try container.encode(journalRows, forKey: .journalRows)
    try container.encode(journalFault, forKey: .journalFault)
    try container.encode(succeeded, forKey: .succeeded)
  }

  /// The report for people, a line each.
  public var text: [String] {
    var lines = phases.map { phase in
      "\(phase.passed ? "ok  " : "FAIL") \(phase.name): \(phase.summary) "
        + "(\(decimal(phase.seconds, 1)) s, \(phase.requests) requests)"
    }
    lines.append(
      "requests: \(requests.total) answered, \(requests.failed) failed, "
        + "\(requests.routedAfterFence) routed after a fence, \(requests.labels) late labels")
    lines.append(
      "rollback: \(rollback.count) under load; decision to last routed p99 "
        + "\(decimal(rollback.decisionToLastRouted99, 1)) us; durable p99 "
        + "\(decimal(rollback.durable99, 2)) ms")
    lines.append(
      "journal: \(journalRows) rows, "
        + (journalFault.map { "BROKEN: \($0)" } ?? "the chain holds"))
    return lines
  }
}

/// `value` with so many digits after the point, for people.
func decimal(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return "-" }
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let scaled = (abs(value) * scale).rounded()
  guard scaled < 1e15 else { return "\(value)" }
  let whole = Int(scaled)
  let sign = value < 0 && whole > 0 ? "-" : ""
  if digits == 0 { return "\(sign)\(whole)" }
  let unit = Int(scale)
  return "\(sign)\(whole / unit).\(padded(whole % unit, digits))"
}
