import Control
import Core
import Inference
import Storage

/// What stands where in the bundle of a version.
///
/// ```
/// model.sig               the signature of the folder, in the format of Model Signing
/// version/manifest.json   every other file of the folder with size and SHA-256
/// version/version.json    what the registry knew of the version: lineage, gates, sign-offs
/// version/model.onnx      the model file (model.json, model.ubj or model.txt for other formats)
/// version/card.md         its card, training reference and golden rows, when it has them
/// version/reference.json
/// version/golden.jsonl
/// ```
enum BundleLayout {
  static let folder = "version"
  static let signature = "model.sig"
  static let manifest = "manifest.json"
  static let document = "version.json"
  static let card = "card.md"
  static let reference = "reference.json"
  static let golden = "golden.jsonl"
  static let models = ["model.onnx", "model.json", "model.ubj", "model.txt"]
  /// The most bytes of the registry's description of a version.
  private static let documentBytesMax = 16 << 20

  /// Every name that may be in the folder, with the most bytes of it.
  static let files: [String: Int] = {
    var files = [
      manifest: 1 << 16, document: documentBytesMax, card: ModelImporter.cardBytesMax,
      reference: 64 << 20, golden: GoldenRows.storedBytesMax,
    ]
    for name in models { files[name] = ModelLimits.standard.fileBytesMax }
    return files
  }()

  /// Every member of the archive, with the most bytes of it.
  static let members: [String: Int] = {
    var members = [signature: ModelSignature.bytesMax]
    for (name, limit) in files { members["\(folder)/\(name)"] = limit }
    return members
  }()

  /// What a model file is called: by its first bytes, as the importer knows it.
  static func modelName(_ bytes: [UInt8]) -> String {
    if bytes.first == UInt8(ascii: "{") {
      let second = bytes.dropFirst().first ?? 0
      return second == UInt8(ascii: "\"") || second <= 0x20 ? "model.json" : "model.ubj"
    }
    return bytes.starts(with: Array("tree".utf8)) ? "model.txt" : "model.onnx"
  }
}

/// The list of a bundle's files.
public struct BundleManifest: Sendable, Codable {
  /// One file of the folder.
  public struct File: Sendable, Codable, Hashable {
    /// Its name in the folder.
    public let name: String
    /// Its length.
    public let bytes: Int
    /// Its SHA-256.
    public let sha256: Digest
  }

  /// The form of the bundle.
  public let format: String
  /// The program that made it, with its version.
  public let program: String
  /// The version, as it was called there.
  public let version: VersionID
  /// When the bundle was made.
  public let made: Timestamp
  /// Who made it.
  public let by: String
  /// Every file but this one, by name.
  public let files: [File]

  static let currentFormat = "sluice-bundle-1"
}
