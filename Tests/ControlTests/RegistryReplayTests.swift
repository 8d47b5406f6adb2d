import Core
import Testing

@testable import Control

/// Whatever is said of versions, the journal gives it back, and what is needed is there.
@Suite struct RegistryReplayTests {
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8])
  func randomCommandsReplayToTheSameState(seed: UInt64) throws {
    var bench = try Bench.serving(versions: 8)
    var random = SplitMix64(seed: seed)
    var done = 0
    for _ in 0..<300 {
      let command = try command(&random, bench)
      guard let events = try? decide(bench.state, command, bench.context()) else { continue }
      done += 1
      for event in events { bench.commit(event) }
      try checkInvariants(bench.state)
    }
    #expect(done > 60, "most commands must be possible: \(done)")
    var replayed = ControlState()
    for event in bench.journal {
      let bytes = try CanonicalJSON.encode(event)
      let read = try CanonicalJSON.decode(Event.self, from: bytes)
      #expect(read == event)
      #expect(read.kind == event.kind)
      replayed = apply(replayed, read)
    }
    #expect(replayed == bench.state)
    let stored = try CanonicalJSON.encode(bench.state)
    #expect(try CanonicalJSON.decode(ControlState.self, from: stored) == bench.state)
  }

  private func checkInvariants(_ state: ControlState) throws {
    let deleted = Set(state.records.filter { $0.deletion != nil }.map(\.version))
    for alias in state.registry.aliases { #expect(!deleted.contains(alias.version)) }
    for endpoint in state.endpoints {
      for version in endpoint.deployed.map(\.version) + (endpoint.split?.versions ?? [])
        + endpoint.goodVersions
      {
        #expect(!deleted.contains(version), "\(version) was deleted and is needed")
      }
    }
    let pairs = state.registry.aliases.map { "\($0.version.model)@\($0.alias)" }
    #expect(Set(pairs).count == pairs.count)
    #expect(state.records.map(\.version) == state.records.map(\.version).sorted())
    #expect(Set(state.versions.map(\.version)).count == state.versions.count)
  }

  private func command(_ random: inout SplitMix64, _ bench: Bench) throws -> Command {
    let version = bench.v(1 + Int(random.next() % 10))
    let other = bench.v(1 + Int(random.next() % 8))
    let alias = try Name(["champion", "challenger", "x"][Int(random.next() % 3)])
    let digest = try Digest(bytes: Array(repeating: UInt8(random.next() % 4), count: 32))
    switch random.next() % 16 {
    case 0: return .registry(.setAlias(alias: alias, version: version))
    case 1: return .registry(.removeAlias(alias: alias, model: bench.endpoint))
    case 2:
      return .registry(
        .tag(
          version: version, set: [try Tag(random.next() % 4 == 0 ? "protected" : "a=\(other)")],
          remove: []))
    case 3:
      let all = ReviewStatus.allCases
      return .registry(
        .decideApproval(
          version: version, status: all[Int(random.next() % UInt64(all.count))], reason: "so"))
    case 4:
      let line = GateLine(
        gate: "g", passed: random.next() % 2 == 0, measured: "\u{1B}[31m", limit: "l")
      return .registry(
        .recordGates(
          version: version,
          run: GateRun(
            gates: "default", digest: digest, against: other, rows: nil, lines: [line],
            checklist: random.next() % 2 == 0 ? Checklist(items: ["one", "two"]) : nil)))
    case 5: return .registry(.sign(version: version, item: random.next() % 2 == 0 ? "one" : "two"))
    case 6: return .registry(.unsign(version: version, item: "one", reason: nil))
    case 7: return .registry(.delete(version: version, reason: "room"))
    case 8:
      return .registry(
        .setRetention(
          RetentionRule(model: bench.endpoint, keep: 1 + Int(random.next() % 5), days: nil)))
    case 9: return .registry(.removeRetention(model: bench.endpoint))
    case 10:
      return .registry(
        .setPolicy(
          endpoint: bench.endpoint, requirements: random.next() % 3 == 0 ? [.approved] : [],
          reason: "so"))
    case 11: return .deploy(endpoint: bench.endpoint, version: version)
    case 12: return .unload(endpoint: bench.endpoint, version: version)
    case 13: return .setSplit(endpoint: bench.endpoint, split: Split(all: version))
    case 14: return .rollBack(endpoint: bench.endpoint, to: nil, symptom: nil)
    default: return .registry(.setChecklist(version: version, checklist: nil))
    }
  }

  /// What the journal keeps of each kind never changes its form.
  @Test func kindsAreWrittenAsTheyWere() throws {
    let time = Timestamp(microseconds: 1_700_000_000_000_000)
    let actor = ActorID(kind: .person, name: "ana")
    let version = try VersionID("m@2")
    func json(_ change: RegistryEvent) throws -> String {
      let event = Event(body: .registry(change), endpoint: nil, actor: actor, time: time)
      return String(decoding: try CanonicalJSON.encode(event), as: UTF8.self)
    }
    let tail = "\"time\":1700000000000000}"
    #expect(
      try json(.aliasSet(AliasChange(alias: Name("champion"), version: version, before: nil)))
        == "{\"actor\":{\"kind\":\"person\",\"name\":\"ana\"},\"data\":{\"alias\":\"champion\","
        + "\"version\":\"m@2\"},\"kind\":\"alias-set\",\(tail)")
    #expect(
      try json(.deleted(version))
        == "{\"actor\":{\"kind\":\"person\",\"name\":\"ana\"},\"data\":\"m@2\","
        + "\"kind\":\"version-deleted\",\(tail)")
    #expect(
      try json(.signed(SignOffChange(version: version, item: "i", signed: 1, items: 4)))
        .contains("\"data\":{\"item\":\"i\",\"items\":4,\"signed\":1,\"version\":\"m@2\"}"))
  }

  /// A state of a program that knew no registry is read, and plans of its journal mean the same.
  @Test func olderStatesAndPlansAreRead() throws {
    let bench = try Bench.serving(versions: 1)
    var text = String(decoding: try CanonicalJSON.encode(bench.state), as: UTF8.self)
    #expect(text.contains("\"registryState\":"))
    let plain = ControlState()
    text = String(decoding: try CanonicalJSON.encode(plain), as: UTF8.self)
    #expect(!text.contains("registry"))
    #expect(try CanonicalJSON.decode(ControlState.self, from: Array(text.utf8)) == plain)
    let plan = Plan(
      name: "p", summary: "", steps: [PlanStep(weight: Split.whole, hold: .zero)], metrics: [])
    let bytes = try CanonicalJSON.encode(plan)
    #expect(!String(decoding: bytes, as: UTF8.self).contains("requirements"))
    #expect(try CanonicalJSON.decode(Plan.self, from: bytes).requirements == nil)
  }
}
