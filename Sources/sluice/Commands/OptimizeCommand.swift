import Core
import Inference
import Node

extension ModelCommands {
  private static let version = Positional(
    "version", .version, help: "the version to start from, like flight-delay@2")
  private static let passes = DefaultedOption<[OptimizationPass]>(
    "passes", .passes, default: OptimizationPass.standard, shown: "fold,merge,prune",
    help: "what to do: fold, merge, prune, quantize")
  private static let tolerance = DefaultedOption<Double>(
    "tolerance", .number(0...1e9), default: 1e-5, shown: "1e-5",
    help: "the largest change of a number in the outputs that is accepted")
  private static let rows = Option<String>(
    "rows", .file, help: "rows to compare on: CSV, JSON lines or npy")
  private static let label = Option<String>(
    "label", .text.named("COLUMN"), help: "the column of --rows that has the right answers")
  private static let dryRun = Flag("dry-run", help: "reports without registering anything")

  static let optimize = CommandDeclaration(
    "model optimize", summary: "Makes a smaller, faster version of a registered ONNX model",
    discussion: [
      "fold computes what does not depend on the inputs and removes what nothing reads; merge "
        + "moves scalers into the thresholds of trees and the weights of linear and dense layers; "
        + "prune removes branches of trees that no input can reach and those whose sides are "
        + "equal; quantize (only when asked for) turns dense layers into 8-bit integers, with one "
        + "scale for all inputs of a call.",
      "fold and prune keep the outputs bit for bit, as does merge for trees; the others change "
        + "them by rounding. The change is measured, with one row a call and with 1,024, on the "
        + "rows of --rows, else on rows drawn from the version's training reference. When a number "
        + "changes by more than the tolerance, or a label does in a model without scores, nothing "
        + "is registered and the exit code is 1; so it is when there is nothing to optimise.",
      "The new version has a digest of its own, the parent's reference and golden rows, and a "
        + "note in its card. It serves nothing until it is deployed.",
    ],
    parameters: [version, passes, tolerance, rows, label, dryRun],
    examples: [
      (
        "sluice model optimize flight-delay@2 --rows eval.csv --label late",
        "registers the next version unless an output changes by more than 1e-5"
      ),
      (
        "sluice model optimize churn@3 --passes quantize --tolerance 0.02 --dry-run",
        "what 8-bit layers would cost and gain"
      ),
    ]
  ) { call in
    let request = OptimizeRequest(
      version: call[required: version], passes: call[passes], tolerance: call[tolerance],
      rowsPath: call[rows], labelColumn: call[label], isDryRun: call[dryRun])
    let report = try call.withNode { client in
      try VersionOptimizer.run(
        request, stateDirectory: call.stateDirectory, client: client,
        actor: ActorID.currentPerson())
    }
    try call.tell(report, text: OptimizeText.page(report, isDryRun: request.isDryRun))
    return report.refusal == nil ? .done : .notSo
  }
}

/// The report of `model optimize` for people.
enum OptimizeText {
  static func page(_ report: OptimizeReport, isDryRun: Bool) -> String {
    var text = ""
    for step in report.passes {
      text += "\(step.pass.rawValue): \(count(step))\n"
      for note in step.notes { text += "  \(printable(note, limit: 300))\n" }
    }
    var table = TextTable(["", ">BEFORE", ">AFTER"])
    table.add(["size", byteText(report.before.bytes), byteText(report.after.bytes)])
    table.add(["nodes", "\(report.before.nodes)", "\(report.after.nodes)"])
    table.add(["steps", "\(report.before.steps)", "\(report.after.steps)"])
    for speed in report.speed {
      table.add([
        "us a row, batch \(grouped(speed.batch))", decimals(speed.before, 3),
        decimals(speed.after, 3),
      ])
    }
    if let quality = report.quality {
      table.add([quality.metric, decimals(quality.before, 5), decimals(quality.after, 5)])
    }
    text += table.text
    text += "compared on \(printable(report.rowsFrom, limit: 200))\n"
    text += "outputs change by at most \(report.change.largest), \(report.change.mean) on average; "
    text += "\(report.change.labels) labels change\n"
    if let refusal = report.refusal {
      text += "not registered: \(refusal)\n"
    } else if let version = report.version {
      text += "registered \(version), made from \(report.parent)\n"
    } else if isDryRun {
      text += "not registered: a dry run\n"
    }
    return text
  }

  private static func count(_ step: OptimizationStep) -> String {
    let one = step.changes == 1
    return switch step.pass {
    case .fold: "\(grouped(step.changes)) \(one ? "node or constant" : "nodes and constants") less"
    case .merge: "\(grouped(step.changes)) \(one ? "scaler" : "scalers") merged"
    case .prune: "\(grouped(step.changes)) tree \(one ? "node" : "nodes") less"
    case .quantize: "\(grouped(step.changes)) \(one ? "layer" : "layers") in 8 bits"
    }
  }

  /// A number with so many digits behind the point.
  static func decimals(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
    var factor = 1
    for _ in 0..<digits { factor *= 10 }
    let scaled = Int((abs(value) * Double(factor)).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    return "\(sign)\(scaled / factor).\(padded(scaled % factor, digits))"
  }
}

extension ValueKind where Value == [OptimizationPass] {
  /// `fold,prune`.
  static let passes = ValueKind(
    placeholder: "PASS,PASS", completion: .words(OptimizationPass.allCases.map(\.rawValue))
  ) { text throws(InvalidValue) in
    var passes: [OptimizationPass] = []
    let known = OptimizationPass.allCases.map(\.rawValue)
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let pass = OptimizationPass(rawValue: String(part)) else {
        throw InvalidValue(
          "expected passes like fold,merge,prune,quantize, got \"\(printable(text, limit: 60))\""
            + didYouMean(String(part), among: known))
      }
      if !passes.contains(pass) { passes.append(pass) }
    }
    return passes
  }
}
