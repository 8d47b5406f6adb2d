import Core
import Testing

@testable import Control

/// Approvals by several people, bound to the plan that was frozen.
@Suite struct ApprovalTests {
  private let two = ApprovalRule(count: 2, from: ["ana", "bob", "carol"])

  private func approve(_ bench: inout Bench, _ who: String) throws -> Event {
    let before = bench.actor
    bench.actor = ActorID(kind: .person, name: who)
    defer { bench.actor = before }
    return try bench.give(.approve(endpoint: bench.endpoint, plan: nil, reason: nil))
  }

  private func refusal(_ bench: Bench, _ who: ActorID) -> String {
    var bench = bench
    bench.actor = who
    return bench.refusal(.approve(endpoint: bench.endpoint, plan: nil, reason: nil)).message
  }

  @Test func aStartWaitsWithoutTrafficForTwoOthers() throws {
    var bench = try Bench.ramping(Bench.plan(approvals: two))
    #expect(try bench.rollout.weight == 0 && bench.here.split == Split(all: bench.v(1)))
    #expect(try bench.rollout.hold == .approval && !bench.rollout.isStarted)
    #expect(bench.journal.last?.summary.contains("waits for approvals") == true)
    // Nothing gets it going but approvals: not a person's word, not time, not a pause in between.
    let e = bench.endpoint
    for command in [
      Command.resume(endpoint: e, reason: "x"), .promote(endpoint: e, reason: "x"),
      .step(endpoint: e, direction: .next, reason: "x"),
      .setCandidateWeight(endpoint: e, weight: 10, reason: "x"),
    ] {
      #expect(bench.refusal(command).message.contains("0 of 2 approvals"), "\(command)")
    }
    #expect(bench.look(try bench.rollout.evidence) == nil)
    #expect(refusal(bench, bench.actor).contains("somebody else"))
    #expect(refusal(bench, ActorID(kind: .person, name: "dave")).contains("not among"))
    #expect(refusal(bench, ActorID(kind: .runbook, name: "bob")).contains("only a person"))
    let first = try approve(&bench, "bob")
    #expect(first.summary.contains("1 of 2") && first.kind == "approved")
    #expect(refusal(bench, ActorID(kind: .person, name: "bob")).contains("already"))
    #expect(
      try bench.rollout.approvalsNow?.sentence == "1 of 2 approvals (bob), awaited from carol")
    #expect(bench.look(try bench.rollout.evidence) == nil)
    _ = try approve(&bench, "carol")
    let started = try bench.mustLook(bench.rollout.evidence)
    #expect(started.kind == "stepped" && started.actor == .system)
    #expect(try bench.rollout.weight == 500 && bench.rollout.step == 0)
    #expect(try bench.rollout.hold == nil && bench.rollout.isStarted)
    // And on as any other.
    #expect(try bench.mustLook(bench.quiet(minutes: 1)).kind == "stepped")
    #expect(try bench.rollout.weight == 2_500)
  }

  @Test func approvalsBindThePlan() throws {
    var bench = try Bench.ramping(Bench.plan(approvals: two))
    let digest = try #require(try bench.rollout.plan.digest)
    let other = try #require(Bench.plan([1, 10_000], approvals: two).digest)
    bench.actor = ActorID(kind: .person, name: "bob")
    let e = bench.endpoint
    #expect(bench.refusal(.approve(endpoint: e, plan: other, reason: nil)).code == .stale)
    let event = try bench.give(.approve(endpoint: e, plan: digest, reason: "read it"))
    guard case .approved(let approval) = event.body else {
      Issue.record("no approval")
      return
    }
    #expect(approval.plan == digest && approval.rollout == 1 && approval.given == 1)
    // A new rollout starts without them.
    try bench.give(.abort(endpoint: e, reason: nil))
    bench.actor = ActorID(kind: .person, name: "ana")
    try bench.give(.retry(endpoint: e))
    #expect(try bench.rollout.id == 2 && bench.rollout.approvals.isEmpty)
    #expect(try bench.rollout.weight == 0)
  }

  @Test func aFreezeHoldsAnApprovedStart() throws {
    var bench = try Bench.ramping(Bench.plan(approvals: ApprovalRule(count: 1)))
    try bench.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: "incident"))
    _ = try approve(&bench, "zoe")
    #expect(try bench.mustLook(bench.rollout.evidence).kind == "held")
    #expect(try bench.rollout.hold == .freeze && bench.rollout.weight == 0)
    try bench.give(.removeFreeze(id: nil, reason: nil))
    #expect(try bench.mustLook(bench.rollout.evidence).kind == "stepped")
  }

  @Test func aPauseDoesNotReplaceApprovals() throws {
    var bench = try Bench.ramping(Bench.plan(approval: [0], stepApprovals: 2))
    try bench.give(.pause(endpoint: bench.endpoint))
    try bench.give(.resume(endpoint: bench.endpoint, reason: nil))
    let held = try bench.mustLook(bench.quiet(minutes: 2))
    #expect(try held.kind == "held" && bench.rollout.hold == .approval)
    let e = bench.endpoint
    #expect(
      bench.refusal(.resume(endpoint: e, reason: "x")).message.contains("0 of 2 approvals"))
    #expect(
      bench.refusal(.promote(endpoint: e, reason: "x")).message.contains("for step 1"))
    _ = try approve(&bench, "bob")
    #expect(bench.look(try bench.quiet(minutes: 2)) == nil)
    _ = try approve(&bench, "zoe")
    #expect(try bench.mustLook(bench.quiet(minutes: 2)).kind == "resumed")
    #expect(try bench.mustLook(bench.quiet(minutes: 2)).kind == "stepped")
  }

  @Test func aLaterStepsApprovalsCannotBeJumpedOver() throws {
    var bench = try Bench.ramping(Bench.plan(approval: [1], stepApprovals: 1))
    let e = bench.endpoint
    #expect(bench.refusal(.promote(endpoint: e, reason: "x")).message.contains("for step 2"))
    try bench.give(.step(endpoint: e, direction: .next, reason: nil))
    #expect(
      bench.refusal(.step(endpoint: e, direction: .next, reason: "x")).message
        .contains("for step 2"))
    // Down and out stay free.
    try bench.give(.step(endpoint: e, direction: .previous, reason: nil))
    try bench.give(.abort(endpoint: e, reason: nil))
  }

  @Test func aPlanWithoutApprovalsKeepsItsDigestAndItsJSON() throws {
    let plan = Bench.plan()
    let text = String(decoding: try CanonicalJSON.encode(plan), as: UTF8.self)
    #expect(!text.contains("\"approvals\"") && !text.contains("blast"))
    #expect(try CanonicalJSON.decode(Plan.self, from: Array(text.utf8)) == plan)
  }

  @Test func digestsAreSHA256() throws {
    func hex(_ text: String) throws -> String {
      try Digest(bytes: sha256(Array(text.utf8))).description
    }
    // The examples of FIPS 180-4 and its companion.
    #expect(
      try hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      try hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      try hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
        == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
  }

  @Test(arguments: [
    (ApprovalRule(count: 0), "1 to"), (ApprovalRule(count: 3, from: ["a", "b"]), "1 to 2"),
    (ApprovalRule(count: 1, from: ["a", "a"]), "each once"),
    (ApprovalRule(count: 1, from: [""]), "login names"),
  ])
  func badRulesAreRefused(rule: ApprovalRule, words: String) {
    do throws(InvalidValue) {
      try Bench.plan(approvals: rule).validate()
      Issue.record("\(rule) passed")
    } catch {
      #expect(error.message.contains(words), "\(error.message)")
    }
  }
}
