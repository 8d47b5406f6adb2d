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

  /// Reads and runs `bytes`, and with `optimizes` rewrites them.
  /// - Returns: whether the file was a model.
  @discardableResult
  static func run(_ bytes: [UInt8], optimizes: Bool = false) -> Bool {
    // Never ONNX Runtime, whose reader is not ours.
    guard let model = try? CompiledModel.load(bytes, backend: .native, limits: limits) else {
      return false
    }
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
    let answers = try? model.makeSession(maxRows: rows).run(tensors: tensors)
    if optimizes { optimize(bytes, tensors, answers) }
    return true
  }

  /// Rewrites a model that can be run: the result must be a model too, and where only passes ran
  /// that keep every bit, with the same answers.
  private static func optimize(_ bytes: [UInt8], _ tensors: [Tensor], _ answers: [Tensor]?) {
    let all = OptimizationPass.allCases
    for passes in [[OptimizationPass.fold, .prune], all] {
      guard let result = try? ModelOptimizer.optimize(bytes, passes: passes, limits: limits),
        result.isChanged
      else { continue }
      var wide = limits
      // Numbers with a tag each may become lists, and constants may be computed.
      wide.fileBytesMax *= 2
      wide.constantElementsMax *= 2
      guard let model = try? CompiledModel.load(result.file, backend: .native, limits: wide) else {
        preconditionFailure("a rewritten model cannot be read")
      }
      guard let made = try? model.makeSession(maxRows: rows).run(tensors: tensors) else {
        precondition(answers == nil || passes == all, "a rewritten model cannot be run")
        continue
      }
      guard let answers, passes != all else { continue }
      precondition(isSame(answers, made), "a rewritten model answers something else")
    }
  }

  private static func isSame(_ a: [Tensor], _ b: [Tensor]) -> Bool {
    a.count == b.count
      && zip(a, b).allSatisfy { x, y in
        x.elementType == y.elementType && x.shape == y.shape
          && (0..<x.count).allSatisfy { index in
            if x.elementType == .text { return x.text(index) == y.text(index) }
            let (p, q) = (x.number(index), y.number(index))
            return p == q || (p.isNaN && q.isNaN)
          }
      }
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
