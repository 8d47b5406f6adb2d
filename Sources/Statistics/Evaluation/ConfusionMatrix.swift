/// How often each class was answered for each true class.
public struct ConfusionMatrix: Sendable, Hashable {
  /// The number of classes.
  public let classCount: Int
  /// Counts by true class, then by answered class: `counts[truth * classCount + answer]`.
  public private(set) var counts: [Int]

  /// No rows yet.
  /// - Precondition: `classCount` is at least 1.
  public init(classCount: Int) {
    precondition(classCount >= 1, "a classifier has at least one class")
    self.classCount = classCount
    counts = [Int](repeating: 0, count: classCount * classCount)
  }

  /// Counts pairs of true and answered classes.
  /// - Precondition: both lists are equally long and hold 0 to `classCount - 1`.
  public init(truths: [Int], answers: [Int], classCount: Int) {
    precondition(truths.count == answers.count, "as many answers as truths")
    self.init(classCount: classCount)
    for (truth, answer) in zip(truths, answers) { add(truth: truth, answer: answer) }
  }

  /// Counts one row more.
  /// - Precondition: both are 0 to `classCount - 1`.
  /// - Parameter times: how many such rows, 0 or more.
  public mutating func add(truth: Int, answer: Int, times: Int = 1) {
    precondition((0..<classCount).contains(truth) && (0..<classCount).contains(answer))
    counts[truth * classCount + answer] += times
  }

  /// How often class `answer` was answered for rows of class `truth`.
  public func count(truth: Int, answer: Int) -> Int { counts[truth * classCount + answer] }

  /// All rows.
  public var total: Int { counts.reduce(0, +) }
  /// Rows answered rightly.
  public var correct: Int { (0..<classCount).reduce(0) { $0 + count(truth: $1, answer: $1) } }
  /// Rows of a true class.
  public func support(_ label: Int) -> Int {
    (0..<classCount).reduce(0) { $0 + count(truth: label, answer: $1) }
  }
  /// Rows for which a class was answered.
  public func answered(_ label: Int) -> Int {
    (0..<classCount).reduce(0) { $0 + count(truth: $1, answer: label) }
  }
  /// Rows of a class that were answered rightly.
  public func hits(_ label: Int) -> Int { count(truth: label, answer: label) }

  /// The share of rows answered rightly; 0 without rows.
  public var accuracy: Double { ratio(correct, total) }

  /// Of the rows for which the class was answered the share that are of it; 0 when there is none.
  public func precision(_ label: Int) -> Double { ratio(hits(label), answered(label)) }

  /// Of the rows of the class the share for which it was answered; 0 when there is none.
  public func recall(_ label: Int) -> Double { ratio(hits(label), support(label)) }

  /// The harmonic mean of precision and recall; 0 when neither is defined.
  public func f1(_ label: Int) -> Double {
    ratio(2 * hits(label), support(label) + answered(label))
  }

  /// Of the rows of other classes the share for which the class was answered; 0 without such rows.
  public func falsePositiveRate(_ label: Int) -> Double {
    ratio(answered(label) - hits(label), total - support(label))
  }

  /// The share of all rows for which the class was answered; 0 without rows.
  public func selectionRate(_ label: Int) -> Double { ratio(answered(label), total) }

  /// The plain mean over the classes that occur in truths or answers.
  public func macro(_ score: (Int) -> Double) -> Double {
    let labels = (0..<classCount).filter { support($0) + answered($0) > 0 }
    return labels.isEmpty ? 0 : labels.reduce(0) { $0 + score($1) } / Double(labels.count)
  }

  /// The mean over the classes, each weighted with its true rows.
  public func weighted(_ score: (Int) -> Double) -> Double {
    let rows = total
    guard rows > 0 else { return 0 }
    return (0..<classCount).reduce(0) { $0 + score($1) * Double(support($1)) } / Double(rows)
  }

  /// The mean recall over the classes that have true rows.
  public var balancedAccuracy: Double {
    let labels = (0..<classCount).filter { support($0) > 0 }
    return labels.isEmpty ? 0 : labels.reduce(0) { $0 + recall($1) } / Double(labels.count)
  }

  /// Wilson's interval of the accuracy.
  public func accuracyInterval(confidence: Double = 0.95) -> ConfidenceInterval {
    ProportionInterval.wilson(correct, of: total, confidence: confidence)
  }

  /// Wilson's interval of a class's precision.
  public func precisionInterval(_ label: Int, confidence: Double = 0.95) -> ConfidenceInterval {
    ProportionInterval.wilson(hits(label), of: answered(label), confidence: confidence)
  }

  /// Wilson's interval of a class's recall.
  public func recallInterval(_ label: Int, confidence: Double = 0.95) -> ConfidenceInterval {
    ProportionInterval.wilson(hits(label), of: support(label), confidence: confidence)
  }

  /// An interval of a class's F1.
  ///
  /// F1 = 2J / (1 + J) rises with J, the share of hits among the rows that are of the class or were
  /// answered so; J is a share like any other, so Wilson's interval of J is carried over.
  public func f1Interval(_ label: Int, confidence: Double = 0.95) -> ConfidenceInterval {
    let union = support(label) + answered(label) - hits(label)
    let share = ProportionInterval.wilson(hits(label), of: union, confidence: confidence)
    return ConfidenceInterval(
      low: 2 * share.low / (1 + share.low), high: 2 * share.high / (1 + share.high))
  }

  private func ratio(_ part: Int, _ whole: Int) -> Double {
    whole == 0 ? 0 : Double(part) / Double(whole)
  }
}
