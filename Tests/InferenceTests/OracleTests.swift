import Core
import Testing

@testable import Inference

/// Answers compared with onnxruntime's, which `Fixtures/make.py` recorded.
struct OracleTests {
  @Test func singleOperatorsAgree() throws {
    let bundle = try Bundle("operators")
    #expect(bundle.cases.count > 250)
    for example in bundle.cases {
      let model = try CompiledModel.compile(onnx: example.model)
      let outputs = try model.makeSession(maxRows: 1).run(tensors: example.inputs)
      #expect(outputs.count == example.outputs.count, "\(example.name)")
      for (got, expected) in zip(outputs, example.outputs) {
        #expect(distance(got, expected) <= 1e-5, "\(example.name)")
      }
    }
  }

  @Test func exportedModelsAgree() throws {
    let bundle = try Bundle("models")
    #expect(bundle.cases.count > 35)
    for example in bundle.cases {
      let model = try CompiledModel.compile(onnx: example.model)
      let outputs = try model.makeSession(maxRows: 1).run(tensors: example.inputs)
      #expect(outputs.count == example.outputs.count, "\(example.name)")
      for (got, expected) in zip(outputs, example.outputs) {
        // Labels are integers or texts: for them this means equal.
        #expect(distance(got, expected) <= 1e-5, "\(example.name)")
      }
    }
  }

  /// What fusion makes of a graph must compute the same as the graph.
  @Test func fusedPlansAgreeWithUnfusedOnes() throws {
    for example in try Bundle("models").cases {
      let fused = try Compiler.compile(example.model, limits: .standard, fuses: true)
      let plain = try Compiler.compile(example.model, limits: .standard, fuses: false)
      let a = try fused.makeSession(maxRows: 1).run(tensors: example.inputs)
      let b = try plain.makeSession(maxRows: 1).run(tensors: example.inputs)
      for (x, y) in zip(a, b) { #expect(distance(x, y) <= 1e-5, "\(example.name)") }
    }
  }

  @Test func pipelinesOfColumnsAreFused() throws {
    let bundle = try Bundle("models")
    for (name, steps) in [
      ("columns, one-hot, linear", 2), ("columns, one-hot, linear regression", 2),
      ("columns, one-hot, forest", 2),
    ] {
      let model = try CompiledModel.compile(onnx: try bundle.named(name).model)
      #expect(model.summary.stepCount <= steps, "\(name)")
      #expect(model.summary.nodeCount > 8)
    }
  }

  /// A row gives the same bits alone, in a batch, and in a batch of another size.
  @Test func batchesDoNotChangeRows() throws {
    for example in try Bundle("models").cases where example.inputs[0].shape.count == 2 {
      let model = try CompiledModel.compile(onnx: example.model)
      let session = model.makeSession(maxRows: 1)
      let whole = try session.run(tensors: example.inputs)
      let rows = example.inputs[0].shape[0]
      for row in stride(from: 0, to: rows, by: 5) {
        let one = try session.run(tensors: example.inputs.map { $0.row(row) })
        for (a, b) in zip(one, whole) {
          #expect(distance(a, b.row(row)) == 0, "\(example.name), row \(row)")
        }
      }
    }
  }
}

extension Tensor {
  /// Row `index` as a tensor of one row.
  func row(_ index: Int) -> Tensor {
    var dims = view.shape
    let width = count / max(shape[0], 1)
    dims[0] = 1
    let stride = elementType.strideBytes
    return Tensor(
      copying: TensorView(
        data: view.data + index * width * stride, type: elementType, shape: dims))
  }
}
