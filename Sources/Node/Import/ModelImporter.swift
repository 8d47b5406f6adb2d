import Control
import Core
import Documents
import Inference
import Storage
import Telemetry

/// Brings a model file into the registry: its bytes into the artifacts, what is known of it into a
/// version.
public enum ModelImporter {
  /// The longest card that is accepted.
  static let cardBytesMax = 1 << 20

  /// Imports a model file as the model's next version.
  ///
  /// Artifacts are named by their digest, so writing them needs no lock; only the registration goes
  /// through the node.
  /// - Parameters:
  ///   - backend: what must run the model; `nil` lets the engine choose. A choice of ONNX Runtime,
  ///     the operator's or the engine's, is registered with the version.
  ///   - parent: the version that it was made from, when it was made from one.
  ///   - origin: the training that made it, when that is known.
  ///   - note: is told what the operator should know of the model, before it is registered.
  /// - Throws: a ``Failure``: the file is no model that can be run, the card is malformed, the node
  ///   refused.
  public static func importModel(
    file: String, model: Name, card: String?, reference: String?, golden: String? = nil,
    goldenTolerance: Double? = nil, backend: Backend? = nil, parent: VersionID? = nil,
    origin: VersionOrigin? = nil, stateDirectory: String,
    client: any NodeClient, actor: ActorID, note: (String) -> Void = { _ in }
  ) throws -> Outcome {
    let bytes = try TextFile.read(file, limitBytes: 2 << 30)
    let compiled = try CompiledModel.load(bytes, backend: backend)
    for sentence in compiled.notes { note(sentence) }
    let goldenBytes = try golden.map {
      try GoldenFile.check(path: $0, tolerance: goldenTolerance, on: compiled)
    }
    let cardContent = try card.map { try CardFile.load(path: $0) }
    let referenceBytes = try reference.map { try readReference($0) }
    let artifacts = ArtifactStore(try StateDirectory(stateDirectory, create: true))
    let stored = try artifacts.put(bytes)
    let draft = VersionDraft(
      model: model, artifact: stored.digest, artifactBytes: stored.sizeBytes,
      signature: compiled.signature,
      card: try cardContent.map { try artifacts.put($0.bytes).digest },
      reference: try referenceBytes.map { try artifacts.put($0).digest },
      golden: try goldenBytes.map { try artifacts.put($0).digest },
      backend: compiled.backend == .native ? backend : compiled.backend,
      parent: parent, summary: cardContent?.summary ?? "", metrics: cardContent?.metrics ?? [:],
      origin: origin)
    let order = Order(command: .registerVersion(draft), actor: actor)
    guard case .outcome(let outcome) = try client.send(.perform(order)) else {
      throw NodeError(.system, "the node answered a command with something else")
    }
    return outcome
  }

  private static func readReference(_ path: String) throws -> [UInt8] {
    let bytes = try TextFile.read(path, limitBytes: Reference.bytesMax)
    do {
      _ = try Reference(json: bytes)
    } catch {
      throw NodeError(.badInput, "\(printable(path)): \(error.message)")
    }
    return bytes
  }

  /// The model card of a version, as far as the registry reads it.
  struct CardFile {
    let bytes: [UInt8]
    let summary: String
    let metrics: [String: Double]

    static func load(path: String) throws -> CardFile {
      let bytes = try TextFile.read(path, limitBytes: cardBytesMax)
      let front = try FrontMatter.split(bytes, file: path)
      guard let node = front.node else { return CardFile(bytes: bytes, summary: "", metrics: [:]) }
      var summary = ""
      var metrics: [String: Double] = [:]
      for entry in try node.entries() {
        if entry.key == "summary" { summary = try entry.value.string(limitBytes: 500) }
        guard entry.key == "metrics" else { continue }
        for metric in try entry.value.entries(limit: 100) {
          metrics[metric.key] = try metric.value.double()
        }
      }
      return CardFile(bytes: bytes, summary: summary, metrics: metrics)
    }
  }
}
