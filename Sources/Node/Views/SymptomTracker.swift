import Core

/// What is wrong now, and since when.
///
/// Owned by the analyst's lock.
///
/// A symptom needs enough requests to be one, comes at one level and goes at a lower one, so that
/// it does not flicker.
struct SymptomTracker {
  /// The values of one endpoint over the last minute.
  struct Values {
    var requests: Int
    var errorRate: Double?
    var p99Milliseconds: Double?
    var driftedFeatures: [String]
    /// Why the running rollout is held by the guard; nil when it is not.
    var heldCause: String?
    /// Why a version cannot serve or a change cannot be made; nil when all is well.
    var routingFault: String?
  }

  /// Requests in the minute below which there is no verdict.
  static let minimumRequests = 100
  /// Failed answers, as a share, at which the symptom comes and goes.
  static let errorRateLimits = (on: 0.05, off: 0.03)
  /// The slowest hundredth in milliseconds, at which the symptom comes and goes.
  static let latencyLimitsMilliseconds = (on: 100.0, off: 80.0)

  private var present: [String: Symptom] = [:]

  /// Judges an endpoint's values anew.
  mutating func update(_ endpoint: Name, _ values: Values, now: Timestamp) {
    let enough = values.requests >= SymptomTracker.minimumRequests
    rate(endpoint, enough ? values.errorRate : nil, now)
    latency(endpoint, enough ? values.p99Milliseconds : nil, now)
    set(
      "drift", endpoint, .warn, now,
      values.driftedFeatures.isEmpty
        ? nil
        : "\(endpoint): drift in \(values.driftedFeatures.prefix(3).joined(separator: ", "))"
          + (values.driftedFeatures.count > 3
            ? " and \(values.driftedFeatures.count - 3) more" : ""))
    set(
      "rollout-held", endpoint, .warn, now,
      values.heldCause.map { "\(endpoint): the rollout is held: \($0)" })
    set("routing", endpoint, .bad, now, values.routingFault.map { "\(endpoint): \($0)" })
  }

  /// Says whether the journal can be written.
  mutating func updateJournal(durable: Bool, fault: String?, now: Timestamp) {
    let sentence: String?
    if let fault {
      sentence = "the journal is damaged: \(fault); only rollbacks are done"
    } else if !durable {
      sentence =
        "the journal cannot be written: rollbacks work, nothing else does; free space on the disk"
    } else {
      sentence = nil
    }
    set("journal", nil, .bad, now, sentence)
  }

  /// Says which versions did not answer when they were asked.
  mutating func updateProbes(_ failures: [Prober.Failure], now: Timestamp) {
    for symptom in present.values where symptom.kind == "probe" {
      guard let endpoint = symptom.endpoint,
        !failures.contains(where: { $0.endpoint == endpoint })
      else { continue }
      set("probe", endpoint, .bad, now, nil)
    }
    for failure in failures {
      set(
        "probe", failure.endpoint, .bad, now,
        "\(failure.endpoint): \(printable(failure.sentence, limit: 300))")
    }
  }

  /// Says which version waits for a person, and why the last retraining made none.
  mutating func updateRetraining(
    _ endpoint: Name, proposal: String?, fault: String?, now: Timestamp
  ) {
    set("proposal", endpoint, .ok, now, proposal.map { "\(endpoint): \($0)" })
    set("retraining", endpoint, .warn, now, fault.map { "\(endpoint): \($0)" })
  }

  /// Says whether signed checkpoints of the journal can be written.
  mutating func updateCheckpoints(fault: String?, now: Timestamp) {
    set(
      "checkpoints", nil, .warn, now,
      fault.map { "no signed checkpoint of the journal can be written: \($0)" })
  }

  /// All present symptoms, worst first, then oldest first.
  var symptoms: [Symptom] {
    present.values.sorted {
      ($1.severity, $0.since, $0.kind) < ($0.severity, $1.since, $1.kind)
    }
  }

  /// The worst severity present on an endpoint.
  func severity(of endpoint: Name) -> Severity {
    present.values.filter { $0.endpoint == endpoint }.map(\.severity).max() ?? .ok
  }

  private mutating func rate(_ endpoint: Name, _ rate: Double?, _ now: Timestamp) {
    let limits = SymptomTracker.errorRateLimits
    let isOn = present[key("high-error-rate", endpoint)] != nil
    // Missing data keeps the state: an outage of traffic is not a recovery.
    guard let rate else { return }
    set(
      "high-error-rate", endpoint, .bad, now,
      rate > (isOn ? limits.off : limits.on)
        ? "\(endpoint): \(decimal(rate * 100, 1)) % of the answers fail" : nil)
  }

  private mutating func latency(_ endpoint: Name, _ p99: Double?, _ now: Timestamp) {
    let limits = SymptomTracker.latencyLimitsMilliseconds
    let isOn = present[key("high-latency", endpoint)] != nil
    guard let p99 else { return }
    set(
      "high-latency", endpoint, .warn, now,
      p99 > (isOn ? limits.off : limits.on)
        ? "\(endpoint): the slowest hundredth takes \(decimal(p99, 1)) ms" : nil)
  }

  private mutating func set(
    _ kind: String, _ endpoint: Name?, _ severity: Severity, _ now: Timestamp, _ sentence: String?
  ) {
    let key = key(kind, endpoint)
    guard let sentence else {
      present[key] = nil
      return
    }
    present[key] = Symptom(
      kind: kind, endpoint: endpoint, severity: severity, sentence: sentence,
      since: present[key]?.since ?? now)
  }

  private func key(_ kind: String, _ endpoint: Name?) -> String {
    "\(kind) \(endpoint?.text ?? "")"
  }
}
