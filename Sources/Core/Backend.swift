/// What computes a model's answers.
public enum Backend: String, Sendable, Hashable, Codable, CaseIterable {
  /// The engine of this program.
  case native
  /// ONNX Runtime, loaded at run time where it is installed.
  case onnxruntime
}
