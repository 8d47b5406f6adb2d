import Core
import Storage

/// What a version was trained on, as its lineage names it.
public enum TrainingData {
  /// The SHA-256 of a file, read in pieces.
  /// - Throws: a ``Failure`` when it is missing, no ordinary file or cannot be read.
  public static func digest(ofFile path: String) throws -> Digest {
    try FileDigest.read(path)
  }
}
