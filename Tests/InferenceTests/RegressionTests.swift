import Core
import Testing

@testable import Inference

/// Model files that once crashed a decoder, found by fuzzing (`Fuzz/README.md`), and the corpora's
/// first files: each is read again.
struct RegressionTests {
  private static let limits = ModelLimits(
    fileBytesMax: 1 << 20, nodesMax: 1_000, constantElementsMax: 1 << 16,
    scratchBytesMax: 1 << 22, foldedBytesMax: 1 << 18, treeNodesMax: 1 << 16)

  static let files = ["regressions", "seeds"].flatMap { kind in
    ["onnx", "xgboost", "lightgbm"].flatMap { decoder in
      Files.names(in: "\(Files.root)/Fuzz/\(kind)/\(decoder)").map { "\(kind)/\(decoder)/\($0)" }
    }
  }

  @Test func thereAreFiles() { #expect(!RegressionTests.files.isEmpty) }

  /// Values of leaves were read beyond their end.
  @Test(arguments: [
    ("leaf-vector-size.ubj", "leaves with 2 values for 4 outputs"),
    ("dart-leaf-vectors.json", "leaves with several values in a DART model"),
  ])
  func leavesFitTheOutputs(name: String, says: String) throws {
    let file = try Files.read("\(Files.root)/Fuzz/regressions/xgboost/\(name)")
    do throws(InferenceError) {
      _ = try CompiledModel.load(file)
      Issue.record("accepted")
    } catch {
      #expect(error.message.contains(says), "\(error.message)")
    }
  }

  @Test(arguments: files)
  func fileEndsWithoutACrash(name: String) throws {
    let file = try Files.read("\(Files.root)/Fuzz/\(name)")
    let limits = RegressionTests.limits
    guard let model = try? CompiledModel.load(file, backend: .native, limits: limits) else {
      return
    }
    var tensors: [Tensor] = []
    for spec in model.signature.inputs {
      let shape = spec.shape.map { $0 ?? 3 }
      var count = 1
      for size in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow, product <= 1 << 16 else { return }
        count = product
      }
      switch spec.elementType {
      case .float32:
        tensors.append(
          try Tensor(floats: (0..<count).map { $0 % 5 == 4 ? .nan : Float($0) }, shape: shape))
      case .int64: tensors.append(try Tensor(int64s: (0..<count).map(Int64.init), shape: shape))
      case .text:
        tensors.append(try Tensor(texts: (0..<count).map { "t\($0)" }, shape: shape))
      default: return
      }
    }
    _ = try? model.makeSession(maxRows: 3).run(tensors: tensors)
  }
}
