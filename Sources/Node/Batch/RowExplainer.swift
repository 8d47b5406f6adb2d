import Inference

/// Says what each feature of a row contributes to its answer.
///
/// The contributions of a row and a base value of the model add up to the model's raw score for
/// the row (the class it chose, where there are several). One explainer serves one thread; it may
/// keep scratch memory, and must not change the columns.
protocol RowExplainer: AnyObject {
  /// The features' names as a person knows them, in the order of the contributions; not empty,
  /// and the same for every row.
  var features: [String] { get }
  /// Computes the contributions for `rows` rows.
  ///
  /// - Parameters:
  ///   - columns: the same that the model was given, one pointer for each input.
  ///   - rows: 1 up to the most rows it was made for.
  ///   - contributions: row after row, `features.count` values each; all of them are to be set.
  /// - Throws: an `InferenceError` when the rows cannot be explained; they count as bad then.
  func explain(
    _ columns: [ColumnPointer], rows: Int, into contributions: UnsafeMutablePointer<Double>) throws
}

/// The features that contribute most to each row of a batch.
final class TopContributions {
  /// How many features are told for each row.
  let count: Int
  /// Features' names, quoted for JSON.
  private let quoted: [[UInt8]]
  private let names: [[UInt8]]
  private let explainer: any RowExplainer
  private let values: UnsafeMutablePointer<Double>
  private var order: [Int]

  /// - Parameter count: at most so many features are told, not more than there are.
  init(_ explainer: any RowExplainer, count: Int, maxRows: Int) {
    self.explainer = explainer
    names = explainer.features.map { Array($0.utf8) }
    self.count = min(count, names.count)
    order = Array(names.indices)
    values = .allocate(capacity: max(1, maxRows * names.count))
    values.initialize(repeating: 0, count: max(1, maxRows * names.count))
    let buffer = ByteBuffer(capacity: 256)
    quoted = names.map { name in
      buffer.removeAll()
      name.withUnsafeBufferPointer { buffer.appendJSON($0) }
      return Array(buffer.bytes)
    }
  }

  deinit { values.deallocate() }

  /// Explains the rows of a batch.
  /// - Throws: as the explainer.
  func explain(_ columns: [ColumnPointer], rows: Int) throws {
    try explainer.explain(columns, rows: rows, into: values)
  }

  /// The features of a row in falling order of the magnitude of their contributions; equal ones
  /// keep the model's order, and those without a number come last.
  private func sort(_ row: Int) {
    let base = values + row * names.count
    func weight(_ feature: Int) -> Double {
      base[feature].isNaN ? -1 : base[feature].magnitude
    }
    for index in order.indices { order[index] = index }
    order.sort { a, b in
      let (x, y) = (weight(a), weight(b))
      return x != y ? x > y : a < b
    }
  }

  /// Adds `[{"feature":"distance","contribution":0.31},…]`.
  func appendJSON(_ row: Int, to bytes: ByteBuffer) {
    sort(row)
    bytes.append(UInt8(ascii: "["))
    for rank in 0..<count {
      if rank > 0 { bytes.append(UInt8(ascii: ",")) }
      bytes.append("{\"feature\":")
      bytes.append(quoted[order[rank]])
      bytes.append(",\"contribution\":")
      let value = values[row * names.count + order[rank]]
      bytes.append(value.isFinite ? value.description : "null")
      bytes.append(UInt8(ascii: "}"))
    }
    bytes.append(UInt8(ascii: "]"))
  }

  /// Adds two cells for each feature, every one with a comma before it.
  func appendCSV(_ row: Int, to bytes: ByteBuffer) {
    sort(row)
    for rank in 0..<count {
      bytes.append(UInt8(ascii: ","))
      names[order[rank]].withUnsafeBufferPointer { bytes.appendCSV($0) }
      bytes.append(UInt8(ascii: ","))
      bytes.append(values[row * names.count + order[rank]].description)
    }
  }
}
