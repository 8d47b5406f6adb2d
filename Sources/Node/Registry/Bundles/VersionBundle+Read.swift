import Control
import Core
import Inference
import Storage
import Telemetry

extension VersionBundle {
  /// A bundle that was read and checked; nothing of it is stored yet.
  struct Checked {
    let manifest: BundleManifest
    let lineage: VersionLineage
    /// The content of each file of the folder.
    let files: [String: [UInt8]]
    let model: [UInt8]
    /// The key whose signature was checked.
    let signer: String?
  }

  /// Takes a version out of a bundle and registers it as the model's next version.
  ///
  /// Everything is checked before anything is stored: the signature, the list of files, each
  /// digest, that the model compiles, that it gives its golden answers.
  /// - Parameters:
  ///   - keyPath: the public key (PEM) that must have signed it; nil takes it unsigned.
  ///   - model: the name it gets; nil is the one that it had.
  /// - Throws: a ``Failure`` that says what is wrong with the bundle; nothing is imported then.
  public static func read(
    _ path: String, keyPath: String?, model name: Name?, stateDirectory: String,
    client: any NodeClient, actor: ActorID, note: (String) -> Void = { _ in }
  ) throws -> Outcome {
    let bundle = try check(path, keyPath: keyPath)
    let old = bundle.lineage.registered.draft
    let compiled = try CompiledModel.load(bundle.model, backend: old.backend)
    for sentence in compiled.notes { note(sentence) }
    try checkContents(bundle, compiled, path)
    let artifacts = ArtifactStore(try StateDirectory(stateDirectory, create: true))
    func stored(_ name: String) throws -> Digest? {
      try bundle.files[name].map { try artifacts.put($0).digest }
    }
    let artifact = try artifacts.put(bundle.model)
    guard let document = try stored(BundleLayout.document) else {
      throw refusal(path, "it has no \(BundleLayout.document)")
    }
    let draft = VersionDraft(
      model: name ?? old.model, artifact: artifact.digest, artifactBytes: artifact.sizeBytes,
      signature: compiled.signature, card: try stored(BundleLayout.card),
      reference: try stored(BundleLayout.reference), golden: try stored(BundleLayout.golden),
      backend: compiled.backend == .native ? old.backend : compiled.backend,
      summary: old.summary, metrics: old.metrics,
      origin: VersionOrigin(
        training: old.origin?.training,
        bundle: BundleOrigin(
          version: bundle.manifest.version, made: bundle.manifest.made, by: bundle.manifest.by,
          document: document, signer: bundle.signer)))
    let order = Order(command: .registerVersion(draft), actor: actor)
    guard case .outcome(let outcome) = try client.send(.perform(order)) else {
      throw NodeError(.system, "the node answered a command with something else")
    }
    return outcome
  }

  /// Reads a bundle and checks signature, list and digests.
  /// - Throws: a ``Failure`` with the bundle's path and what is wrong with it.
  static func check(_ path: String, keyPath: String?) throws -> Checked {
    let members: [String: [UInt8]]
    do throws(StorageError) {
      members = try BundleArchive.read(path, limits: BundleLayout.members)
    } catch {
      guard error.code == .damaged else { throw error }
      throw refusal(path, error.message)
    }
    var files: [String: [UInt8]] = [:]
    for (name, content) in members where name != BundleLayout.signature {
      files[String(name.dropFirst(BundleLayout.folder.utf8.count + 1))] = content
    }
    let digests = files.mapValues { Digest(ofBytes: $0) }
    // Before anything in it is read: what is signed is believed, the rest is not looked at.
    let signer = try checkSignature(members[BundleLayout.signature], digests, keyPath, path)
    let manifest = try manifest(files, digests, path)
    guard let text = files[BundleLayout.document] else {
      throw refusal(path, "it has no \(BundleLayout.document)")
    }
    let lineage: VersionLineage
    do throws(InvalidValue) {
      lineage = try CanonicalJSON.decode(VersionLineage.self, from: text)
    } catch { throw refusal(path, "\(BundleLayout.document): \(error.message)") }
    let models = BundleLayout.models.filter { files[$0] != nil }
    guard models.count == 1, let model = files[models[0]] else {
      throw refusal(path, "it has \(models.count) model files instead of one")
    }
    guard Digest(ofBytes: model) == lineage.registered.draft.artifact else {
      throw refusal(path, "the model file is not the one that \(BundleLayout.document) describes")
    }
    return Checked(
      manifest: manifest, lineage: lineage, files: files, model: model, signer: signer)
  }

  private static func checkSignature(
    _ signature: [UInt8]?, _ digests: [String: Digest], _ keyPath: String?, _ path: String
  ) throws -> String? {
    guard let keyPath else { return nil }
    let pem = try TextFile.read(keyPath, limitBytes: EllipticKey.fileBytesMax)
    let key = try EllipticKey(publicPEM: pem, name: keyPath)
    guard let signature else {
      throw refusal(path, "it is not signed; without --key it is taken as it is")
    }
    let signed: [String: Digest]
    do throws(StorageError) {
      signed = try ModelSignature.verify(signature, key: key)
    } catch { throw refusal(path, error.message) }
    try compare(signed, digests, "the signature", path)
    return key.fingerprint
  }

  private static func manifest(
    _ files: [String: [UInt8]], _ digests: [String: Digest], _ path: String
  ) throws -> BundleManifest {
    guard let text = files[BundleLayout.manifest] else {
      throw refusal(path, "it has no \(BundleLayout.manifest)")
    }
    let manifest: BundleManifest
    do throws(InvalidValue) {
      manifest = try CanonicalJSON.decode(BundleManifest.self, from: text)
    } catch { throw refusal(path, "\(BundleLayout.manifest): \(error.message)") }
    guard manifest.format == BundleManifest.currentFormat else {
      throw refusal(
        path, "it has the form \"\(printable(manifest.format, limit: 40))\", which is not known")
    }
    var listed: [String: Digest] = [:]
    for file in manifest.files {
      guard listed[file.name] == nil, file.bytes == files[file.name]?.count ?? file.bytes else {
        throw refusal(
          path, "its manifest is wrong at \"\(printable(file.name, limit: 100))\"")
      }
      listed[file.name] = file.sha256
    }
    var others = digests
    others[BundleLayout.manifest] = nil
    try compare(listed, others, "the manifest", path)
    return manifest
  }

  /// Exactly the files of a list, each with its digest.
  private static func compare(
    _ listed: [String: Digest], _ found: [String: Digest], _ list: String, _ path: String
  ) throws {
    for name in listed.keys.sorted() where found[name] == nil {
      throw refusal(
        path, "\(printable(name, limit: 100)) is missing, though \(list) names it")
    }
    for (name, digest) in found.sorted(by: { $0.key < $1.key }) {
      guard let wanted = listed[name] else {
        throw refusal(path, "\(name) is in it, though \(list) does not name it")
      }
      guard wanted == digest else {
        throw refusal(path, "\(name) was altered: its SHA-256 is not that of \(list)")
      }
    }
  }

  /// The parts that are read whenever the version is loaded must be good now.
  private static func checkContents(
    _ bundle: Checked, _ model: CompiledModel, _ path: String
  ) throws {
    if let golden = bundle.files[BundleLayout.golden] {
      _ = try GoldenCheck.run(stored: golden, name: BundleLayout.golden, on: model)
    }
    guard let reference = bundle.files[BundleLayout.reference] else { return }
    do {
      _ = try Reference(json: reference)
    } catch {
      throw refusal(path, "\(BundleLayout.reference): \(NodeError(describing: error).message)")
    }
  }

  private static func refusal(_ path: String, _ words: String) -> NodeError {
    NodeError(.badInput, "\(printable(path)) is not imported: \(words)")
  }
}
