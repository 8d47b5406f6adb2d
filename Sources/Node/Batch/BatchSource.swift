import Core

/// The model that answers a batch.
public enum BatchSource: Sendable {
  /// An ONNX file anywhere.
  case file(path: String)
  /// A registered version's file in a state directory.
  case stored(digest: Digest, stateDirectory: String)
}

extension BatchPredict {
  /// Answers all rows of an input with a model.
  ///
  /// - Parameter tell: is told what happens while it goes on, on the calling thread.
  /// - Throws: ``NodeError``, or another ``Failure``, when the model or the input is not
  ///   acceptable, and when the system refuses to read or write.
  public static func run(
    _ source: BatchSource, _ options: BatchOptions, to sink: ByteSink,
    tell: @escaping (BatchEvent) throws -> Void
  ) throws -> BatchReport {
    var options = options
    let model = try CompiledBatchModel.open(
      source, maxRows: options.rowsPerBatch, backend: options.backend)
    if options.followsBackend, model.backend == .onnxruntime {
      options.rowsPerBatch = BatchOptions.onnxRuntimeRowsPerBatch
    }
    for note in model.notes { try tell(.note(note)) }
    return try BatchPredict(model, options, to: sink, tell: tell).run()
  }
}
