import Core
import Testing

@testable import Inference

/// Contributions for the files of XGBoost and LightGBM, compared with those of the libraries
/// themselves, which `scripts/explain-fixtures` recorded.
struct NativeExplanationTests {
  private static func explained(_ example: Bundle.Case) throws -> Explainer {
    let explainer = try ExplainedModel.load(example.model).makeExplainer(maxRows: 16)
    let rows = example.inputs[0]
    try explainer.bind(input: 0, to: column(rows), elements: rows.count)
    try explainer.explain(rows: rows.shape[0])
    return explainer
  }

  private static func column(_ rows: Tensor) -> ColumnPointer {
    rows.elementType == .float32
      ? .float32(UnsafePointer(rows.view.pointer(Float.self)))
      : .float64(UnsafePointer(rows.view.pointer(Double.self)))
  }

  @Test func contributionsAreTheLibrariesOwn() throws {
    let cases = try Bundle("native-explanations").cases
    #expect(cases.count == 18)
    for example in cases {
      let explainer = try NativeExplanationTests.explained(example)
      let (base, expected) = (example.outputs[0], example.outputs[1])
      let (outputs, features) = (expected.shape[1], expected.shape[2])
      try #require(explainer.model.outputs.count == outputs, "\(example.name)")
      try #require(explainer.model.features.count == features, "\(example.name)")
      #expect(!explainer.model.needsBackground, "\(example.name)")
      for row in 0..<expected.shape[0] {
        for output in 0..<outputs {
          let got = explainer.contributions(row: row, output: output)
          for feature in 0..<features {
            let wanted = expected.number((row * outputs + output) * features + feature)
            #expect(
              abs(got[got.startIndex + feature] - wanted) < 1e-4,
              "\(example.name): row \(row), output \(output), column \(feature)")
          }
          #expect(
            abs(explainer.base(row: row, output: output) - base.number(output)) < 1e-4,
            "\(example.name): base \(output)")
          let sum = explainer.base(row: row, output: output) + got.reduce(0, +)
          #expect(abs(sum - explainer.margin(row: row, output: output)) < 1e-5, "\(example.name)")
        }
      }
    }
  }

  /// The margin explained is the one that the served model computes, for every native case.
  @Test func theMarginIsTheModelsOwn() throws {
    var compared = 0
    for example in try NativeModelTests.cases() + Bundle("native-explanations").cases {
      guard let model = try? ExplainedModel.load(example.model) else { continue }
      let rows = example.inputs[0]
      let explainer = model.makeExplainer(maxRows: 32)
      try explainer.bind(input: 0, to: NativeExplanationTests.column(rows), elements: rows.count)
      if model.needsBackground { try explainer.addBackground(rows: rows.shape[0]) }
      try explainer.explain(rows: rows.shape[0])
      let compiled = try CompiledModel.load(example.model)
      let answers = try compiled.makeSession(maxRows: 32).run(tensors: [rows])
      let last = try #require(answers.last)
      let format = try #require(NativeFormat(example.model))
      let transform = try NativeCompiler.decode(
        example.model, format, .standard, readsCovers: false
      ).0.transform
      compared += 1
      let outputs = model.outputs.count
      let width = last.count / rows.shape[0]
      for row in 0..<rows.shape[0] {
        var scores = (0..<outputs).map { explainer.margin(row: row, output: $0) }
        scores.withUnsafeMutableBufferPointer { scores in
          if let start = scores.baseAddress { transform.apply(start, outputs) }
        }
        for output in 0..<outputs {
          let answer = last.number(row * width + width - outputs + output)
          #expect(
            abs(scores[output] - answer) < 2e-5 * max(1, abs(answer)),
            "\(example.name), row \(row), output \(output)")
        }
      }
    }
    #expect(compared >= 20)
  }

  @Test func featuresHaveTheNamesOfTheFile() throws {
    let cases = try Bundle("native-explanations").cases
    for example in cases {
      let separator = example.name.hasPrefix("xgboost") ? " " : "_"
      let names = (0..<6).map { "column\(separator)\($0)" }
      #expect(try ExplainedModel.load(example.model).features.map(\.name) == names)
      #expect(try CompiledModel.load(example.model).columnNames == names)
    }
    let example = try Bundle("explanations").named("extra trees, background")
    #expect(try CompiledModel.load(example.model).columnNames == nil)
  }

  @Test func linearLeavesAreRefused() throws {
    let example = try #require(
      try NativeModelTests.cases().first { text($0.model).contains("is_linear=1") })
    let error = #expect(throws: InferenceError.self) { try ExplainedModel.load(example.model) }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains("linear_tree") == true)
  }

  /// Without counts the trees can be explained against background rows, and say so.
  @Test func countsMayBeMissing() throws {
    let example = try Bundle("native-explanations").named("lightgbm regression")
    let lines = text(example.model).split(separator: "\n", omittingEmptySubsequences: false)
    let without = lines.filter { !$0.hasPrefix("leaf_count=") }.joined(separator: "\n")
    let model = try ExplainedModel.load(Array(without.utf8))
    #expect(model.needsBackground)
    let short = lines.map { $0.hasPrefix("leaf_count=") ? "leaf_count=1 2" : String($0) }
    let error = #expect(throws: InferenceError.self) {
      try ExplainedModel.load(Array(short.joined(separator: "\n").utf8))
    }
    #expect(error?.message.contains("leaf_count") == true)
  }

  /// Altered files are refused or explained, whatever is in them.
  @Test func alteredFilesDoNoHarm() throws {
    var random = SplitMix64(seed: 8)
    var read = 0
    for example in try Bundle("native-explanations").cases {
      for _ in 0..<12 {
        var bytes = example.model
        bytes[Int(random.nextUnit() * Double(bytes.count))] = UInt8(random.nextUnit() * 256)
        guard let model = try? ExplainedModel.load(bytes) else { continue }
        read += 1
        let explainer = model.makeExplainer(maxRows: 16)
        let rows = example.inputs[0]
        do throws(InferenceError) {
          try explainer.bind(
            input: 0, to: NativeExplanationTests.column(rows), elements: rows.count)
          try explainer.explain(rows: rows.shape[0])
        } catch {
          #expect(!error.message.isEmpty)
        }
      }
    }
    #expect(read > 20)
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
