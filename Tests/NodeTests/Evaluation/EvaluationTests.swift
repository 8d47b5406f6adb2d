import Core
import FoundationEssentials
import Inference
import Testing

@testable import Node

/// Measuring a model whose answers are columns of the file, against scikit-learn's figures.
@Suite struct EvaluationTests {
  private struct Figures: Decodable {
    let figures: [String: Double]
    let confusion: [[Int]]
    let regression: [String: Double]
  }

  static let folder = LibraryTests.root + "/Tests/Fixtures/evaluation"

  private func figures() throws -> Figures {
    let bytes = try TextFile.read(EvaluationTests.folder + "/classes.json", limitBytes: 1 << 16)
    return try JSONDecoder().decode(Figures.self, from: Data(bytes))
  }

  static func report(
    _ model: EchoModel, _ path: String, label: String, positive: String? = nil,
    segments: [String] = [], task: EvaluationTask = .auto
  ) throws -> EvaluationReport {
    let options = EvaluationOptions(
      rowsPath: path, label: label, positive: positive, segments: segments, task: task)
    return try Evaluation.report(try AnswerTable.read(model, options), name: "m", options)
  }

  /// The report of a file with this text.
  private func report(
    _ text: String, _ model: EchoModel, label: String = "y", positive: String? = nil
  ) throws -> EvaluationReport {
    try withFile(text) {
      try EvaluationTests.report(model, $0, label: label, positive: positive)
    }
  }

  private func withFile<Result>(
    _ text: String, _ body: (String) throws -> Result
  ) throws -> Result {
    let path = "/tmp/sluice-evaluation-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(text.utf8).write(to: URL(filePath: path))
    return try body(path)
  }

  private func message(_ body: () throws -> some Any) -> String {
    do {
      _ = try body()
      return ""
    } catch { return NodeError(describing: error).message }
  }

  @Test func figuresOfThreeClassesAreThoseOfScikitLearn() throws {
    let wanted = try figures()
    let report = try EvaluationTests.report(
      EchoModel(["a", "b", "c"], names: ["ant", "bee", "cat"]),
      EvaluationTests.folder + "/classes.csv", label: "kind")
    #expect(report.rows == 80)
    #expect(report.classes == ["ant", "bee", "cat"])
    #expect(report.positive == nil)
    #expect(report.confusion == wanted.confusion)
    #expect(Set(report.metrics.map(\.metric.rawValue)) == Set(wanted.figures.keys))
    for metric in report.metrics {
      let value = try #require(wanted.figures[metric.metric.rawValue])
      #expect(abs(metric.value - value) < 1e-9, "\(metric.metric)")
      let (low, high) = (try #require(metric.low), try #require(metric.high))
      #expect(low < high && low <= value && value <= high, "\(metric.metric) \(low) \(high)")
      #expect(!metric.method.isEmpty)
    }
  }

  @Test func classesWithoutNamesAreTheSortedLabels() throws {
    let report = try EvaluationTests.report(
      EchoModel(["a", "b", "c"]), EvaluationTests.folder + "/classes.csv", label: "kind")
    #expect(report.classes == ["ant", "bee", "cat"])
    #expect(report.notes.contains { $0.contains("sorted order") })
    #expect(report.confusion == (try figures().confusion))
  }

  @Test func figuresOfARegressionAreThoseOfScikitLearn() throws {
    let report = try EvaluationTests.report(
      EchoModel(["a"], factor: 20), EvaluationTests.folder + "/classes.csv", label: "number",
      segments: ["kind"])
    #expect(report.task == .regression)
    let wanted = try figures().regression
    #expect(report.metrics.count == wanted.count)
    for metric in report.metrics {
      let value = try #require(wanted[metric.metric.rawValue])
      #expect(abs(metric.value - value) < 1e-9, "\(metric.metric)")
    }
    let segments = try #require(report.segments.first).segments
    #expect(segments.map(\.rows).reduce(0, +) == 80)
    #expect(segments.filter { $0.rows < 30 }.allSatisfy { $0.metrics.isEmpty })
    #expect(segments.contains { !$0.metrics.isEmpty })
  }

  @Test(arguments: [
    ["0", "1", "1"], ["0", "1.0", "1"], ["false", "true", "True"],
  ])
  func labelsOfTwoClassesMayBeWritten(labels: [String]) throws {
    let text = "p,y\n0.2,\(labels[0])\n0.9,\(labels[1])\n0.4,\(labels[2])\n"
    let report = try withFile(text) {
      try EvaluationTests.report(EchoModel(["p"]), $0, label: "y", task: .classification)
    }
    #expect(report.confusion == [[1, 0], [1, 1]])
    #expect(report.value(.recall)?.value == 0.5)
    #expect(report.value(.rocAUC)?.value == 1)
  }

  @Test func jsonLinesHaveLabelsOfAnyKind() throws {
    let text = """
      {"a":0.2,"b":0.8,"y":1}
      {"a":0.7,"b":0.3,"y":0}
      {"a":0.6,"b":0.4,"y":"1"}

      """
    let report = try report(text, EchoModel(["a", "b"]))
    #expect(report.confusion == [[1, 0], [1, 1]])
  }

  @Test func anUnknownLabelIsToldWithItsLine() {
    let text = "a,b,y\n0.2,0.8,1\n0.7,0.3,0\n0.7,0.3,maybe\n"
    let told = message { try report(text, EchoModel(["a", "b"], names: ["0", "1"])) }
    #expect(
      told.hasSuffix(":4: column \"y\": the label \"maybe\" is none of the model's classes 0, 1"))
    let unnamed = message { try report(text, EchoModel(["a", "b"])) }
    #expect(unnamed.contains(":2: column \"y\"") || unnamed.contains(":4: column \"y\""))
  }

  @Test func whatCannotBeScoredIsTold() {
    let two = EchoModel(["a", "b"])
    #expect(
      message { try report("a,b,y\n0.1,0.9,\n", two) }.contains(
        ":2: column \"y\": the label is missing"))
    #expect(message { try report("a,b,y\n", two) }.contains("has no rows"))
    #expect(message { try report("a,b\n0.1,0.9\n", two) }.contains("\"y\""))
    #expect(message { try report("a,b,y\n0.1,0.9,1\n", two, label: "a") }.contains("is an input"))
    #expect(message { try report("a,b,y\n,0.9,1\n", two) }.contains(":2: the model answers nan"))
    #expect(
      message { try report("a,b,y\n0.1,0.9,1\n0.9,0.1,0\n", two, positive: "7") }
        .contains("the positive class \"7\" is none"))
    #expect(
      message { try report("a,y\n1,x\n", EchoModel(["a"])) }
        .contains(":2: column \"y\": expected a number, got \"x\""))
  }

  @Test func scoresThatAreNoProbabilitiesAreRankedOnly() throws {
    let report = try report("a,b,y\n-3,3,1\n5,-5,0\n-1,1,0\n", EchoModel(["a", "b"]))
    #expect(report.value(.rocAUC)?.value == 1)
    #expect(report.value(.logLoss) == nil)
    #expect(report.notes.contains { $0.contains("no probabilities") })
  }

  @Test func rowsOfManyBatchesKeepTheirLines() {
    var text = "a,b,y\n"
    for row in 0..<5_000 { text += row % 2 == 0 ? "0.1,0.9,1\n" : "0.9,0.1,0\n" }
    text += "0.1,0.9,oops\n"
    let told = message { try report(text, EchoModel(["a", "b"], names: ["0", "1"])) }
    #expect(told.contains(":5002: column \"y\""), "\(told)")
  }

  @Test func aWorseModelIsRefutedAndTheSameIsProven() throws {
    var text = "good,bad,y\n"
    for row in 0..<400 {
      let truth = row % 2
      text += "\(truth == 1 ? 0.8 : 0.2),\(row % 10 < 6 ? 0.7 : 0.3),\(truth)\n"
    }
    try withFile(text) { path in
      let options = EvaluationOptions(rowsPath: path, label: "y", task: .classification)
      let good = try AnswerTable.read(EchoModel(["good"]), options)
      let bad = try AnswerTable.read(EchoModel(["bad"]), options)
      let worse = try VersionComparison.compare(
        good, bad, ("good", "bad"), options, NonInferiorityRule())
      #expect(!worse.isAsGood)
      #expect(worse.metrics.first { $0.metric == .accuracy }?.verdict == .refuted)
      let same = try VersionComparison.compare(
        good, good, ("good", "good"), options, NonInferiorityRule())
      #expect(same.isAsGood)
      #expect(same.metrics.allSatisfy { $0.gain == 0 && $0.isAsGood })
      let better = try VersionComparison.compare(
        bad, good, ("bad", "good"), options, NonInferiorityRule())
      #expect(better.metrics.allSatisfy { $0.verdict == .proven })
      #expect(better.isAsGood)
    }
  }
}

/// A model whose scores are columns of the rows.
final class EchoModel: BatchModel {
  let signature: Signature
  let elementNames: [[String]?]
  let digest = "echo"
  private let factor: Double

  init(_ columns: [String], names: [String]? = nil, factor: Double = 1) {
    signature = Signature(
      inputs: columns.map { TensorSpec(name: $0, elementType: .float64, shape: [nil, 1]) },
      outputs: [TensorSpec(name: "scores", elementType: .float64, shape: [nil, columns.count])])
    elementNames = [names]
    self.factor = factor
  }

  func makeAnswerer(maxRows: Int) -> any RowAnswerer { Answerer(signature.inputs.count, factor) }

  private final class Answerer: RowAnswerer {
    private let width: Int
    private let factor: Double
    private let values = UnsafeMutablePointer<Double>.allocate(capacity: 1_024 * 8)

    init(_ width: Int, _ factor: Double) {
      self.width = width
      self.factor = factor
    }

    deinit { values.deallocate() }

    func answer(_ columns: [ColumnPointer], rows: Int) throws -> [BatchOutput] {
      for (index, column) in columns.enumerated() {
        guard case .float64(let base) = column else { continue }
        for row in 0..<rows { values[row * width + index] = base[row] * factor }
      }
      return [BatchOutput(values: .float64(UnsafePointer(values)), width: width)]
    }
  }
}
