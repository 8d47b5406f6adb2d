import CSystem
import Core
import Inference

/// What it takes from a model file to a session that answers, measured once in this process.
public enum LoadBench {
  /// The measurement.
  public struct Report: Sendable, Encodable {
    /// The file's size in bytes.
    public let fileBytes: Int
    /// Processor time of reading, checking and compiling the file, milliseconds.
    public let compileMilliseconds: Double
    /// Processor time of making a session for one row, milliseconds.
    public let sessionMilliseconds: Double
    /// What the process's resident memory grew by, KiB.
    public let residentKibibytes: Int

    enum CodingKeys: String, CodingKey {
      case fileBytes = "file_bytes"
      case compileMilliseconds = "compile_ms"
      case sessionMilliseconds = "session_ms"
      case residentKibibytes = "resident_kib"
    }
  }

  /// Loads a model file; meant for a fresh process, whose memory holds nothing else.
  /// - Parameter earlier: another model that is loaded first and kept, so that what a first load
  ///   brings into memory of the program itself is not counted.
  /// - Throws: a ``Failure``: a model is not acceptable.
  public static func run(model path: String, after earlier: String? = nil) throws -> Report {
    let before = try earlier.map { path in
      let bytes = try TextFile.read(path, limitBytes: ModelLimits.standard.fileBytesMax)
      return try CompiledModel.load(bytes).makeSession(maxRows: 1)
    }
    return try withExtendedLifetime(before) { try measure(path) }
  }

  private static func measure(_ path: String) throws -> Report {
    let memoryBefore = Int(sluice_resident_memory_bytes())
    let start = SystemClock.processNanoseconds()
    let bytes = try TextFile.read(path, limitBytes: ModelLimits.standard.fileBytesMax)
    let model = try CompiledModel.load(bytes)
    let compiled = SystemClock.processNanoseconds()
    let session = model.makeSession(maxRows: 1)
    let ready = SystemClock.processNanoseconds()
    return withExtendedLifetime(session) {
      Report(
        fileBytes: bytes.count, compileMilliseconds: Double(compiled - start) / 1e6,
        sessionMilliseconds: Double(ready - compiled) / 1e6,
        residentKibibytes: (Int(sluice_resident_memory_bytes()) - memoryBefore) / 1_024)
    }
  }
}
