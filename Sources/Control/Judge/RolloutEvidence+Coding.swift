import Core

extension RolloutEvidence.Epoch {
  private enum Key: String, CodingKey {
    case weight, whole, errors, wrongAnswers, latency, predictions, confidence, scores, drawn
  }

  /// Decodes an epoch; what older journals do not know of is empty.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    self.init(
      weight: try values.decode(BasisPoints.self, forKey: .weight),
      whole: try values.decodeIfPresent(BasisPoints.self, forKey: .whole))
    typealias Counts = RolloutEvidence.Counts
    errors = try values.decode(Counts.self, forKey: .errors)
    wrongAnswers = try values.decode(Counts.self, forKey: .wrongAnswers)
    latency = try values.decode([Counts].self, forKey: .latency)
    predictions = try values.decodeIfPresent([Counts].self, forKey: .predictions) ?? []
    confidence = try values.decodeIfPresent([Counts].self, forKey: .confidence) ?? confidence
    scores = try values.decodeIfPresent([Counts].self, forKey: .scores) ?? scores
    drawn = try values.decodeIfPresent(Counts.self, forKey: .drawn) ?? drawn
  }
}

extension [RolloutEvidence.Counts] {
  /// Adds to one stream; one that is not there is ignored.
  mutating func add(_ stream: Int, _ arm: RolloutEvidence.Arm, bad: Int, total: Int) {
    guard indices.contains(stream) else { return }
    self[stream].add(arm, bad: bad, total: total)
  }
}
