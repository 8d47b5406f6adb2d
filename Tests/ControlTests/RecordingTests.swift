import Core
import Testing

@testable import Control

@Suite("Recording by policy")
struct RecordingPolicyTests {
  private let endpoint: Name
  private let ana = ActorID(kind: .person, name: "ana")
  private let time = Timestamp(microseconds: 1)

  init() throws { endpoint = try Name("e") }

  private func context(_ generation: Int? = nil) -> DecisionContext {
    DecisionContext(
      now: time, actor: ana, expectedGeneration: generation,
      prepared: [VersionID(model: endpoint, number: 1)])
  }

  /// An endpoint that takes the inputs a and b.
  private func state() throws -> ControlState {
    var state = ControlState()
    let signature = Signature(
      inputs: ["a", "b"].map { TensorSpec(name: $0, elementType: .float32, shape: [nil, 1]) },
      outputs: [TensorSpec(name: "y", elementType: .float32, shape: [nil, 1])])
    let draft = VersionDraft(
      model: endpoint, artifact: try Digest(bytes: [UInt8](repeating: 1, count: 32)),
      artifactBytes: 1, signature: signature)
    for command in [
      Command.registerVersion(draft), .createEndpoint(endpoint),
      .deploy(endpoint: endpoint, version: VersionID(model: endpoint, number: 1)),
    ] {
      for event in try decide(state, command, context()) { state.fold(event) }
    }
    return state
  }

  private func set(_ state: ControlState, _ policy: RecordingPolicy?) throws -> Event {
    try #require(
      try decide(state, .setRecording(endpoint: endpoint, policy: policy), context()).first)
  }

  @Test("on, changed and off are events that replay, and route nothing")
  func life() throws {
    var state = try state()
    let before = try #require(state.endpoint(endpoint))
    let policy = RecordingPolicy(share: 2_500, withheld: ["b"])
    var event = try set(state, policy)
    #expect(event.kind == "recording-set" && event.generation == nil)
    #expect(event.summary == "e: recorded: 25% of callers, up to 1 GiB and 30d, without b")
    #expect(
      event.commandLine
        == "sluice record on e --share 25% --keep 1GiB --max-age 30d --drop-columns b")
    let bytes = try CanonicalJSON.encode(event)
    event = try CanonicalJSON.decode(Event.self, from: bytes)
    state.fold(event)
    let recorded = try #require(state.endpoint(endpoint))
    #expect(recorded.recording == policy && recorded.generation == before.generation)
    #expect(throws: ControlError.self) { try set(state, policy) }
    event = try set(state, nil)
    #expect(event.summary == "e: not recorded any more")
    #expect(event.commandLine == "sluice record off e")
    state.fold(event)
    #expect(state.endpoint(endpoint)?.recording == nil)
    #expect(throws: ControlError.self) { try set(state, nil) }
  }

  @Test("a state of before has no policy and is read")
  func oldState() throws {
    let state = try state()
    let bytes = try CanonicalJSON.encode(state)
    #expect(!String(decoding: bytes, as: UTF8.self).contains("recording"))
    #expect(try CanonicalJSON.decode(ControlState.self, from: bytes) == state)
  }

  @Test(
    "what cannot be recorded is refused by name",
    arguments: [
      RecordingPolicy(share: 0), RecordingPolicy(share: 10_001), RecordingPolicy(keepBytes: 100),
      RecordingPolicy(maxAge: .seconds(1)), RecordingPolicy(withheld: ["c"]),
      RecordingPolicy(withheld: ["a", "b"]),
    ])
  func refusals(_ policy: RecordingPolicy) throws {
    let state = try state()
    #expect(throws: ControlError.self) { try set(state, policy) }
  }

  @Test("an odd age is written exactly")
  func oddAge() throws {
    let policy = RecordingPolicy(maxAge: try TimeSpan("1d2h3m"))
    #expect(try set(try state(), policy).commandLine?.contains("--max-age 93780000000us") == true)
  }
}
