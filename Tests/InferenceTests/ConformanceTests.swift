import Core
import Glibc
import Testing

@testable import Inference

/// Test-case folders: found, run, compared, reported.
struct ConformanceTests {
  private func write(
    _ example: Bundle.Case, _ folder: String, model: [UInt8]? = nil, outputs: [[UInt8]]? = nil
  ) throws {
    mkdir(folder, 0o700)
    mkdir("\(folder)/test_data_set_0", 0o700)
    try Files.write(model ?? example.model, to: "\(folder)/model.onnx")
    for (kind, files) in [
      ("input", example.inputFiles), ("output", outputs ?? example.outputFiles),
    ] {
      for (index, file) in files.enumerated() {
        try Files.write(file, to: "\(folder)/test_data_set_0/\(kind)_\(index).pb")
      }
    }
  }

  @Test func casesPassFailOrAreSkipped() throws {
    let cases = try Bundle("operators").cases
    let exp = try #require(cases.first { $0.name.hasPrefix("Exp ") })
    let sine = try #require(cases.first { $0.name.hasPrefix("Sin ") })
    var unknown = ProtoWriter()
    unknown.model(
      initializers: [], nodes: [ProtoWriter.node("Conv", ["x"], ["y"])], inputs: ["x"])
    let results = try Files.withFolder { root in
      mkdir("\(root)/group", 0o700)
      try write(exp, "\(root)/a_right")
      try write(exp, "\(root)/group/b_wrong", outputs: sine.outputFiles)
      try write(exp, "\(root)/c_unknown", model: unknown.data)
      try write(exp, "\(root)/d_damaged", model: Array(exp.model.dropLast(9)))
      return try OnnxConformance.run(directory: root)
    }
    #expect(results.map(\.name) == ["a_right", "c_unknown", "d_damaged", "group/b_wrong"])
    #expect(results[0].outcome == .passed)
    guard case .skipped(let name, _) = results[1].outcome else {
      Issue.record("the unknown operator was not skipped: \(results[1].outcome)")
      return
    }
    #expect(name == "Conv")
    for index in [2, 3] {
      guard case .failed(let reason) = results[index].outcome else {
        Issue.record("case \(index) did not fail")
        continue
      }
      #expect(!reason.isEmpty)
    }
  }

  @Test func aMissingDirectoryIsAnError() {
    #expect(throws: InferenceError.self) {
      try OnnxConformance.run(directory: "/nowhere/at/all")
    }
  }

  @Test func differencesAreDescribed() throws {
    let a = try Tensor(floats: [1, 2, .nan], shape: [3])
    #expect(OnnxConformance.difference(a, try Tensor(floats: [1, 2.001, .nan], shape: [3])) == nil)
    let far = OnnxConformance.difference(a, try Tensor(floats: [1, 2.1, .nan], shape: [3]))
    #expect(far?.contains("element 1") == true)
    let shape = OnnxConformance.difference(a, try Tensor(floats: [1, 2, .nan], shape: [3, 1]))
    #expect(shape?.contains("shape") == true)
    let type = OnnxConformance.difference(a, try Tensor(doubles: [1, 2, .nan], shape: [3]))
    #expect(type?.contains("float64") == true)
    let words = try Tensor(texts: ["a", "", "é"], shape: [3])
    #expect(OnnxConformance.difference(words, words) == nil)
    #expect(
      OnnxConformance.difference(words, try Tensor(texts: ["a", "b", "é"], shape: [3])) != nil)
  }
}
