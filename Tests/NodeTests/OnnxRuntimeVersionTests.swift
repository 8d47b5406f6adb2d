import Control
import Core
import Foundation
import Storage
import Testing

@testable import Inference
@testable import Node

/// Versions that are registered to run on ONNX Runtime, and what the doctor says of it.
@Suite("Versions on ONNX Runtime", .serialized)
struct OnnxRuntimeVersionTests {
  private static let isHere = (try? OnnxRuntimeSearch.process.open()) != nil

  private let actor = ActorID(kind: .person, name: "ana")
  private let model: Name
  private let endpoint: Name

  init() throws {
    model = try Name("delay")
    endpoint = try Name("gate")
  }

  private func version(_ number: Int) -> VersionID { VersionID(model: model, number: number) }

  private func withState(_ body: (String) throws -> Void) throws {
    let state = "/tmp/sln-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    try body(state)
  }

  /// A native model's file, to be run by `backend`.
  private func draft(_ artifacts: ArtifactStore, _ backend: Backend?) throws -> VersionDraft {
    let path = LibraryTests.root + "/samples/flight-delay/models/flight-delay-1.onnx"
    let file = try TextFile.read(path, limitBytes: 1 << 24)
    let stored = try artifacts.put(file)
    return VersionDraft(
      model: model, artifact: stored.digest, artifactBytes: stored.sizeBytes,
      signature: try CompiledModel.load(file, backend: .native).signature, backend: backend)
  }

  private func perform(_ node: Node, _ command: Command) throws {
    guard case .outcome = try node.send(.perform(Order(command: command, actor: actor))) else {
      throw NodeError(.system, "no outcome")
    }
  }

  private func refusal(_ body: () throws -> Void) -> NodeError? {
    do {
      try body()
      return nil
    } catch {
      return NodeError(describing: error)
    }
  }

  @Test(.enabled(if: !isHere, "ONNX Runtime is here")) func withoutItTheyFailAlone() throws {
    try withState { state in
      let artifacts = ArtifactStore(try StateDirectory(state, create: true))
      let shelf = ModelShelf(artifacts: artifacts)
      func registered(_ number: Int, _ backend: Backend?) throws -> RegisteredVersion {
        RegisteredVersion(
          version: version(number), draft: try draft(artifacts, backend),
          registered: SystemClock.now(), by: actor)
      }
      let second = try registered(2, .onnxruntime)
      let error = refusal { try shelf.prepare(second) }
      #expect(error?.code == .system)
      #expect(error?.message.contains("delay@2 needs ONNX Runtime and cannot be loaded") == true)
      #expect(shelf.fault(of: version(2)) == error?.message)
      try shelf.prepare(try registered(1, nil))
      #expect(shelf.prepared == [version(1)])
    }
  }

  @Test(.enabled(if: !isHere, "ONNX Runtime is here"))
  func aNodeWithoutItRegistersNone() throws {
    try withState { state in
      let node = try Node.open(
        NodeOptions(stateDirectory: state, listens: false, serves: false))
      defer { node.stop() }
      let artifacts = ArtifactStore(try StateDirectory(state, create: false))
      let error = refusal {
        try perform(node, .registerVersion(try draft(artifacts, .onnxruntime)))
      }
      #expect(error?.message.contains("the new version of delay needs ONNX Runtime") == true)
      try perform(node, .registerVersion(try draft(artifacts, .native)))
    }
  }

  @Test(.enabled(if: isHere, "needs ONNX Runtime: set SLUICE_ONNXRUNTIME to its library"))
  func withItTheyTakeWeight() throws {
    try withState { state in
      let node = try Node.open(
        NodeOptions(stateDirectory: state, listens: false, serves: false))
      defer { node.stop() }
      let artifacts = ArtifactStore(try StateDirectory(state, create: false))
      try perform(node, .createEndpoint(endpoint))
      for (number, backend) in [(1, nil), (2, Backend.onnxruntime)] {
        try perform(node, .registerVersion(try draft(artifacts, backend)))
        try perform(node, .deploy(endpoint: endpoint, version: version(number)))
      }
      let halves = try Split([
        Split.Share(version: version(1), weight: 5_000),
        Split.Share(version: version(2), weight: 5_000),
      ])
      try perform(node, .setSplit(endpoint: endpoint, split: halves))
    }
  }

  @Test func theDoctorSaysHowItStands() throws {
    func finding(_ setting: String?, python: [String] = []) -> DoctorFinding {
      Doctor.onnxRuntime(
        OnnxRuntimeSearch(setting: setting, systemPatterns: [], pythonPatterns: python))
    }
    let absent = finding(nil)
    #expect(absent.severity == .ok && absent.finding.contains("native models do not need it"))
    #expect(absent.remedy.contains("SLUICE_ONNXRUNTIME"))
    let off = finding("off")
    #expect(off.severity == .ok && off.finding.contains("switched off") && off.remedy.isEmpty)
    let wrong = finding("/nowhere")
    #expect(wrong.severity == .warn && wrong.finding.contains("\"/nowhere\""))
    let folder = "/tmp/sln-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let library = folder + "/libonnxruntime.so.1.2.3"
    #expect(FileManager.default.createFile(atPath: library, contents: Data("none".utf8)))
    let known = finding(nil, python: [folder])
    #expect(known.severity == .ok)
    #expect(known.remedy.contains("SLUICE_ONNXRUNTIME=\(library) uses the copy there"))
    let named = finding(library)
    #expect(named.severity == .warn && named.finding.contains("cannot be used as ONNX Runtime"))
  }
}
