import Core
import Statistics

/// Truths, answers and scores of a classifier, by class.
struct ClassifiedRows {
  let classes: [String]
  /// The class that matters; nil with more than two and none named.
  let positive: Int?
  let truths: [Int]
  let answers: [Int]
  /// Row after row, a score for each class; nil when the model gives none.
  let scores: [Double]?
  /// Whether ``scores`` are probabilities.
  let hasProbabilities: Bool
  let notes: [String]

  /// - Throws: ``NodeError``: labels or classes do not fit.
  init(_ table: AnswerTable, _ options: EvaluationOptions) throws(NodeError) {
    let found = try ClassNames(table, label: options.label)
    var notes = found.note.map { [$0] } ?? []
    classes = found.names
    let count = classes.count
    positive = try ClassifiedRows.positive(options.positive, classes)
    let number = Dictionary(uniqueKeysWithValues: zip(classes, 0...))
    let known = found.names
    let truthWords = ClassNames.aligned(table.truths.words, to: known).map { number[$0] ?? 0 }
    truths = table.truths.rows.map { truthWords[Int($0)] }
    let scores = ClassifiedRows.scores(table, count)
    self.scores = scores
    if table.answers.rows.isEmpty, let scores {
      answers = (0..<table.rows).map { ClassifiedRows.largest(scores, $0, count) }
    } else {
      let words = table.answers.words.map { number[$0] ?? 0 }
      answers = table.answers.rows.map { words[Int($0)] }
    }
    hasProbabilities = scores.map { ClassifiedRows.areProbabilities($0, count) } ?? false
    if scores == nil {
      notes.append("the model gives no scores: there is nothing to rank or calibrate")
    } else if !hasProbabilities {
      notes.append("the scores are no probabilities: they are ranked only")
    }
    self.notes = notes
  }

  private static func positive(_ word: String?, _ classes: [String]) throws(NodeError) -> Int? {
    guard let word else { return classes.count == 2 ? 1 : nil }
    let wanted = ClassNames.aligned([ClassNames.canonical(word)], to: classes)
    guard let index = classes.firstIndex(of: wanted.first ?? word) else {
      throw NodeError(
        .badInput,
        "the positive class \"\(printable(word, limit: 40))\" is none of the model's classes "
          + classes.prefix(10).map { printable($0, limit: 40) }.joined(separator: ", "))
    }
    return index
  }

  /// A score for each class; the one score of a row is that of the second of two.
  private static func scores(_ table: AnswerTable, _ count: Int) -> [Double]? {
    guard table.scoreWidth > 0, count >= 2 else { return nil }
    guard table.scoreWidth == 1 else { return table.scores }
    return table.scores.flatMap { [1 - $0, $0] }
  }

  /// The class with the largest score; of equal ones the first, as numpy's argmax.
  private static func largest(_ scores: [Double], _ row: Int, _ count: Int) -> Int {
    var best = 0
    for index in 1..<max(1, count) where scores[row * count + index] > scores[row * count + best] {
      best = index
    }
    return best
  }

  private static func areProbabilities(_ scores: [Double], _ count: Int) -> Bool {
    for start in stride(from: 0, to: scores.count, by: count) {
      var sum = 0.0
      for index in start..<start + count {
        guard scores[index] >= -1e-6, scores[index] <= 1 + 1e-6 else { return false }
        sum += scores[index]
      }
      guard abs(sum - 1) <= 1e-3 else { return false }
    }
    return true
  }

  /// How often each class was answered for each true one.
  func confusion(_ rows: some Sequence<Int>) -> ConfusionMatrix {
    var matrix = ConfusionMatrix(classCount: classes.count)
    for row in rows { matrix.add(truth: truths[row], answer: answers[row]) }
    return matrix
  }

  /// The same when each row comes as often as told.
  func confusion(drawn: [Int32]) -> ConfusionMatrix {
    var matrix = ConfusionMatrix(classCount: classes.count)
    for row in truths.indices where drawn[row] > 0 {
      matrix.add(truth: truths[row], answer: answers[row], times: Int(drawn[row]))
    }
    return matrix
  }

  /// The scores of one class, and which rows are of it.
  func ranked(_ label: Int, _ rows: [Int]) -> (scores: [Double], isPositive: [Bool])? {
    guard let scores else { return nil }
    return (
      rows.map { scores[$0 * classes.count + label] }, rows.map { truths[$0] == label }
    )
  }
}
