import Core
import Testing

@testable import Inference

/// The rules of docs/reference/inputs.md for the engine: what onnxruntime defines is the same here.
struct InputRulesTests {
  /// Cases that `Fixtures/make_inputs.py` made; without outputs where onnxruntime refuses.
  static let cases = (try? Bundle("inputs").cases) ?? []

  /// Where the engine answers and onnxruntime refuses.
  private static let isMoreLenient: Set<String> = ["numbers, binarized"]

  @Test func thereAreCases() { #expect(InputRulesTests.cases.count == 39) }

  @Test(arguments: cases.map(\.name))
  func isAsInOnnxruntime(name: String) throws {
    let example = try #require(InputRulesTests.cases.first { $0.name == name })
    let model = try CompiledModel.load(example.model, backend: .native)
    let session = model.makeSession(maxRows: 16)
    do throws(InferenceError) {
      let answers = try session.run(tensors: example.inputs)
      guard !example.outputs.isEmpty else {
        #expect(InputRulesTests.isMoreLenient.contains(name), "answered where it should refuse")
        return
      }
      #expect(answers.count == example.outputs.count)
      for (ours, theirs) in zip(answers, example.outputs) {
        #expect(distance(ours, theirs) <= 1e-6, "\(ours.list) for \(theirs.list)")
      }
    } catch {
      #expect(example.outputs.isEmpty, "\(error.message)")
      let expected: [InferenceError.Code] =
        name.hasPrefix("type") || name.hasPrefix("shape") ? [.input] : [.data]
      #expect(expected.contains(error.code), "\(error.code): \(error.message)")
    }
  }

  /// Rules that onnxruntime has no word for, or another.
  @Test func countsOfInputsAndRows() throws {
    let example = try #require(InputRulesTests.cases.first { $0.name == "numbers, scaled" })
    let session = try CompiledModel.load(example.model).makeSession(maxRows: 2)
    func refusal(_ tensors: [Tensor]) -> InferenceError? {
      do throws(InferenceError) {
        _ = try session.run(tensors: tensors)
        return nil
      } catch {
        return error
      }
    }
    #expect(refusal([])?.message == "0 tensors for 1 inputs")
    let one = try Tensor(floats: [1], shape: [1, 1])
    #expect(refusal([one]) == nil)
    #expect(refusal([one, one])?.code == .input)
  }
}

extension Tensor {
  /// The elements, for messages.
  fileprivate var list: [String] {
    (0..<count).map { elementType == .text ? "\(text($0))" : "\(number($0))" }
  }
}
