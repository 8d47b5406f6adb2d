import Core
import Inference

/// One output of a model for the rows of a batch.
struct BatchOutput {
  /// The values, row after row; they live until the model runs again.
  let values: ColumnPointer
  /// Values a row.
  let width: Int
}

/// What batch prediction needs of a model: named inputs in, named outputs out.
///
/// Used from one thread.
protocol BatchModel: AnyObject {
  /// Its inputs and outputs.
  var signature: Signature { get }
  /// Computes the answers of `rows` rows; one pointer for each input, in the signature's order.
  /// - Returns: one output for each of the signature's, in its order.
  func answer(_ columns: [ColumnPointer], rows: Int) throws -> [BatchOutput]
}
