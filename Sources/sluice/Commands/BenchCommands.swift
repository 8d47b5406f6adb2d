import Console
import Core
import Node

/// `sluice bench …`: the figures that documents name, measured again by anyone.
enum BenchCommands {
  static let group = CommandGroup(name: "bench", summary: "Measures what the documents claim")
  static let all = [kernels, load, console] + RouteBenchCommands.all

  private static let model = Option<String>("model", .file, help: "the model file")
  private static let rows = Option<String>(
    "rows", .file, help: "rows to time with: CSV, JSON lines or npy")
  private static let batches = DefaultedOption<[Int]>(
    "batch", .batchSizes, default: [1, 64, 1_024], shown: "1,64,1024", help: "rows in a call")
  private static let backend = Option<Backend>(
    "backend", .backend, help: "what runs the model (default: native first)")

  static let kernels = CommandDeclaration(
    "bench kernels", summary: "Times a model on one thread, in processor time a row",
    discussion: [
      "Calls walk through the rows, so that each call sees fresh ones. A figure is the median over "
        + "seven rounds of at least 0.12 s. Benchmarks/inference.py sets onnxruntime beside it."
    ],
    parameters: [model, rows, batches, backend],
    examples: [
      ("sluice bench kernels --model m.onnx --rows rows.csv --batch 1,1024", "microseconds a row")
    ]
  ) { call in
    guard let model = call[model], let rows = call[rows] else {
      throw InvalidValue("bench kernels needs --model FILE and --rows FILE")
    }
    let report = try KernelBench.run(
      model: model, rows: rows, batches: call[batches], backend: call[backend])
    var lines = [
      "\(report.backend.rawValue), compiled in \(hundredths(report.compileMilliseconds)) ms"
    ]
    for figure in report.figures {
      lines.append(
        "batch \(figure.batch): \(hundredths(figure.microsecondsPerRow)) us a row, best "
          + "\(hundredths(figure.bestMicrosecondsPerRow))")
    }
    try call.tell(report, text: lines.joined(separator: "\n") + "\n")
    return .done
  }

  private static let earlier = Option<String>(
    "after", .file, help: "a model that is loaded first, and not counted")

  static let load = CommandDeclaration(
    "bench load", summary: "Times the way from a model file to a session that answers",
    discussion: [
      "Measured once, in a fresh process: repeat the command for a median. "
        + "Benchmarks/loading.py sets onnxruntime beside it."
    ],
    parameters: [model, earlier],
    examples: [("sluice bench load --model m.onnx", "milliseconds and memory")]
  ) { call in
    guard let model = call[model] else { throw InvalidValue("bench load needs --model FILE") }
    let report = try LoadBench.run(model: model, after: call[earlier])
    try call.tell(
      report,
      text: "compiled in \(hundredths(report.compileMilliseconds)) ms, session in "
        + "\(hundredths(report.sessionMilliseconds)) ms, \(report.residentKibibytes) KiB more "
        + "resident memory\n")
    return .done
  }

  private static let endpoints = DefaultedOption<Int>(
    "endpoints", .integer(1...1_000), default: 50, shown: "50", help: "endpoints of the node")
  private static let versions = DefaultedOption<Int>(
    "versions", .integer(1...100_000), default: 10_000, shown: "10000",
    help: "registered versions of the node")

  static let console = CommandDeclaration(
    "bench console", summary: "Times the console's frames over a large node",
    discussion: [
      "Each frame follows a key and is drawn whole, at 200 columns by 60 rows, into memory. What a "
        + "terminal then takes is measured by Benchmarks/console.py."
    ],
    parameters: [endpoints, versions],
    examples: [("sluice bench console", "milliseconds a frame with 10,000 versions")]
  ) { call in
    let report = ConsoleBench.run(endpoints: call[endpoints], versions: call[versions])
    let figures = report.frames + [report.filter, report.picture]
    let lines = figures.map { figure in
      "\(figure.screen): median \(hundredths(figure.medianMilliseconds)) ms, p99 "
        + "\(hundredths(figure.p99Milliseconds)) ms"
    }
    try call.tell(report, text: lines.joined(separator: "\n") + "\n")
    return .done
  }

  private static func hundredths(_ value: Double) -> String {
    let scaled = Int((value * 100).rounded())
    return "\(scaled / 100).\(padded(scaled % 100, 2))"
  }
}

extension ValueKind where Value == [Int] {
  /// `1,64,1024`.
  static let batchSizes = ValueKind(placeholder: "N,N", completion: .nothing) {
    text throws(InvalidValue) in
    var sizes: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let size = Int(part), (1...20_000).contains(size), sizes.count < 16 else {
        throw InvalidValue(
          "expected batch sizes from 1 to 20,000 like 1,64,1024, got \"\(printable(text))\"")
      }
      sizes.append(size)
    }
    return sizes
  }
}
