import Core
import Glibc
import Node

/// `sluice predict`: batch inference on a file or a stream.
enum PredictCommand {
  private static let model = Positional(
    "model", ValueKind.file.named("MODEL"), help: "a version, like flight-delay@2, or an .onnx file"
  )
  private static let input = DefaultedOption<String>(
    "input", .file, default: "-", help: "rows: CSV, JSON lines or .npy; - is standard input")
  private static let output = Option<String>(
    "output", .file, help: "where the answers go instead of standard output; appears when whole")
  private static let format = Option<String>(
    "format", .choice("FORMAT", of: AnswerFormat.allCases.map(\.rawValue)),
    help: "of the answers (default: csv, with --json jsonl)")
  private static let onBadRow = DefaultedOption<String>(
    "on-bad-row", .choice("POLICY", of: BadRowPolicy.allCases.map(\.rawValue)), default: "fail",
    help: "fail ends the run, skip leaves the row out, null keeps its place without an answer")
  private static let backend = Option<Backend>(
    "backend", .backend, help: "what runs the model (default: as registered, else native first)")
  private static let batch = Option<Int>(
    "batch", .integer(1...65_536),
    help: "rows that the model is given at once (default: 1024, with onnxruntime 16)")

  static let declaration = CommandDeclaration(
    "predict", summary: "Answers the rows of a file or stream with a model, off line",
    discussion: [
      "Columns are found by the names of the model's inputs; a wide input X takes the columns "
        + "X[0], "
        + "X[1] and so on, other columns are ignored. An empty cell is a missing number or the "
        + "empty text. There is one line out for each row in, in the same order, with every output "
        + "of the model under its own name; a vector gives probabilities[0], probabilities[1] and "
        + "so on. Memory does not grow with the number of rows, and no request is recorded.",
      "With --json and --output the report of the run goes to standard output; with --json alone "
        + "the answers do, as JSON lines.",
    ],
    parameters: [model, input, output, format, onBadRow, batch, backend],
    examples: [
      (
        "sluice predict flight-delay@2 --input traffic.csv --output answers.csv",
        "answers a file with a registered version"
      ),
      (
        "zcat rows.csv.gz | sluice predict model.onnx --on-bad-row null | gzip > answers.csv.gz",
        "a stream, with any ONNX file"
      ),
    ]
  ) { call in
    let (source, registeredBackend) = try source(call)
    let words = call[format] ?? (call.wantsJSON && call[output] == nil ? "jsonl" : "csv")
    let options = BatchOptions(
      inputPath: call[input], format: AnswerFormat(rawValue: words) ?? .csv,
      onBadRow: BadRowPolicy(rawValue: call[onBadRow]) ?? .fail, rowsPerBatch: call[batch],
      backend: call[backend] ?? registeredBackend)
    let progress = BatchProgress(call)
    guard let path = call[output] else {
      let report = try BatchPredict.run(source, options, to: call.streams.output) {
        progress.show($0)
      }
      progress.finish(report)
      return .done
    }
    let report = try OutputFile.write(to: path) { sink in
      try BatchPredict.run(source, options, to: sink) { progress.show($0) }
    }
    progress.finish(report)
    if call.wantsJSON { try call.tell(report, text: "") }
    return .done
  }

  /// The model that a word means, a file when it looks like one, else a registered version; and
  /// what the version was registered to run on.
  private static func source(_ call: Invocation) throws -> (BatchSource, Backend?) {
    let word = call[required: model]
    guard !word.contains("/"), !word.hasSuffix(".onnx") else { return (.file(path: word), nil) }
    let version: VersionID
    do {
      version = try VersionID(word)
    } catch {
      throw InvalidValue(
        "\"\(printable(word, limit: 80))\" is neither a version like flight-delay@2 nor the path "
          + "of an .onnx file")
    }
    let detail = try call.withNode { try $0.detail(of: version) }
    let digest = detail.registered.digest
    return (.stored(digest: digest, stateDirectory: call.stateDirectory), detail.backend)
  }
}

/// What people are told during a batch: notes at once, the rate on a watched terminal.
private final class BatchProgress {
  /// Bad rows that are told one by one.
  private static let toldMax = 10

  private let call: Invocation
  private let isWatched: Bool
  private let start = BatchProgress.now()
  private var lastShown = 0.0
  private var bad = 0
  private var hasLine = false

  init(_ call: Invocation) {
    self.call = call
    isWatched = call.streams.notesAreWatched
  }

  func show(_ event: BatchEvent) {
    switch event {
    case .note(let sentence): note(printable(sentence, limit: 1_000))
    case .ignoredColumns(let names):
      note("ignored columns: \(printable(names.joined(separator: ", "), limit: 300))")
    case .badRow(let place, let message):
      bad += 1
      if bad <= BatchProgress.toldMax { note("\(place): \(message)") }
      if bad == BatchProgress.toldMax + 1 { note("more bad rows follow; they are counted") }
    case .progress(let rows, let bytes, let total): showRate(rows, bytes, total)
    }
  }

  private func showRate(_ rows: Int, _ bytes: Int, _ total: Int?) {
    let now = BatchProgress.now()
    guard isWatched, now - lastShown >= 0.25 else { return }
    lastShown = now
    var line = "\r\(grouped(rows)) rows, \(grouped(rate(rows, now - start))) rows/s"
    if let total, total > 0 { line += ", \(min(100, bytes * 100 / total))%" }
    // The rest of a longer line before it is wiped.
    try? call.streams.notes.write(line + "\u{1B}[K")
    try? call.streams.notes.flush()
    hasLine = true
  }

  func finish(_ report: BatchReport) {
    let outcome =
      report.bad == 0
      ? "" : ", \(grouped(report.bad)) bad \(report.bad == 1 ? "row" : "rows") without an answer"
    note(
      "\(grouped(report.rows)) rows in \(fixed(report.seconds, 2)) s "
        + "(\(grouped(rate(report.rows, report.seconds))) rows/s)\(outcome)")
  }

  private func note(_ sentence: String) {
    if hasLine { try? call.streams.notes.write("\r\u{1B}[K") }
    hasLine = false
    call.note(sentence)
  }

  private func rate(_ rows: Int, _ seconds: Double) -> Int {
    seconds > 1e-6 ? Int(Double(rows) / seconds) : 0
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
