import Core
import Testing

@testable import Inference

/// Binding, running and reading out.
struct SessionTests {
  private func linear() throws -> CompiledModel {
    try CompiledModel.compile(onnx: try Bundle("models").named("linear two classes").model)
  }

  private func complaint(_ body: () throws(InferenceError) -> Void) -> InferenceError? {
    do throws(InferenceError) {
      try body()
      return nil
    } catch {
      return error
    }
  }

  @Test func wrongUseIsExplained() throws {
    let session = try linear().makeSession(maxRows: 2)
    let values = [Float](repeating: 1, count: 12)
    let doubles = [Double](repeating: 1, count: 12)
    #expect(
      complaint { () throws(InferenceError) in try session.run(rows: 1) }?.message
        .contains("not bound") == true)
    values.withUnsafeBufferPointer { values in
      doubles.withUnsafeBufferPointer { doubles in
        guard let floats = values.baseAddress, let wide = doubles.baseAddress else { return }
        let wrongType = complaint { () throws(InferenceError) in
          try session.bind(input: 0, to: .float64(wide), elements: 6)
        }
        #expect(wrongType?.message.contains("is float32, got float64") == true)
        let noInput = complaint { () throws(InferenceError) in
          try session.bind(input: 1, to: .float32(floats), elements: 6)
        }
        #expect(noInput?.code == .input)
        let wrongCount = complaint { () throws(InferenceError) in
          try session.bind(input: 0, to: .float32(floats), elements: 6)
          try session.run(rows: 2)
        }
        #expect(wrongCount?.message.contains("6 elements, 2 rows need 12") == true)
        let tooMany = complaint { () throws(InferenceError) in try session.run(rows: 3) }
        #expect(tooMany?.code == .input)
        let fine = complaint { () throws(InferenceError) in
          try session.bind(input: 0, to: .float32(floats), elements: 12)
          try session.run(rows: 2)
        }
        #expect(fine == nil)
        #expect(session.shape(output: 1) == [2, 2])
        #expect(session.floats(output: 1)[0] == session.floats(output: 1)[2])
      }
    }
  }

  @Test func nonFiniteOutputsAreNoticed() throws {
    let session = try linear().makeSession(maxRows: 1)
    let fine = try Tensor(floats: [0, 0, 0, 0, 0, 0], shape: [1, 6])
    _ = try session.run(tensors: [fine])
    #expect(!session.hasNonFiniteOutput)
    let hole = try Tensor(floats: [0, 0, .nan, 0, 0, 0], shape: [1, 6])
    _ = try session.run(tensors: [hole])
    #expect(session.hasNonFiniteOutput)
  }

  @Test func summaryAndSignatureDescribeTheFile() throws {
    let model = try linear()
    #expect(
      model.signature.inputs == [TensorSpec(name: "x", elementType: .float32, shape: [nil, 6])])
    #expect(model.signature.outputs.map(\.elementType) == [.int64, .float32])
    #expect(model.signature.outputs[1].shape == [nil, 2])
    #expect(model.summary.operators["ai.onnx.ml.Scaler"] == 1)
    #expect(model.summary.opsets["ai.onnx.ml"] != nil)
    #expect(model.summary.producer.hasPrefix("skl2onnx"))
    #expect(model.summary.parameterCount >= 6 * 2 + 7)
  }

  /// Sessions on many threads give the bits that one session gives.
  @Test func sessionsInParallelAgreeBitForBit() async throws {
    let example = try Bundle("models").named("columns, one-hot, network")
    let model = try CompiledModel.compile(onnx: example.model)
    let expected = try model.makeSession(maxRows: 1).run(tensors: example.inputs)
    let inputs = example.inputs
    let same = try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let session = model.makeSession(maxRows: 1)
          for _ in 0..<20 {
            let outputs = try session.run(tensors: inputs)
            for (a, b) in zip(outputs, expected) where distance(a, b) != 0 { return false }
          }
          return true
        }
      }
      return try await group.reduce(true) { $0 && $1 }
    }
    #expect(same)
  }

  @Test func textLabelsComeOutAsTexts() throws {
    let example = try Bundle("models").named("columns, text labels, linear")
    let model = try CompiledModel.compile(onnx: example.model)
    let session = model.makeSession(maxRows: 1)
    let outputs = try session.run(tensors: example.inputs)
    #expect(outputs[0].elementType == .text)
    #expect(session.texts(output: 0)[0].string == example.outputs[0].text(0))
  }
}
