import Core
import Testing

@testable import Inference

/// Files that are no model this program reads are refused by what they hold, with what to do.
struct OtherFormatTests {
  struct Example: CustomTestStringConvertible {
    let name: String
    let file: [UInt8]
    /// A word of what the file is called, and one of what is said to do.
    let says: String
    let remedy: String
    var testDescription: String { name }

    init(_ name: String, _ file: [UInt8], _ says: String, _ remedy: String) {
      (self.name, self.file, self.says, self.remedy) = (name, file, says, remedy)
    }

    init(_ name: String, _ text: String, _ says: String, _ remedy: String) {
      self.init(name, Array(text.utf8), says, remedy)
    }
  }

  private static func tar() -> [UInt8] {
    var file = [UInt8](repeating: 0, count: 512)
    file.replaceSubrange(257..<262, with: Array("ustar".utf8))
    return file
  }

  static let examples = [
    Example("pickle, protocol 2", [0x80, 2, 0x63], "Python pickle", "export it with skl2onnx"),
    Example("pickle, protocol 5", [0x80, 5, 0x95], "Python pickle", "run the code inside"),
    Example("pickle, protocol 0", "csklearn.svm\nSVC\np0\n.", "text protocol", "skl2onnx"),
    Example("pickle, protocol 0, builtin", "c__builtin__\neval\n", "text protocol", "skl2onnx"),
    Example("pickle, protocol 1", "(dp0\nS'a'\n.", "text protocol", "skl2onnx"),
    Example("joblib", [0x80, 3, 0x63] + Array("joblib.numpy_pickle".utf8), "pickle", "skl2onnx"),
    Example("joblib, zlib", [0x78, 0x9C, 1, 2], "joblib files often are", "skl2onnx"),
    Example("joblib, bz2", "BZh91AY", "compressed", "skl2onnx"),
    Example("joblib, xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "compressed", "skl2onnx"),
    Example("joblib, lzma", [0x5D, 0, 0, 0x80], "compressed", "skl2onnx"),
    Example("joblib, lz4", [0x04, 0x22, 0x4D, 0x18], "compressed", "skl2onnx"),
    Example("zstd", [0x28, 0xB5, 0x2F, 0xFD], "compressed", "skl2onnx"),
    Example("gzip", [0x1F, 0x8B, 8, 0], "gzip", "unpack it first"),
    Example("PyTorch, Keras 3, npz", [0x50, 0x4B, 3, 4], "zip archive", "torch.onnx.export"),
    Example("PyTorch before 1.6", [0x80, 2, 0x8A, 0x0A], "pickle", "export it"),
    Example("Keras h5", [0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10], "Keras", "tf2onnx"),
    Example("TensorFlow Lite", "\u{1C}\0\0\0TFL3", "TensorFlow Lite", "tf2onnx"),
    Example("ORT format", "\u{1C}\0\0\0ORTM", "ORT-format", ".onnx file"),
    Example(
      "safetensors", [16, 0, 0, 0, 0, 0, 0, 0] + Array("{\"a\":{}}        ".utf8), "safetensors",
      "export the model to ONNX"),
    Example("GGUF", "GGUF\u{3}\0\0\0", "GGUF", "only tabular ONNX"),
    Example("tar", tar(), "tar archive", "give the model inside"),
    Example("numpy array", [0x93] + Array("NUMPY\u{1}\0".utf8), "numpy array", "ONNX"),
    Example("CatBoost", "CBM1\0\0\0\0", "CatBoost", "format=\"onnx\""),
    Example("CatBoost JSON", "{\"oblivious_trees\":[]}", "CatBoost", "format=\"onnx\""),
    Example("XGBoost, old", "binf\0\0\0\0", "old binary format", ".ubj or .json"),
    Example("XGBoost dump", "booster[0]:\n0:[f0<1] yes=1", "XGBoost dump", "save_model"),
    Example("XGBoost JSON dump", "[ { \"nodeid\": 0 } ]", "XGBoost dump", "save_model"),
    Example("LightGBM JSON dump", "{\"name\":\"tree\"}", "LightGBM dump", "save_model"),
    Example(
      "LightGBM data", "______LightGBM_Binary_File_Token______\n", "training data", "save_model"),
    Example("PMML", "<?xml version='1.0'?><PMML/>", "PMML", "export the model to ONNX"),
    Example("Git LFS", "version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
    Example("web page", "<!DOCTYPE html><html>", "web page", "download the model file"),
    Example("JSON", "{\"a\":1}", "JSON", "ONNX"),
    Example("nothing", [], "empty file", "ONNX"),
  ]

  @Test(arguments: examples)
  func isRefusedByContent(example: Example) {
    for backend in [nil, Backend.native] {
      do throws(InferenceError) {
        _ = try CompiledModel.load(example.file, backend: backend)
        Issue.record("accepted")
      } catch {
        #expect(error.code == .notONNX, "\(error.message)")
        #expect(error.message.contains(example.says), "\(error.message)")
        #expect(error.message.contains(example.remedy), "\(error.message)")
        // One sentence: no line breaks, no full stop before its end.
        #expect(!error.message.contains("\n") && !error.message.contains(". "))
        #expect(error.exitCode == .usage)
      }
    }
  }

  /// What only looks like text or protobuf is damaged, and said to be.
  @Test func otherBytesAreDamaged() {
    for file in [[UInt8](repeating: 0xFF, count: 64), Array("a,b\n1,2\n".utf8), [0x08]] {
      #expect(throws: InferenceError.self) { try CompiledModel.load(file, backend: .native) }
    }
  }
}
