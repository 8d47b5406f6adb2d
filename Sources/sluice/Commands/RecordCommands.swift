import Control
import Core
import Node

/// `sluice record …`: sampled requests on disk.
enum RecordCommands {
  static let group = CommandGroup(
    name: "record", summary: "Sampled requests kept for rehearsal and training")
  static let all: [CommandDeclaration] = [on, off, status, export]

  private static let endpoint = Positional(
    "endpoint", .name.named("ENDPOINT"), help: "whose requests")
  private static let share = DefaultedOption<BasisPoints>(
    "share",
    ValueKind(placeholder: "PERCENT", completion: .nothing) { (word) throws(InvalidValue) in
      try parsePercent(word)
    }, default: 1_000, shown: "10%", help: "how many of the callers")
  private static let keep = DefaultedOption<Int>(
    "keep", .bytes, default: 1 << 30, shown: "1GiB", help: "the most bytes on disk")
  private static let maxAge = DefaultedOption<TimeSpan>(
    "max-age", .duration(RecordingPolicy.maxAgeRange),
    default: TimeSpan(microseconds: 30 * 86_400_000_000), shown: "30d",
    help: "the greatest age of a request")
  private static let dropColumns = Option<String>(
    "drop-columns", .text.named("INPUT,…"), help: "inputs whose values are kept out")

  static let on = CommandDeclaration(
    "record on", summary: "Records a share of an endpoint's requests, answers, routes and labels",
    discussion: [
      "A caller with a key is recorded whole or not at all; the key itself is not kept, only a "
        + "hash that cannot be traced back without the state's secret. The oldest requests go "
        + "first. No request ever waits for the recorder: what it cannot take it drops and counts.",
      "Inputs kept out with --drop-columns are missing when the requests are rehearsed. Numbers "
        + "are kept in single precision and texts up to 15 bytes.",
    ],
    parameters: [endpoint, share, keep, maxAge, dropColumns, ControlCommands.ifGeneration],
    examples: [
      ("sluice record on flight-delay", "a tenth of the callers, at most 1 GiB and 30 days"),
      ("sluice record on flight-delay --share 100% --drop-columns origin,destination", ""),
    ]
  ) { call in
    let dropped = (call[dropColumns] ?? "").split(separator: ",").map(String.init)
    return try call.carryOut(
      .setRecording(
        endpoint: call[required: endpoint],
        policy: RecordingPolicy(
          share: call[share], keepBytes: call[keep], maxAge: call[maxAge], withheld: dropped)))
  }

  static let off = CommandDeclaration(
    "record off", summary: "Ends the recording; what is on disk stays",
    parameters: [endpoint, ControlCommands.ifGeneration],
    examples: [("sluice record off flight-delay", "the folder recordings/ can be removed")]
  ) { call in
    try call.carryOut(.setRecording(endpoint: call[required: endpoint], policy: nil))
  }

  static let status = CommandDeclaration(
    "record status", summary: "Shows what is recorded, kept and dropped",
    parameters: [endpoint],
    examples: [("sluice record status flight-delay", "files, bytes, drops")]
  ) { call in
    let name = call[required: endpoint]
    let view = try call.withNode { client in
      guard case .recording(let view) = try client.send(.recording(endpoint: name)) else {
        throw client.mismatch
      }
      return view
    }
    try call.tell(view, text: text(of: view))
    return .done
  }

  private static func text(of view: RecordingView) -> String {
    var lines = ["\(view.endpoint): \(view.policy?.words ?? "not recorded")"]
    if view.policy != nil, !view.isRunning { lines.append("no node serves: nothing comes in") }
    let span = view.newest.map { ", the newest written \($0)" } ?? ""
    lines.append("on disk: \(grouped(view.files)) files, \(grouped(view.bytes)) bytes\(span)")
    lines.append(
      "since the node began: \(grouped(view.requests)) requests, \(grouped(view.labels)) labels "
        + "written, \(grouped(view.dropped)) dropped, \(grouped(view.lost)) lost")
    if let fault = view.fault { lines.append("not written: \(printable(fault, limit: 300))") }
    return lines.joined(separator: "\n") + "\n"
  }

  static let since = Option<Timestamp>("since", .moment, help: "leaves out earlier requests")
  static let until = Option<Timestamp>("until", .moment, help: "leaves out requests from then on")
  private static let labelled = Flag("labelled", help: "leaves out requests without a label")
  private static let traffic = Flag(
    "traffic", help: "only the columns of a traffic file, for rehearse --from and replay")
  private static let output = Option<String>(
    "output", .file, help: "FILE.csv or FILE.jsonl; appears when whole")

  static let export = CommandDeclaration(
    "record export", summary: "Writes recorded requests with labels, routes and answers",
    discussion: [
      "A row has the inputs, `label` (the true one, empty when none came), `label_delay_minutes`, "
        + "and what was recorded of the answer under names beginning with `recorded_`. A file that "
        + "ends in .jsonl gets an object a line, any other CSV.",
      "It reads beside a running node. Damaged stretches are passed over and counted.",
    ],
    parameters: [endpoint, since, until, labelled, traffic, output],
    examples: [
      (
        "sluice record export flight-delay --labelled --since \"7d ago\" --output week.csv",
        "rows to train with"
      )
    ]
  ) { call in
    guard let path = call[output] else {
      throw InvalidValue("--output is missing: --output FILE names the file to write")
    }
    try call.requireStateDirectory()
    let options = RecordingExport.Options(
      since: call[since], until: call[until], onlyLabelled: call[labelled],
      asTraffic: call[traffic], format: path.hasSuffix(".jsonl") ? .jsonl : .csv)
    let summary = try OutputFile.write(to: path) { sink in
      try RecordingExport.run(
        stateDirectory: call.stateDirectory, endpoint: call[required: endpoint], options, to: sink)
    }
    try call.tell(summary, text: text(of: summary, path))
    return .done
  }

  private static func text(of summary: RecordingExport.Summary, _ path: String) -> String {
    var line =
      "\(grouped(summary.rows)) requests, \(grouped(summary.labelled)) with labels, written to "
      + printable(path)
    if !summary.withheld.isEmpty {
      let names = summary.withheld.map { printable($0, limit: 40) }.joined(separator: ", ")
      line += "; not recorded: \(names)"
    }
    if summary.shortened > 0 {
      line += "; \(grouped(summary.shortened)) left out, whose long texts are not recorded whole"
    }
    if summary.dropped > 0 { line += "; the recorder had dropped \(grouped(summary.dropped))" }
    if summary.damaged > 0 {
      line += "; \(grouped(summary.damaged)) damaged stretches passed over"
    }
    return line + "\n"
  }
}

extension ValueKind where Value == Int {
  /// `512MiB`, `1GiB`, `1048576`.
  static let bytes = ValueKind(placeholder: "SIZE", completion: .nothing) {
    (word) throws(InvalidValue) in
    try parseBytes(word)
  }
}
