import Core
import Testing

@testable import Inference

/// Native models answer with the same bits on every instruction set, and rows are coded so that
/// comparisons come out as in 64 bits.
struct NativeLayoutTests {
  /// The answers of a model's own trees, laid out for an instruction set.
  private func answers(
    _ example: Bundle.Case, _ set: InstructionSet, rows: Tensor
  ) throws -> [Tensor] {
    let format = try #require(NativeFormat(example.model))
    var (model, budget) = try NativeCompiler.decode(
      example.model, format, .standard, readsCovers: false)
    guard case .trees(let trees) = model.body else { return [] }
    let kernel = try BoostedTreesKernel(model, trees, limits: .standard, &budget, using: set)
    return try NativeCompiler.assemble(
      model, kernel, parameterCount: 0, nodeCount: 0, .standard, fileBytes: 0
    ).makeSession(maxRows: rows.shape[0]).run(tensors: [rows])
  }

  /// The rows of a case again and again, so that they walk side by side too.
  private func repeated(_ input: Tensor, rows: Int) -> Tensor {
    let stride = input.shape[1] * input.elementType.strideBytes
    return Tensor(input.elementType, Shape(rows, input.shape[1])) { base in
      for row in 0..<rows {
        base.advanced(by: row * stride).copyMemory(
          from: input.base + row % input.shape[0] * stride, byteCount: stride)
      }
    }
  }

  @Test func everyInstructionSetGivesTheSameBits() throws {
    for example in try NativeModelTests.cases() {
      let rows = repeated(example.inputs[0], rows: 301)
      let expected = try answers(example, .scalar, rows: rows)
      for set in InstructionSet.allCases where set <= .native {
        for (ours, theirs) in zip(try answers(example, set, rows: rows), expected) {
          #expect(distance(ours, theirs) == 0, "\(example.name) \(set)")
        }
      }
      // Fifteen rows again and again have the answers of fifteen.
      for (ours, theirs) in zip(expected, example.outputs) {
        for i in 0..<theirs.count {
          let (a, b) = (ours.number(i + ours.count / 301 * 15 * 19), theirs.number(i))
          #expect(abs(a - b) <= 1e-6 * max(1, abs(b)), "\(example.name)")
        }
      }
    }
  }

  /// Trees that are one leaf each read nothing of the rows and answer all the same.
  @Test func constantsAreAnswered() throws {
    let light = """
      tree
      version=v4
      num_class=1
      num_tree_per_iteration=1
      max_feature_idx=1
      objective=regression
      feature_names=a b

      Tree=0
      num_leaves=1
      leaf_value=2.5

      end of trees
      """
    let boosted = """
      {"learner":{"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":\
      {"num_trees":"1"},"tree_info":[0],"trees":[{"left_children":[-1],"right_children":[-1],\
      "split_indices":[0],"split_conditions":[2],"default_left":[0],\
      "tree_param":{"num_nodes":"1","num_deleted":"0","size_leaf_vector":"1"}}]}},\
      "learner_model_param":{"base_score":"0.5","num_class":"0","num_feature":"2"},\
      "objective":{"name":"reg:squarederror"}},"version":[3,0,0]}
      """
    let count = 70
    for (text, rows) in [
      (light, try Tensor(doubles: .init(repeating: 1, count: 2 * count), shape: [count, 2])),
      (boosted, try Tensor(floats: .init(repeating: 1, count: 2 * count), shape: [count, 2])),
    ] {
      let example = Bundle.Case(
        name: "constant", model: Array(text.utf8), inputs: [], outputs: [], inputFiles: [],
        outputFiles: [])
      for set in InstructionSet.allCases where set <= .native {
        let result = try answers(example, set, rows: rows)
        #expect((0..<count).allSatisfy { result[0].number($0) == 2.5 }, "\(set)")
      }
    }
  }

  /// XGBoost 3 writes -infinity for a split that parts missing values from all others.
  @Test func splitsOfMissingValuesAlone() throws {
    let text = """
      {"learner":{"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":\
      {"num_trees":"1"},"tree_info":[0],"trees":[{"left_children":[1,3,-1,-1,-1],\
      "right_children":[2,4,-1,-1,-1],"split_indices":[1,0,0,0,0],\
      "split_conditions":[-Infinity,0.5,30,10,20],"default_left":[1,0,0,0,0],\
      "sum_hessian":[10,4,6,3,1],\
      "tree_param":{"num_nodes":"5","num_deleted":"0","size_leaf_vector":"1"}}]}},\
      "learner_model_param":{"base_score":"0","num_class":"0","num_feature":"2"},\
      "objective":{"name":"reg:squarederror"}},"version":[3,0,0]}
      """
    let example = Bundle.Case(
      name: "missing alone", model: Array(text.utf8), inputs: [], outputs: [], inputFiles: [],
      outputFiles: [])
    let rows: [Float] = [
      0, .nan, 1, .nan, .nan, .nan, 0, 1, 0, -.infinity, 1, .infinity, .nan, 0,
    ]
    let table = try Tensor(floats: rows, shape: [7, 2])
    for set in InstructionSet.allCases where set <= .native {
      let result = try answers(example, set, rows: table)
      #expect((0..<7).map { result[0].number($0) } == [10, 20, 20, 30, 30, 30, 30], "\(set)")
    }
    let explainer = try ExplainedModel.load(example.model).makeExplainer(maxRows: 7)
    try explainer.bind(
      input: 0, to: .float32(UnsafePointer(table.view.pointer(Float.self))), elements: 14)
    try explainer.explain(rows: 7)
    #expect((0..<7).map { explainer.margin(row: $0, output: 0) } == [10, 20, 20, 30, 30, 30, 30])
    // 0.6 * 30 + 0.3 * 10 + 0.1 * 20
    #expect(abs(explainer.base(row: 0, output: 0) - 23) < 1e-9)
  }

  /// `x <= t` in 64 bits is `code(x) <= code(t)` in 32, next to the thresholds above all.
  @Test func codesCompareAs64BitNumbers() throws {
    var random = SplitMix64(seed: 21)
    for round in 0..<40 {
      var thresholds: [Double] = [-.infinity, 0, 0.1, -0.1, 1 / 3, 16_777_217, -7e37, 2.5]
      if round % 4 == 1 { thresholds += [1e300, .infinity] }
      if round % 4 == 2 { thresholds += [(0.1).nextUp, (0.1).nextDown] }
      if round % 4 == 3 { thresholds.append(.infinity) }
      for _ in 0..<(round * 9) { thresholds.append((random.nextUnit() - 0.5) * 8) }
      let sorted = Set(thresholds).sorted()
      let isRanked = !FeatureCoding.canRound(sorted[...])
      #expect(isRanked == (round % 4 == 1 || round % 4 == 2))
      let coding = FeatureCoding(
        numerics: [
          .init(
            feature: 0, missingIsZero: false, zeroIsMissing: false, start: 0, count: sorted.count,
            isRanked: isRanked)
        ], thresholds: sorted, presence: [], categorical: [], columnCount: 1)
      var values = sorted.flatMap { t in
        [t, t.nextUp, t.nextDown, Double(Float(t)), Double(Float(t).nextUp), -t]
      }
      values += [1e-30, -1e-30, 3e38, -3.5e38, 1e300, -1e300, .infinity, -.infinity, 1e-34]
      for value in values where value.magnitude > FeatureCoding.zeroMax || value == 0 {
        var code: Float = 0
        withUnsafePointer(to: value) { coding.code($0, &code) }
        for (rank, threshold) in sorted.enumerated() {
          let limit = isRanked ? Float(rank) : FeatureCoding.roundedThreshold(threshold)
          #expect((code <= limit) == (value <= threshold), "\(value) \(threshold) \(code) \(limit)")
        }
      }
    }
  }
}
