import Core
import Testing

@testable import Inference

/// Contributions compared with those of shap, XGBoost and LightGBM, which
/// `scripts/explain-fixtures` recorded.
struct ExplanationTests {
  private static func bind(
    _ explainer: Explainer, _ tensors: ArraySlice<Tensor>
  ) throws {
    for (index, tensor) in tensors.enumerated() {
      let view = tensor.view
      let column: ColumnPointer =
        view.type == .text
        ? .text(UnsafePointer(view.pointer(TextRef.self)))
        : .float32(UnsafePointer(view.pointer(Float.self)))
      try explainer.bind(input: index, to: column, elements: view.count)
    }
  }

  /// An explainer with the case's background set and its rows explained.
  private static func explained(_ example: Bundle.Case) throws -> Explainer {
    let model = try ExplainedModel.load(example.model)
    let count = model.signature.inputs.count
    let explainer = model.makeExplainer(maxRows: 32)
    if example.inputs.count > count {
      try bind(explainer, example.inputs[count...])
      try explainer.addBackground(rows: example.inputs[count].shape[0])
    }
    try bind(explainer, example.inputs[..<count])
    try explainer.explain(rows: example.inputs[0].shape[0])
    return explainer
  }

  @Test func contributionsAgreeWithTheLibraries() throws {
    let bundle = try Bundle("explanations")
    #expect(bundle.cases.count >= 16)
    for example in bundle.cases {
      let explainer = try ExplanationTests.explained(example)
      let (base, expected) = (example.outputs[0], example.outputs[1])
      let (outputs, features) = (expected.shape[1], expected.shape[2])
      // A library may tell both of two mirrored classes where one margin says it all.
      let shift = outputs - explainer.model.outputs.count
      try #require(shift == 0 || (shift == 1 && outputs == 2), "\(example.name)")
      #expect(explainer.model.features.count == features, "\(example.name)")
      for row in 0..<expected.shape[0] {
        for output in explainer.model.outputs.indices {
          let got = explainer.contributions(row: row, output: output)
          for feature in 0..<features {
            let wanted = expected.number((row * outputs + output + shift) * features + feature)
            #expect(
              abs(got[got.startIndex + feature] - wanted) < 1e-4,
              "\(example.name): row \(row), output \(output), column \(feature)")
          }
          #expect(
            abs(explainer.base(row: row, output: output) - base.number(output + shift)) < 1e-4,
            "\(example.name): base \(output)")
        }
      }
    }
  }

  @Test func contributionsAndBaseAddUpToTheMargin() throws {
    for example in try Bundle("explanations").cases {
      let explainer = try ExplanationTests.explained(example)
      for row in 0..<explainer.rows {
        for output in explainer.model.outputs.indices {
          let sum =
            explainer.base(row: row, output: output)
            + explainer.contributions(row: row, output: output).reduce(0, +)
          let margin = explainer.margin(row: row, output: output)
          #expect(abs(sum - margin) < 1e-9 * max(1, abs(margin)), "\(example.name), row \(row)")
        }
      }
    }
  }

  /// The margin explained is the one that the served model computes.
  @Test func theMarginIsTheModelsOwn() throws {
    var compared = 0
    for example in try Bundle("explanations").cases {
      let explainer = try ExplanationTests.explained(example)
      let model = try CompiledModel.compile(onnx: example.model)
      let count = model.signature.inputs.count
      let answers = try model.makeSession(maxRows: 1).run(
        tensors: Array(example.inputs[..<count]))
      let onnx = try OnnxDecoder.decode(example.model, limits: .standard)
      guard let scores = answers.last,
        let node = onnx.nodes.last(where: { MarginModel.operators.contains($0.operatorType) })
      else { continue }
      let isLogistic = node.attributes.contains { attribute in
        guard case .string(let range) = attribute.value else { return false }
        return onnx.text(range) == "LOGISTIC"
      }
      let isRegressor = node.operatorType.hasSuffix("Regressor")
      // Three linear classes are normalised after their logistic.
      guard isRegressor || explainer.model.outputs.count == 1 else { continue }
      compared += 1
      let width = scores.shape[1]
      for row in 0..<explainer.rows {
        for output in explainer.model.outputs.indices {
          let margin = explainer.margin(row: row, output: output)
          let answer = scores.number(row * width + (isRegressor ? output : 1))
          let own = isLogistic ? Double(sigmoid(Float(margin))) : margin
          #expect(abs(own - answer) < 1e-5 * max(1, abs(answer)), "\(example.name), row \(row)")
        }
      }
    }
    #expect(compared >= 10)
  }

  /// Background rows that come in two pieces are those that come in one.
  @Test func backgroundAddsUp() throws {
    for name in ["extra trees, background", "ridge, background"] {
      let example = try Bundle("explanations").named(name)
      let whole = try ExplanationTests.explained(example)
      let explainer = whole.model.makeExplainer(maxRows: 20)
      let rows = example.inputs[1]
      let start = UnsafePointer(rows.view.pointer(Float.self))
      try explainer.bind(input: 0, to: .float32(start), elements: 20 * 6)
      try explainer.addBackground(rows: 20)
      try explainer.bind(input: 0, to: .float32(start + 20 * 6), elements: 5 * 6)
      try explainer.addBackground(rows: 5)
      #expect(explainer.backgroundRows == 25)
      try ExplanationTests.bind(explainer, example.inputs[..<1])
      try explainer.explain(rows: 9)
      for row in 0..<9 {
        #expect(
          abs(explainer.base(row: row, output: 0) - whole.base(row: row, output: 0)) < 1e-9)
        for (a, b) in zip(
          explainer.contributions(row: row, output: 0), whole.contributions(row: row, output: 0))
        {
          #expect(abs(a - b) < 1e-9)
        }
      }
      #expect(throws: InferenceError.self) { try explainer.addBackground(rows: 1 << 20) }
    }
  }

  /// Altered files are refused or explained, whatever is in them.
  @Test func alteredFilesDoNoHarm() throws {
    var random = SplitMix64(seed: 5)
    var read = 0
    for example in try Bundle("explanations").cases {
      for _ in 0..<2 {
        var bytes = example.model
        bytes[Int(random.nextUnit() * Double(bytes.count))] = UInt8(random.nextUnit() * 256)
        guard let model = try? ExplainedModel.load(bytes),
          model.signature.inputs.count <= example.inputs.count
        else { continue }
        read += 1
        let explainer = model.makeExplainer(maxRows: 32)
        let count = model.signature.inputs.count
        let rows = example.inputs[0].shape[0]
        do throws(InferenceError) {
          for (index, tensor) in example.inputs[..<count].enumerated() {
            let view = tensor.view
            let column: ColumnPointer =
              view.type == .text
              ? .text(UnsafePointer(view.pointer(TextRef.self)))
              : .float32(UnsafePointer(view.pointer(Float.self)))
            try explainer.bind(input: index, to: column, elements: view.count)
          }
          try explainer.addBackground(rows: rows)
          try explainer.explain(rows: rows)
        } catch {
          #expect(!error.message.isEmpty)
        }
      }
    }
    #expect(read > 5)
  }

  /// Text columns, imputers, scalers and encoders of real pipelines lead back to their inputs.
  @Test(arguments: 1...2) func theSamplesCanBeExplained(number: Int) throws {
    let file = try Files.read(
      "\(Files.root)/samples/flight-delay/models/flight-delay-\(number).onnx")
    let model = try ExplainedModel.load(file)
    let signature = try CompiledModel.compile(onnx: file).signature
    #expect(model.features.map(\.name) == signature.inputs.map(\.name))
    #expect(model.signature.inputs == signature.inputs)
    #expect(model.outputs == ["1"])
  }

  /// A network, and trees averaged with a network: no part of the answer passes for the whole.
  @Test(arguments: [(3, "has neither"), (4, "would not explain the model's answer")])
  func whatTreesDoNotDecideAloneIsNotExplained(number: Int, reason: String) throws {
    let file = try Files.read(
      "\(Files.root)/samples/flight-delay/models/flight-delay-\(number).onnx")
    let error = #expect(throws: InferenceError.self) { try ExplainedModel.load(file) }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
  }

  @Test func topIsSortedAndLeavesOutNothings() throws {
    let example = try Bundle("explanations").named("columns and forest, background")
    let explainer = try ExplanationTests.explained(example)
    let all = explainer.top(100, row: 1, output: 0)
    #expect(all.count <= 4 && all.allSatisfy { $0.contribution != 0 })
    #expect(zip(all, all.dropFirst()).allSatisfy { abs($0.contribution) >= abs($1.contribution) })
    #expect(explainer.top(1, row: 1, output: 0).map(\.feature) == all.prefix(1).map(\.feature))
    #expect(explainer.model.features.map(\.name) == ["a", "city", "b", "kind"])
  }

  @Test func treesWithoutCoversAreNotExplainedWithoutBackground() throws {
    let example = try Bundle("explanations").named("extra trees, background")
    let model = try ExplainedModel.load(example.model)
    #expect(model.needsBackground)
    let explainer = model.makeExplainer(maxRows: 32)
    try ExplanationTests.bind(explainer, example.inputs[..<1])
    let error = #expect(throws: InferenceError.self) { try explainer.explain(rows: 9) }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains("how much of the training data") == true)
    #expect(error?.message.contains("background") == true)
  }

  /// What is neither trees nor linear, or mixes columns, is refused with the reason.
  @Test func otherModelsAreRefused() throws {
    var reasons: [String] = []
    for example in try Bundle("models").cases {
      do throws(InferenceError) {
        _ = try ExplainedModel.load(example.model)
      } catch {
        #expect(error.code == .unsupported, "\(example.name): \(error.message)")
        reasons.append(error.message)
      }
    }
    for part in ["has neither", "made from several inputs", "contributions are computed for one"] {
      #expect(reasons.contains { $0.contains(part) }, "\(part)")
    }
  }
}

/// The kernels against Shapley's definition itself.
struct TreeContributionTests {
  /// A random tree over few features, so that they come again on the way down; all kinds of tests.
  private static func tree(
    _ random: inout SplitMix64, features: Int, depth: Int, into source: inout TreeSource,
    cover: Double
  ) -> Int {
    let index = source.nodes.count
    source.nodes.append(TreeSource.Node())
    source.covers.append(cover)
    guard depth > 0, random.nextUnit() < 0.9 else {
      source.weights.append(.init(node: index, target: 0, value: random.nextUnit() * 4 - 2))
      return index
    }
    let modes: [TreeSource.Mode] = [
      .lessOrEqual, .less, .greater, .greaterOrEqual, .equal, .notEqual, .member,
    ]
    var node = TreeSource.Node()
    node.mode = modes[Int(random.nextUnit() * 7)]
    node.feature = Int(random.nextUnit() * Double(features))
    node.threshold = (random.nextUnit() * 4).rounded()
    node.missingIsTrue = random.nextUnit() < 0.5
    if node.mode == .member { source.members[index] = [0, 2, 3] }
    // Now and then nothing of the training data goes one way.
    let share = random.nextUnit() < 0.1 ? 0 : random.nextUnit()
    node.whenTrue = tree(
      &random, features: features, depth: depth - 1, into: &source, cover: cover * share)
    node.whenFalse = tree(
      &random, features: features, depth: depth - 1, into: &source, cover: cover * (1 - share))
    source.nodes[index] = node
    return index
  }

  private static func source(_ random: inout SplitMix64, features: Int, depth: Int) -> TreeSource {
    var source = TreeSource()
    for _ in 0..<3 {
      source.roots.append(source.nodes.count)
      _ = tree(&random, features: features, depth: depth, into: &source, cover: 1_000)
    }
    source.weights.sort { $0.node < $1.node }
    return source
  }

  private static func row(_ random: inout SplitMix64, _ features: Int) -> [Double] {
    (0..<features).map { _ in random.nextUnit() < 0.15 ? .nan : (random.nextUnit() * 4).rounded() }
  }

  /// What the trees give when only `known` features are told: the rest follows the cover, or is the
  /// other row's.
  private static func value(
    _ trees: PathTrees, _ source: TreeSource, known: Int, _ row: [Double], _ other: [Double]?
  ) -> Double {
    func below(_ at: Int, _ steps: UnsafeMutablePointer<PathTrees.Step>, _ node: Int) -> Double {
      if steps[at].isLeaf {
        return source.weights.filter { $0.node == node }.reduce(0) { $0 + $1.value }
      }
      let (yes, no) = (at + 1, Int(steps[at + 1].end))
      let children = (source.nodes[node].whenTrue, source.nodes[node].whenFalse)
      let feature = Int(steps[at].tested)
      let isKnown = known >> feature & 1 == 1
      if isKnown || other != nil {
        let x = isKnown ? row[feature] : other?[feature] ?? .nan
        return trees.holds(steps + at, x)
          ? below(yes, steps, children.0) : below(no, steps, children.1)
      }
      let whole = source.covers[node]
      guard whole > 0 else { return 0 }
      return source.covers[children.0] / whole * below(yes, steps, children.0)
        + source.covers[children.1] / whole * below(no, steps, children.1)
    }
    var sum = 0.0
    for (tree, root) in zip(trees.trees, source.roots) {
      sum += below(0, trees.steps + tree.start, root)
    }
    return sum
  }

  private static func shapley(
    _ trees: PathTrees, _ source: TreeSource, _ features: Int, _ row: [Double], _ other: [Double]?
  ) -> [Double] {
    let values = (0..<(1 << features)).map {
      value(trees, source, known: $0, row, other)
    }
    var factorial = [1.0]
    for i in 1...features { factorial.append(factorial[i - 1] * Double(i)) }
    return (0..<features).map { feature in
      var sum = 0.0
      for set in 0..<(1 << features) where set >> feature & 1 == 0 {
        let size = set.nonzeroBitCount
        let weight = factorial[size] * factorial[features - size - 1] / factorial[features]
        sum += weight * (values[set | 1 << feature] - values[set])
      }
      return sum
    }
  }

  @Test(arguments: [2, 4, 7]) func pathDependentIsShapleysDefinition(features: Int) throws {
    var random = SplitMix64(seed: UInt64(features))
    for depth in [0, 1, 3, 6, 9] {
      let source = TreeContributionTests.source(&random, features: features, depth: depth)
      let trees = try PathTrees(source, scale: 1)
      #expect(trees.coverFault == nil)
      let kernel = TreeContributions(trees, targets: [0], targetCount: 1)
      for _ in 0..<4 {
        let row = TreeContributionTests.row(&random, features)
        let expected = TreeContributionTests.shapley(trees, source, features, row, nil)
        var got = [Double](repeating: 0, count: max(trees.featureCount, 1))
        row.withUnsafeBufferPointer { x in
          got.withUnsafeMutableBufferPointer { to in
            if let x = x.baseAddress, let to = to.baseAddress { kernel.addPathDependent(x, to) }
          }
        }
        for feature in 0..<trees.featureCount {
          #expect(abs(got[feature] - expected[feature]) < 1e-12, "depth \(depth)")
        }
        let base = TreeContributionTests.value(trees, source, known: 0, row, nil)
        #expect(abs(kernel.expectation()[0] - base) < 1e-12)
      }
    }
  }

  @Test(arguments: [2, 4, 7]) func interventionalIsShapleysDefinition(features: Int) throws {
    var random = SplitMix64(seed: UInt64(100 + features))
    for depth in [1, 3, 6, 9] {
      let source = TreeContributionTests.source(&random, features: features, depth: depth)
      let trees = try PathTrees(source, scale: 1)
      let kernel = TreeContributions(trees, targets: [0], targetCount: 1)
      for _ in 0..<4 {
        let row = TreeContributionTests.row(&random, features)
        let other = TreeContributionTests.row(&random, features)
        let expected = TreeContributionTests.shapley(trees, source, features, row, other)
        var got = [Double](repeating: 0, count: max(trees.featureCount, 1))
        row.withUnsafeBufferPointer { x in
          other.withUnsafeBufferPointer { y in
            got.withUnsafeMutableBufferPointer { to in
              if let x = x.baseAddress, let y = y.baseAddress, let to = to.baseAddress {
                kernel.addInterventional(x, y, scale: 1, to)
              }
            }
          }
        }
        for feature in 0..<trees.featureCount {
          #expect(abs(got[feature] - expected[feature]) < 1e-12, "depth \(depth)")
        }
      }
    }
  }

  /// Trees of another origin than ONNX, with a test of their own: even numbers go one way.
  @Test func treesMayBringTheirOwnTests() throws {
    var source = TreeSource()
    var root = TreeSource.Node()
    (root.mode, root.feature, root.whenTrue, root.whenFalse) = (.member, 1, 1, 2)
    source.nodes = [root, TreeSource.Node(), TreeSource.Node()]
    source.roots = [0]
    source.weights = [.init(node: 1, target: 0, value: 8), .init(node: 2, target: 0, value: 4)]
    source.covers = [4, 1, 3]
    let trees = try PathTrees(source, scale: 0.5) { node, x in
      node == 0 && x.truncatingRemainder(dividingBy: 2) == 0
    }
    let margins = MarginModel(
      trees, outputs: [.init(label: "y", target: 0, constant: 10)], targetCount: 1)
    let input = TensorSpec(name: "input", elementType: .float64, shape: [nil, 3])
    let model = try ExplainedModel(input, shape: [nil, 3], margins: margins, limits: .standard)
    let explainer = model.makeExplainer(maxRows: 2)
    let rows: [Double] = [0, 6, 0, 0, 7, 0]
    try rows.withUnsafeBufferPointer { rows in
      let start = try #require(rows.baseAddress)
      try explainer.bind(input: 0, to: .float64(start), elements: 6)
      try explainer.explain(rows: 2)
    }
    #expect(model.features.map(\.name) == ["input[0]", "input[1]", "input[2]"])
    #expect(explainer.base(row: 0, output: 0) == 12.5)
    for (row, wanted) in [[0, 1.5, 0], [0, -0.5, 0]].enumerated() {
      for (got, value) in zip(explainer.contributions(row: row, output: 0), wanted) {
        #expect(abs(got - value) < 1e-12)
      }
    }
    #expect(explainer.margin(row: 1, output: 0) == 12)
    #expect(explainer.likeliestOutput(row: 1) == 0)
  }

  /// A cover that no training data can have given is not computed with.
  @Test func impossibleCoversAreNoticed() throws {
    var source = TreeSource()
    var root = TreeSource.Node()
    root.mode = .lessOrEqual
    (root.whenTrue, root.whenFalse) = (1, 2)
    source.nodes = [root, TreeSource.Node(), TreeSource.Node()]
    source.roots = [0]
    source.weights = [.init(node: 1, target: 0, value: 1), .init(node: 2, target: 0, value: 2)]
    for covers in [[1, 5, 1], [0, 0, 0], [.nan, 1, 1], [2, -1, 3]] as [[Double]] {
      source.covers = covers
      #expect(try PathTrees(source, scale: 1).coverFault != nil)
    }
    source.covers = [4, 3, 1]
    #expect(try PathTrees(source, scale: 1).coverFault == nil)
    source.covers = [4]
    #expect(throws: KernelFault.self) { try PathTrees(source, scale: 1) }
  }

  @Test func quadratureIntegratesPowersExactly() {
    for count in [1, 2, 4, 8, 16, 64, 128] {
      let rule = GaussLegendre(count: count)
      for power in stride(from: 0, to: 2 * count, by: max(1, count / 4)) {
        var sum = 0.0
        for (x, w) in zip(rule.places, rule.weights) {
          var term = w
          for _ in 0..<power { term *= x }
          sum += term
        }
        #expect(abs(sum - 1 / Double(power + 1)) < 1e-14, "\(count) places, power \(power)")
      }
    }
  }
}
