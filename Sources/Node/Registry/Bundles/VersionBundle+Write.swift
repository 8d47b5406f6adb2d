import Control
import Core
import Glibc
import Inference
import Storage

/// Versions as single files that can be carried to another machine, and proved there.
public enum VersionBundle {
  /// What was written, for `model bundle --json`.
  public struct Written: Sendable, Encodable {
    /// The list of files.
    public let manifest: BundleManifest
    /// The SHA-256 of the public key whose secret signed it; nil when it is not signed.
    public let signer: String?
  }

  /// Makes a pair of keys: the private one at `path`, the public one at `path` + `.pub`.
  /// - Returns: what signatures name the key by.
  /// - Throws: a ``Failure`` when one of the files is there already or cannot be written.
  public static func makeKey(_ path: String) throws -> String {
    let pair = try EllipticKey.makePair()
    try writeNew(pair.private, path, mode: 0o600)
    try writeNew(pair.public, path + ".pub", mode: 0o644)
    return try EllipticKey(publicPEM: pair.public, name: path).fingerprint
  }

  private static func writeNew(_ bytes: [UInt8], _ path: String, mode: mode_t) throws(NodeError) {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard file >= 0 else {
      throw NodeError(
        .badInput, "cannot make \(printable(path)): \(String(cString: strerror(errno)))")
    }
    defer { close(file) }
    guard Glibc.write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
      throw NodeError(.system, "cannot write \(printable(path))")
    }
  }

  /// Writes a version with all that is known of it into one file.
  /// - Parameters:
  ///   - keyPath: the private key (PEM) that signs it; nil leaves it unsigned.
  /// - Throws: a ``Failure``: no such version, a damaged artifact, a key that cannot sign, a file
  ///   that cannot be written.
  public static func write(
    _ version: VersionID, to path: String, keyPath: String?, stateDirectory: String,
    client: any NodeClient, actor: ActorID
  ) throws -> Written {
    let lineage = try client.lineage(of: version)
    guard lineage.record.deletion == nil else {
      throw NodeError(.unknown, "\(version) was deleted: there is no model file to bundle")
    }
    let artifacts = ArtifactStore(try StateDirectory(stateDirectory, create: false))
    let draft = lineage.registered.draft
    let model = try artifacts.read(
      draft.artifact, limitBytes: ModelLimits.standard.fileBytesMax)
    var files: [(name: String, content: [UInt8])] = [
      (BundleLayout.modelName(model), model),
      (BundleLayout.document, try CanonicalJSON.encode(lineage)),
    ]
    for (name, digest) in [
      (BundleLayout.card, draft.card), (BundleLayout.reference, draft.reference),
      (BundleLayout.golden, draft.golden),
    ] {
      guard let digest else { continue }
      files.append(
        (name, try artifacts.read(digest, limitBytes: BundleLayout.files[name] ?? 0)))
    }
    files.sort { $0.name < $1.name }
    let now = SystemClock.now()
    let manifest = BundleManifest(
      format: BundleManifest.currentFormat, program: "sluice \(Product.version)",
      version: version, made: now, by: actor.name,
      files: files.map {
        BundleManifest.File(
          name: $0.name, bytes: $0.content.count, sha256: Digest(ofBytes: $0.content))
      })
    files.append((BundleLayout.manifest, try CanonicalJSON.encode(manifest)))
    var members = files.map { ("\(BundleLayout.folder)/\($0.name)", $0.content) }
    var signer: String?
    if let keyPath {
      let pem = try TextFile.read(keyPath, limitBytes: EllipticKey.fileBytesMax)
      let key = try EllipticKey(privatePEM: pem, name: keyPath)
      let digests = Dictionary(
        uniqueKeysWithValues: files.map { ($0.name, Digest(ofBytes: $0.content)) })
      members.insert(
        (
          BundleLayout.signature,
          try ModelSignature.make(folder: BundleLayout.folder, files: digests, key: key)
        ), at: 0)
      signer = key.fingerprint
    }
    try BundleArchive.write(members.map { (name: $0.0, content: $0.1) }, to: path, time: now)
    return Written(manifest: manifest, signer: signer)
  }
}
