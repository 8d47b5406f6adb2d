import Core
import Glibc
import Node

/// `sluice journal …` and `sluice note`.
enum JournalCommands {
  static let group = CommandGroup(
    name: "journal", summary: "The append-only, hash-chained record of every change")
  static let all: [CommandDeclaration] = [
    tail, verify, checkpoint, key, asOf, export, note,
  ]
  /// Rows asked of the node at once.
  private static let chunk = 1_000

  private static let limit = DefaultedOption<Int>(
    "limit", .integer(1...100_000), default: 20, help: "how many of the newest rows")
  private static let only = Option<Name>(
    "endpoint", .name.named("ENDPOINT"), help: "only what concerns this endpoint")
  private static let follow = Flag("follow", help: "goes on with new rows until it is stopped")

  static let tail = CommandDeclaration(
    "journal tail", summary: "Shows the newest changes: when, who, what and why",
    parameters: [limit, only, follow],
    examples: [
      ("sluice journal tail --limit 5", "the last five"),
      ("sluice journal tail --follow --json", "every new change as a line of JSON"),
    ]
  ) { call in
    try call.withNode { client in
      let head = try client.info().sequence
      var last = max(0, head - call[limit])
      repeat {
        for row in try client.journal(after: last, limit: chunk) {
          last = max(last, row.sequence)
          if let name = call[only], row.endpoint != name { continue }
          try call.tell(row, text: line(of: row))
        }
        let caughtUp = try last >= client.info().sequence
        guard caughtUp else { continue }
        guard call[follow] else { break }
        try call.streams.output.flush()
        usleep(250_000)
      } while true
    }
    return .done
  }

  /// A row as a person reads it.
  static func line(of row: JournalRow) -> String {
    var text = "\(row.sequence)  \(row.time)  \(row.actor)  \(printable(row.kind))  "
    text += printable(row.summary, limit: 400)
    if let reason = row.reason, !reason.isEmpty { text += " (\(printable(reason)))" }
    return text + "\n"
  }

  private static let after = DefaultedOption<Int>(
    "after", .integer(0...Int.max), default: 0, help: "only rows after this sequence number")
  private static let output = Option<String>(
    "output", .file, help: "writes here instead of standard output")

  static let export = CommandDeclaration(
    "journal export", summary: "Writes the journal as JSON, one row a line, oldest first",
    parameters: [output, after],
    examples: [("sluice journal export --output journal.jsonl", "for an archive or an auditor")]
  ) { call in
    let rows = try call.withNode { client in
      guard let path = call[output] else {
        return try export(from: client, after: call[after], to: call.streams.output)
      }
      return try OutputFile.write(to: path) { sink in
        try export(from: client, after: call[after], to: sink)
      }
    }
    if let path = call[output] {
      call.note("\(grouped(rows)) rows written to \(printable(path))")
      if call.wantsJSON { try call.tell(["rows": rows], text: "") }
    }
    return .done
  }

  private static func export(
    from client: any NodeClient, after: Int, to sink: ByteSink
  ) throws -> Int {
    var last = after
    var count = 0
    while true {
      let rows = try client.journal(after: last, limit: chunk)
      for row in rows where row.sequence > last {
        last = row.sequence
        count += 1
        try sink.write(try CanonicalJSON.encode(row) + [0x0A])
      }
      if rows.isEmpty { return count }
    }
  }

  private static let words = Positional("text", .text, count: .oneOrMore, help: "what to remember")
  private static let about = Option<Name>(
    "endpoint", .name.named("ENDPOINT"), help: "the endpoint that it is about")

  static let note = CommandDeclaration(
    "note", summary: "Writes a remark into the journal",
    parameters: [words, about],
    examples: [
      (
        "sluice note --endpoint flight-delay \"rolled back: units of the feed\"",
        "why something was done, after the fact"
      )
    ]
  ) { call in
    try call.carryOut(
      .annotate(endpoint: call[about], text: call[all: words].joined(separator: " ")))
  }
}
