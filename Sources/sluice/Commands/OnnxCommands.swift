import Core
import Inference
import Node

/// `sluice onnx …`.
enum OnnxCommands {
  static let group = CommandGroup(
    name: "onnx", summary: "The inference engine against the ONNX standard")
  static let all = [check, operators]

  private static let folders = Positional(
    "folders", .folder, count: .oneOrMore, help: "folders with ONNX test cases, at any depth")
  private static let listsAll = Flag("all", help: "lists the passed cases too")

  private static let tolerance = Option<Double>(
    "tolerance", .number(0...1),
    help: "the most a number may be off, relative above 1; ONNX's own tolerances unless given")
  private static let backend = DefaultedOption<Backend>(
    "backend", .backend, default: .native, shown: "native", help: "what runs the cases")
  private static let isMarkdown = Flag("markdown", help: "writes the manual page instead")

  /// What `onnx check --json` tells scripts.
  private struct Report: Encodable {
    struct Case: Encodable {
      let name: String
      /// `passed`, `failed` or `skipped`.
      let outcome: String
      let detail: String?
      let `operator`: String?
    }
    var cases: [Case] = []
    var passed = 0
    var failed = 0
    var skipped = 0
  }

  static let check = CommandDeclaration(
    "onnx check", summary: "Runs ONNX test cases and compares the outputs",
    discussion: [
      "A case is a folder with model.onnx and test_data_set_*/input_*.pb and output_*.pb, as "
        + "ONNX's own backend tests are. A case is skipped when the engine lacks an operator that "
        + "it needs. "
        + "The exit code is 1 when one failed."
    ],
    parameters: [folders, listsAll, tolerance, backend],
    examples: [("sluice onnx check onnx/backend/test/data/node", "ends with the counts")]
  ) { call in
    var report = Report()
    for folder in call[all: folders] {
      let results = try OnnxConformance.run(
        directory: folder, tolerance: call[tolerance], backend: call[backend])
      guard !results.isEmpty else {
        throw NodeError(
          .badInput,
          "there is no test case in \(printable(folder)): a case is a folder with "
            + "model.onnx and test_data_set_0")
      }
      for result in results {
        let entry = add(result, of: folder, to: &report)
        if call.wantsJSON || entry.outcome == "passed" && !call[listsAll] { continue }
        let detail = entry.detail.map { ": \(printable($0, limit: 400))" } ?? ""
        try call.streams.output.write("\(entry.outcome) \(printable(entry.name))\(detail)\n")
      }
    }
    try call.tell(
      report,
      text: "\(report.passed) passed, \(report.failed) failed, \(report.skipped) skipped\n")
    return report.failed == 0 ? .done : .notSo
  }

  /// What `onnx operators --json` tells scripts.
  private struct Listing: Encodable {
    struct Domain: Encodable {
      let name: String
      let opsets: String
      let operators: [String]
    }
    let domains: [Domain]
  }

  static let operators = CommandDeclaration(
    "onnx operators", summary: "Lists the operators that the inference engine has",
    discussion: ["A model with any other operator is refused when it is loaded."],
    parameters: [isMarkdown],
    examples: [("sluice onnx operators", "one line an operator, with its domain")]
  ) { call in
    let listing = Listing(
      domains: SupportedOperators.domains.map {
        .init(name: $0.name, opsets: $0.opsets, operators: $0.operators)
      })
    let lines = listing.domains.flatMap { domain in
      domain.operators.map { "\(domain.name) \($0)\n" }
    }
    try call.tell(
      listing, text: call[isMarkdown] ? SupportedOperators.markdown : lines.joined())
    return .done
  }

  private static func add(
    _ result: OnnxConformance.CaseResult, of folder: String, to report: inout Report
  ) -> Report.Case {
    let name = result.name.isEmpty ? folder : "\(folder)/\(result.name)"
    let entry: Report.Case
    switch result.outcome {
    case .passed:
      report.passed += 1
      entry = .init(name: name, outcome: "passed", detail: nil, operator: nil)
    case .failed(let sentence):
      report.failed += 1
      entry = .init(name: name, outcome: "failed", detail: sentence, operator: nil)
    case .skipped(let operatorName, let reason):
      report.skipped += 1
      entry = .init(
        name: name, outcome: "skipped", detail: reason,
        operator: operatorName.isEmpty ? nil : operatorName)
    }
    report.cases.append(entry)
    return entry
  }
}
