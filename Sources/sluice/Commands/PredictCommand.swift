import Core
import Glibc
import Node

/// `sluice predict`: batch inference on a file or a stream.
enum PredictCommand {
  private static let model = Positional(
    "model", ValueKind.file.named("MODEL"), help: "a version, like flight-delay@2, or a model file")
  private static let input = DefaultedOption<String>(
    "input", .file, default: "-", help: "rows: CSV, JSON lines or .npy; - is standard input")
  private static let output = Option<String>(
    "output", .file, help: "where the answers go instead of standard output; appears when whole")
  private static let format = Option<String>(
    "format", .choice("FORMAT", of: AnswerFormat.allCases.map(\.rawValue)),
    help: "of the answers (default: csv, with --json jsonl)")
  private static let onBadRow = DefaultedOption<String>(
    "bad-rows", .choice("POLICY", of: BadRowPolicy.allCases.map(\.rawValue)), default: "fail",
    help: "fail ends the run, skip leaves the row out, null keeps its place without an answer")
  private static let backend = Option<Backend>(
    "backend", .backend, help: "what runs the model (default: as registered, else native first)")
  private static let batch = Option<Int>(
    "batch", .integer(1...65_536),
    help: "rows that the model is given at once (default: 1024, with onnxruntime 16)")
  private static let threads = Option<Int>(
    "threads", .integer(1...256), help: "threads that answer rows (default: one a processor)")
  private static let explain = Option<Int>(
    "explain", .integer(1...1_000), help: "tells the K features that contribute most to each answer"
  )
  private static let background = Option<String>(
    "background", .file,
    help: "rows to explain against; without it, by what the model's file tells of its training")
  private static let resume = Flag(
    "resume", help: "goes on where an interrupted run with the same options stopped")

  static let declaration = CommandDeclaration(
    "predict", summary: "Answers the rows of a file or stream with a model, off line",
    discussion: [
      "Columns are found by the names of the model's inputs; a wide input X takes the columns "
        + "X[0], X[1] and so on (X_0 is good too, and f0 when it is the only input; the features' "
        + "names where an XGBoost or LightGBM file has them), other columns are ignored. An empty "
        + "cell is a missing number or the empty text. There is one line out for each row in, in "
        + "the same order, with every output of the model under its own "
        + "name; a vector gives probabilities_0, probabilities_1 and so on, or the names of "
        + "its classes. Memory does not grow with the number of rows, and no request is recorded.",
      "With --output, answers gather in FILE.partial until all are there. When the run is killed, "
        + "stopped with Ctrl-C or the disk is full, the same command with --resume goes on, and "
        + "the file is the one that an uninterrupted run gives.",
      "With --json and --output the report of the run goes to standard output; with --json alone "
        + "the answers do, as JSON lines.",
    ],
    parameters: [
      model, input, output, format, onBadRow, batch, threads, explain, background, resume, backend,
    ],
    examples: [
      (
        "sluice predict flight-delay@2 --input traffic.csv --output answers.csv",
        "answers a file with a registered version"
      ),
      (
        "zcat rows.csv.gz | sluice predict model.onnx --bad-rows null | gzip > answers.csv.gz",
        "a stream, with any model file"
      ),
    ]
  ) { call in
    let (source, registeredBackend) = try source(of: call[required: model], call)
    let words = call[format] ?? (call.wantsJSON && call[output] == nil ? "jsonl" : "csv")
    let options = BatchOptions(
      inputPath: call[input], format: AnswerFormat(rawValue: words) ?? .csv,
      onBadRow: BadRowPolicy(rawValue: call[onBadRow]) ?? .fail, rowsPerBatch: call[batch],
      threads: call[threads], explain: call[explain], background: call[background],
      backend: call[backend] ?? registeredBackend)
    let path = call[output].flatMap { $0 == "-" ? nil : $0 }
    if call[resume], path == nil {
      throw InvalidValue("--resume needs --output FILE: a stream cannot be continued")
    }
    let progress = BatchProgress(call)
    let target: BatchTarget =
      path.map { .file(path: $0, resume: call[resume]) } ?? .stream(call.streams.output)
    let report: BatchReport
    do {
      report = try BatchPredict.run(
        source, options, to: target, shouldStop: { InterruptFlag.isRaised },
        tell: { progress.show($0) })
    } catch {
      progress.clear()
      throw error
    }
    progress.finish(report)
    if call.wantsJSON, path != nil { try call.tell(report, text: "") }
    if !report.isComplete {
      // The shell is to see that the signal ended the command.
      try call.streams.output.flush()
      InterruptFlag.endBySignal()
    }
    return .done
  }

  /// The model that a word means, a registered version when it looks like one, else a file; and
  /// what the version was registered to run on.
  static func source(
    of word: String, _ call: Invocation
  ) throws -> (BatchSource, Backend?) {
    let named = AliasResolver.isAlias(word) ? try aliased(word, call) : try? VersionID(word)
    guard let version = named else {
      guard word.contains("/") || word.contains(".") else {
        throw InvalidValue(
          "\"\(printable(word, limit: 80))\" is neither a version like flight-delay@2 nor the path "
            + "of a model file, like ./model.onnx or ./model.ubj")
      }
      return (.file(path: word), nil)
    }
    let detail = try call.withNode { try $0.detail(of: version) }
    let digest = detail.registered.digest
    return (.stored(digest: digest, stateDirectory: call.stateDirectory), detail.backend)
  }

  /// The version that `model@alias` stands for; nil when there is a file of that name.
  private static func aliased(_ word: String, _ call: Invocation) throws -> VersionID? {
    if access(word, F_OK) == 0 { return nil }
    return try call.withNode { try $0.resolve(word) }
  }
}
