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
    /// Runs some of its golden rows; nil when it has none.
    var goldenProbe: (@Sendable () throws -> Void)?
    /// The inputs of its first golden row, by column; nil when it has none.
    var goldenSample: [String: String]?
  }

  /// Sessions made for each version when it is loaded: the traffic source and one spare.
  private static let warmSessions = 2

  private let artifacts: ArtifactStore
  /// What is on the shelf, and why.
  private struct Contents {
    var loaded: [VersionID: Loaded] = [:]
    /// Commands under way that need a version, which no endpoint has yet.
    var reserved: [VersionID: Int] = [:]
    /// Why a version could not be loaded when that was last tried.
    var faults: [VersionID: String] = [:]
    /// What the golden rows gave when they were last run.
    var golden: [VersionID: GoldenResult] = [:]
  }
  private let contents = Mutex(Contents())
  /// One load at a time, so that two commands do not compile the same version twice.
  private let loading = Mutex<Void>(())

  init(artifacts: ArtifactStore) { self.artifacts = artifacts }

  /// The versions that can get weight.
  var prepared: Set<VersionID> { contents.withLock { Set($0.loaded.keys) } }

  /// A version that was prepared.
  func loaded(_ version: VersionID) -> Loaded? { contents.withLock { $0.loaded[version] } }

  /// Why a version is not here; nil when it is, or was never asked for.
  func fault(of version: VersionID) -> String? { contents.withLock { $0.faults[version] } }

  /// What a version's golden rows gave when it was last loaded; nil when they were not run, or
  /// failed (see ``fault(of:)``).
  func golden(of version: VersionID) -> GoldenResult? { contents.withLock { $0.golden[version] } }

  /// Reads, checks, compiles and warms a version, unless it is here already.
  /// - Returns: whether it was not.
  /// - Throws: a ``Failure`` that says what is wrong with its bytes or its graph.
  @discardableResult
  func prepare(_ registered: RegisteredVersion) throws -> Bool {
    try loading.withLock { _ in
      guard loaded(registered.version) == nil else { return false }
      do {
        try load(registered)
        contents.withLock { $0.faults[registered.version] = nil }
        return true
      } catch {
        let message = NodeError(describing: error).message
        contents.withLock { contents in
          contents.faults[registered.version] = message
          contents.golden[registered.version] = nil
        }
        throw error
      }
    }
  }

  private func load(_ registered: RegisteredVersion) throws {
    let id = registered.version
    let model = try compile(registered)
    let golden = try runGolden(registered, model)
    contents.withLock { $0.golden[id] = golden }
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
    var entry = Loaded(
      version: version, signature: model.signature, reference: reference, referenceFault: fault)
    if let rows = try goldenRows(registered)?.first(Prober.goldenRowsMax) {
      entry.goldenProbe = { _ = try GoldenCheck.run(rows, on: model) }
      entry.goldenSample = rows.rows.first.flatMap { try? TryRow.cells($0.inputs, "golden rows") }
    }
    put(entry)
  }

  /// Puts a version on the shelf.
  func put(_ entry: Loaded) { contents.withLock { $0.loaded[entry.version.id] = entry } }

  /// Compiles a registered version's artifact.
  /// - Parameter label: how errors call it, when the version's number is not known yet.
  func compile(
    _ registered: RegisteredVersion, called label: String? = nil
  ) throws -> CompiledModel {
    let label = label ?? registered.version.description
    let bytes: [UInt8]
    do {
      bytes = try artifacts.read(registered.draft.artifact)
    } catch {
      // What was registered was stored: that it is not there now is no mistake of the caller.
      throw NodeError(
        .system, "\(label) cannot be loaded: \(error.message)")
    }
    do throws(InferenceError) {
      return try CompiledModel.load(bytes, backend: registered.draft.backend)
    } catch {
      guard error.code == .backend else { throw error }
      throw NodeError(
        .system, "\(label) needs ONNX Runtime and cannot be loaded here: \(error.message)")
    }
  }

  /// Runs a version's golden rows, when it has some.
  /// - Throws: a ``Failure`` that says which answer differs, or why the rows cannot be run.
  @discardableResult
  func runGolden(
    _ registered: RegisteredVersion, _ model: CompiledModel
  ) throws -> GoldenResult? {
    guard let rows = try goldenRows(registered) else { return nil }
    do {
      return try GoldenCheck.run(rows, on: model)
    } catch let error as NodeError where error.code == .refused {
      throw NodeError(
        .refused, "\(registered.version) does not give its golden answers: \(error.message)")
    }
  }

  private func goldenRows(_ registered: RegisteredVersion) throws -> GoldenRows? {
    guard let digest = registered.draft.golden else { return nil }
    let bytes: [UInt8]
    do {
      bytes = try artifacts.read(digest, limitBytes: GoldenRows.storedBytesMax)
    } catch {
      throw NodeError(
        .system, "the golden rows of \(registered.version) cannot be read: \(error.message)")
    }
    return try GoldenRows(bytes, name: "golden rows")
  }

  /// Keeps a version for a command that is under way, until it is let go.
  func reserve(_ version: VersionID) {
    contents.withLock { $0.reserved[version, default: 0] += 1 }
  }

  /// Ends a reservation.
  func letGo(_ version: VersionID) {
    contents.withLock { contents in
      let count = (contents.reserved[version] ?? 0) - 1
      contents.reserved[version] = count > 0 ? count : nil
    }
  }

  /// Drops the versions that neither an endpoint nor a running command needs.
  ///
  /// `needed` is asked under the lock: a command lets its reservation go only after its change is
  /// in the state, so a version is always seen in one of the two.
  func keep(only needed: () -> Set<VersionID>) {
    contents.withLock { contents in
      let needed = needed().union(contents.reserved.keys)
      contents.loaded = contents.loaded.filter { needed.contains($0.key) }
    }
  }
}
