import Core

/// The model that answers a batch.
public enum BatchSource: Sendable {
  /// A model file anywhere.
  case file(path: String)
  /// A registered version's file in a state directory.
  case stored(digest: Digest, stateDirectory: String)
}

extension BatchPredict {
  /// Answers all rows of an input with a model.
  ///
  /// - Parameters:
  ///   - shouldStop: asked again and again by other threads; true ends the run early, with
  ///     everything that was read answered.
  ///   - tell: is told what happens while it goes on, on the calling thread.
  /// - Throws: ``NodeError``, or another ``Failure``, when the model or the input is not
  ///   acceptable, and when the system refuses to read or write.
  public static func run(
    _ source: BatchSource, _ options: BatchOptions, to target: BatchTarget,
    shouldStop: @escaping @Sendable () -> Bool = { false },
    tell: @escaping (BatchEvent) throws -> Void
  ) throws -> BatchReport {
    let model = try CompiledBatchModel.open(
      source, backend: options.backend,
      explanation: options.explain.map { _ in Explanation(background: options.background) })
    for note in model.notes { try tell(.note(note)) }
    var options = options
    options.rowsPerBatch = options.rowsPerBatch(on: model.backend)
    return try BatchPredict(model, options, to: target, tell: tell).run(shouldStop: shouldStop)
  }
}
