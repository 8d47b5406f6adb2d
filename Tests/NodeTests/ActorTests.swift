import Control
import Core
import Foundation
import Storage
import Testing

@testable import Node

/// Names of persons are not in what cannot be changed, and can be erased.
@Suite("Pseudonymous actors")
struct ActorTests {
  private let ana = ActorID(kind: .person, name: "ana-lovelace")
  private let bob = ActorID(kind: .person, name: "bob-hopper")

  private func withState(_ body: (String) throws -> Void) throws {
    let state = "/tmp/sla-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    try body(state)
  }

  private func open(_ state: String) throws -> Node {
    try Node.open(NodeOptions(stateDirectory: state, listens: false, serves: false))
  }

  private func failure(_ body: () throws -> Void) -> NodeError? {
    do {
      try body()
      return nil
    } catch { return NodeError(describing: error) }
  }

  /// Files of a state that have a text in them.
  private func files(_ state: String, with text: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: state).filter { name in
      let data = FileManager.default.contents(atPath: "\(state)/\(name)") ?? Data()
      return data.range(of: Data(text.utf8)) != nil
    }.sorted()
  }

  private func rows(_ node: Node) throws -> [JournalRow] {
    guard case .journal(let rows) = try node.send(.journal(after: 0, limit: 100)) else {
      return []
    }
    return rows
  }

  /// A state in which both acted, also in sentences.
  private func write(_ state: String) throws {
    let node = try open(state)
    defer { node.stop() }
    let endpoint = try Name("flights")
    _ = try node.perform(Order(command: .createEndpoint(endpoint), actor: ana))
    _ = try node.perform(Order(command: .drainEndpoint(endpoint), actor: bob))
    _ = try node.perform(
      Order(
        command: .addFreeze(endpoint: nil, window: .untilReleased, reason: "incident"), actor: ana))
    let all = try node.core.reader.records(after: 0, limit: 10)
    #expect(all.allSatisfy { PersonCode.pseudonym(in: $0.entry.actor.name) != nil })
    // As a node that serves does.
    var saver = try StateSaver(
      node.core.reader, to: StateSink(node.journal), from: JournalFold(), savedSequence: 0)
    try saver.save(at: node.journal.head, key: SigningKey(of: node.directory))
  }

  private func forget(_ node: Node, _ name: String, by actor: ActorID) throws {
    _ = try node.perform(
      Order(
        command: .forgetActor(name: name, pseudonym: nil, reason: "left in March"), actor: actor))
  }

  @Test("names are in one file only, and in every view")
  func namesAreApart() throws {
    try withState { state in
      try write(state)
      for name in [ana.name, bob.name] {
        #expect(try files(state, with: name) == ["people.jsonl"])
      }
      let node = try open(state)
      defer { node.stop() }
      #expect(try rows(node).map(\.actor) == [ana, bob, ana])
      #expect(try rows(node)[2].summary.contains("ana-lovelace stopped the line"))
      #expect(node.core.state.freezes[0].by == ana)
      #expect(node.core.state.endpoints[0].recent.map(\.actor) == [bob, ana])
      let views = try Actors.list(stateDirectory: state)
      #expect(views.map(\.name) == [ana.name, bob.name])
      #expect(try Actors.show(views[1].pseudonym, stateDirectory: state).name == bob.name)
      #expect(throws: NodeError.self) { try Actors.show("eve", stateDirectory: state) }
      let past = try AsOf.read(stateDirectory: state, time: SystemClock.now())
      #expect(past.endpoints[0].change.actor == bob)
    }
  }

  @Test("an erased name is nowhere; chain, checkpoints and saved states still fit")
  func forgetting() throws {
    try withState { state in
      try write(state)
      let before = try JournalNotary.checkpoint(stateDirectory: state)
      let pseudonym = try Actors.show(ana.name, stateDirectory: state).pseudonym
      let shown = ActorID(kind: .person, name: "forgotten-\(pseudonym.prefix(4))")
      var node = try open(state)
      #expect(failure { try forget(node, "eve", by: bob) }?.message.contains("nobody") == true)
      #expect(
        failure {
          _ = try node.perform(
            Order(
              command: .forgetActor(name: ana.name, pseudonym: nil, reason: " "), actor: bob))
        }?.message.contains("reason") == true)
      let old = node.core.state
      try forget(node, ana.name, by: bob)
      for _ in 0..<2 {
        #expect(try files(state, with: ana.name) == [])
        #expect(try rows(node).map(\.actor) == [shown, bob, shown, bob])
        #expect(try rows(node)[2].summary.contains("\(shown.name) stopped the line"))
        #expect(node.core.recentRows(9).map(\.actor) == [bob, shown, bob, shown])
        #expect(node.core.state.freezes[0].by == shown)
        #expect(node.core.state.isForgotten(pseudonym))
        // But for the name it is the same.
        let text = String(decoding: try CanonicalJSON.encode(old.endpoints), as: UTF8.self)
        #expect(
          String(decoding: try CanonicalJSON.encode(node.core.state.endpoints), as: UTF8.self)
            == text.replacing(ana.name, with: shown.name))
        #expect(
          failure { try forget(node, shown.name, by: bob) }?.message.contains("already") == true)
        node.stop()
        node = try open(state)
      }
      let proof = try JournalNotary.verify(stateDirectory: state, checkpoints: nil, key: nil)
      #expect(proof.faults == [] && proof.provenSequence == before.sequence)
      #expect(proof.savedStates == 1)
      // Whoever comes back is somebody new.
      _ = try node.perform(Order(command: .annotate(endpoint: nil, text: "back"), actor: ana))
      #expect(try Actors.show(ana.name, stateDirectory: state).pseudonym != pseudonym)
      #expect(try rows(node).map(\.actor) == [shown, bob, shown, bob, ana])
      node.stop()
    }
  }

  @Test("a restored backup brings no erased name back unseen")
  func backups() throws {
    try withState { state in
      try write(state)
      let older = state + "-older.tar"
      let newer = state + "-newer.tar"
      let targets = (1...3).map { "\(state)-\($0)" }
      defer {
        for path in targets + [older, newer] { try? FileManager.default.removeItem(atPath: path) }
      }
      _ = try Backup.write(stateDirectory: state, to: older, withKey: false)
      let names = try Data(contentsOf: URL(fileURLWithPath: state + "/people.jsonl"))
      let node = try open(state)
      try forget(node, ana.name, by: bob)
      node.stop()
      // The journal knows of the erasure, the file of names does not: as after a crash between.
      try names.write(to: URL(fileURLWithPath: state + "/people.jsonl"))
      _ = try Backup.write(stateDirectory: state, to: newer, withKey: false)
      #expect(try Backup.restore(newer, to: targets[0]).names == 1)
      #expect(try files(targets[0], with: ana.name) == [])
      // An older one says how many names it brings, or takes the later journal's word.
      #expect(try Backup.restore(older, to: targets[1]).names == 2)
      #expect(try files(targets[1], with: ana.name) == ["people.jsonl"])
      #expect(try Backup.restore(older, to: targets[2], forgottenIn: state).names == 1)
      #expect(try files(targets[2], with: ana.name) == [])
      let restored = try open(targets[2])
      #expect(try rows(restored)[0].actor.name.hasPrefix("forgotten-"))
      restored.stop()
      // And a start erases what a crash left.
      try open(state).stop()
      #expect(try files(state, with: ana.name) == [])
      try withState { other in
        try write(other)
        let wrong = failure { _ = try Backup.restore(older, to: other + "-x", forgottenIn: other) }
        #expect(wrong?.message.contains("another one") == true)
        #expect(!FileManager.default.fileExists(atPath: other + "-x"))
      }
    }
  }

  @Test("a journal with plain names is read, and goes on with pseudonyms")
  func plainNames() throws {
    try withState { state in
      do {
        let journal = try Journal(StateDirectory(state, create: true).acquireLock())
        var script = RecoveryScript()
        try journal.append((0..<14).map { _ in try ControlCore.entry(script.next()) })
      }
      let node = try open(state)
      defer { node.stop() }
      #expect(try rows(node).allSatisfy { $0.actor.name == "ana" })
      _ = try node.perform(
        Order(
          command: .annotate(endpoint: nil, text: "x"),
          actor: ActorID(kind: .person, name: "ana")))
      #expect(try rows(node).allSatisfy { $0.actor.name == "ana" })
      let last = try #require(try node.core.reader.latest(limit: 1).first)
      #expect(PersonCode.pseudonym(in: last.entry.actor.name) != nil)
    }
  }

  @Test("a name stays while a ramp depends on who it is")
  func rampsNeedNames() throws {
    var script = RecoveryScript()
    while script.state.endpoints.first?.rollout == nil { _ = try script.next() }
    func decided(_ name: String) throws -> [Event] {
      try decide(
        script.state, .forgetActor(name: name, pseudonym: "0011223344556677", reason: "left"),
        DecisionContext(now: SystemClock.now(), actor: bob, prepared: []))
    }
    #expect(failure { _ = try decided("ana") }?.message.contains("when the ramp has ended") == true)
    #expect(try decided("bob").map(\.kind) == ["actor-forgotten"])
  }
}
