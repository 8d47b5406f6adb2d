import Control
import Core
import Foundation
import Inference
import Storage
import Testing

@testable import Node

/// Golden rows as a file, and against the sample's models.
@Suite("Golden rows")
struct GoldenRowsTests {
  private let sample: SampleFiles

  init() throws { sample = try SampleFiles.flightDelay }

  static func bytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private func model(_ number: Int) throws -> CompiledModel {
    try CompiledModel.load(try GoldenRowsTests.bytes(sample.modelPath(number)))
  }

  private func refusal(_ body: () throws -> Void) -> NodeError? {
    do {
      try body()
      return nil
    } catch { return NodeError(describing: error) }
  }

  @Test("every sample version gives its golden answers", arguments: 1...4)
  func samplesPass(number: Int) throws {
    let bytes = try GoldenRowsTests.bytes(sample.goldenPath(number))
    let result = try GoldenCheck.run(
      GoldenRows(bytes, name: "golden"), on: try model(number))
    #expect(result.rows == 32 && result.tolerance == 1e-5)
    #expect(result.worst <= 1e-6)
    #expect(result.source.hasPrefix("onnxruntime"))
  }

  @Test("one changed value names row, output and both values")
  func changedValue() throws {
    var lines = String(decoding: try GoldenRowsTests.bytes(sample.goldenPath(2)), as: UTF8.self)
      .split(separator: "\n").map(String.init)
    #expect(lines[17].contains("\"label\":0"))
    let wanted = lines[17].replacingOccurrences(of: "\"probabilities\":[0.", with: "\"p\":[0.")
    let digits = try #require(wanted.split(separator: "\"p\":[").last?.split(separator: ",").first)
    lines[17] = lines[17].replacingOccurrences(of: "[\(digits),", with: "[0.125,")
    let file = Array(lines.joined(separator: "\n").utf8)
    let golden = try GoldenRows(file, name: "golden")
    let refused = refusal { _ = try GoldenCheck.run(golden, on: try model(2)) }
    #expect(refused?.code == .refused)
    #expect(refused?.exitCode == .notSo)
    #expect(
      refused?.message.hasPrefix("row 17, output \"probabilities\"[0]: expected 0.125, got 0.")
        == true, "\(refused?.message ?? "")")
    #expect(refused?.message.hasSuffix(", tolerance 1e-05") == true)
    // A tolerance that is wide enough lets it pass; a label must be the same all the same.
    let wide = try GoldenRows(file, name: "golden", tolerance: 1)
    #expect(try GoldenCheck.run(wide, on: try model(2)).worst > 0.1)
    lines[17] = lines[17].replacingOccurrences(of: "\"label\":0", with: "\"label\":1")
    let label = try GoldenRows(
      Array(lines.joined(separator: "\n").utf8), name: "golden", tolerance: 1)
    let other = refusal { _ = try GoldenCheck.run(label, on: try model(2)) }
    #expect(
      other?.message == "row 17, output \"label\": expected 1, got 0, tolerance 1.0",
      "\(other?.message ?? "passed")")
  }

  private static let input = """
    {"carrier":"UA","origin":"EWR","destination":"MIA","weekday":"Sun","scheduled_hour":17,\
    "distance":1085,"temperature":null,"dew_point":30,"wind_speed":5,"wind_gust":null,\
    "precipitation":0,"pressure":1017,"visibility":10}
    """

  @Test("probabilities may be an object of classes; a tolerance may be given from outside")
  func objects() throws {
    let answers = { (pair: String) in
      "{\"inputs\":\(GoldenRowsTests.input),\"outputs\":{\"probabilities\":\(pair)}}"
    }
    let file = answers("{\"0\":0.5,\"1\":0.5}") + "\n\n" + answers("[[0.5,0.5]]") + "\r\n"
    let golden = try GoldenRows(Array(file.utf8), name: "g", tolerance: 0.5)
    #expect(try GoldenCheck.run(golden, on: try model(2)).rows == 2)
    // What is kept says the tolerance that counts, and reads back the same.
    let again = try GoldenRows(golden.stored, name: "g")
    #expect(again.tolerance == 0.5 && again.rows.count == 2 && again.stored == golden.stored)
  }

  @Test("a bad file is refused with line and field")
  func badFiles() throws {
    let row = { (inputs: String, outputs: String) in
      "{\"inputs\":\(inputs),\"outputs\":\(outputs)}"
    }
    let input = GoldenRowsTests.input
    let good = row(input, "{\"label\":0}")
    for (file, part) in [
      ("", "holds no golden rows"), ("{\"tolerance\":1}", "holds no golden rows"),
      ("[1]", "g:1:1: expected an object"), ("{\"inputs\":", "g:1:11: expected a value"),
      ("{\"tolerance\":-1}\n\(good)", "g:1: tolerance: expected a number of at least 0"),
      ("{\"tolerance\":\"x\"}\n\(good)", "g:1: tolerance: expected a number, got \"x\""),
      ("{\"tolerence\":1}\n\(good)", "the key \"tolerence\" is not known"),
      (good + "\n{\"tolerance\":1}", "g:2: the key \"tolerance\" is not known"),
      ("{\"inputs\":\(input)}", "g:1: outputs is missing"),
      (row("[]", "{}"), "g:1: inputs: expected an object"),
      (row(input, "{}"), "g:1: outputs: expected an object"),
      (row(input, "{\"lable\":0}"), "g:1: outputs.lable: the model has no such output"),
      (row(input, "{\"label\":[0,1]}"), "outputs.label: expected 1 values"),
      (row(input, "{\"label\":\"0\"}"), "outputs.label: expected a whole number, got \"0\""),
      (row(input, "{\"label\":0,\"label\":0}"), "the key \"label\" is given twice"),
      (row("{\"carrier\":\"UA\"}", "{\"label\":0}"), "g:1: inputs: \"origin\" is missing"),
      (row("{\"carier\":\"UA\"}", "{\"label\":0}"), "did you mean carrier?"),
      (row("{\"carrier\":1}", "{\"label\":0}"), "g:1: inputs.carrier: expected a text, got 1"),
      (
        row("{\"distance\":\"far\"}", "{\"label\":0}"),
        "g:1: inputs.distance: expected a number, got \"far\""
      ),
      ("{\"inputs\":\(String(repeating: "[", count: 100))", "nest too deeply"),
      ("{\"a\":\"\\ud800\"}", "surrogate"), ("{\"a\":01}", "expected a value, got \"01\""),
      (good + " x", "there is text behind the value"),
    ] {
      let refused = refusal {
        let golden = try GoldenRows(Array(file.utf8), name: "g")
        _ = try GoldenCheck.run(golden, on: try model(2))
      }
      #expect(refused?.exitCode == .usage, "\(file)")
      #expect(refused?.message.contains(part) == true, "\(part): \(refused?.message ?? "passed")")
    }
    let many = String(repeating: good + "\n", count: GoldenRows.rowsMax + 1)
    let refused = refusal { _ = try GoldenRows(Array(many.utf8), name: "g") }
    #expect(refused?.message.contains("g:10001: more than 10000 golden rows") == true)
  }
}

/// Golden rows of versions in a node.
@Suite("Golden rows in a node", .serialized)
struct GoldenNodeTests {
  private let actor = ActorID(kind: .person, name: "ana")
  private let sample: SampleFiles

  init() throws { sample = try SampleFiles.flightDelay }

  private func version(_ number: Int) -> VersionID {
    VersionID(model: sample.model, number: number)
  }

  private func withNode(_ body: (Node, String) throws -> Void) throws {
    let state = "/tmp/sln-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    let node = try Node.open(NodeOptions(stateDirectory: state, listens: false))
    defer { node.stop() }
    try body(node, state)
  }

  private func importVersion(
    _ number: Int, golden: String?, tolerance: Double? = nil, _ node: Node, _ state: String
  ) throws {
    _ = try ModelImporter.importModel(
      file: sample.modelPath(number), model: sample.model, card: nil, reference: nil,
      golden: golden, goldenTolerance: tolerance, stateDirectory: state, client: node, actor: actor)
  }

  @discardableResult
  private func perform(_ node: Node, _ command: Command) throws -> Outcome {
    try node.perform(Order(command: command, actor: actor))
  }

  private func detail(_ node: Node, _ number: Int) throws -> VersionDetail {
    guard case .version(let detail) = try node.send(.version(version(number))) else {
      throw NodeError(.system, "no version")
    }
    return detail
  }

  private func refusal(_ body: () throws -> Void) -> NodeError? {
    do {
      try body()
      return nil
    } catch { return NodeError(describing: error) }
  }

  /// Version 1 live; the rows of version 2 under another model's answers.
  private func prepare(_ node: Node, _ state: String) throws -> String {
    try importVersion(1, golden: sample.goldenPath(1), node, state)
    try perform(node, .createEndpoint(sample.model))
    try perform(node, .deploy(endpoint: sample.model, version: version(1)))
    return sample.goldenPath(3)
  }

  @Test("rows that pass are kept, run at load and shown")
  func pass() throws {
    try withNode { node, state in
      try importVersion(1, golden: sample.goldenPath(1), tolerance: 1e-4, node, state)
      #expect(try detail(node, 1).golden?.result == nil)
      try perform(node, .createEndpoint(sample.model))
      try perform(node, .deploy(endpoint: sample.model, version: version(1)))
      let golden = try #require(try detail(node, 1).golden)
      #expect(golden.result?.rows == 32 && golden.result?.tolerance == 1e-4)
      #expect(try detail(node, 1).fault == nil)
      let verified = try GoldenFile.verify(
        artifact: try detail(node, 1).registered.digest, golden: golden.digest,
        stateDirectory: state)
      #expect(verified == golden.result)
      try importVersion(2, golden: nil, node, state)
      #expect(try detail(node, 2).golden == nil)
    }
  }

  @Test("an answer that differs makes no version, whoever asks for it")
  func refusedAtImport() throws {
    try withNode { node, state in
      let wrong = try prepare(node, state)
      let before = node.core.sequence
      let refused = refusal { try importVersion(2, golden: wrong, node, state) }
      #expect(refused?.exitCode == .notSo)
      #expect(refused?.message.contains("no version is made: row ") == true)
      // A caller that leaves the check out is refused by the node.
      let artifacts = ArtifactStore(try StateDirectory(state, create: false))
      let draft = try draft(artifacts, wrong)
      let direct = refusal { try perform(node, .registerVersion(draft)) }
      #expect(direct?.exitCode == .notSo)
      #expect(direct?.message.contains("does not give its golden answers: row ") == true)
      #expect(node.core.sequence == before)
      let bad = state + "/bad.jsonl"
      try Data("{\"inputs\":{}".utf8).write(to: URL(fileURLWithPath: bad))
      #expect(refusal { try importVersion(2, golden: bad, node, state) }?.exitCode == .usage)
    }
  }

  private func draft(_ artifacts: ArtifactStore, _ golden: String) throws -> VersionDraft {
    let bytes = try GoldenRowsTests.bytes(sample.modelPath(2))
    let stored = try artifacts.put(bytes)
    return VersionDraft(
      model: sample.model, artifact: stored.digest, artifactBytes: stored.sizeBytes,
      signature: try CompiledModel.load(bytes).signature,
      golden: try artifacts.put(try GoldenRowsTests.bytes(golden)).digest)
  }

  /// As after an update of the program that computes something else: the version is registered,
  /// its rows no longer pass.
  @Test("a version whose rows fail later never gets weight, and says why")
  func failsAfterRegistration() throws {
    try withNode { node, state in
      let wrong = try prepare(node, state)
      let artifacts = ArtifactStore(try StateDirectory(state, create: false))
      let draft = try draft(artifacts, wrong)
      _ = try node.core.transact(on: node.plane) { current in
        try decide(
          current, .registerVersion(draft),
          DecisionContext(now: SystemClock.now(), actor: actor, prepared: []))
      }
      let split = try #require(node.core.state.endpoint(sample.model)?.split)
      let plan = try #require(PlanFile.builtIn(name: "quick-ramp"))
      for command in [
        Command.deploy(endpoint: sample.model, version: version(2)),
        .startRamp(endpoint: sample.model, version: version(2), plan: plan),
      ] {
        let refused = refusal { try perform(node, command) }
        #expect(refused?.message.contains("does not give its golden answers: row ") == true)
        #expect(refused?.exitCode == .notSo)
      }
      #expect(node.core.state.endpoint(sample.model)?.split == split)
      #expect(!node.shelf.prepared.contains(version(2)))
      let shown = try detail(node, 2)
      #expect(shown.fault?.contains("does not give its golden answers") == true)
      #expect(shown.golden != nil && shown.golden?.result == nil)
      let golden = try #require(shown.golden)
      #expect(
        refusal {
          _ = try GoldenFile.verify(
            artifact: shown.registered.digest, golden: golden.digest, stateDirectory: state)
        }?.exitCode == .notSo)
    }
  }

  /// A deployed version that no longer passes at a start serves nothing; the stable takes its part.
  @Test("a node that starts gives no weight to a version whose rows were altered")
  func alteredRows() throws {
    let state = "/tmp/sln-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    var node = try Node.open(NodeOptions(stateDirectory: state, listens: false))
    for number in 1...2 {
      try importVersion(number, golden: sample.goldenPath(number), node, state)
    }
    try perform(node, .createEndpoint(sample.model))
    try perform(node, .deploy(endpoint: sample.model, version: version(1)))
    try perform(node, .deploy(endpoint: sample.model, version: version(2)))
    let half = try Split([
      .init(version: version(1), weight: 5_000), .init(version: version(2), weight: 5_000),
    ])
    try perform(node, .setSplit(endpoint: sample.model, split: half))
    let digest = try #require(node.core.state.version(version(2))?.draft.golden)
    node.stop()
    let files = try #require(FileManager.default.enumerator(atPath: state + "/artifacts"))
    for case let file as String in files where file.hasSuffix(digest.description) {
      let url = URL(fileURLWithPath: state + "/artifacts/" + file)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: url.path)
      var bytes = try Data(contentsOf: url)
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: url)
    }
    node = try Node.open(NodeOptions(stateDirectory: state, listens: false))
    defer { node.stop() }
    #expect(node.shelf.prepared == [version(1)])
    #expect(node.shelf.fault(of: version(2))?.contains("golden rows") == true)
    let runtime = try #require(node.plane.runtime(of: sample.model))
    let worker = runtime.makeWorker(seed: 1)
    let answering = Set((0..<200).map { worker.version(of: worker.predict(.init(id: UInt64($0)))) })
    #expect(answering == [version(1)])
  }
}
