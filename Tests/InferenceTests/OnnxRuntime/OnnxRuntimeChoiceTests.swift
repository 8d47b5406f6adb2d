import Core
import Testing

@testable import Inference

/// Which engine runs a model when ONNX Runtime is not there.
///
/// None of these tests needs it.
struct OnnxRuntimeChoiceTests {
  private static let absent = OnnxRuntimeSearch(
    setting: nil, systemPatterns: [], pythonPatterns: [])

  private func refusal(_ name: String, _ backend: Backend?) throws -> InferenceError? {
    refusal(of: try Bundle("runtime").named(name).model, backend)
  }

  private func refusal(of file: [UInt8], _ backend: Backend?) -> InferenceError? {
    do throws(InferenceError) {
      _ = try CompiledModel.load(file, backend: backend, search: Self.absent)
      return nil
    } catch {
      return error
    }
  }

  @Test func nativeModelsNeedNoOtherEngine() throws {
    let file = try Bundle("models").named("linear two classes").model
    for backend in [nil, Backend.native] {
      let model = try CompiledModel.load(file, backend: backend, search: Self.absent)
      #expect(model.backend == .native && model.notes.isEmpty)
    }
  }

  @Test func whatOnlyOnnxRuntimeRunsIsRefusedWithTheWayToGetIt() throws {
    let chosen = try #require(try refusal("voice", nil))
    #expect(chosen.code == .unsupported && chosen.exitCode == .usage)
    #expect(chosen.message.contains("the operator Conv"))
    #expect(chosen.message.contains("SLUICE_ONNXRUNTIME"))
    #expect(chosen.operatorName == "Conv")
    // Who asks for the native engine is not told of another.
    let native = try #require(try refusal("voice", .native))
    #expect(native.code == .unsupported && !native.message.contains("ONNX Runtime"))
    let asked = try #require(try refusal("voice", .onnxruntime))
    #expect(asked.code == .backend && asked.exitCode == .system)
  }

  @Test func aFileThatIsNoModelIsNotOfferedToOnnxRuntime() {
    for backend in [nil, Backend.native] {
      let error = refusal(of: [0x80, 0x04, 0x95], backend)
      #expect(error?.code == .notONNX && error?.message.contains("ONNX Runtime") == false)
    }
  }
}
