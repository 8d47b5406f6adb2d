import Control
import Core
import Node

/// What can happen to the console.
public enum Message: Sendable {
  /// Something came from the keyboard, the mouse or the terminal.
  case input(InputEvent)
  /// Time went by; sent as often as ``ConsoleModel/tickMilliseconds`` says.
  case tick
  /// The node answered a request.
  case reply(Ticket, NodeReply)
  /// The node refused a request or could not be reached.
  case failed(Ticket, NodeFailure)
  /// The theme files were read again.
  case themes([Theme])
  /// A file was written, or the sentence why not.
  case exported(path: String, failure: String?)
  /// The program was asked to end (SIGTERM).
  case terminate
}

/// Why a request came to nothing, in the node's words.
public struct NodeFailure: Error, Sendable, Hashable {
  /// One sentence.
  public var sentence: String
  /// True when the endpoint had changed since the person looked.
  public var isStale: Bool

  /// Puts the two together.
  public init(sentence: String, isStale: Bool = false) {
    self.sentence = sentence
    self.isStale = isStale
  }

  /// Reads an error that a ``NodeClient`` threw.
  public init(_ error: any Error) {
    if let failure = error as? NodeError {
      self.init(sentence: failure.message, isStale: failure.code == .stale)
    } else if let failure = error as? any Failure {
      self.init(sentence: failure.message)
    } else {
      self.init(sentence: "the node did not answer: \(error)")
    }
  }
}

/// Binds an answer to the question.
public struct Ticket: Sendable, Hashable {
  /// What the question was for.
  public enum Purpose: Sendable, Hashable {
    /// The present picture.
    case live
    /// The picture of a past time.
    case past
    /// A change; `what` names it for the message line.
    case order(what: String)
    /// What a ramp would do.
    case rampPreview
    /// A runbook, or its dry run.
    case runbook(dryRun: Bool)
    /// A version's card.
    case versionCard
    /// A check of the journal.
    case journalCheck
    /// A rollout's verdict.
    case verdict
    /// What was decided by a past time.
    case asOf
    /// Which version a key gets.
    case why
    /// A part of the registry.
    case registry
    /// What an edited plan would do.
    case planPreview
    /// One test request.
    case tried
    /// Everything that the registry keeps of a version.
    case standing
    /// What is recorded.
    case recording
    /// The retraining of models: its overview or a log.
    case retraining
    /// A run of a retraining that begins or ends; `what` names it for the message line.
    case retrainingOrder(what: String)
    /// A plan that is kept as a file.
    case planSave
  }

  /// What the question was for.
  public var purpose: Purpose
  /// Counts the questions, so that a late answer is told from the present one.
  public var number: Int

  /// Puts the two together.
  public init(_ purpose: Purpose, number: Int) {
    self.purpose = purpose
    self.number = number
  }
}

/// Which thread carries a request, so that a slow one holds up only its like.
public enum Lane: Sendable, Hashable, CaseIterable {
  /// Pictures of the node.
  case snapshots
  /// Changes and previews.
  case orders
  /// Rollback and abort, which must not wait behind anything.
  case urgent
  /// What may take long to read: the past, the registry, verdicts.
  case reading
}

/// What the console asks its surroundings to do.
public enum Effect: Sendable {
  /// Ask the node; the answer comes back as ``Message/reply(_:_:)`` or ``Message/failed(_:_:)``.
  case send(Ticket, NodeRequest, Lane)
  /// Put text on the terminal's clipboard (OSC 52).
  case copy(String)
  /// Ring.
  case bell
  /// Turn mouse reports on or off.
  case setMouse(Bool)
  /// Write text to a file of this name in the export folder.
  case export(name: String, text: String)
  /// Leave; `stopNode` says whether an engine in this process stops too.
  case quit(stopNode: Bool)
  /// Hand the terminal back and go on without a screen.
  case detach
  /// Stop for the shell's job control (attached consoles only).
  case suspend
}
