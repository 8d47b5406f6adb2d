import Core
import Node

/// Names one line of the events pane, whatever moves around it.
enum EventKey: Sendable, Hashable {
  case journal(Int)
  case note(Int)
}

/// Something only this console knows: a refusal, a failed request.
struct LocalNote: Sendable, Hashable {
  /// How many are kept.
  static let limit = 50

  let number: Int
  let time: Timestamp
  let sentence: String
  let severity: Severity
}

/// One line of the events pane: a journal row, or a note of this console.
struct EventLine: Sendable {
  let key: EventKey
  let time: Timestamp
  let actor: String
  let kind: String
  let summary: String
  let severity: Severity
  let generation: Int?
  let reason: String?
  let commandLine: String?

  /// - Parameter news: what the row's sentence is on this screen.
  init(_ row: JournalRow, news: (String) -> String = { $0 }) {
    key = .journal(row.sequence)
    time = row.time
    actor = row.actor.name
    kind = EventLine.words[row.kind] ?? row.kind
    // The kind stands before it in a column of its own.
    let sentence = news(row.summary)
    summary =
      sentence.hasPrefix(kind + ": ") ? String(sentence.dropFirst(kind.count + 2)) : sentence
    severity = row.severity
    generation = row.generation
    reason = row.reason
    commandLine = row.commandLine
  }

  init(_ note: LocalNote) {
    key = .note(note.number)
    time = note.time
    actor = "console"
    kind = note.severity == .ok ? "note" : "refused"
    summary = note.sentence
    severity = note.severity
    generation = nil
    reason = nil
    commandLine = nil
  }

  /// Short words for kinds whose names are made for programs; the column holds 11 characters.
  private static let words = [
    "version-registered": "version", "endpoint-created": "endpoint",
    "endpoint-drained": "endpoint", "endpoint-enabled": "endpoint", "ramp-started": "ramp",
    "weight-set": "weight", "runbook-run": "runbook", "noted": "note",
    "actor-forgotten": "forgotten", "alias-removed": "alias", "approval-decided": "approval",
    "candidate-dropped": "dropped", "checklist-set": "checklist",
    "checklist-signed": "checklist", "checklist-unsigned": "checklist", "freeze-added": "freeze",
    "freeze-removed": "freeze", "hold-extended": "held", "recording-set": "recording",
    "retention-removed": "retention", "retention-set": "retention",
    "retraining-began": "retraining", "retraining-declined": "retraining",
    "retraining-ended": "retraining", "retreat-started": "retreat", "rule-removed": "rule",
    "segment-closed": "segment", "version-deleted": "version", "version-tagged": "version",
  ]

  /// What a filter looks through.
  var searchText: String { "\(actor) \(kind) \(summary) \(reason ?? "")" }
}
