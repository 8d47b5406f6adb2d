import Control
import Core
import Foundation
import Serving
import Storage
import Testing

@testable import Node

/// Whole runs on a node, with shell commands in the place of a training.
@Suite("Retraining on a node", .serialized)
struct RetrainingRunTests {
  private let sample = LibraryTests.root + "/samples/flight-delay"
  private let ana = ActorID(kind: .person, name: "ana")
  private let model: Name
  private let policy: Name

  init() throws {
    model = try Name("flight-delay")
    policy = try Name("weekly")
  }

  private func v(_ number: Int) -> VersionID { VersionID(model: model, number: number) }

  /// What is put into the policy file.
  private struct Policy {
    var script = ""
    var gates = "name: g\nsignature: true\nmetrics:\n  - metric: accuracy\n    min: 0.5\n"
    var extra = ""
    var data = "{min_rows: 200, holdout: 20%}"
  }

  /// Leaves the sample's third version as the training's result.
  private var copies: String {
    """
    echo from $(($(wc -l < "$SLUICE_DATA") - 1)) rows after $SLUICE_PARENT
    cp \(sample)/models/flight-delay-3.onnx "$SLUICE_OUT/model.onnx"
    cp \(sample)/cards/flight-delay-3.md "$SLUICE_OUT/card.md"
    """
  }

  private func writePolicy(_ policy: Policy, _ state: String) throws {
    let folder = state + "/retraining"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    try policy.script.write(toFile: folder + "/train.sh", atomically: true, encoding: .utf8)
    try policy.gates.write(toFile: folder + "/gates.txt", atomically: true, encoding: .utf8)
    try """
    name: weekly
    endpoint: flight-delay
    model: flight-delay
    command: [/bin/sh, train.sh, "{out}"]
    label: late
    gates: gates.txt
    plan: careful
    data: \(policy.data)
    \(policy.extra)
    """.write(toFile: folder + "/weekly.yaml", atomically: true, encoding: .utf8)
  }

  /// 400 rows of the sample's traffic, recorded a second apart, three in four labelled.
  private func record(_ directory: StateDirectory) throws {
    let text = try String(contentsOfFile: sample + "/traffic.csv", encoding: .utf8)
    let lines = text.split(separator: "\n", maxSplits: 401, omittingEmptySubsequences: true)
    let columns = lines[0].split(separator: ",").prefix(13).enumerated().map {
      RecordingHeader.Column(name: String($0.element), isText: $0.offset < 4)
    }
    let recording = HandMadeRecording(directory, endpoint: model, columns: columns)
    try recording.write(
      lines[1...400].enumerated().map { index, line in
        let cells = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let row = (0..<13).map { place -> RecordedValue in
          place < 4
            ? .text(RecordedText(cells[place])) : .number(Float(cells[place]) ?? .nan)
        }
        return (row, index % 4 == 3 ? nil : Int64(cells[13]))
      })
  }

  private func withNode(_ policy: Policy, _ body: (Node) throws -> Void) throws {
    let state = "/tmp/slr-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    try record(try StateDirectory(state, create: true))
    try writePolicy(policy, state)
    let node = try open(state)
    defer { node.stop() }
    _ = try ModelImporter.importModel(
      file: sample + "/models/flight-delay-1.onnx", model: model, card: nil, reference: nil,
      stateDirectory: state, client: node, actor: ana)
    try perform(node, .createEndpoint(model))
    try perform(node, .deploy(endpoint: model, version: v(1)))
    try body(node)
  }

  private func open(_ state: String) throws -> Node {
    try Node.open(NodeOptions(stateDirectory: state, listens: false, serves: true))
  }

  private func perform(_ node: Node, _ command: Command) throws {
    _ = try node.perform(Order(command: command, actor: ana))
  }

  private func ask(_ node: Node, _ question: RetrainingQuestion) throws -> RetrainingAnswer {
    guard case .retraining(let answer) = try node.send(.retraining(question, actor: ana)) else {
      throw InvalidValue("another answer")
    }
    return answer
  }

  private func view(_ node: Node) throws -> RetrainingPolicyView {
    guard case .overview(let overview) = try ask(node, .overview) else {
      throw InvalidValue("another answer")
    }
    return try #require(overview.policies.first { $0.name == policy })
  }

  /// Begins a run and waits for its end.
  private func run(_ node: Node) throws -> EndedRetraining {
    let before = node.core.state.retraining.state(of: policy)?.ended.count ?? 0
    _ = try ask(node, .run(policy: policy))
    for _ in 0..<6_000 {
      if let state = node.core.state.retraining.state(of: policy), state.ended.count > before {
        return try #require(state.ended.first)
      }
      usleep(10_000)
    }
    throw InvalidValue("the run did not end: \(String(describing: try view(node).stage))")
  }

  private func refusal(_ body: () throws -> Void) -> String {
    do { try body() } catch { return NodeError(describing: error).message }
    Issue.record("it was not refused")
    return ""
  }

  @Test func aRunMakesAVersionThatAPersonAccepts() throws {
    try withNode(Policy(script: copies)) { node in
      let ended = try run(node)
      #expect(ended.result.outcome == .proposed, "\(ended.result.detail)")
      #expect(ended.by == ana && ended.began.trigger == .byHand && ended.result.version == v(2))
      // 300 of 400 have labels; a fifth of those is held out.
      #expect(ended.result.rows == 240)
      #expect(ended.result.detail.contains("all 2 gates of g passed on 60 rows held out"))
      let draft = try #require(node.core.state.version(v(2))).draft
      #expect(draft.parent == v(1) && draft.card != nil)
      let training = try #require(draft.origin?.training)
      #expect(training.command == "/bin/sh train.sh '{out}'" && training.dataRows == 240)
      #expect(training.data == ended.result.data && training.data != nil)
      guard case .log(let log) = try ask(node, .log(policy: policy, run: nil)) else { return }
      #expect(log.output == "from 240 rows after flight-delay@1\n")
      #expect(
        log.quality.first
          == .init(
            check: "rows", measured: "300", limit: "at least 200", passed: true))
      #expect(try FileDigest.read(log.folder + "/data.csv") == training.data)
      // It is told of, in the snapshot and as a symptom.
      let snapshot = node.snapshot(SnapshotRequest())
      #expect(snapshot.proposals?.map(\.version) == [v(2)])
      node.judgeRetraining()
      #expect(node.snapshot(SnapshotRequest()).symptoms.contains { $0.kind == "proposal" })
      // Rows that were learnt from are not learnt from again.
      let again = try run(node)
      #expect(again.result.outcome == .badData && again.result.detail.contains("rows 0"))
      #expect(node.core.state.retraining.proposals.count == 1)
      guard
        case .outcome = try ask(
          node,
          .accept(endpoint: model, version: v(2), expectedGeneration: nil, freezeOverride: nil))
      else { return }
      #expect(node.core.state.endpoint(model)?.rollout?.candidate == v(2))
      #expect(node.core.state.retraining.proposals.isEmpty)
      #expect(
        refusal {
          _ = try ask(
            node,
            .accept(endpoint: model, version: v(2), expectedGeneration: nil, freezeOverride: nil))
        }.contains("is not proposed"))
    }
  }

  @Test func aRampBeginsOnlyWhereOneMay() throws {
    try withNode(
      Policy(
        script: copies, extra: "then: ramp",
        data: "{min_rows: 200, holdout: 20%, reach: 1d}")
    ) { node in
      let ended = try run(node)
      #expect(ended.result.outcome == .ramped, "\(ended.result.detail)")
      #expect(node.core.state.endpoint(model)?.rollout?.candidate == v(2))
      // While that runs, the next is proposed; with `reach` the rows are taken again.
      let second = try run(node)
      #expect(second.result.outcome == .proposed && second.result.version == v(3))
      #expect(second.result.detail.contains("no ramp: "), "\(second.result.detail)")
      try perform(
        node, .retraining(.decline(endpoint: model, version: v(3), reason: "enough")))
      #expect(node.core.state.retraining.proposals.isEmpty)
    }
  }

  @Test func whatGoesWrongHasItsName() throws {
    let cases: [(Policy, RetrainingResult.Outcome, String, makes: Bool)] = [
      (Policy(script: "echo oh no; exit 7"), .failed, "exit code 7: oh no", false),
      (Policy(script: "true"), .failed, "left no model.onnx", false),
      (
        Policy(script: "echo x > \"$SLUICE_OUT/model.onnx\""), .failed, "model.onnx", false
      ),
      (
        Policy(script: "ln -s /etc/passwd \"$SLUICE_OUT/model.txt\""), .failed,
        "no plain file", false
      ),
      (
        Policy(script: copies, data: "{min_rows: 301}"), .badData, "rows 300, wanted at least 301",
        false
      ),
      (Policy(script: "sleep 100", extra: "timeout: 1s"), .failed, "longer than 1s", false),
      (
        Policy(
          script: copies,
          gates: "name: g\nmetrics:\n  - metric: accuracy\n    min: 0.99\n"), .gatesFailed,
        "accuracy", true
      ),
      (Policy(script: copies, gates: "name: ["), .gatesFailed, "could not be run", true),
    ]
    try withNode(Policy()) { node in
      for (policy, outcome, words, makes) in cases {
        var policy = policy
        policy.data = policy.data.replacing("}", with: ", reach: 1d}")
        try writePolicy(policy, node.directory.path)
        try node.reload()
        let ended = try run(node)
        #expect(ended.result.outcome == outcome, "\(ended.result.detail)")
        #expect(ended.result.detail.contains(words), "\(ended.result.detail)")
        #expect((ended.result.version != nil) == makes)
        node.judgeRetraining()
        #expect(node.snapshot(SnapshotRequest()).symptoms.contains { $0.kind == "retraining" })
      }
      #expect(node.core.state.retraining.proposals.isEmpty)
    }
  }

  @Test func oneAtATimeAndAPersonStopsIt() throws {
    try withNode(Policy(script: "sleep 100")) { node in
      _ = try ask(node, .run(policy: policy))
      #expect(refusal { _ = try ask(node, .run(policy: policy)) }.contains("is being run"))
      for _ in 0..<500 where try view(node).stage != "training" { usleep(10_000) }
      #expect(try view(node).stage == "training")
      // The journal cannot be told from outside that it ended.
      let lie = Command.retraining(
        .finish(
          policy: policy, run: 1,
          result: RetrainingResult(outcome: .failed, duration: .zero, detail: "")))
      #expect(
        refusal { _ = try node.send(.perform(Order(command: lie, actor: ana))) }
          .contains("begun by the node"))
      _ = try ask(node, .stop(policy: policy))
      for _ in 0..<1_000 where try view(node).running != nil { usleep(10_000) }
      let ended = try #require(try view(node).ended.first)
      #expect(ended.result.outcome == .interrupted && ended.result.detail == "stopped by ana")
      #expect(refusal { _ = try ask(node, .stop(policy: policy)) }.contains("no run"))
      #expect(
        refusal { _ = try ask(node, .run(policy: try Name("other"))) }.contains("no retraining"))
    }
  }

  @Test func aStopOfTheNodeEndsTheRunAndADeathIsSeenLater() throws {
    try withNode(Policy(script: "sleep 100")) { node in
      let state = node.directory.path
      _ = try ask(node, .run(policy: policy))
      node.stop()
      let second = try open(state)
      let ended = try #require(second.core.state.retraining.state(of: policy)?.ended.first)
      #expect(ended.result.outcome == .interrupted && ended.result.detail == "the node stopped")
      // As if the process had died: begun and never ended.
      let begin = RetrainingBegin(
        policy: policy, run: 2, endpoint: model, model: model, trigger: .schedule, detail: "",
        policyDigest: Digest(ofBytes: []), since: nil)
      _ = try second.perform(Order(command: .retraining(.begin(begin)), actor: .system))
      second.stop()
      let third = try open(state)
      defer { third.stop() }
      let known = try #require(third.core.state.retraining.state(of: policy))
      #expect(known.running == nil && known.ended.first?.result.outcome == .interrupted)
      #expect(known.ended.first?.result.detail == "the node ended while it ran")
    }
  }

  @Test func aTriggerBeginsARunAsTheSystem() throws {
    try withNode(Policy(script: "true", extra: "triggers: {accuracy: {below: 75%, labels: 10}}")) {
      node in
      let last = Int(SystemClock.now().microseconds / 1_000_000) - 5
      node.analyst.withDesk { desk in
        let series = desk.figures(model).version(v(1)).series
        for index in 0..<20 { series.recordLabel(second: last, wrong: index % 2 == 0) }
      }
      for _ in 0..<100 {
        node.judgeRetraining()
        if node.core.state.retraining.state(of: policy)?.ended.isEmpty == false { break }
        usleep(100_000)
      }
      let ended = try #require(node.core.state.retraining.state(of: policy)?.ended.first)
      #expect(ended.began.trigger == .accuracy && ended.by == .system)
      #expect(ended.began.detail.hasPrefix("50.00 % of 20 labels right"))
    }
  }
}
