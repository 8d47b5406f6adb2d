import Control
import Core
import Foundation
import Storage
import Testing

@testable import Node

/// A version out of one registry and into another, and every bundle that is not what it says.
@Suite("Bundles of versions", .serialized)
struct BundleTests {
  private let actor = ActorID(kind: .person, name: "ana")
  private let root = LibraryTests.root + "/samples/flight-delay"
  private let folder = "/tmp/slu-\(UUID().uuidString.prefix(8))"

  private func withBundle(_ body: (Node, String, String) throws -> Void) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let state = folder + "/state"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let node = try Node.open(
      NodeOptions(stateDirectory: state, listens: false, serves: false))
    defer { node.stop() }
    _ = try ModelImporter.importModel(
      file: root + "/models/flight-delay-1.onnx", model: try Name("m"),
      card: root + "/cards/flight-delay-1.md", reference: root + "/references/flight-delay-1.json",
      golden: root + "/golden/flight-delay-1.jsonl",
      origin: VersionOrigin(training: TrainingRun(command: "train.py")), stateDirectory: state,
      client: node, actor: actor)
    _ = try VersionBundle.makeKey(folder + "/key.pem")
    let path = folder + "/b.tar"
    _ = try VersionBundle.write(
      try VersionID("m@1"), to: path, keyPath: folder + "/key.pem", stateDirectory: state,
      client: node, actor: actor)
    try body(node, state, path)
  }

  private func unbundle(
    _ node: Node, _ state: String, _ path: String, key: String? = nil
  ) throws -> Outcome {
    try VersionBundle.read(
      path, keyPath: key, model: nil, stateDirectory: state, client: node, actor: actor)
  }

  private func refusal(_ body: () throws -> Void) -> String {
    do { try body() } catch {
      let error = NodeError(describing: error)
      #expect(error.exitCode == .usage, "\(error.message)")
      return error.message
    }
    Issue.record("it was not refused")
    return ""
  }

  @Test func aVersionTravelsWithItsStory() throws {
    try withBundle { node, state, path in
      let outcome = try unbundle(node, state, path, key: folder + "/key.pem.pub")
      let version = try #require(outcome.version)
      #expect(version == (try VersionID("m@2")))
      let (old, new) = (
        try node.record(of: VersionID("m@1")).registered.draft,
        try node.record(of: version).registered.draft
      )
      #expect(new.files.isSuperset(of: old.files))
      #expect(new.signature == old.signature && new.metrics == old.metrics)
      #expect(new.origin?.training?.command == "train.py")
      let origin = try #require(new.origin?.bundle)
      #expect(origin.version == (try VersionID("m@1")) && origin.by == "ana")
      #expect(origin.signer?.count == 64)
      // Without a key it is taken as it is, and says so.
      let unsigned = try #require(try unbundle(node, state, path).version)
      #expect(try node.record(of: unsigned).registered.draft.origin?.bundle?.signer == nil)
    }
  }

  @Test func aKeyIsMadeOnce() throws {
    try withBundle { _, _, _ in
      #expect(
        refusal { _ = try VersionBundle.makeKey(folder + "/key.pem") }.contains("cannot make"))
      let mode = try FileManager.default.attributesOfItem(atPath: folder + "/key.pem")
      #expect(mode[.posixPermissions] as? Int == 0o600)
    }
  }

  @Test func whatWasAlteredIsNotImported() throws {
    try withBundle { node, state, path in
      let good = try BundleArchive.read(path, limits: BundleLayout.members)
      let key = folder + "/key.pem.pub"
      let before = (node.core.state, try stored(state))
      func refused(key: String?, _ change: (inout [String: [UInt8]]) throws -> Void) throws
        -> String
      {
        var members = good
        try change(&members)
        let bad = folder + "/bad.tar"
        try BundleArchive.write(
          members.sorted { $0.key < $1.key }.map { (name: $0.key, content: $0.value) }, to: bad,
          time: Timestamp(microseconds: 0))
        return refusal { _ = try unbundle(node, state, bad, key: key) }
      }
      for name in good.keys.sorted() where name != "model.sig" {
        for position in [0, 0.5, 0.999] {
          let words = try refused(key: key) { members in
            let count = members[name]?.count ?? 0
            members[name]?[Int(position * Double(count))] ^= 1
          }
          #expect(words.contains("was altered"), "\(name): \(words)")
        }
        let missing = try refused(key: key) { $0[name] = nil }
        #expect(missing.contains("is missing"), "\(name): \(missing)")
      }
      #expect(try refused(key: nil) { $0["version/card.md"]?[3] ^= 1 }.contains("the manifest"))
      #expect(try refused(key: nil) { $0["version/card.md"] = nil }.contains("is missing"))
      #expect(
        try refused(key: nil) { $0["version/model.txt"] = [1] }.contains("does not name it"))
      #expect(
        try refused(key: key) { $0["version/model.txt"] = [1] }.contains("does not name it"))
      #expect(try refused(key: key) { $0["model.sig"] = nil }.contains("not signed"))
      #expect(try refused(key: key) { $0["model.sig"]?[900] ^= 1 }.contains("not imported"))
      #expect(
        try refused(key: nil) { $0["version/manifest.json"] = nil }.contains("no manifest.json"))
      // Another key of the right kind.
      _ = try VersionBundle.makeKey(folder + "/other.pem")
      let other = refusal { _ = try unbundle(node, state, path, key: folder + "/other.pem.pub") }
      #expect(other.contains("signed with another key"))
      // Nothing of all that was kept.
      #expect(node.core.state == before.0)
      #expect(try stored(state) == before.1)
    }
  }

  /// A bundle that fits its own manifest, and yet is no good.
  @Test func whatFitsItsManifestMustStillBeAModel() throws {
    try withBundle { node, state, path in
      let good = try BundleArchive.read(path, limits: BundleLayout.members)
      func refused(_ change: (inout [String: [UInt8]]) throws -> Void) throws -> String {
        var files: [String: [UInt8]] = [:]
        for (name, content) in good where name.hasPrefix("version/") {
          files[String(name.dropFirst(8))] = content
        }
        files["manifest.json"] = nil
        try change(&files)
        let old = try CanonicalJSON.decode(
          BundleManifest.self, from: try #require(good["version/manifest.json"]))
        let manifest = BundleManifest(
          format: old.format, program: old.program, version: old.version, made: old.made,
          by: old.by,
          files: files.map {
            BundleManifest.File(
              name: $0.key, bytes: $0.value.count, sha256: Digest(ofBytes: $0.value))
          })
        files["manifest.json"] = try CanonicalJSON.encode(manifest)
        let bad = folder + "/bad.tar"
        try BundleArchive.write(
          files.map { (name: "version/\($0.key)", content: $0.value) }, to: bad,
          time: Timestamp(microseconds: 0))
        return refusal { _ = try unbundle(node, state, bad) }
      }
      #expect(try refused { $0["model.onnx"]?[9] ^= 1 }.contains("not the one that version.json"))
      #expect(try refused { $0["model.onnx"] = nil }.contains("0 model files"))
      #expect(try refused { $0["model.txt"] = [1] }.contains("2 model files"))
      #expect(try refused { $0["version.json"] = Array("{}".utf8) }.contains("version.json"))
      #expect(try refused { $0["reference.json"] = Array("[]".utf8) }.contains("reference"))
      let golden = Array(
        "{\"inputs\":{\"distance\":1},\"outputs\":{\"label\":1}}\n".utf8)
      #expect(try refused { $0["golden.jsonl"] = golden }.contains("golden"))
    }
  }

  /// The names of everything stored.
  private func stored(_ state: String) throws -> [Digest] {
    try ArtifactStore(StateDirectory(state, create: false)).digests()
  }
}
