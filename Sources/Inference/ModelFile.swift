import Core

extension CompiledModel {
  /// Reads, checks and compiles a model file of any supported format, recognised by its content.
  ///
  /// Safe on hostile bytes: everything is bounded by `limits` and by the file's own size.
  /// - Parameter backend: what must run the model; `nil` lets the engine choose.
  /// - Throws: ``InferenceError`` that says what the file is or what is wrong with it.
  public static func load(
    _ file: [UInt8], backend: Backend? = nil, limits: ModelLimits = .standard
  ) throws(InferenceError) -> CompiledModel {
    guard backend != .onnxruntime else {
      throw InferenceError(
        .unsupported, "ONNX Runtime is not part of this build", operatorName: "back end")
    }
    if let format = NativeFormat(file) {
      return try NativeCompiler.compile(file, format: format, limits: limits)
    }
    return try compile(onnx: file, limits: limits)
  }
}
