import Core
import Inference

/// What the model targets do with a file: read it under tight limits and, when it is accepted,
/// compute a few rows with it.
///
/// Any ending but a crash is right; what a file deserves is for the unit tests to say.
enum ModelProbe {
  private static let limits = ModelLimits(
    fileBytesMax: 1 << 20, nodesMax: 1_000, constantElementsMax: 1 << 16,
    scratchBytesMax: 1 << 22, foldedBytesMax: 1 << 18, treeNodesMax: 1 << 16)
  private static let rows = 3
  private static let elementsMax = 1 << 12

  /// Reads and runs `bytes`.
  /// - Returns: whether the file was a model.
  static func run(_ bytes: [UInt8]) -> Bool {
    guard let model = try? CompiledModel.load(bytes, limits: limits) else { return false }
    var tensors: [Tensor] = []
    for (index, spec) in model.signature.inputs.enumerated() {
      let shape = spec.shape.map { $0 ?? rows }
      var count = 1
      for size in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow, product <= elementsMax else { return true }
        count = product
      }
      guard let tensor = try? tensor(spec.elementType, shape, count, seed: index) else {
        return true
      }
      tensors.append(tensor)
    }
    _ = try? model.makeSession(maxRows: rows).run(tensors: tensors)
    return true
  }

  private static let numbers: [Double] = [
    0, 1, -1, 0.5, .nan, .infinity, -.infinity, 1e30, -1e30, 3, 1e-40, -0.0, 7, 255, 65_536,
  ]

  private static func tensor(
    _ type: ElementType, _ shape: [Int], _ count: Int, seed: Int
  ) throws(InferenceError) -> Tensor? {
    let values = (0..<count).map { numbers[($0 + seed * 5) % numbers.count] }
    switch type {
    case .float32: return try Tensor(floats: values.map { Float($0) }, shape: shape)
    case .float64: return try Tensor(doubles: values, shape: shape)
    case .int64:
      let whole = values.map { $0.isFinite && abs($0) < 1e15 ? Int64($0) : Int64.min }
      return try Tensor(int64s: whole, shape: shape)
    case .text: return try Tensor(texts: values.map { "\($0)" }, shape: shape)
    default: return nil
    }
  }
}

/// The fuzzer's input as an array.
func bytes(_ data: UnsafePointer<UInt8>, _ count: Int) -> [UInt8] {
  Array(UnsafeBufferPointer(start: data, count: count))
}
