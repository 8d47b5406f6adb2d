import Control
import Core
import Foundation
import Storage
import Synchronization
import Telemetry
import Testing

@testable import Node

/// A real node, the sample's models, and a surrounding that fails.
@Suite("A node in trouble", .serialized)
struct NodeTroubleTests {
  private let actor = ActorID(kind: .person, name: "ana")
  private let sample: SampleFiles

  init() throws { sample = try SampleFiles.flightDelay }

  private var e: Name { sample.model }
  private func v(_ number: Int) -> VersionID { VersionID(model: sample.model, number: number) }

  /// The log of the node that was opened last.
  private final class Slot: Sendable {
    let log = Mutex<FaultyLog?>(nil)
    var isFull: Bool {
      get { log.withLock { $0?.isFull ?? false } }
      set { log.withLock { $0?.isFull = newValue } }
    }
  }
  private let slot = Slot()

  private func open(_ state: String, full: Bool = false) throws -> Node {
    let options = NodeOptions(stateDirectory: state, listens: false, serves: true)
    let node = try Node.openState(options) { journal in
      let log = FaultyLog(journal)
      log.isFull = full
      slot.log.withLock { $0 = log }
      return log
    }
    try node.begin()
    return node
  }

  /// A node with version 1 live and a ramp of version 2 in its first step.
  private func withRamp(_ body: (inout Node?, String) throws -> Void) throws {
    let state = "/tmp/sln-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    var node: Node? = try open(state)
    defer { node?.stop() }
    for number in 1...2 {
      _ = try ModelImporter.importModel(
        file: sample.modelPath(number), model: e, card: nil, reference: nil, stateDirectory: state,
        client: try #require(node), actor: actor)
    }
    try perform(node, .createEndpoint(e))
    try perform(node, .deploy(endpoint: e, version: v(1)))
    try perform(
      node,
      .startRamp(
        endpoint: e, version: v(2), plan: try #require(PlanFile.builtIn(name: "standard-launch"))))
    try body(&node, state)
  }

  @discardableResult
  private func perform(_ node: Node?, _ command: Command) throws -> Outcome {
    try #require(node).perform(Order(command: command, actor: actor))
  }

  private func here(_ node: Node?) throws -> EndpointState {
    try #require(node?.core.state.endpoint(e))
  }

  /// What requests really get now.
  private func answers(_ node: Node?) throws -> Set<VersionID?> {
    let runtime = try #require(node?.plane.runtime(of: e))
    let worker = runtime.makeWorker(seed: 1)
    return Set((0..<500).map { worker.version(of: worker.predict(.init(id: UInt64($0)))) })
  }

  /// Lets a node go without stopping it; its guard thread ends by itself.
  private func crash(_ node: inout Node?) {
    slot.log.withLock { $0 = nil }
    weak let gone = node
    node = nil
    for _ in 0..<1_000 where gone != nil { usleep(10_000) }
  }

  private func age(_ state: String, hours: Int) throws {
    for file in ["sluice.db", "sluice.db-wal"] {
      let path = state + "/" + file
      guard FileManager.default.fileExists(atPath: path) else { continue }
      try FileManager.default.setAttributes(
        [.modificationDate: Date().addingTimeInterval(Double(-3_600 * hours))],
        ofItemAtPath: path)
    }
  }

  @Test("a rollback on a full disk survives a crash, many starts, and is journalled when it can be")
  func fullDisk() throws {
    try withRamp { node, state in
      slot.isFull = true
      let outcome = try perform(node, .rollBack(endpoint: e, to: nil, symptom: "errors"))
      #expect(outcome.summary.contains("tombstone"))
      for _ in 0..<3 {
        crash(&node)
        node = try open(state, full: true)
        #expect(try here(node).split == Split(all: v(1)))
        #expect(try here(node).closed == [v(2)])
        #expect(try answers(node) == [v(1)])
        // A node that starts again and again uses up no slots.
        #expect(try node?.tombstones.pending().count == 1)
      }
      slot.isFull = false
      for _ in 0..<40 where node?.core.durable == false { usleep(100_000) }
      #expect(node?.core.durable == true)
      #expect(try node?.tombstones.pending().isEmpty == true)
      node?.stop()
      node = try open(state)
      #expect(try here(node).closed == [v(2)])
    }
  }

  @Test("a full disk after a long absence: it serves, and holds the ramp when it can write that")
  func absence() throws {
    try withRamp { node, state in
      node?.stop()
      node = nil
      try age(state, hours: 2)
      node = try open(state, full: true)
      #expect(try answers(node).contains(v(1)))
      #expect(try here(node).rollout?.hold == nil)
      #expect(node?.holdAfterAbsence() == false)
      slot.isFull = false
      #expect(node?.holdAfterAbsence() == true)
      #expect(try here(node).rollout?.hold == .recovered)
    }
  }

  @Test("a journal that was tampered with is served from, moves back only, and says so")
  func tampered() throws {
    try withRamp { node, state in
      node?.stop()
      node = nil
      let sql = """
        import sqlite3,sys
        c=sqlite3.connect(sys.argv[1]); c.execute('DROP TRIGGER journal_keeps_values')
        c.execute("UPDATE journal SET actor='person:eve' WHERE sequence=2"); c.commit()
        """
      let python = Process()
      python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      python.arguments = ["python3", "-c", sql, state + "/sluice.db"]
      try python.run()
      python.waitUntilExit()
      try #require(python.terminationStatus == 0)
      try age(state, hours: 2)
      node = try open(state)
      // The chain up to the saved state is checked beside the work.
      for _ in 0..<100 where node?.core.fault == nil { usleep(100_000) }
      #expect(node?.core.fault?.contains("row 2") == true)
      #expect(try answers(node) == [v(1), v(2)])
      let before = try #require(node?.core.state)
      #expect(throws: NodeError.self) {
        try perform(node, .step(endpoint: e, direction: .next, reason: "go"))
      }
      #expect(node?.core.state == before)
      try perform(node, .rollBack(endpoint: e, to: nil, symptom: "errors"))
      #expect(try answers(node) == [v(1)])
      crash(&node)
      node = try open(state)
      #expect(try answers(node) == [v(1)])
      #expect(try here(node).closed == [v(2)])
    }
  }

  @Test("when the candidate's file is gone at a start, the stable serves all and the ramp waits")
  func missingArtifact() throws {
    try withRamp { node, state in
      let digest = try #require(node?.core.state.version(v(2))?.draft.artifact)
      node?.stop()
      node = nil
      let files = try #require(FileManager.default.enumerator(atPath: state + "/artifacts"))
      for case let file as String in files where file.hasSuffix(digest.description) {
        try FileManager.default.removeItem(atPath: state + "/artifacts/" + file)
      }
      node = try open(state)
      #expect(try answers(node) == [v(1)])
      #expect(try here(node).rollout?.hold == .operator)
      let fault = node?.analyst.withDesk { $0.routingFaults[e] } ?? nil
      #expect(fault?.contains("flight-delay@2") == true)
      #expect(fault?.contains("not stored here") == true, "\(fault ?? "no fault")")
      try perform(node, .rollBack(endpoint: e, to: nil, symptom: nil))
      #expect(try answers(node) == [v(1)])
      // And by command it is named, as the system's trouble.
      do {
        try perform(node, .deploy(endpoint: e, version: v(2)))
        Issue.record("deployed")
      } catch {
        #expect(NodeError(describing: error).exitCode == .system)
        #expect(NodeError(describing: error).message.contains("flight-delay@2"))
      }
    }
  }

  @Test("a version whose file is mended serves again, by itself or with a command that needs it")
  func mendedArtifact() throws {
    try withRamp { node, state in
      let atOnce = Plan(
        name: "p", summary: "", steps: [PlanStep(weight: 10_000, hold: .zero)], metrics: [],
        soak: .zero)
      try perform(node, .abort(endpoint: e, reason: nil))
      try perform(node, .startRamp(endpoint: e, version: v(2), plan: atOnce))
      try perform(node, .promote(endpoint: e, reason: "why", version: nil))
      #expect(try here(node).rollout == nil)
      let digest = try #require(node?.core.state.version(v(2))?.draft.artifact)
      let files = try #require(FileManager.default.enumerator(atPath: state + "/artifacts"))
      let file = try #require(
        files.compactMap { $0 as? String }.first { $0.hasSuffix(digest.description) })
      let path = state + "/artifacts/" + file
      for isAsked in [false, true] {
        node?.stop()
        node = nil
        try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        node = try open(state)
        #expect(try answers(node) == [v(1)])
        node?.loadMissing()
        #expect(try answers(node) == [v(1)])
        try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
        let generation = try here(node).generation
        if isAsked {
          // Refused, as it is there already: but it was loaded for it.
          _ = try? perform(node, .deploy(endpoint: e, version: v(2)))
        } else {
          node?.loadMissing()
        }
        #expect(try answers(node) == [v(2)])
        #expect(try here(node).generation == generation)
        #expect(node?.analyst.withDesk { $0.routingFaults[e] } == nil)
      }
    }
  }

  @Test("a forced rollback is obeyed by a running node within two seconds")
  func forcedWhileRunning() throws {
    try withRamp { node, state in
      _ = try NodeDoor.forceRollback(
        stateDirectory: state, endpoint: e, to: nil, actor: actor)
      var waited = 0
      while try here(node).rollout != nil, waited < 200 {
        usleep(10_000)
        waited += 1
      }
      #expect(waited < 200)
      #expect(try answers(node) == [v(1)])
      for _ in 0..<200 where try node?.tombstones.pending().isEmpty == false { usleep(10_000) }
      #expect(try node?.tombstones.pending().isEmpty == true)
    }
  }

  @Test("a recorded rollback that nobody obeyed gives way to a later one to what it closes")
  func contradictingTombstones() throws {
    try withRamp { node, state in
      let tombstones = try #require(node?.tombstones)
      slot.isFull = true
      // From outside, unseen by the node; then an order that the node takes.
      try tombstones.record(
        Fence(
          endpoint: e, closed: [v(1)], fallback: v(2), actor: actor, time: SystemClock.now(),
          generation: try here(node).generation + 1))
      try perform(node, .abort(endpoint: e, reason: nil))
      #expect(try answers(node) == [v(1)])
      // And another one from outside sees both: what it could go back to is closed.
      let refused = #expect(throws: NodeError.self) {
        try NodeDoor.forceRollback(
          stateDirectory: state, endpoint: e, to: v(2), actor: actor)
      }
      #expect(refused?.code == .refused)
      node?.stop()
      node = nil
      node = try open(state)
      #expect(try answers(node) == [v(1)])
      #expect(try here(node).closed == [v(2)])
    }
  }

  @Test("a tombstone that cannot be obeyed, or was overtaken, does not keep a node from starting")
  func overtakenTombstones() throws {
    try withRamp { node, state in
      try perform(node, .promote(endpoint: e, reason: "test"))
      if try here(node).rollout != nil { try perform(node, .promote(endpoint: e, reason: "test")) }
      #expect(try here(node).split == Split(all: v(2)))
      let tombstones = try #require(node?.tombstones)
      node?.stop()
      let now = SystemClock.now()
      // A version that has no traffic any more; one deployed again later; a way back that is none.
      try tombstones.record(
        Fence(endpoint: e, closed: [v(1)], fallback: v(2), actor: actor, time: now))
      try tombstones.record(
        Fence(
          endpoint: e, closed: [v(2)], fallback: v(1), actor: actor,
          time: Timestamp(microseconds: 1)))
      try tombstones.record(
        Fence(endpoint: e, closed: [v(2), v(1)], fallback: v(9), actor: actor, time: now))
      node = nil
      node = try open(state)
      #expect(try answers(node) == [v(2)])
      #expect(try node?.tombstones.pending().isEmpty == true)
      let note = node?.core.recentRows(1).first
      #expect(note?.summary.contains("was not done") == true, "\(note?.summary ?? "-")")
    }
  }

  @Test("requests and commands go on while a node stops; nothing is written afterwards")
  func stopping() throws {
    try withRamp { node, state in
      let stopped = try #require(node)
      let actor = actor
      let name = e
      let threads = try (0..<3).map { _ in
        try ServiceThread("command") { stop in
          while !stop.isSet {
            _ = try? stopped.perform(
              Order(command: .annotate(endpoint: name, text: "note"), actor: actor))
          }
        }
      }
      usleep(50_000)
      stopped.stop()
      let head = stopped.core.sequence
      // The directory is free, and the old node's threads do not disturb the new one.
      node = try open(state)
      for _ in 0..<20 { try perform(node, .annotate(endpoint: e, text: "new")) }
      threads.forEach { $0.stop() }
      #expect(node?.core.sequence == head + 20)
      #expect(try node?.core.reader.verify().fault == nil)
    }
  }

  @Test("commands that load and unload versions at the same time never lose one that is needed")
  func loadingRace() throws {
    try withRamp { node, _ in
      try perform(node, .rollBack(endpoint: e, to: nil, symptom: nil))
      let running = try #require(node)
      let actor = actor
      let name = e
      let other = try ServiceThread("notes") { stop in
        while !stop.isSet {
          _ = try? running.perform(
            Order(command: .annotate(endpoint: name, text: "note"), actor: actor))
        }
      }
      defer { other.stop() }
      for _ in 0..<4 {
        try perform(node, .deploy(endpoint: e, version: v(2)))
        #expect(running.shelf.loaded(v(2)) != nil)
        try perform(node, .unload(endpoint: e, version: v(2)))
        #expect(running.analyst.withDesk { $0.routingFaults[name] } == nil)
      }
    }
  }

  @Test("a refused command leaves nothing in memory")
  func refusedLeavesNothing() throws {
    try withRamp { node, _ in
      try perform(node, .rollBack(endpoint: e, to: nil, symptom: nil))
      try perform(node, .unload(endpoint: e, version: v(2)))
      #expect(throws: (any Error).self) {
        try perform(node, .deploy(endpoint: try Name("nowhere"), version: v(2)))
      }
      #expect(node?.shelf.prepared == [v(1)])
    }
  }
}
