import Core
import Inference

/// A column of few different texts: each text once, and its number in every row.
struct WordColumn {
  /// The number of each row's text.
  private(set) var rows: [Int32] = []
  /// The texts in the order in which they came.
  private(set) var words: [String] = []
  /// Where each text came first.
  private(set) var places: [String] = []
  private var numbers: [String: Int32] = [:]

  /// Adds a row.
  mutating func add(_ word: String, place: () -> String) {
    if let number = numbers[word] { return rows.append(number) }
    let number = Int32(words.count)
    numbers[word] = number
    words.append(word)
    places.append(place())
    rows.append(number)
  }
}

/// What a model says of labelled rows, with the truths: everything that scores are made of.
struct AnswerTable {
  /// What the answers are.
  enum Kind: Equatable {
    /// Classes: the output of labels and that of scores, at least one of them.
    case classes(label: Int?, scores: Int?)
    /// One number a row, of this output.
    case number(Int)
  }

  let kind: Kind
  /// Where the rows come from.
  let origin: String
  private(set) var rows = 0
  /// Right and given labels of a classifier.
  private(set) var truths = WordColumn()
  private(set) var answers = WordColumn()
  /// Scores row after row, for a regression the answers.
  private(set) var scores: [Double] = []
  private(set) var scoreWidth = 0
  let scoreNames: [String]?
  /// The right numbers of a regression.
  private(set) var numbers: [Double] = []
  /// The values of each segment column.
  private(set) var segments: [WordColumn] = []

  private static let wordsMax = 10_000
  private static let segmentValuesMax = 1_000

  /// Answers all rows of the file, in memory that grows only by what is kept of a row.
  /// - Throws: a ``Failure``: a row, label or answer is no good, or there are too many rows.
  static func read(
    _ model: any BatchModel, _ options: EvaluationOptions
  ) throws -> AnswerTable {
    let layout = try RowLayout(model.signature)
    for name in [options.label] where layout.targets[name] != nil {
      throw NodeError(
        .badInput, "the column \"\(printable(name))\" is an input of the model, not a label")
    }
    let beside = [options.label] + options.segments.filter { layout.targets[$0] == nil }
    guard Set(options.segments).count == options.segments.count,
      !beside.dropFirst().contains(
        options.label)
    else { throw NodeError(.badInput, "a segment is named twice, or is the label") }
    let rows = try LabelledRows(options.rowsPath, model.signature, beside: beside)
    let answerer = try model.makeAnswerer(maxRows: layout.fixedRows ?? 1_024)
    let places = try options.segments.map { name in
      guard let target = rows.layout.targets[name], let element = target.element else {
        throw NodeError(
          .badInput, "the segment \"\(printable(name))\" has several values a row: name one")
      }
      return (input: target.input, element: element)
    }
    var table: AnswerTable?
    while try rows.next({ batch in
      let outputs = try answerer.answer(
        Array(batch.columns.prefix(rows.inputCount)), rows: batch.rows)
      if table == nil {
        table = AnswerTable(
          try kind(outputs, model, options.task), rows.name, model.elementNames,
          segments: options.segments.count)
      }
      try table?.add(batch, outputs, rows, places, options)
    }), table?.rows ?? 0 < options.rowsMax {}
    guard let table else {
      throw NodeError(.badInput, "\(rows.name) has no rows to evaluate on")
    }
    return table
  }

  private init(_ kind: Kind, _ origin: String, _ names: [[String]?], segments count: Int) {
    self.kind = kind
    self.origin = origin
    segments = [WordColumn](repeating: WordColumn(), count: count)
    if case .classes(_, let scores?) = kind { scoreNames = names[scores] } else { scoreNames = nil }
  }

  /// Finds out what the outputs are.
  private static func kind(
    _ outputs: [BatchOutput], _ model: any BatchModel, _ task: EvaluationTask
  ) throws(NodeError) -> Kind {
    func isFloat(_ output: BatchOutput) -> Bool {
      switch output.values {
      case .float32, .float64: true
      default: false
      }
    }
    let label = outputs.firstIndex { !isFloat($0) && $0.width == 1 }
    let vector = outputs.indices.first {
      isFloat(outputs[$0]) && (outputs[$0].width > 1 || model.elementNames[$0] != nil)
    }
    let single = outputs.firstIndex { isFloat($0) && $0.width == 1 }
    if task == .regression {
      guard let output = single ?? label else {
        throw NodeError(.badInput, "the model gives no single number a row: it is no regression")
      }
      return .number(output)
    }
    if label != nil || vector != nil { return .classes(label: label, scores: vector ?? single) }
    guard let single else {
      throw NodeError(
        .badInput, "the model gives neither labels nor scores nor one number a row")
    }
    return task == .classification ? .classes(label: nil, scores: single) : .number(single)
  }

  private mutating func add(
    _ batch: LabelledRows.Batch, _ outputs: [BatchOutput], _ file: LabelledRows,
    _ places: [(input: Int, element: Int)], _ options: EvaluationOptions
  ) throws {
    let count = min(batch.rows, options.rowsMax - rows)
    guard count > 0 else { return }
    guard case .text(let labels) = batch.columns[file.inputCount] else { return }
    let column = "column \"\(printable(options.label, limit: 60))\""
    for row in 0..<count {
      let truth = labels[row].string
      guard !truth.isEmpty else {
        throw NodeError(.badInput, "\(batch.place(row)): \(column): the label is missing")
      }
      switch kind {
      case .number(let output):
        guard let number = Double(truth), number.isFinite else {
          throw NodeError(
            .badInput,
            "\(batch.place(row)): \(column): expected a number, got "
              + "\"\(printable(truth, limit: 40))\" (--task classification takes labels)")
        }
        numbers.append(number)
        scores.append(try self.number(outputs[output], row, batch))
        scoreWidth = 1
      case .classes(let label, let scored):
        truths.add(ClassNames.canonical(truth)) { batch.place(row) }
        if let label {
          answers.add(ClassNames.canonical(word(outputs[label].values, row))) { batch.place(row) }
        }
        if let scored {
          scoreWidth = outputs[scored].width
          for element in 0..<scoreWidth {
            scores.append(try number(outputs[scored], row * scoreWidth + element, batch))
          }
        }
      }
      for (index, place) in places.enumerated() {
        let width = file.layout.inputs[place.input].width
        segments[index].add(word(batch.columns[place.input], row * width + place.element)) { "" }
      }
    }
    rows += count
    try checkSizes(column, options)
  }

  private func checkSizes(_ column: String, _ options: EvaluationOptions) throws(NodeError) {
    guard truths.words.count <= AnswerTable.wordsMax else {
      throw NodeError(
        .badInput,
        "\(column) has more than \(AnswerTable.wordsMax) different labels: these are no classes")
    }
    for (name, segment) in zip(options.segments, segments)
    where segment.words.count > AnswerTable.segmentValuesMax {
      throw NodeError(
        .badInput,
        "the column \"\(printable(name, limit: 60))\" has more than "
          + "\(AnswerTable.segmentValuesMax) different values: it does not divide into segments")
    }
    let kept = scores.count + rows * (2 + segments.count)
    guard kept <= EvaluationOptions.numbersMax else {
      throw NodeError(
        .badInput,
        "\(origin) has more rows than can be evaluated at once: \(rows) fit for this model")
    }
  }

  private func number(
    _ output: BatchOutput, _ index: Int, _ batch: LabelledRows.Batch
  ) throws(NodeError) -> Double {
    let value: Double
    switch output.values {
    case .float32(let values): value = Double(values[index])
    case .float64(let values): value = values[index]
    case .int64(let values): value = Double(values[index])
    case .int32(let values): value = Double(values[index])
    case .bool(let values): value = Double(values[index])
    case .text(let values): value = Double(values[index].string) ?? .nan
    }
    guard value.isFinite else {
      throw NodeError(
        .refused,
        "\(batch.place(index / max(1, output.width))): the model answers \(value), which no score "
          + "can be made of")
    }
    return value
  }

  private func word(_ values: ColumnPointer, _ index: Int) -> String {
    switch values {
    case .float32(let base): ClassNames.canonical("\(base[index])")
    case .float64(let base): ClassNames.canonical("\(base[index])")
    case .int64(let base): "\(base[index])"
    case .int32(let base): "\(base[index])"
    case .bool(let base): base[index] == 0 ? "false" : "true"
    case .text(let base): base[index].string
    }
  }
}
