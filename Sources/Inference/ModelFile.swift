import Core

extension CompiledModel {
  /// Reads, checks and compiles a model file of any supported format, recognised by its content.
  ///
  /// Safe on hostile bytes as far as this program reads them: everything is bounded by `limits` and
  /// by the file's own size. ONNX Runtime, where it is used, reads them once more by itself.
  /// - Parameters:
  ///   - backend: what must run the model; with `nil` this program's own engine does, and ONNX
  ///     Runtime when the engine lacks an operator or type that the model needs.
  ///   - search: where ONNX Runtime is looked for, should it be needed.
  /// - Throws: ``InferenceError`` that says what the file is or what is wrong with it; with the
  ///   code `backend` when ONNX Runtime was asked for and is not there.
  public static func load(
    _ file: [UInt8], backend: Backend? = nil, limits: ModelLimits = .standard,
    search: OnnxRuntimeSearch = .process
  ) throws(InferenceError) -> CompiledModel {
    if let format = NativeFormat(file) {
      guard backend != .onnxruntime else {
        throw InferenceError(
          .unsupported, "ONNX Runtime runs ONNX files only: import this one without --backend",
          operatorName: "back end")
      }
      return try NativeCompiler.compile(file, format: format, limits: limits)
    }
    if backend == .onnxruntime {
      return try OnnxRuntimeCompiler.compile(file, runtime: try search.open(), limits: limits)
    }
    do throws(InferenceError) {
      return try compile(onnx: file, limits: limits)
    } catch {
      guard backend == nil, error.code == .unsupported else { throw error }
      return try load(file, insteadOfNative: error, limits, search)
    }
  }

  /// Lets ONNX Runtime run what the native engine refused as unsupported.
  private static func load(
    _ file: [UInt8], insteadOfNative native: InferenceError, _ limits: ModelLimits,
    _ search: OnnxRuntimeSearch
  ) throws(InferenceError) -> CompiledModel {
    let runtime: OnnxRuntime
    do throws(InferenceError) {
      runtime = try search.open()
    } catch {
      throw InferenceError(
        .unsupported,
        "\(native.message). ONNX Runtime may run it, but cannot be used: \(error.message)",
        operatorName: native.operatorName)
    }
    do throws(InferenceError) {
      let model = try OnnxRuntimeCompiler.compile(file, runtime: runtime, limits: limits)
      return model.noting("the native engine does not: \(native.message)")
    } catch {
      throw InferenceError(
        error.code == .unsupported ? .unsupported : error.code,
        "\(native.message). Nor does ONNX Runtime run it: \(error.message)",
        operatorName: native.operatorName)
    }
  }
}
