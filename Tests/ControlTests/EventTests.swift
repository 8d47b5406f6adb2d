import Core
import Testing

@testable import Control

@Suite struct EventTests {
  /// Every kind of event, made by running the control plane.
  private func everyKind() throws -> [Event] {
    var bench = try Bench.serving()
    let e = bench.endpoint
    try bench.give(.drainEndpoint(e))
    try bench.give(.enableEndpoint(e))
    try bench.give(.deploy(endpoint: e, version: bench.v(3)))
    try bench.give(.setSplit(endpoint: e, split: Split(all: bench.v(3))))
    try bench.give(.undo(endpoint: e))
    try bench.give(.unload(endpoint: e, version: bench.v(3)))
    bench.latency = LatencyThresholds(
      p50Microseconds: 10, p90Microseconds: 20, p99Microseconds: 30)
    let plan = Bench.plan(
      metrics: [
        JudgedMetric(metric: .errors, tolerance: 1, riskShare: 0.3),
        JudgedMetric(metric: .latency, tolerance: 1.5, riskShare: 0.7),
      ])
    try bench.give(.startRamp(endpoint: e, version: bench.v(2), plan: plan))
    try bench.give(.pause(endpoint: e), bench.quiet())
    try bench.give(.resume(endpoint: e, reason: "it's fine; $(rm -rf /)"))
    try bench.give(.setCandidateWeight(endpoint: e, weight: 900, reason: nil))
    bench.look(try bench.quiet(minutes: 3))
    bench.look(try bench.quiet(minutes: 3))
    bench.look(try bench.quiet(minutes: 3))
    bench.look(try bench.quiet(minutes: 3))
    try bench.give(.startRamp(endpoint: e, version: bench.v(4), plan: plan))
    try bench.give(.promote(endpoint: e, reason: "\u{202E}hot \u{1B}[31mfix"))
    try bench.give(.abort(endpoint: e, reason: "no"))
    try bench.give(.startRamp(endpoint: e, version: bench.v(4), plan: plan))
    var evidence = try bench.rollout.evidence
    evidence.record(metric: .errors, arm: .candidate, bad: 30, count: 30)
    bench.look(evidence)
    try bench.give(.annotate(endpoint: nil, text: "a 'note'"))
    try bench.give(
      .recordRunbook(endpoint: e, runbook: "high-latency", outcome: "done", steps: ["x"]))
    try bench.give(.addFreeze(endpoint: e, window: weekly(), reason: "it's \u{1B}[31mlate"))
    try bench.give(.removeFreeze(id: 1, reason: nil))
    let asked = Bench.plan(approvals: ApprovalRule(count: 1))
    try bench.give(.startRamp(endpoint: e, version: bench.v(3), plan: asked))
    bench.actor = ActorID(kind: .person, name: "bob\u{1B}[2J")
    try bench.give(.approve(endpoint: e, plan: nil, reason: "read it"))
    return bench.journal
  }

  private func weekly() throws -> FreezeWindow { try FreezeWindow("Fri 16:00-Mon 08:00") }

  private static let kinds: Set<String> = [
    "version-registered", "endpoint-created", "endpoint-drained", "endpoint-enabled", "deployed",
    "unloaded", "split", "ramp-started", "held", "resumed", "stepped", "weight-set", "soaking",
    "promoted", "completed", "rolled-back", "aborted", "undone", "noted", "runbook-run",
    "freeze-added", "freeze-removed", "approved",
  ]

  @Test func everyKindSurvivesJSON() throws {
    let events = try everyKind()
    #expect(Set(events.map(\.kind)) == EventTests.kinds)
    for event in events {
      let bytes = try CanonicalJSON.encode(event)
      let back = try CanonicalJSON.decode(Event.self, from: bytes)
      #expect(back == event)
      #expect(try CanonicalJSON.encode(back) == bytes)
      #expect(String(decoding: bytes, as: UTF8.self).contains("\"kind\":\"\(event.kind)\""))
    }
  }

  @Test func wordsAreHarmlessAndWhole() throws {
    for event in try everyKind() {
      #expect(!event.summary.isEmpty && !event.summary.hasSuffix("."))
      for text in [event.summary, event.commandLine ?? ""] {
        for scalar in text.unicodeScalars {
          #expect(scalar.value >= 0x20 && scalar.value != 0x202E, "\(event.kind): \(text)")
        }
      }
    }
  }

  @Test func commandLinesAreQuoted() throws {
    let lines = try everyKind().compactMap(\.commandLine)
    #expect(
      lines.contains("sluice resume flight-delay --reason 'it'\\''s fine; $(rm -rf /)'"))
    #expect(lines.contains("sluice ramp flight-delay flight-delay@2 --plan standard-launch"))
    #expect(lines.contains("sluice note 'a '\\''note'\\'''"))
    #expect(lines.contains("sluice step flight-delay --weight 9%"))
    #expect(lines.contains("sluice endpoint create flight-delay"))
    #expect(lines.contains("sluice model unload flight-delay flight-delay@3"))
    #expect(shellQuoted("") == "''" && shellQuoted("-x") == "'-x'" && shellQuoted("a.b") == "a.b")
  }

  @Test func unknownKindsAndCausesAreRefused() throws {
    let event = try #require(try everyKind().first { $0.kind == "held" })
    let text = String(decoding: try CanonicalJSON.encode(event), as: UTF8.self)
    for (old, new) in [
      ("\"kind\":\"held\"", "\"kind\":\"h\\u001beld\""),
      ("\"hold\":\"operator\"", "\"hold\":\"suspect:moon\""),
      ("\"hold\":\"operator\"", "\"hold\":\"operator:errors\""),
    ] {
      let bytes = [UInt8](text.replacing(old, with: new).utf8)
      do throws(InvalidValue) {
        _ = try CanonicalJSON.decode(Event.self, from: bytes)
        Issue.record("read \(new)")
      } catch {
        #expect(!error.message.contains("\u{1B}"))
      }
    }
  }

  @Test func commandsSurviveJSON() throws {
    let e = try Name("e")
    let v = VersionID(model: e, number: 3)
    let commands: [Command] = [
      .createEndpoint(e), .setSplit(endpoint: e, split: Split(all: v)),
      .startRamp(endpoint: e, version: v, plan: Bench.plan(deadline: .minutes(3))),
      .rollBack(endpoint: e, to: nil, symptom: "x"),
      .step(endpoint: e, direction: .next, reason: nil),
    ]
    for command in commands {
      let bytes = try CanonicalJSON.encode(command)
      #expect(try CanonicalJSON.decode(Command.self, from: bytes) == command)
    }
  }
}

extension String {
  /// Every `old` replaced (FoundationEssentials has no such method for plain strings).
  fileprivate func replacing(_ old: String, with new: String) -> String {
    var result = ""
    var rest = self[...]
    while !rest.isEmpty {
      if rest.hasPrefix(old) {
        result += new
        rest = rest.dropFirst(old.count)
      } else {
        result.append(rest.removeFirst())
      }
    }
    return result
  }
}
