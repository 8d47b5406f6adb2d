import Core
import Glibc
import Inference
import Telemetry

/// Rows that two models are compared on, with their labels when there are any.
final class EvaluationRows {
  /// The most rows that are read: enough for a change of one answer in 10,000 to show.
  static let rowsMax = 20_000
  /// How many rows are made up.
  static let randomRows = 2_000

  /// Where they come from, in words: `eval.csv`.
  let origin: String
  let layout: RowLayout
  let batch: RowBatch
  /// The right answer of each row as the file has it; empty without a label column.
  let labels: [String]

  private init(origin: String, layout: RowLayout, batch: RowBatch, labels: [String]) {
    self.origin = origin
    self.layout = layout
    self.batch = batch
    self.labels = labels
  }

  /// Reads rows of a CSV, JSON lines or npy file, and the column of labels if one is named.
  /// - Throws: ``NodeError``: a row or the file is no good.
  static func read(
    _ path: String, label: String?, limit: Int, _ signature: Signature
  ) throws -> EvaluationRows {
    let layout = try RowLayout(signature)
    if let label, layout.targets[label] != nil {
      throw NodeError(
        .badInput, "the column \"\(printable(label))\" is an input of the model, not a label")
    }
    // A label is read as one more text of each row.
    let extra = label.map { [TensorSpec(name: $0, elementType: .text, shape: [nil, 1])] } ?? []
    let wide = try RowLayout(
      Signature(inputs: signature.inputs + extra, outputs: signature.outputs))
    let batch = try RowTable.read(path, wide, rowsMax: min(limit, rowsMax))
    guard batch.rows > 0 else {
      throw NodeError(.badInput, "\(printable(path)) has no rows to compare on")
    }
    var labels: [String] = []
    if label != nil {
      batch.withColumns { columns in
        if case .text(let texts)? = columns.last {
          labels = (0..<batch.rows).map { texts[$0].string }
        }
      }
    }
    return EvaluationRows(origin: printable(path), layout: layout, batch: batch, labels: labels)
  }

  /// Makes rows up: drawn from the training reference where it knows an input, else numbers from a
  /// standard normal distribution, small whole numbers, and one text.
  static func random(
    _ signature: Signature, _ reference: Reference?, limit: Int
  ) throws -> EvaluationRows {
    let layout = try RowLayout(signature)
    let count = min(limit, randomRows)
    let batch = RowBatch(layout, capacity: count, copiesTexts: true)
    var random = SplitMix64(seed: 0x5EED)
    let known = Dictionary(
      (reference?.features ?? []).filter { !$0.isOutput }.map { ($0.name, $0) },
      uniquingKeysWith: { first, _ in first })
    for row in 0..<count {
      for (index, input) in layout.inputs.enumerated() {
        for element in 0..<input.width {
          draw(
            known[input.name], input, into: batch, index, element, random: &random)
        }
      }
      batch.keepRow(place: row + 1)
    }
    let found = layout.inputs.count { known[$0.name] != nil }
    let origin =
      found == 0
      ? "random rows (give real ones with --rows)"
      : "random rows, \(found) of \(layout.inputs.count) inputs as in the training reference"
    return EvaluationRows(origin: origin, layout: layout, batch: batch, labels: [])
  }

  private static func draw(
    _ feature: Reference.Feature?, _ input: RowLayout.Input, into batch: RowBatch, _ index: Int,
    _ element: Int, random: inout SplitMix64
  ) {
    var text = "a"
    var number = normal(&random)
    if let feature {
      let isMissing =
        Double(feature.missing)
        > random.nextUnit() * Double(max(1, feature.missing + feature.present))
      switch feature.distribution {
      case .categorical(let categories):
        text = isMissing ? "" : pick(categories.names, categories.counts, &random) ?? ""
      case .numeric(let numeric): number = isMissing ? .nan : value(numeric, &random)
      }
    }
    let whole = number.isFinite ? max(-1e9, min(1e9, number.rounded())) : 0
    switch input.type {
    case .float64: batch.set(double: number, index, element)
    case .int64: batch.set(int64: Int64(whole), index, element)
    case .int32: batch.set(int32: Int32(whole), index, element)
    case .bool: batch.set(bool: number > 0, index, element)
    case .text:
      var bytes = Array(text.utf8)
      bytes.withUnsafeMutableBufferPointer {
        batch.set(text: UnsafeBufferPointer($0), index, element)
      }
    default: batch.set(float: Float(number), index, element)
    }
  }

  /// The method of Box and Muller.
  private static func normal(_ random: inout SplitMix64) -> Double {
    let radius = (-2 * Glibc.log(1 - random.nextUnit())).squareRoot()
    return radius * Glibc.cos(2 * .pi * random.nextUnit())
  }

  private static func pick(
    _ names: [String], _ counts: [Int], _ random: inout SplitMix64
  ) -> String? {
    var left = random.nextUnit() * Double(counts.reduce(0, +))
    for (name, count) in zip(names, counts) {
      left -= Double(count)
      if left < 0 { return name }
    }
    return names.last
  }

  /// A number from a histogram, even within its bin.
  private static func value(
    _ numeric: Reference.Numeric, _ random: inout SplitMix64
  ) -> Double {
    var left = random.nextUnit() * Double(numeric.counts.reduce(0, +))
    var bin = 0
    while bin < numeric.counts.count - 1, left >= Double(numeric.counts[bin]) {
      left -= Double(numeric.counts[bin])
      bin += 1
    }
    let low = bin == 0 ? numeric.min : Double(numeric.edges[bin - 1])
    let high = bin < numeric.edges.count ? Double(numeric.edges[bin]) : numeric.max
    return low + (high - low) * random.nextUnit()
  }
}
