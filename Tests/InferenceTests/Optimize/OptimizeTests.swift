import Core
import Testing

@testable import Inference

/// What each pass keeps: bits for prune and fold, rounding for merge, half steps for quantize.
struct OptimizeTests {
  private func optimized(
    _ file: [UInt8], _ pass: OptimizationPass
  ) throws -> (file: [UInt8], changes: Int, notes: [String]) {
    let result = try ModelOptimizer.optimize(file, passes: [pass])
    return (result.file, result.steps[0].changes, result.steps[0].notes)
  }

  @Test(arguments: ["class", "target"])
  func pruningKeepsEveryBit(prefix: String) throws {
    var dice = Dice(5)
    var total = 0
    for round in 0..<60 {
      let targets = prefix == "class" ? 3 : 1 + round % 2
      var attributes = MadeModel.trees(
        &dice, count: 1 + dice.below(4), depth: 2 + dice.below(6), features: 4, prefix: prefix,
        targets: targets)
      if prefix == "class" {
        attributes.append(.ints("classlabels_int64s", [0, 1, 2]))
      } else {
        attributes.append(.int("n_targets", targets))
      }
      let isClass = prefix == "class"
      let model = MadeModel(
        nodes: [
          MadeModel.node(
            isClass ? "TreeEnsembleClassifier" : "TreeEnsembleRegressor", ["x"],
            isClass ? ["label", "y"] : ["y"], ml: true, attributes)
        ], outputs: isClass ? ["label", "y"] : ["y"])
      let file = model.file()
      let made = try optimized(file, .prune)
      total += made.changes
      let rows = dice.values(4 * 300)
      #expect(isSame(try answers(file, rows, width: 4), try answers(made.file, rows, width: 4)))
      // Nothing is left to do for a second time.
      #expect(try optimized(made.file, .prune).changes == 0)
    }
    #expect(total > 500)
  }

  /// Of the columns of a one-hot block one at most is 1, and imputed columns are never missing:
  /// for every row that such a pipeline can make, the pruned trees lead to the same weights.
  @Test func pipelinesPrune() throws {
    let table = TextTable(["a", "b", "c", "d"].map { Array($0.utf8) })
    func cell(_ source: Int) -> Columns.Cell {
      Columns.Cell(source: source, sourceWidth: 1, index: 0, sourceType: .text, type: .text)
    }
    let columns = Columns(
      segments: [
        .init(source: 0, sourceType: .text, kind: .oneHot(.texts(table), width: 4, cell(0))),
        .init(
          source: 1, sourceType: .float32,
          kind: .numbers(sourceWidth: 1, [.init(index: 0, imputation: (.nan, 0.5))])),
        .init(
          source: 2, sourceType: .text, kind: .codes(.texts(table), [2, 3, 5, 7, -1], cell(2))),
      ], type: .float32)
    let knowledge = FeatureKnowledge(columns)
    #expect(knowledge.bounds[3] == FeatureBounds(low: 0, high: 1, canBeMissing: false))
    #expect(knowledge.bounds[4]?.canBeMissing == false)
    #expect(knowledge.bounds[5] == FeatureBounds(low: -1, high: 7, canBeMissing: false))
    var dice = Dice(44)
    var saved = 0
    var savedByOrigin = 0
    for _ in 0..<60 {
      let source = MadeModel.source(&dice, count: 2, depth: 6, features: 6, targets: 1)
      let trees = TreeEnsembleDraft(source: source, weightPrefix: "target")
      let pruned = TreePruner.prune(trees, knowledge)
      saved += source.nodes.count - pruned.nodes.count
      savedByOrigin += TreePruner.prune(trees, FeatureKnowledge()).nodes.count - pruned.nodes.count
      for hot in 0...4 {
        for number in [-2, -1, 0, 0.5, 1, 3, .infinity, -.infinity] as [Float] {
          for code in [2, 3, 5, 7, -1] as [Float] {
            let row = (0..<4).map { Float($0 == hot ? 1 : 0) } + [number, code]
            #expect(
              OptimizeTests.weights(source, row) == OptimizeTests.weights(pruned, row))
          }
        }
      }
    }
    #expect(saved > 500)
    #expect(savedByOrigin > 200)
  }

  /// The weights that a row's leaves have, tree by tree.
  private static func weights(_ source: TreeSource, _ row: [Float]) -> [Double] {
    source.roots.flatMap { root in
      var index = root
      while source.nodes[index].mode != .leaf {
        let node = source.nodes[index]
        let x = row[node.feature]
        let isTrue =
          switch node.mode {
          case .equal: x == Float(node.threshold)
          case .notEqual: x != Float(node.threshold)
          default: goesTrue(node, x)
          }
        index = isTrue ? node.whenTrue : node.whenFalse
      }
      return source.weights.filter { $0.node == index }.map(\.value)
    }
  }

  @Test func boundsFollowComparisons() {
    let any = FeatureBounds.any
    let (low, high) = any.split(.init(mode: .lessOrEqual, threshold: 1, missingIsTrue: true))
    #expect(low.high == 1 && low.canBeMissing)
    #expect(high.low == Float(1).nextUp && !high.canBeMissing)
    // Not below 1 and at most 1: only 1 is left, and 1 is not above 1.
    let one = low.split(.init(mode: .less, threshold: 1)).whenFalse
    #expect(one.low == 1 && one.high == 1 && one.canBeMissing)
    #expect(!one.split(.init(mode: .greater, threshold: 1)).whenTrue.isPossible)
    #expect(!any.split(.init(mode: .greater, threshold: .infinity)).whenTrue.hasValues)
    #expect(!any.split(.init(mode: .less, threshold: -.infinity)).whenTrue.hasValues)
  }

  @Test func foldingKeepsEveryBit() throws {
    var model = MadeModel()
    model.constants = [
      ("a", try Tensor(floats: [1, 2, 3, 4], shape: [4])),
      ("b", try Tensor(floats: [0.1], shape: [1])),
      ("unread", try Tensor(floats: [9], shape: [1])),
    ]
    model.nodes = [
      MadeModel.node("Mul", ["a", "b"], ["ab"]), MadeModel.node("Exp", ["ab"], ["scale"]),
      MadeModel.node("Identity", ["x"], ["same"]), MadeModel.node("Identity", ["same"], ["twice"]),
      MadeModel.node("Mul", ["twice", "scale"], ["scaled"]),
      MadeModel.node("Abs", ["scaled"], ["dead"]), MadeModel.node("Neg", ["scaled"], ["y"]),
    ]
    var dice = Dice(8)
    let rows = dice.values(400)
    let made = try optimized(model.file(), .fold)
    let read = try OnnxDecoder.decode(made.file, limits: .standard)
    #expect(read.nodes.map(\.operatorType) == ["Mul", "Neg"])
    #expect(read.initializers.map(\.name) == ["scale"])
    #expect(
      isSame(try answers(model.file(), rows, width: 4), try answers(made.file, rows, width: 4)))
  }

  /// What converters write, rewritten: the same bits after fold and prune, rounding after merge.
  @Test func convertedModelsKeepTheirAnswers() throws {
    var changed = 0
    for example in try Bundle("models").cases {
      let old = try CompiledModel.compile(onnx: example.model).makeSession(maxRows: 1)
      let expected = try old.run(tensors: example.inputs)
      for passes in [[OptimizationPass.fold, .prune], OptimizationPass.standard] {
        let made = try ModelOptimizer.optimize(example.model, passes: passes)
        let new = try CompiledModel.compile(onnx: made.file).makeSession(maxRows: 1)
        let answers = try new.run(tensors: example.inputs)
        changed += made.isChanged ? 1 : 0
        if passes == OptimizationPass.standard {
          for (a, b) in zip(answers, expected) {
            #expect(distance(a, b) < 1e-5, "\(example.name)")
          }
        } else {
          #expect(isSame(answers, expected), "\(example.name)")
        }
      }
    }
    #expect(changed > 5)
  }

  @Test func aConstantOutputStays() throws {
    var model = MadeModel()
    model.constants = [("a", try Tensor(floats: [1, 2], shape: [2]))]
    model.nodes = [
      MadeModel.node("Neg", ["a"], ["b"]), MadeModel.node("Exp", ["b"], ["c"]),
      MadeModel.node("Neg", ["x"], ["y"]),
    ]
    model.outputs = ["y", "c"]
    let made = try optimized(model.file(), .fold)
    let rows: [Float] = [1, 2, 3, 4]
    #expect(
      isSame(try answers(model.file(), rows, width: 4), try answers(made.file, rows, width: 4)))
  }

  /// Moving a comparison before a scaler is exact for every float, special ones included.
  @Test func comparisonsMoveExactly() throws {
    var dice = Dice(13)
    let forms: [(inout Dice) -> (AffineColumns.Form)] = [
      { .scale(offsets: [$0.number() * 50], scales: [$0.number() * 4]) },
      { .add([$0.number() * 9]) }, { .subtract([$0.number() * 1e6]) },
      { .multiply([$0.number() / 3]) }, { .divide([$0.number() * 7]) },
    ]
    let modes: [TreeSource.Mode] = [.lessOrEqual, .less, .greaterOrEqual, .greater]
    var moved = 0
    for round in 0..<2_000 {
      let affine = AffineColumns(form: forms[round % forms.count](&dice), input: "x")
      let node = TreeSource.Node(
        mode: modes[dice.below(4)], threshold: Double(dice.value()),
        missingIsTrue: dice.below(2) == 0)
      guard let other = affine.compared(node, column: 0) else { continue }
      moved += 1
      let edge = Float(other.threshold)
      var values = dice.values(20)
      values += [edge, edge.nextUp, edge.nextDown, .infinity, -.infinity, .nan, 0, -0.0]
      values += [Float.greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude]
      for x in values {
        let before = OptimizeTests.goesTrue(node, affine.apply(x, column: 0))
        #expect(before == OptimizeTests.goesTrue(other, x), "\(x) through \(affine.form)")
      }
    }
    #expect(moved > 1_500)
  }

  private static func goesTrue(_ node: TreeSource.Node, _ x: Float) -> Bool {
    if x.isNaN { return node.missingIsTrue }
    let limit = Float(node.threshold)
    return switch node.mode {
    case .lessOrEqual: x <= limit
    case .less: x < limit
    case .greaterOrEqual: x >= limit
    case .greater: x > limit
    default: false
    }
  }

  @Test func scalersMergeIntoTreesExactly() throws {
    var dice = Dice(21)
    for _ in 0..<20 {
      var attributes = MadeModel.trees(
        &dice, count: 3, depth: 5, features: 4, prefix: "target", targets: 1)
      attributes.append(.int("n_targets", 1))
      // Equality cannot be moved: such trees keep their scaler.
      let equality = attributes.contains {
        $0.bytes.firstRange(of: Array("_EQ".utf8)) != nil
          || $0.bytes.firstRange(of: Array("_NEQ".utf8)) != nil
      }
      let model = MadeModel(nodes: [
        MadeModel.node(
          "Scaler", ["x"], ["s"], ml: true,
          [.floats("offset", dice.numbers(4)), .floats("scale", [0.3, 2, -1.7, 0.01])]),
        MadeModel.node("TreeEnsembleRegressor", ["s"], ["y"], ml: true, attributes),
      ])
      let made = try optimized(model.file(), .merge)
      #expect(equality || made.changes == 1)
      let rows = dice.values(4 * 200)
      #expect(
        isSame(try answers(model.file(), rows, width: 4), try answers(made.file, rows, width: 4)))
    }
  }

  @Test func onlyComparisonsThatMoveAreMerged() throws {
    let trees = ["BRANCH_EQ", "LEAF", "LEAF"].map { Array($0.utf8) }
    let model = MadeModel(nodes: [
      MadeModel.node(
        "Scaler", ["x"], ["s"], ml: true, [.floats("offset", [0]), .floats("scale", [2])]),
      MadeModel.node(
        "TreeEnsembleRegressor", ["s"], ["y"], ml: true,
        [
          .ints("nodes_treeids", [0, 0, 0]), .ints("nodes_nodeids", [0, 1, 2]),
          .ints("nodes_featureids", [0, 0, 0]), .strings("nodes_modes", trees),
          .floats("nodes_values", [1, 0, 0]), .ints("nodes_truenodeids", [1, 0, 0]),
          .ints("nodes_falsenodeids", [2, 0, 0]), .ints("target_treeids", [0, 0]),
          .ints("target_nodeids", [1, 2]), .ints("target_ids", [0, 0]),
          .floats("target_weights", [1, 2]), .int("n_targets", 1),
        ]),
    ])
    let made = try optimized(model.file(), .merge)
    #expect(made.changes == 0)
    #expect(made.notes.count == 1)
    #expect(made.file == model.file())
  }

  /// Scalers before joins, chains of arithmetic, and each kind of layer.
  @Test(arguments: ["LinearRegressor", "MatMul", "MatMul and Add", "Gemm", "Gemm transposed"])
  func scalersMergeIntoLayers(kind: String) throws {
    var dice = Dice(34)
    var model = MadeModel(inputs: [("x", 4)])
    model.constants = [
      ("mean", try Tensor(floats: dice.numbers(4), shape: [1, 4])),
      ("spread", try Tensor(floats: [2, 0.5, 4, 1.5], shape: [4])),
      (
        "w",
        try Tensor(
          floats: dice.numbers(20), shape: kind.hasSuffix("transposed") ? [5, 4] : [4, 5])
      ),
      ("b", try Tensor(floats: dice.numbers(5), shape: [5])),
    ]
    model.nodes = [
      MadeModel.node("Sub", ["x", "mean"], ["centred"]),
      MadeModel.node("Div", ["centred", "spread"], ["s"]),
    ]
    switch kind {
    case "LinearRegressor":
      model.nodes.append(
        MadeModel.node(
          "LinearRegressor", ["s"], ["y"], ml: true,
          [
            .floats("coefficients", dice.numbers(8)), .floats("intercepts", [0.5, -1]),
            .int("targets", 2),
          ]))
    case "MatMul": model.nodes.append(MadeModel.node("MatMul", ["s", "w"], ["y"]))
    case "MatMul and Add":
      model.nodes.append(MadeModel.node("MatMul", ["s", "w"], ["p"]))
      model.nodes.append(MadeModel.node("Add", ["p", "b"], ["y"]))
    default:
      model.nodes.append(
        MadeModel.node(
          "Gemm", ["s", "w", "b"], ["y"],
          ml: false, kind.hasSuffix("transposed") ? [.int("transB", 1)] : []))
    }
    let made = try optimized(model.file(), .merge)
    #expect(made.changes == 2)
    let read = try OnnxDecoder.decode(made.file, limits: .standard)
    #expect(read.nodes.count == (kind == "MatMul and Add" ? 2 : 1))
    let rows = dice.numbers(4 * 100)
    let old = try answers(model.file(), rows, width: 4)
    let new = try answers(made.file, rows, width: 4)
    #expect(distance(old[0], new[0]) < 2e-6)
    #expect(distance(old[0], new[0]) >= 0)
  }

  /// A table of four columns of which two are scaled, beside each other in a tree and a layer.
  @Test func columnsBehindAJoinMerge() throws {
    var dice = Dice(55)
    var model = MadeModel(inputs: [("x", 2), ("z", 2)])
    model.constants = [("w", try Tensor(floats: dice.numbers(12), shape: [4, 3]))]
    model.nodes = [
      MadeModel.node(
        "Scaler", ["z"], ["s"], ml: true,
        [.floats("offset", [1, -2]), .floats("scale", [0.5, 3])]),
      MadeModel.node("Concat", ["x", "s"], ["all"], [.int("axis", 1)]),
      MadeModel.node("MatMul", ["all", "w"], ["y"]),
    ]
    let made = try optimized(model.file(), .merge)
    #expect(made.changes == 1)
    let tensors = [
      try Tensor(floats: dice.numbers(20), shape: [10, 2]),
      try Tensor(floats: dice.numbers(20), shape: [10, 2]),
    ]
    let old = try CompiledModel.compile(onnx: model.file()).makeSession(maxRows: 10)
    let new = try CompiledModel.compile(onnx: made.file).makeSession(maxRows: 10)
    #expect(distance(try old.run(tensors: tensors)[0], try new.run(tensors: tensors)[0]) < 1e-6)
  }

  /// A scaler that something else reads as well stays.
  @Test func sharedScalersStay() throws {
    var model = MadeModel()
    model.constants = [("w", try Tensor(floats: Array(repeating: 1, count: 8), shape: [4, 2]))]
    model.nodes = [
      MadeModel.node(
        "Scaler", ["x"], ["s"], ml: true, [.floats("offset", [1]), .floats("scale", [2])]),
      MadeModel.node("MatMul", ["s", "w"], ["y"]), MadeModel.node("Neg", ["s"], ["n"]),
    ]
    model.outputs = ["y", "n"]
    #expect(try optimized(model.file(), .merge).changes == 0)
  }
}
