import CAllocations
import Core
import Testing

@testable import Inference

/// Models in the files of XGBoost and LightGBM answer as those libraries do.
struct NativeModelTests {
  /// Cases that `scripts/native-fixtures` made: by XGBoost 3 and 1.7, and LightGBM 4.
  static func cases() throws -> [Bundle.Case] {
    try Bundle("native").cases + Bundle("native-old").cases
  }

  private static func load(_ example: Bundle.Case) throws -> CompiledModel {
    try CompiledModel.load(example.model)
  }

  @Test func answersAreTheLibrariesOwn() throws {
    for example in try NativeModelTests.cases() {
      let model = try NativeModelTests.load(example)
      let outputs = try model.makeSession(maxRows: 32).run(tensors: example.inputs)
      #expect(outputs.count == example.outputs.count, "\(example.name)")
      for (ours, theirs) in zip(outputs, example.outputs) {
        #expect(distance(ours, theirs) <= 1e-6, "\(example.name)")
      }
    }
  }

  /// XGBoost adds in 32 bits, in the order of the trees: so do we, and nothing is left to differ.
  @Test func xgboostScoresAreEqualToTheBit() throws {
    for example in try NativeModelTests.cases()
    where example.name.hasPrefix("xgboost 3") && example.outputs.count == 1 {
      let model = try NativeModelTests.load(example)
      let outputs = try model.makeSession(maxRows: 32).run(tensors: example.inputs)
      #expect(distance(outputs[0], example.outputs[0]) == 0, "\(example.name)")
    }
  }

  /// Rows one by one take another path than eight together.
  @Test func rowsAloneAnswerAsTogether() throws {
    for example in try NativeModelTests.cases() {
      let model = try NativeModelTests.load(example)
      let session = model.makeSession(maxRows: 32)
      let together = try session.run(tensors: example.inputs)
      let input = example.inputs[0]
      let columns = input.shape[1]
      for row in 0..<input.shape[0] {
        let one = Tensor(input.elementType, Shape(1, columns)) { base in
          let bytes = columns * input.elementType.strideBytes
          base.copyMemory(from: input.base + row * bytes, byteCount: bytes)
        }
        for (whole, part) in zip(together, try session.run(tensors: [one])) {
          for i in 0..<part.count {
            let expected = whole.number(row * part.count + i)
            #expect(part.number(i) == expected, "\(example.name), row \(row)")
          }
        }
      }
    }
  }

  @Test func aWarmRequestAllocatesNothing() throws {
    guard sluice_counts_allocations() != 0 else { return }
    for example in try NativeModelTests.cases() {
      let model = try NativeModelTests.load(example)
      let rows = example.inputs[0].shape[0]
      let session = model.makeSession(maxRows: rows)
      let input = example.inputs[0]
      let elements = input.count
      func run() throws {
        if input.elementType == .float32 {
          try session.bind(
            input: 0, to: .float32(UnsafePointer(input.view.pointer(Float.self))),
            elements: elements)
        } else {
          try session.bind(
            input: 0, to: .float64(UnsafePointer(input.view.pointer(Double.self))),
            elements: elements)
        }
        try session.run(rows: rows)
      }
      try run()
      let before = sluice_allocations()
      for _ in 0..<5 { try run() }
      #expect(sluice_allocations() == before, "\(example.name)")
    }
  }

  @Test func signatureAndSummaryDescribeTheFile() throws {
    func model(_ word: String) throws -> CompiledModel {
      let all = try NativeModelTests.cases()
      guard let found = all.first(where: { $0.name.hasSuffix(word) }) else {
        throw Bundle.Unreadable(what: word)
      }
      return try NativeModelTests.load(found)
    }
    let softprob = try model("softprob ubj")
    #expect(
      softprob.signature.inputs
        == [TensorSpec(name: "input", elementType: .float32, shape: [nil, 6])])
    #expect(
      softprob.signature.outputs == [
        TensorSpec(name: "label", elementType: .int64, shape: [nil]),
        TensorSpec(name: "probabilities", elementType: .float32, shape: [nil, 3]),
      ])
    #expect(softprob.summary.operators == ["XGBoost gbtree": 1])
    #expect(softprob.summary.producer.hasPrefix("XGBoost 3."))
    #expect(softprob.summary.nodeCount >= 12)
    let ranker = try model("rank json")
    #expect(ranker.signature.outputs.map(\.name) == ["score"])
    let light = try model("poisson")
    #expect(light.signature.inputs[0].elementType == .float64)
    #expect(light.signature.outputs.map(\.name) == ["variable"])
    #expect(light.summary.producer == "LightGBM v4")
    #expect(try model("dart ubj").summary.operators == ["XGBoost dart": 1])
    #expect(try model("linear json").summary.operators == ["XGBoost gblinear": 1])
  }

  /// Thresholds of 64 bits part values that are one number in 32 bits.
  @Test func lightGBMComparesIn64Bits() throws {
    let threshold = 0.1
    let text = """
      tree
      version=v4
      num_class=1
      num_tree_per_iteration=1
      label_index=0
      max_feature_idx=0
      objective=regression
      feature_names=a
      feature_infos=[0:1]

      Tree=0
      num_leaves=2
      num_cat=0
      split_feature=0
      threshold=0.10000000000000001
      decision_type=8
      left_child=-1
      right_child=-2
      leaf_value=1 2
      is_linear=0
      shrinkage=1

      end of trees
      """
    let session = try CompiledModel.load(Array(text.utf8)).makeSession(maxRows: 8)
    let rows = [threshold, threshold.nextUp, threshold.nextDown, .infinity, -.infinity, .nan]
    let answers = try session.run(tensors: [Tensor(doubles: rows, shape: [6, 1])])
    #expect((0..<6).map { answers[0].number($0) } == [1, 2, 1, 2, 1, 2])
  }
}
