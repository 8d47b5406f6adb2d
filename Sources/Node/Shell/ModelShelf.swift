import Control
import Core
import Inference
import Serving
import Storage
import Synchronization
import Telemetry

/// Versions in memory: read by digest, compiled, warmed.
///
/// What is not on the shelf gets no weight.
final class ModelShelf: Sendable {
  /// A version that can serve.
  struct Loaded: Sendable {
    let version: LoadedVersion
    let signature: Signature
    let reference: Reference?
    /// Why its reference cannot be used; nil when it can or there is none.
    let referenceFault: String?
  }

  /// Sessions made for each version when it is loaded: the traffic source and one spare.
  private static let warmSessions = 2

  private let artifacts: ArtifactStore
  private let loaded = Mutex<[VersionID: Loaded]>([:])
  /// One load at a time, so that two commands do not compile the same version twice.
  private let loading = Mutex<Void>(())

  init(artifacts: ArtifactStore) { self.artifacts = artifacts }

  /// The versions that can get weight.
  var prepared: Set<VersionID> { loaded.withLock { Set($0.keys) } }

  /// A version that was prepared.
  func loaded(_ version: VersionID) -> Loaded? { loaded.withLock { $0[version] } }

  /// Reads, checks, compiles and warms a version, unless it is here already.
  /// - Throws: a ``Failure`` that says what is wrong with its bytes or its graph.
  func prepare(_ registered: RegisteredVersion) throws {
    try loading.withLock { _ in
      let id = registered.version
      guard loaded(id) == nil else { return }
      let model = try compile(registered)
      let source = try ModelSource(model)
      let version = try LoadedVersion(id, source: source, warm: ModelShelf.warmSessions)
      var reference: Reference?
      var fault: String?
      if let digest = registered.draft.reference {
        do {
          reference = try Reference(json: try artifacts.read(digest))
        } catch {
          fault = NodeError(describing: error).message
        }
      }
      let entry = Loaded(
        version: version, signature: model.signature, reference: reference, referenceFault: fault)
      loaded.withLock { $0[id] = entry }
    }
  }

  /// Compiles a registered version's artifact.
  func compile(_ registered: RegisteredVersion) throws -> CompiledModel {
    let bytes = try artifacts.read(registered.draft.artifact)
    return try CompiledModel.compile(onnx: bytes)
  }

  /// Drops the versions that no endpoint needs.
  func keep(only needed: Set<VersionID>) {
    loaded.withLock { loaded in loaded = loaded.filter { needed.contains($0.key) } }
  }
}
