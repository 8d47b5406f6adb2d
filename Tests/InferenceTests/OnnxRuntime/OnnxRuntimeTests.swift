import Core
import Testing

@testable import Inference

/// Models run by a real ONNX Runtime.
///
/// These tests need its library and run when SLUICE_ONNXRUNTIME names it:
/// `SLUICE_ONNXRUNTIME=/path/to/libonnxruntime.so make test`.
@Suite(
  .enabled(
    if: OnnxRuntimeSearch.process.setting != nil && !OnnxRuntimeSearch.process.isOff,
    "needs ONNX Runtime: set SLUICE_ONNXRUNTIME to its library"))
struct OnnxRuntimeTests {
  private func load(_ file: [UInt8], limits: ModelLimits = .standard) throws -> CompiledModel {
    try CompiledModel.load(file, backend: .onnxruntime, limits: limits)
  }

  private func complaint(_ body: () throws -> Void) -> InferenceError? {
    do {
      try body()
      return nil
    } catch {
      return error as? InferenceError
    }
  }

  @Test(arguments: ["operators", "models", "runtime"])
  func answersAreThoseOfItsPythonModule(bundle: String) throws {
    for example in try Bundle(bundle).cases {
      let model = try load(example.model)
      #expect(model.backend == .onnxruntime)
      let outputs = try model.makeSession(maxRows: 4).run(tensors: example.inputs)
      #expect(outputs.count == example.outputs.count, "\(example.name)")
      for (got, expected) in zip(outputs, example.outputs) {
        #expect(distance(got, expected) <= 1e-5, "\(example.name)")
      }
    }
  }

  @Test func theEngineChoosesItForWhatItLacks() throws {
    let model = try CompiledModel.load(try Bundle("runtime").named("voice").model)
    #expect(model.backend == .onnxruntime)
    #expect(model.notes.first?.hasPrefix("ONNX Runtime 1.") == true)
    #expect(model.notes.dropFirst().first?.contains("the operator Conv") == true)
    #expect(model.summary.stepCount == 1 && model.summary.nodeCount == 14)
    let native = try CompiledModel.load(
      try Bundle("models").named("linear two classes").model)
    #expect(native.backend == .native)
  }

  @Test func signaturesAreThoseOfTheNativeEngine() throws {
    for example in try Bundle("models").cases {
      let native = try CompiledModel.load(example.model, backend: .native)
      let other = try load(example.model)
      #expect(native.signature.inputs == other.signature.inputs, "\(example.name)")
      #expect(
        native.signature.outputs.map(\.name) == other.signature.outputs.map(\.name)
          && native.signature.outputs.map(\.elementType)
            == other.signature.outputs.map(\.elementType),
        "\(example.name)")
    }
  }

  @Test func freeDimensionsAndScalarsAreTold() throws {
    let example = try Bundle("runtime").named("voice")
    let model = try load(example.model)
    #expect(model.signature.inputs.map(\.shape) == [[nil, nil], [2, nil, 3], []])
    #expect(model.signature.outputs.map(\.shape) == [[nil, 1], [2, nil, 3]])
    let session = model.makeSession(maxRows: 1)
    let wrong = complaint {
      _ = try session.run(tensors: [
        example.inputs[0], try Tensor(floats: [1, 2, 3], shape: [1, 1, 3]), example.inputs[2],
      ])
    }
    #expect(wrong?.code == .input)
    #expect(wrong?.message.contains("[2, N, 3]") == true)
    // What only the graph knows comes from ONNX Runtime: two rows of samples, one of state.
    let uneven = complaint {
      _ = try session.run(tensors: [
        try Tensor(floats: [Float](repeating: 0, count: 64), shape: [2, 32]), example.inputs[1],
        example.inputs[2],
      ])
    }
    #expect(uneven?.message.contains("ONNX Runtime \"fixture\"") == true)
    // A complaint leaves the session usable.
    #expect(try session.run(tensors: example.inputs).count == 2)
  }

  @Test func boundColumnsGiveTheSameAnswers() throws {
    let example = try Bundle("runtime").named("voice")
    let session = try load(example.model).makeSession(maxRows: 1)
    for _ in 0..<3 {
      try session.bind(
        input: 0, to: .float32(try #require(example.inputs[0].elements(Float.self).baseAddress)),
        elements: 64)
      try session.bind(
        input: 1, to: .float32(try #require(example.inputs[1].elements(Float.self).baseAddress)),
        elements: 6)
      try session.bind(
        input: 2, to: .int64(try #require(example.inputs[2].elements(Int64.self).baseAddress)),
        elements: 1)
      try session.run(rows: 1)
      #expect(session.shape(output: 1) == [2, 1, 3])
      let expected = example.outputs[0].elements(Float.self)
      #expect(abs(session.floats(output: 0)[0] - expected[0]) <= 1e-6)
    }
  }

  @Test func outputsThatAreNoTensorsAreLeftOutAndNamed() throws {
    let model = try load(try Bundle("runtime").named("zipped numbers").model)
    #expect(model.signature.outputs.map(\.name) == ["zipped", "bent"])
    #expect(model.signature.outputs.map(\.shape) == [[nil, 3], [nil, 3]])
    #expect(model.notes.contains { $0.contains("\"pieces\" is left out") })
  }

  @Test func textsWithZeroBytesAreRefused() throws {
    let example = try Bundle("runtime").named("every type")
    var inputs = example.inputs
    inputs[1] = try Tensor(texts: ["a", "b\0c", "", "d"], shape: [2, 2])
    let session = try load(example.model).makeSession(maxRows: 2)
    let error = complaint { _ = try session.run(tensors: inputs) }
    #expect(error?.code == .input)
    #expect(error?.message.contains("\"text\" holds a zero byte") == true)
  }

  @Test func outputsKeepWithinTheSessionsMemory() throws {
    let example = try Bundle("runtime").named("voice")
    let model = try load(example.model, limits: ModelLimits(scratchBytesMax: 512))
    let error = complaint { _ = try model.makeSession(maxRows: 1).run(tensors: example.inputs) }
    #expect(error?.code == .limit)
  }

  @Test func damagedModelsAreRefused() throws {
    let example = try Bundle("runtime").named("zipped texts")
    var random = SplitMix64(seed: 5)
    var refused = 0
    for _ in 0..<300 {
      var file = example.model
      for _ in 0...(random.next() % 3) {
        file[Int(random.next() % UInt64(file.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      do throws(InferenceError) {
        let model = try CompiledModel.load(file, backend: .onnxruntime)
        _ = try? model.makeSession(maxRows: 1).run(tensors: example.inputs)
      } catch {
        refused += 1
        #expect(error.code != .backend && !error.message.isEmpty)
      }
    }
    #expect(refused > 50)
  }

  @Test func sessionsOfOneModelRunAtTheSameTime() async throws {
    let example = try Bundle("runtime").named("every type")
    let model = try load(example.model)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let session = model.makeSession(maxRows: 2)
          for _ in 0..<50 {
            guard let outputs = try? session.run(tensors: example.inputs),
              zip(outputs, example.outputs).allSatisfy({ distance($0, $1) == 0 })
            else { return false }
          }
          return true
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }
}
