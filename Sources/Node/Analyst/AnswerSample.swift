import Control
import Telemetry

/// A version's latest answers, from which is taken what it usually says.
///
/// Owned by the analyst's lock.
struct AnswerSample {
  /// Answers kept; more than ``Control/LatencyThresholds/minimumAnswers`` need.
  static let capacity = 8_192
  /// So many of the answers at most may lack a label, or a score, for it to be compared.
  private static let missingShareMax = 0.5
  /// A part of the stable's values so great lies below its usual range, and as much above.
  private static let tail = 0.05

  private var labels: [TextKey] = []
  private var scores: [Float] = []
  private var next = 0

  /// Keeps an answer in place of the oldest.
  mutating func add(label: TextKey, score: Float) {
    if labels.count < AnswerSample.capacity {
      if labels.isEmpty {
        labels.reserveCapacity(AnswerSample.capacity)
        scores.reserveCapacity(AnswerSample.capacity)
      }
      labels.append(label)
      scores.append(score)
    } else {
      labels[next] = label
      scores[next] = score
      next = (next + 1) % AnswerSample.capacity
    }
  }

  /// What the version usually says; nil while it has answered too little.
  func profile() -> StableProfile? {
    guard labels.count >= LatencyThresholds.minimumAnswers else { return nil }
    let common = commonLabels()
    let values = scores.filter { $0.isFinite }.map(Double.init)
    let isScored = Double(values.count) >= Double(scores.count) * AnswerSample.missingShareMax
    // A probability of one of two classes: the label says which, the score how likely it is.
    let isTwoClass = common.count <= 2 && values.allSatisfy { (0...1).contains($0) }
    let confidences = isTwoClass ? values.map { max($0, 1 - $0) } : values
    return StableProfile(
      labels: common, scoreRange: isScored ? AnswerSample.range(values) : nil,
      confidenceRange: isScored ? AnswerSample.range(confidences) : nil, isTwoClass: isTwoClass)
  }

  /// Its labels, the most frequent first, equally frequent ones by name.
  private func commonLabels() -> [String] {
    var counts: [TextKey: Int] = [:]
    for label in labels where !label.isMissing { counts[label, default: 0] += 1 }
    let given = counts.values.reduce(0, +)
    guard Double(given) >= Double(labels.count) * AnswerSample.missingShareMax else { return [] }
    let ordered = counts.map { (text: $0.key.text, count: $0.value) }
      .sorted { ($1.count, $0.text) < ($0.count, $1.text) }
    return ordered.map(\.text)
  }

  private static func range(_ values: [Double]) -> StableProfile.Range? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let place = Int(tail * Double(sorted.count))
    return StableProfile.Range(low: sorted[place], high: sorted[sorted.count - 1 - place])
  }
}

/// The keys of a rollout whose first request has been seen.
///
/// Where the key decides the arm only its first request is a draw; the later ones repeat it. Keys
/// are told apart by the 64 bits of their hash, up to a limit: from then on no request with a key
/// is evidence, known or new, because the two can no longer be told apart. A node that was started
/// again tells keys apart anew, so a key may count once more after each start.
struct KeyLedger {
  /// Keys that are told apart in a rollout; 32 MB at most.
  static let keysMax = 1_000_000
  private var seen: Set<UInt64> = []
  private let limit: Int

  init(limit: Int = KeyLedger.keysMax) { self.limit = limit }

  /// Notes a request with a key and says whether it is the key's first.
  mutating func isFirst(_ hash: UInt64) -> Bool {
    seen.count < limit && seen.insert(hash).inserted
  }
}

/// The places of labels in a profile, found by text once and by 16 bytes from then on.
struct LabelPlaces {
  /// Labels remembered; a model with more begins anew.
  private static let limit = 1_024
  private var places: [TextKey: Int] = [:]

  /// The place of a label among `labels`, their count for any other, nil when there is none.
  mutating func place(of label: TextKey, in labels: [String]) -> Int? {
    if label.isMissing { return nil }
    if let known = places[label] { return known }
    if places.count >= LabelPlaces.limit { places.removeAll(keepingCapacity: true) }
    let place = labels.firstIndex(of: label.text) ?? labels.count
    places[label] = place
    return place
  }
}
