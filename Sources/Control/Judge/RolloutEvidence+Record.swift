import Core

extension RolloutEvidence {
  /// Adds events of one kind.
  ///
  /// Some metrics have several streams; `stream` says which (latency: p50, p90, p99; predictions:
  /// the class; confidence and scores: below, above) and the others ignore it.
  /// - Parameters:
  ///   - bad: how many of `count` were bad.
  ///   - epoch: where the requests were routed; nil is the present one. An epoch that never was is
  ///     ignored.
  ///   - segment: the place in ``segments`` of the requests' segment, for failures, wrong answers
  ///     and latency; nil when they are of none.
  public mutating func record(
    metric: Metric, arm: Arm, bad: Int, count: Int, epoch: Int? = nil, stream: Int = 0,
    segment: Int? = nil
  ) {
    let index = epoch ?? self.epoch
    guard epochs.indices.contains(index) else { return }
    if segment != nil {
      addToSegment(segment, metric, arm, bad: bad, total: count, epoch: index, stream: stream)
    }
    switch metric {
    case .errors: epochs[index].errors.add(arm, bad: bad, total: count)
    case .wrongAnswers: epochs[index].wrongAnswers.add(arm, bad: bad, total: count)
    case .latency: epochs[index].latency.add(stream, arm, bad: bad, total: count)
    case .predictions:
      guard let profile, stream >= 0, stream < profile.streamCount else { return }
      while epochs[index].predictions.count < profile.streamCount {
        epochs[index].predictions.append(Counts())
      }
      epochs[index].predictions.add(stream, arm, bad: bad, total: count)
    case .confidence: epochs[index].confidence.add(stream, arm, bad: bad, total: count)
    case .scores: epochs[index].scores.add(stream, arm, bad: bad, total: count)
    // Seen on copied requests only: ``recordShadowPair(_:)``.
    case .disagreement: break
    }
  }

  /// Counts what an answer said, against what the stable usually says.
  ///
  /// Nothing is counted before ``judgeAnswers(by:)``, and nothing that the answer does not have.
  /// - Parameters:
  ///   - label: the place of the answer's label in ``StableProfile/labels``; their count for any
  ///     other label, nil when the answer has none.
  ///   - score: the answer's score.
  ///   - confidence: how sure the model was, the greatest of its probabilities.
  public mutating func recordValues(
    _ arm: Arm, label: Int?, score: Double?, confidence: Double?, epoch: Int? = nil
  ) {
    guard let profile else { return }
    if let label, label >= 0, label < profile.streamCount {
      for stream in 0..<profile.streamCount {
        record(
          metric: .predictions, arm: arm, bad: stream == label ? 1 : 0, count: 1, epoch: epoch,
          stream: stream)
      }
    }
    recordRange(.scores, arm, score, profile.scoreRange, epoch)
    recordRange(.confidence, arm, confidence, profile.confidenceRange, epoch)
  }

  private mutating func recordRange(
    _ metric: Metric, _ arm: Arm, _ value: Double?, _ range: StableProfile.Range?, _ epoch: Int?
  ) {
    guard let value, let range, !value.isNaN else { return }
    record(
      metric: metric, arm: arm, bad: value < range.low ? 1 : 0, count: 1, epoch: epoch, stream: 0)
    record(
      metric: metric, arm: arm, bad: value > range.high ? 1 : 0, count: 1, epoch: epoch, stream: 1)
  }

  /// Counts one answer: its outcome, its time against the thresholds, the breaker, the step.
  ///
  /// The time of a failed answer is not judged; its failure is.
  /// - Parameter segment: the place in ``segments`` of the request's segment.
  public mutating func recordAnswer(
    _ arm: Arm, failed: Bool, latencyMicroseconds: Int, epoch: Int? = nil, segment: Int? = nil
  ) {
    record(
      metric: .errors, arm: arm, bad: failed ? 1 : 0, count: 1, epoch: epoch, segment: segment)
    if let thresholds, !failed {
      for (quantile, limit) in thresholds.all.enumerated() {
        record(
          metric: .latency, arm: arm, bad: latencyMicroseconds > limit ? 1 : 0, count: 1,
          epoch: epoch, stream: quantile, segment: segment)
      }
    }
    if arm == .candidate { countCandidate(failed: failed) }
  }

  /// Counts the arm of a drawn request, whatever came of it: every one, or where the key decides
  /// the first of each key.
  public mutating func recordDraw(_ arm: Arm, epoch: Int? = nil) {
    let index = epoch ?? self.epoch
    guard epochs.indices.contains(index) else { return }
    epochs[index].drawn.add(arm, bad: 0, total: 1)
  }

  /// Counts a late label of an answer that was routed in `epoch`.
  /// - Parameter segment: the place in ``segments`` of the request's segment.
  public mutating func recordLabel(
    _ arm: Arm, wrong: Bool, epoch: Int? = nil, segment: Int? = nil
  ) {
    record(
      metric: .wrongAnswers, arm: arm, bad: wrong ? 1 : 0, count: 1, epoch: epoch,
      segment: segment)
  }

  /// Counts a candidate's answer that is left out of the judgement (a cold instance, a later
  /// request of the same key): for the breaker and the step only.
  public mutating func recordWarmUp(failed: Bool) { countCandidate(failed: failed) }

  /// Adds a time in which the endpoint had traffic.
  public mutating func observedTime(add span: TimeSpan) {
    guard span > .zero else { return }
    stepObserved = TimeSpan(
      microseconds: saturated(stepObserved.microseconds, span.microseconds))
    idle = .zero
    look(after: span)
    updateRivals { $0.observedTime(add: span) }
  }

  /// Adds a time without traffic; it does not count for the step.
  public mutating func idleTime(add span: TimeSpan) {
    guard span > .zero else { return }
    idle = TimeSpan(microseconds: saturated(idle.microseconds, span.microseconds))
    updateRivals { $0.idleTime(add: span) }
  }

  /// Adds a time in which a node watched the rollout.
  public mutating func watchedTime(add span: TimeSpan) {
    guard span > .zero else { return }
    watched = TimeSpan(
      microseconds: saturated((watched ?? .zero).microseconds, span.microseconds))
  }

  private mutating func countCandidate(failed: Bool) {
    candidateRequests = saturated(candidateRequests, 1)
    countStep(failed: failed)
  }

  /// Counts an answer of the candidate for the step and the breaker.
  mutating func countStep(failed: Bool) {
    stepCandidateRequests = saturated(stepCandidateRequests, 1)
    consecutiveFailures = failed ? saturated(consecutiveFailures, 1) : 0
  }
}

/// The sum, or the greatest number where it would overflow.
func saturated<Number: FixedWidthInteger>(_ a: Number, _ b: Number) -> Number {
  let (sum, overflow) = a.addingReportingOverflow(b)
  return overflow ? Number.max : sum
}
