import Core
import Testing

@testable import Control

@Suite struct DecideTests {
  @Test func versionsAreNumberedAndStay() throws {
    var bench = try Bench()
    for number in 1...3 {
      let event = try bench.give(.registerVersion(bench.draft()))
      #expect(event.kind == "version-registered")
      #expect(bench.state.versions.last?.version == bench.v(number))
    }
    #expect(bench.state.nextNumber(of: bench.endpoint) == 4)
  }

  @Test func badDraftsAreRefused() throws {
    let bench = try Bench()
    let good = try bench.draft()
    func refused(_ bytes: Int = 1, _ signature: Signature? = nil, _ metrics: [String: Double] = [:])
      -> ControlError
    {
      bench.refusal(
        .registerVersion(
          VersionDraft(
            model: good.model, artifact: good.artifact, artifactBytes: bytes,
            signature: signature ?? good.signature, metrics: metrics)))
    }
    #expect(refused(0).code == .badInput)
    #expect(refused(1, Signature(inputs: [], outputs: [])).code == .badInput)
    let hostile = refused(1, nil, ["a\u{1B}[2J": .nan])
    #expect(hostile.code == .badInput && !hostile.message.contains("\u{1B}"))
  }

  @Test func theFirstVersionGetsAllTraffic() throws {
    var bench = try Bench.serving()
    var here = try bench.here
    #expect(here.status == .serving && here.stable == bench.v(1))
    #expect(here.split == Split(all: bench.v(1)) && here.signature != nil)
    try bench.give(.deploy(endpoint: bench.endpoint, version: bench.v(2)))
    here = try bench.here
    #expect(here.split == Split(all: bench.v(1)) && here.deployed.count == 2)
    #expect(here.role(of: bench.v(1)) == "live" && here.role(of: bench.v(2)) == "standby")
    #expect(here.role(of: bench.v(3)) == "registered")
  }

  @Test func deployIsRefused() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    #expect(bench.refusal(.deploy(endpoint: e, version: bench.v(1))).code == .refused)
    #expect(bench.refusal(.deploy(endpoint: e, version: bench.v(9))).code == .unknown)
    let other = try Name("other")
    #expect(bench.refusal(.deploy(endpoint: other, version: bench.v(2))).code == .unknown)
    let unknown = VersionID(model: other, number: 1)
    #expect(bench.refusal(.deploy(endpoint: e, version: unknown)).message.contains("import"))
    try bench.give(.registerVersion(bench.draft(inputs: ["x", "new"])))
    bench.prepared.insert(bench.v(5))
    #expect(bench.refusal(.deploy(endpoint: e, version: bench.v(5))).message.contains("\"new\""))
    bench.prepared.remove(bench.v(2))
    #expect(bench.refusal(.deploy(endpoint: e, version: bench.v(2))).message.contains("not loaded"))
  }

  @Test func splitsNameOnlyDeployedPreparedOpenVersions() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    let split = Split(stable: bench.v(1), candidate: bench.v(2), weight: 1_000)
    #expect(bench.refusal(.setSplit(endpoint: e, split: split)).message.contains("deploy it first"))
    try bench.give(.deploy(endpoint: e, version: bench.v(2)))
    bench.prepared.remove(bench.v(2))
    #expect(bench.refusal(.setSplit(endpoint: e, split: split)).message.contains("not loaded"))
    bench.prepared.insert(bench.v(2))
    let event = try bench.give(.setSplit(endpoint: e, split: split))
    #expect(event.summary == "flight-delay: @1 100% -> 90%, @2 0% -> 10%")
    #expect(event.commandLine == "sluice split flight-delay flight-delay@1=90% flight-delay@2=10%")
    #expect(try bench.here.stable == bench.v(1))
    #expect(bench.refusal(.setSplit(endpoint: e, split: split)).message.contains("already"))
    let missing = Split(all: bench.v(9))
    #expect(bench.refusal(.setSplit(endpoint: e, split: missing)).code == .unknown)
  }

  @Test func aSplitWithoutTheStableMakesANewOne() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    try bench.give(.deploy(endpoint: e, version: bench.v(2)))
    try bench.give(.setSplit(endpoint: e, split: Split(all: bench.v(2))))
    let here = try bench.here
    #expect(here.stable == bench.v(2) && here.goodVersions == [bench.v(1)])
    #expect(rollbackPreview(bench.state, e, now: bench.now)?.target == bench.v(1))
  }

  @Test func staleCommandsNameWhatChanged() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    let seen = try bench.here.generation
    bench.actor = ActorID(kind: .person, name: "b\u{1B}]0;x\u{7}o")
    try bench.give(.deploy(endpoint: e, version: bench.v(2)), seen: seen)
    let split = Split(all: bench.v(2))
    let refusal = bench.refusal(.setSplit(endpoint: e, split: split), seen: seen)
    #expect(refusal.code == .stale && refusal.message.contains("generation \(seen) -> \(seen + 1)"))
    #expect(refusal.message.contains("deployed") && !refusal.message.contains("\u{1B}"))
    #expect(refusal.exitCode == .notSo)
  }

  @Test func unloadProtectsWhatIsNeeded() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    for number in 2...4 { try bench.give(.deploy(endpoint: e, version: bench.v(number))) }
    func refused(_ number: Int) -> String {
      bench.refusal(.unload(endpoint: e, version: bench.v(number))).message
    }
    #expect(refused(1).contains("100%"))
    #expect(refused(9).contains("not on"))
    try bench.give(.unload(endpoint: e, version: bench.v(4)))
    #expect(try !bench.here.isDeployed(bench.v(4)))
    try bench.give(.setSplit(endpoint: e, split: Split(all: bench.v(2))))
    // @1 is the only way back.
    #expect(refused(1).contains("rollback"))
    try bench.give(.setSplit(endpoint: e, split: Split(all: bench.v(3))))
    try bench.give(.unload(endpoint: e, version: bench.v(1)))
    #expect(try bench.here.goodVersions == [bench.v(2)])
  }

  @Test func rampsAreRefused() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    func refused(_ number: Int, _ plan: Plan = Bench.plan()) -> ControlError {
      bench.refusal(.startRamp(endpoint: e, version: bench.v(number), plan: plan))
    }
    #expect(refused(1).message.contains("is the stable"))
    #expect(refused(9).code == .unknown)
    #expect(refused(2, Bench.plan([500])).code == .badInput)
    bench.prepared = [bench.v(2)]
    #expect(refused(2).message.contains("flight-delay@1 is not loaded"))
    bench.prepared = [bench.v(1), bench.v(2), bench.v(3)]
    try bench.give(.drainEndpoint(e))
    #expect(refused(2).message.contains("drained"))
    try bench.give(.enableEndpoint(e))
    try bench.give(.deploy(endpoint: e, version: bench.v(3)))
    let three = Split(stable: bench.v(1), candidate: bench.v(3), weight: 100)
    try bench.give(.setSplit(endpoint: e, split: three))
    #expect(refused(2).message.contains("flight-delay@3 also has traffic"))
    try bench.give(.setSplit(endpoint: e, split: Split(all: bench.v(1))))
    try bench.give(.startRamp(endpoint: e, version: bench.v(2), plan: Bench.plan()))
    #expect(refused(3).message.contains("one ramp at a time"))
    let empty = try Name("empty")
    try bench.give(.createEndpoint(empty))
    let nothing = bench.refusal(
      .startRamp(endpoint: empty, version: bench.v(2), plan: Bench.plan()))
    #expect(nothing.message.contains("serves nothing yet"))
  }

  @Test func whileARampRunsItsPartsAreProtected() throws {
    let bench = try Bench.ramping()
    let e = bench.endpoint
    let messages = [
      bench.refusal(.setSplit(endpoint: e, split: Split(all: bench.v(1)))).message,
      bench.refusal(.undo(endpoint: e)).message,
      bench.refusal(.unload(endpoint: e, version: bench.v(1))).message,
      bench.refusal(.unload(endpoint: e, version: bench.v(2))).message,
    ]
    #expect(messages[0].contains("abort") && messages[1].contains("abort"))
    #expect(messages[2].contains("go back to") && messages[3].contains("being ramped"))
  }

  @Test func endpointsDrainAndEnable() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    #expect(bench.refusal(.enableEndpoint(e)).code == .refused)
    try bench.give(.drainEndpoint(e))
    #expect(try bench.here.status == .drained)
    #expect(bench.refusal(.drainEndpoint(e)).message.contains("enable"))
    try bench.give(.enableEndpoint(e))
    #expect(try bench.here.status == .serving)
    #expect(bench.refusal(.createEndpoint(e)).code == .refused)
    #expect(bench.refusal(.drainEndpoint(try Name("nowhere"))).message.contains("flight-delay"))
  }

  @Test func undoGivesBackTheSplitAndTheStable() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    #expect(bench.refusal(.undo(endpoint: e)).message.contains("nothing to undo"))
    try bench.give(.deploy(endpoint: e, version: bench.v(2)))
    try bench.give(.setSplit(endpoint: e, split: Split(all: bench.v(2))))
    #expect(undoPreview(bench.state, e, prepared: bench.prepared)?.split == Split(all: bench.v(1)))
    let event = try bench.give(.undo(endpoint: e))
    #expect(event.kind == "undone" && event.commandLine == "sluice undo flight-delay")
    #expect(try bench.here.stable == bench.v(1))
    #expect(try bench.here.goodVersions.isEmpty)
    // Undo of undo.
    try bench.give(.undo(endpoint: e))
    #expect(try bench.here.stable == bench.v(2))
    #expect(try bench.here.goodVersions == [bench.v(1)])
    bench.prepared.remove(bench.v(1))
    #expect(bench.refusal(.undo(endpoint: e)).message.contains("not loaded"))
    #expect(undoPreview(bench.state, e, prepared: bench.prepared) == nil)
  }

  @Test func notesAndRunbooksAreKeptAndChangeNothing() throws {
    var bench = try Bench.serving()
    let before = try bench.here
    try bench.give(.annotate(endpoint: bench.endpoint, text: "looked at it"))
    try bench.give(
      .recordRunbook(
        endpoint: bench.endpoint, runbook: "high-latency", outcome: "done", steps: ["a", "b"]))
    try bench.give(.annotate(endpoint: nil, text: "of the node"))
    #expect(try bench.here == before)
    #expect(bench.refusal(.annotate(endpoint: nil, text: " \n")).code == .badInput)
    let long = String(repeating: "x", count: 2_001)
    #expect(bench.refusal(.annotate(endpoint: nil, text: long)).code == .badInput)
    #expect(bench.refusal(.annotate(endpoint: try Name("no"), text: "x")).code == .unknown)
    let nameless = Command.recordRunbook(endpoint: nil, runbook: "", outcome: "", steps: [])
    #expect(bench.refusal(nameless).code == .badInput)
  }
}
