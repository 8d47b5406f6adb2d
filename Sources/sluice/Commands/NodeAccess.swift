import Control
import Core
import Glibc
import Node

extension Invocation {
  /// All of the state that the command is about.
  var stateDirectory: String { self[CommandSet.state] ?? NodeDoor.defaultStateDirectory() }

  /// Gives `body` the node of the state directory: over its socket when one runs, else opened in
  /// this process, and then closed again.
  ///
  /// - Parameter creates: whether a state directory that does not exist is made; only commands
  ///   that put something into it do.
  func withNode<Result>(
    creates: Bool = false, _ body: (any NodeClient) throws -> Result
  ) throws -> Result {
    if !creates { try requireStateDirectory() }
    let client = try NodeDoor.open(stateDirectory: stateDirectory)
    defer { (client as? Node)?.stop() }
    return try body(client)
  }

  /// Refuses a state directory that is not there, so that a mistyped path makes no new state.
  func requireStateDirectory() throws {
    if NodeDoor.isSocket(stateDirectory) { return }
    var status = stat()
    guard stat(stateDirectory, &status) == 0 else {
      if errno != ENOENT {
        throw NodeError(
          .system, "\(printable(stateDirectory)) cannot be opened: \(systemMessage(errno))")
      }
      throw NodeError(
        .badInput,
        "there is no state in \(printable(stateDirectory)): sluice model import makes it, "
          + "--state DIR names another")
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw NodeError(
        .badInput, "\(printable(stateDirectory)) is not a folder: --state DIR names another")
    }
  }

  /// Carries out a command and tells what it changed.
  func carryOut(_ command: Control.Command, creates: Bool = false) throws -> ExitCode {
    let order = Order(
      command: command, actor: ActorID.currentPerson(),
      expectedGeneration: self[ControlCommands.ifGeneration],
      freezeOverride: self[ControlCommands.overrideFreeze])
    let outcome = try withNode(creates: creates) { try $0.outcome(of: .perform(order)) }
    try tell(outcome)
    return .done
  }

  /// Tells what was changed.
  func tell(_ outcome: Outcome) throws {
    // A registration is about no endpoint and has no generation.
    let generation = outcome.generation > 0 ? "generation \(outcome.generation), " : ""
    try tell(
      outcome,
      text: "\(printable(outcome.summary, limit: 400)) (\(generation)journal \(outcome.sequence))\n"
    )
  }
}

extension NodeClient {
  func snapshot(_ request: SnapshotRequest) throws -> NodeSnapshot {
    guard case .snapshot(let snapshot) = try send(.snapshot(request)) else { throw mismatch }
    return snapshot
  }

  func outcome(of request: NodeRequest) throws -> Outcome {
    guard case .outcome(let outcome) = try send(request) else { throw mismatch }
    return outcome
  }

  func info() throws -> NodeInfo {
    guard case .ready(let info) = try send(.ping) else { throw mismatch }
    return info
  }

  func detail(of version: VersionID) throws -> VersionDetail {
    guard case .version(let detail) = try send(.version(version)) else { throw mismatch }
    return detail
  }

  /// Journal rows after a sequence number, oldest first.
  func journal(after sequence: Int, limit: Int) throws -> [JournalRow] {
    guard case .journal(let rows) = try send(.journal(after: sequence, limit: limit)) else {
      throw mismatch
    }
    return rows.sorted { $0.sequence < $1.sequence }
  }

  /// A reply of another kind than was asked for.
  var mismatch: NodeError {
    NodeError(
      .system, "the node gave an unexpected kind of answer: are both programs of one version?")
  }
}
