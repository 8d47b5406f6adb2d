import Core
import Inference
import Storage

/// Golden rows in files: those given at import, and those kept with a version.
public enum GoldenFile {
  /// Reads a file of golden rows and runs it.
  /// - Returns: the bytes to keep with the version.
  /// - Throws: a ``Failure``: `badInput` with file, line and field, or `refused` for an answer that
  ///   differs.
  static func check(
    path: String, tolerance: Double?, on model: CompiledModel
  ) throws -> [UInt8] {
    let bytes = try TextFile.read(path, limitBytes: GoldenRows.bytesMax)
    let rows = try GoldenRows(bytes, name: printable(path), tolerance: tolerance)
    do {
      _ = try GoldenCheck.run(rows, on: model)
    } catch let error as NodeError where error.code == .refused {
      throw NodeError(
        .refused,
        "the model does not give the golden answers of \(printable(path)), so no version is made: "
          + error.message)
    }
    return rows.stored
  }

  /// Runs a registered version's golden rows on its model file.
  /// - Throws: a ``Failure`` as at a load: files that are gone or damaged, an answer that differs.
  public static func verify(
    artifact: Digest, golden: Digest, backend: Backend? = nil, stateDirectory: String
  ) throws -> GoldenResult {
    let artifacts = ArtifactStore(try StateDirectory(stateDirectory, create: false))
    let model = try CompiledModel.load(
      try artifacts.read(artifact, limitBytes: ModelLimits.standard.fileBytesMax), backend: backend)
    let bytes = try artifacts.read(golden, limitBytes: GoldenRows.storedBytesMax)
    return try GoldenCheck.run(stored: bytes, name: "golden rows", on: model)
  }
}
