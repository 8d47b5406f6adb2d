import Core
import Testing

@testable import Control

/// Aliases, tags, approval, gates, checklists, deletion and retention, decided and folded.
@Suite struct RegistryTests {
  private let ana = ActorID(kind: .person, name: "ana")
  private let bob = ActorID(kind: .person, name: "bob")

  private func run(_ passed: Bool, against: VersionID? = nil, checklist: Checklist? = nil) throws
    -> GateRun
  {
    GateRun(
      gates: "standard", digest: try Digest(bytes: Array(repeating: 1, count: 32)),
      against: against, rows: "eval.csv",
      lines: [
        GateLine(gate: "accuracy", passed: passed, measured: "0.7", limit: "at least 0.75"),
        GateLine(gate: "signature", passed: true, measured: "fits", limit: "fits"),
      ], checklist: checklist)
  }

  private let plan = Plan(
    name: "p", summary: "", steps: [PlanStep(weight: Split.whole, hold: .zero)], metrics: [],
    requirements: [.gates, .approved, .checklist])

  @Test func anAliasStandsForOneVersionAndIsResolved() throws {
    var bench = try Bench.serving()
    let champion = try Name("champion")
    try bench.give(.registry(.setAlias(alias: champion, version: bench.v(1))))
    #expect(try bench.state.resolve("flight-delay@champion") == bench.v(1))
    #expect(try bench.state.resolve("flight-delay@3") == bench.v(3))
    let moved = try bench.give(.registry(.setAlias(alias: champion, version: bench.v(2))))
    #expect(moved.summary == "flight-delay@champion is flight-delay@2, was @1")
    #expect(moved.commandLine == "sluice model alias flight-delay@2 champion")
    #expect(bench.state.registry.aliases.count == 1)
    #expect(bench.state.registry.aliases(of: bench.v(1)).isEmpty)
    #expect(
      bench.refusal(.registry(.setAlias(alias: champion, version: bench.v(2)))).code == .refused)
    #expect(
      bench.refusal(.registry(.setAlias(alias: try Name("3"), version: bench.v(2)))).message
        .contains("must begin with a letter"))
    #expect(
      bench.refusal(.registry(.setAlias(alias: champion, version: bench.v(9)))).code == .unknown)
    try bench.give(.registry(.removeAlias(alias: champion, model: bench.endpoint)))
    do {
      _ = try bench.state.resolve("flight-delay@champion")
      Issue.record("it is gone")
    } catch { #expect(error.code == .unknown) }
  }

  @Test func theChampionFollowsTheStable() throws {
    var bench = try Bench.serving()
    let (champion, other) = (try Name("champion"), try Name("baseline"))
    try bench.give(.registry(.setAlias(alias: champion, version: bench.v(1))))
    try bench.give(.registry(.setAlias(alias: other, version: bench.v(1))))
    try bench.give(.deploy(endpoint: bench.endpoint, version: bench.v(2)))
    #expect(bench.state.registry.aliases(of: bench.v(1)) == [other, champion])
    try bench.give(.setSplit(endpoint: bench.endpoint, split: Split(all: bench.v(2))))
    #expect(bench.state.registry.aliases(of: bench.v(2)) == [champion])
    #expect(bench.state.registry.aliases(of: bench.v(1)) == [other])
    try bench.give(.rollBack(endpoint: bench.endpoint, to: nil, symptom: nil))
    #expect(bench.state.registry.aliases(of: bench.v(1)) == [other, champion])
  }

  @Test func tagsAreReplacedByTheirKeysAndBounded() throws {
    var bench = try Bench.serving()
    let v = bench.v(1)
    try bench.give(
      .registry(.tag(version: v, set: [try Tag("b=1"), try Tag("a")], remove: [])))
    try bench.give(.registry(.tag(version: v, set: [try Tag("b=2")], remove: ["a"])))
    #expect(bench.state.registry.record(of: v).tags == [try Tag("b=2")])
    for (set, remove) in [([], []), ([try Tag("b=2")], []), ([], ["a"]), ([try Tag("b=3")], ["b"])]
    {
      _ = bench.refusal(.registry(.tag(version: v, set: set, remove: remove)))
    }
    let many = try (0..<65).map { try Tag("k\($0)=v") }
    #expect(
      bench.refusal(.registry(.tag(version: v, set: many, remove: []))).message
        .contains("at most 64"))
    for text in ["", "=v", "a b=c", "\u{1B}=1", String(repeating: "k", count: 64)] {
      #expect(throws: InvalidValue.self) { try Tag(text) }
    }
    let hostile = try Tag("note=\u{1B}[2J")
    let event = try bench.give(.registry(.tag(version: v, set: [hostile], remove: [])))
    #expect(!event.summary.contains("\u{1B}"))
    #expect(event.commandLine?.contains("\u{1B}") == false)
  }

  @Test func whatAPlanRequiresIsNamedUntilItIsThere() throws {
    var bench = try Bench.serving()
    let (name, candidate) = (bench.endpoint, bench.v(2))
    let ramp = Command.startRamp(endpoint: name, version: candidate, plan: plan)
    let first = bench.refusal(ramp)
    #expect(first.code == .refused)
    for word in ["the plan requires", "gates (none were run", "approval", "checklist (4 of 4"] {
      #expect(first.message.contains(word), "\(first.message)")
    }
    try bench.give(.registry(.recordGates(version: candidate, run: try run(false))))
    #expect(bench.refusal(ramp).message.contains("gates (standard failed"))
    #expect(bench.refusal(ramp).message.contains("accuracy"))
    try bench.give(
      .registry(.recordGates(version: candidate, run: try run(true, against: bench.v(3)))))
    #expect(bench.refusal(ramp).message.contains("against flight-delay@3, the stable is"))
    try bench.give(
      .registry(.recordGates(version: candidate, run: try run(true, against: bench.v(1)))))
    try bench.give(
      .registry(.decideApproval(version: candidate, status: .approved, reason: nil)))
    for (index, item) in Checklist.standard.items.enumerated() {
      #expect(bench.refusal(ramp).message.contains("checklist (\(4 - index) of 4"))
      try bench.give(.registry(.sign(version: candidate, item: item)))
    }
    try bench.give(ramp)
    #expect(try bench.rollout.candidate == candidate)
    // A rollback asks for nothing, whatever is taken back meanwhile.
    try bench.give(
      .registry(.decideApproval(version: bench.v(1), status: .rejected, reason: "old")))
    try bench.give(.rollBack(endpoint: name, to: nil, symptom: nil))
    #expect(try bench.here.split == Split(all: bench.v(1)))
  }

  @Test func anEndpointAsksTheSameOfEveryWayToTraffic() throws {
    var bench = try Bench.serving()
    let name = bench.endpoint
    try bench.give(.deploy(endpoint: name, version: bench.v(2)))
    let policy = try bench.give(
      .registry(.setPolicy(endpoint: name, requirements: [.approved], reason: nil)))
    #expect(policy.summary == "flight-delay: requires approved of every version")
    #expect(
      bench.refusal(.setSplit(endpoint: name, split: Split(all: bench.v(2)))).message
        .contains("the endpoint requires what is missing: approval (it is draft"))
    let open = Plan(
      name: "p", summary: "", steps: [PlanStep(weight: Split.whole, hold: .zero)], metrics: [])
    #expect(
      bench.refusal(.startRamp(endpoint: name, version: bench.v(2), plan: open)).code == .refused)
    // Less than before needs a reason; what serves already may go on.
    #expect(
      bench.refusal(.registry(.setPolicy(endpoint: name, requirements: [], reason: nil))).message
        .contains("needs a reason"))
    try bench.give(
      .registry(.decideApproval(version: bench.v(2), status: .approved, reason: nil)))
    try bench.give(.setSplit(endpoint: name, split: Split(all: bench.v(2))))
    let empty = try Name("empty")
    try bench.give(.createEndpoint(empty))
    try bench.give(.registry(.setPolicy(endpoint: empty, requirements: [.gates], reason: nil)))
    #expect(bench.refusal(.deploy(endpoint: empty, version: bench.v(1))).code == .refused)
  }

  @Test func whatIsRejectedIsNeverRamped() throws {
    var bench = try Bench.serving()
    let open = Plan(
      name: "p", summary: "", steps: [PlanStep(weight: Split.whole, hold: .zero)], metrics: [])
    #expect(
      bench.refusal(
        .registry(.decideApproval(version: bench.v(2), status: .rejected, reason: " "))
      ).message.contains("needs a reason"))
    try bench.give(
      .registry(.decideApproval(version: bench.v(2), status: .rejected, reason: "metric units")))
    let refusal = bench.refusal(
      .startRamp(endpoint: bench.endpoint, version: bench.v(2), plan: open))
    #expect(refusal.message.contains("was rejected by ana (metric units)"))
    bench.actor = .system
    #expect(
      bench.refusal(
        .registry(.decideApproval(version: bench.v(2), status: .approved, reason: nil))
      ).message.contains("only a person"))
    try bench.give(
      .registry(.decideApproval(version: bench.v(3), status: .inReview, reason: nil)))
    #expect(
      bench.refusal(
        .registry(.decideApproval(version: bench.v(1), status: .archived, reason: nil))
      ).message.contains("has traffic"))
  }

  @Test func fourEyesKeepTheImporterFromSigning() throws {
    var bench = try Bench.serving()
    let v = bench.v(2)
    let list = Checklist(items: ["load test", "privacy"], fourEyes: true)
    try bench.give(.registry(.recordGates(version: v, run: try run(true, checklist: list))))
    #expect(
      bench.refusal(.registry(.sign(version: v, item: "load test"))).message.contains("four eyes"))
    #expect(
      bench.refusal(.registry(.decideApproval(version: v, status: .approved, reason: nil))).message
        .contains("four eyes"))
    bench.actor = bob
    #expect(bench.refusal(.registry(.sign(version: v, item: "lod test"))).code == .unknown)
    let event = try bench.give(.registry(.sign(version: v, item: "load test")))
    #expect(event.summary == "flight-delay@2: \"load test\" signed off, 1 of 2")
    #expect(
      bench.refusal(.registry(.sign(version: v, item: "load test"))).message
        .contains("was signed by bob"))
    bench.actor = ActorID(kind: .runbook, name: "r")
    #expect(bench.refusal(.registry(.sign(version: v, item: "privacy"))).code == .refused)
    bench.actor = bob
    try bench.give(.registry(.unsign(version: v, item: "load test", reason: "wrong version")))
    #expect(bench.state.registry.record(of: v).unsigned == ["load test", "privacy"])
    // Another list forgets the signatures of what it has not.
    try bench.give(.registry(.sign(version: v, item: "privacy")))
    try bench.give(.registry(.setChecklist(version: v, checklist: nil)))
    #expect(bench.state.registry.record(of: v).signOffs.isEmpty)
  }

  // MARK: Deletion

  @Test func whatIsNeededIsNotDeleted() throws {
    var bench = try Bench.serving(versions: 6)
    let name = bench.endpoint
    func blockers(_ number: Int) -> String {
      bench.state.deletionBlockers(of: bench.v(number)).joined(separator: "; ")
    }
    try bench.give(.deploy(endpoint: name, version: bench.v(2)))
    try bench.give(.setSplit(endpoint: name, split: Split(all: bench.v(2))))
    #expect(blockers(1).contains("a rollback of flight-delay can go to it"))
    #expect(blockers(2).contains("it is on flight-delay (live)"))
    try bench.give(
      .startRamp(
        endpoint: name, version: bench.v(3),
        plan: Plan(
          name: "p", summary: "",
          steps: [PlanStep(weight: 100, hold: .zero), PlanStep(weight: Split.whole, hold: .zero)],
          metrics: [])))
    #expect(blockers(2).contains("the ramp on flight-delay would go back to it"))
    #expect(blockers(3).contains("it is being ramped"))
    try bench.give(.registry(.setAlias(alias: try Name("next"), version: bench.v(4))))
    #expect(blockers(4).contains("alias next"))
    try bench.give(
      .registry(.tag(version: bench.v(5), set: [try Tag("protected")], remove: [])))
    #expect(blockers(5).contains("protected"))
    for number in 1...5 {
      let refusal = bench.refusal(.registry(.delete(version: bench.v(number), reason: nil)))
      #expect(refusal.code == .refused && refusal.message.contains("is not deleted"))
    }
    #expect(blockers(6).isEmpty)
  }

  @Test func aDeletedVersionKeepsItsNumberAndItsStory() throws {
    var bench = try Bench.serving()
    let v = bench.v(4)
    let event = try bench.give(.registry(.delete(version: v, reason: "never served")))
    #expect(event.summary == "flight-delay@4 deleted (never served)")
    #expect(bench.state.isDeleted(v))
    #expect(bench.state.version(v) != nil)
    #expect(!bench.state.usableVersions.contains { $0.version == v })
    try bench.give(.registerVersion(bench.draft()))
    #expect(bench.state.versions.last?.version.number == 5)
    for command: Command in [
      .deploy(endpoint: bench.endpoint, version: v), .registry(.delete(version: v, reason: nil)),
      .registry(.setAlias(alias: try Name("x"), version: v)),
      .registry(.tag(version: v, set: [try Tag("a")], remove: [])),
      .startRamp(endpoint: bench.endpoint, version: v, plan: plan),
    ] {
      let refusal = bench.refusal(command)
      #expect(refusal.code == .unknown && refusal.message.contains("was deleted by ana"))
    }
    // All versions of the bench have one file, so it stays while any of them is there.
    #expect(bench.state.forgottenArtifacts.isEmpty)
  }

  @Test func aFileGoesWithItsLastVersion() throws {
    var bench = try Bench()
    func draft(_ byte: UInt8, card: UInt8) throws -> VersionDraft {
      VersionDraft(
        model: bench.endpoint, artifact: try Digest(bytes: Array(repeating: byte, count: 32)),
        artifactBytes: 1, signature: try bench.draft().signature,
        card: try Digest(bytes: Array(repeating: card, count: 32)))
    }
    try bench.give(.registerVersion(draft(1, card: 11)))
    try bench.give(.registerVersion(draft(1, card: 12)))
    try bench.give(.registerVersion(draft(2, card: 13)))
    try bench.give(.registry(.delete(version: bench.v(1), reason: nil)))
    #expect(bench.state.forgottenArtifacts.isEmpty)
    try bench.give(.registry(.delete(version: bench.v(2), reason: nil)))
    #expect(
      bench.state.forgottenArtifacts == [try Digest(bytes: Array(repeating: 1, count: 32))])
  }

  @Test func retentionKeepsTheNewestTheYoungAndTheNeeded() throws {
    var bench = try Bench.serving(versions: 6, live: 2)
    #expect(
      bench.refusal(.registry(.setRetention(RetentionRule(model: try Name("none"), keep: 1))))
        .code == .unknown)
    let rule = RetentionRule(model: bench.endpoint, keep: 2, days: 30)
    try bench.give(.registry(.setRetention(rule)))
    #expect(bench.state.retention(rule, now: bench.now).allSatisfy { $0.stays != nil })
    let later = bench.now + TimeSpan(microseconds: 31 * 86_400_000_000)
    let verdicts = bench.state.retention(rule, now: later)
    #expect(verdicts.filter { $0.stays == nil }.map(\.version.number) == [1, 3, 4])
    #expect(verdicts[1].stays?.contains("it is on flight-delay") == true)
    #expect(verdicts[5].stays == "one of the 2 newest")
    try bench.give(.registry(.removeRetention(model: bench.endpoint)))
    #expect(bench.state.registry.retention.isEmpty)
  }

  // MARK: Search

  @Test func aQueryFindsByAllThatItNames() throws {
    var bench = try Bench.serving()
    try bench.give(.registry(.setAlias(alias: try Name("champion"), version: bench.v(1))))
    try bench.give(
      .registry(.tag(version: bench.v(2), set: [try Tag("team=Ops")], remove: [])))
    try bench.give(
      .registry(.decideApproval(version: bench.v(3), status: .approved, reason: nil)))
    try bench.give(.registry(.delete(version: bench.v(4), reason: nil)))
    func found(_ change: (inout VersionQuery) throws -> Void) throws -> [Int] {
      var query = VersionQuery()
      try change(&query)
      return bench.state.versions.filter {
        query.matches($0, in: bench.state) { "A card on Weather" }
      }.map(\.version.number)
    }
    #expect(try found { _ in } == [1, 2, 3])
    #expect(try found { $0.includesDeleted = true } == [1, 2, 3, 4])
    #expect(try found { $0.alias = try Name("champion") } == [1])
    #expect(try found { $0.tags = [try Tag("team")] } == [2])
    #expect(try found { $0.tags = [try Tag("team=ops")] } == [])
    #expect(try found { $0.status = .approved } == [3])
    #expect(try found { $0.servedOn = bench.endpoint } == [1])
    #expect(try found { $0.metrics = [try MetricCondition("auc>=0.75")] } == [1, 2, 3])
    #expect(try found { $0.metrics = [try MetricCondition("auc>0.75")] } == [])
    #expect(try found { $0.metrics = [try MetricCondition("f1!=0")] } == [])
    #expect(try found { $0.texts = ["weather", "MODEL"] } == [1, 2, 3])
    #expect(try found { $0.texts = ["ops"] } == [2])
    #expect(try found { $0.model = try Name("other") } == [])
    for text in ["", "auc", ">1", "auc>", "auc>x", "auc=>1", "auc>nan", "auc>inf"] {
      #expect(throws: InvalidValue.self) { try MetricCondition(text) }
    }
  }
}
