import Core
import Inference

/// One output of a model for the rows of a batch.
struct BatchOutput {
  /// The values, row after row; they live until the model runs again.
  let values: ColumnPointer
  /// Values a row.
  let width: Int
}

/// What batch prediction needs of a model, shared by all workers.
protocol BatchModel: Sendable {
  /// Its inputs and outputs.
  var signature: Signature { get }
  /// The names of the columns of the one input, where the model's file has some.
  var columnNames: [String]? { get }
  /// What the elements of each output mean (class labels, as a ZipMap gives them), in the
  /// signature's order; nil for outputs whose elements are only numbered.
  var elementNames: [[String]?] { get }
  /// What runs it.
  var backend: Backend { get }
  /// A digest of the model, with which an interrupted run is continued.
  var digest: String { get }
  /// One worker's own use of it, for up to `maxRows` rows at once.
  func makeAnswerer(maxRows: Int) throws -> any RowAnswerer
  /// One worker's explainer; nil when such a model cannot be explained.
  func makeExplainer(maxRows: Int) throws -> (any RowExplainer)?
}

extension BatchModel {
  /// This program's own engine.
  var backend: Backend { .native }
  /// Columns are numbered.
  var columnNames: [String]? { nil }
  /// Outputs are numbered.
  var elementNames: [[String]?] { signature.outputs.map { _ in nil } }
  /// Not explained.
  func makeExplainer(maxRows: Int) throws -> (any RowExplainer)? { nil }
}

/// Answers batches: named inputs in, named outputs out.
///
/// Used from one thread.
protocol RowAnswerer: AnyObject {
  /// Computes the answers of `rows` rows; one pointer for each input, in the signature's order.
  /// - Returns: one output for each of the signature's, in its order.
  func answer(_ columns: [ColumnPointer], rows: Int) throws -> [BatchOutput]
}
