import Control
import Core
import Foundation
import Inference
import Storage
import Testing

@testable import Node

/// `model optimize` on a real node with the sample's models.
@Suite("Optimising versions", .serialized)
struct OptimizeTests {
  private let actor = ActorID(kind: .person, name: "ana")
  private let sample: SampleFiles
  private let evaluation = LibraryTests.root + "/samples/flight-delay/eval.csv"

  init() throws { sample = try SampleFiles.flightDelay }

  /// A node that has registered the sample's version `number` as the first.
  private func withVersion(
    _ number: Int, _ body: (Node, String, VersionID) throws -> Void
  ) throws {
    let state = "/tmp/sln-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    let node = try Node.open(NodeOptions(stateDirectory: state, listens: false, serves: false))
    defer { node.stop() }
    let outcome = try ModelImporter.importModel(
      file: sample.modelPath(number), model: sample.model, card: sample.cardPath(number),
      reference: sample.referencePath(number), stateDirectory: state, client: node, actor: actor)
    try body(node, state, try #require(outcome.version))
  }

  private func run(
    _ request: OptimizeRequest, _ node: Node, _ state: String
  ) throws -> OptimizeReport {
    // Few rows: the debug build is slow, and each is compared four times.
    var request = request
    request.rowLimit = 150
    request.timingRounds = 1
    return try VersionOptimizer.run(request, stateDirectory: state, client: node, actor: actor)
  }

  private func detail(_ version: VersionID, _ node: Node) throws -> VersionDetail {
    guard case .version(let detail) = try node.send(.version(version)) else {
      throw NodeError(.system, "no version")
    }
    return detail
  }

  @Test func aVersionIsRegisteredWithItsParent() throws {
    try withVersion(1) { node, state, parent in
      let request = OptimizeRequest(
        version: parent, rowsPath: evaluation, labelColumn: "late")
      let report = try run(request, node, state)
      #expect(report.refusal == nil)
      let made = try #require(report.version)
      #expect(made.number == parent.number + 1)
      #expect(report.change.largest <= 1e-5)
      #expect(report.change.rows == 150)
      #expect(report.change.labels == 0)
      #expect(report.after.bytes < report.before.bytes)
      #expect(report.quality?.metric == "accuracy")
      #expect(report.quality?.before == report.quality?.after)
      #expect(report.speed.map(\.batch) == [1, 1_024])
      let old = try detail(parent, node)
      let new = try detail(made, node)
      #expect(new.draft?.parent == parent)
      #expect(new.draft?.artifact != old.draft?.artifact)
      #expect(new.draft?.reference == old.draft?.reference)
      #expect(new.draft?.reference != nil)
      #expect(new.signature == old.signature)
      #expect(new.registered.metrics == old.registered.metrics)
      #expect(new.card.hasPrefix(old.card))
      #expect(new.card.contains("Optimised from \(parent)"))
      #expect(new.damage == nil)
    }
  }

  @Test func tooLargeAChangeIsRefused() throws {
    try withVersion(3) { node, state, parent in
      var request = OptimizeRequest(version: parent, passes: [.quantize], tolerance: 1e-9)
      let refused = try run(request, node, state)
      #expect(refused.version == nil)
      #expect(refused.refusal?.contains("more than the tolerance") == true)
      #expect(refused.change.largest > 1e-9)
      let next = VersionID(model: parent.model, number: parent.number + 1)
      #expect(throws: NodeError.self) { try detail(next, node) }
      // The same change is accepted when as much is allowed; a dry run still registers nothing.
      request.tolerance = 0.5
      request.isDryRun = true
      let dry = try run(request, node, state)
      #expect(dry.refusal == nil && dry.version == nil)
      request.isDryRun = false
      #expect(try run(request, node, state).version == next)
    }
  }

  @Test func whatIsOptimalStays() throws {
    try withVersion(1) { node, state, parent in
      let first = try #require(try run(OptimizeRequest(version: parent), node, state).version)
      let again = try run(OptimizeRequest(version: first), node, state)
      #expect(again.version == nil)
      #expect(again.refusal == "there is nothing to optimise with these passes")
    }
  }

  @Test func rowsAreMadeUpFromTheReference() throws {
    try withVersion(1) { node, state, parent in
      let report = try run(OptimizeRequest(version: parent, isDryRun: true), node, state)
      #expect(report.rowsFrom.contains("13 of 13 inputs as in the training reference"))
      #expect(report.quality == nil)
    }
  }

  @Test func wrongRequestsAreExplained() throws {
    try withVersion(1) { node, state, parent in
      func complaint(_ request: OptimizeRequest) -> NodeError? {
        do {
          _ = try run(request, node, state)
          return nil
        } catch {
          return error as? NodeError
        }
      }
      let unknown = VersionID(model: parent.model, number: 77)
      #expect(complaint(OptimizeRequest(version: unknown))?.code == .unknown)
      #expect(
        complaint(OptimizeRequest(version: parent, labelColumn: "late"))?.message
          .contains("--rows") == true)
      let asInput = OptimizeRequest(version: parent, rowsPath: evaluation, labelColumn: "carrier")
      #expect(complaint(asInput)?.message.contains("is an input of the model") == true)
      let noColumn = OptimizeRequest(version: parent, rowsPath: evaluation, labelColumn: "nothing")
      #expect(complaint(noColumn)?.message.contains("nothing") == true)
    }
  }
}
