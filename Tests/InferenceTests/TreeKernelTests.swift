import Core
import Testing

@testable import Inference

/// Every layout of trees on every instruction set gives the bits of the definition.
struct TreeKernelTests {
  /// Sums and flags of all rows, run as one request.
  private func run(
    _ scorer: TreeScorer, _ rows: [Float], width: Int, _ count: Int
  ) throws -> (sums: [UInt64], has: [Bool]) {
    let registers: [Int32] = [-1]
    var sums: [UInt64] = []
    var has: [Bool] = []
    var copy = rows
    let targets = scorer.weights.targets
    try registers.withUnsafeBufferPointer { registers in
      try copy.withUnsafeMutableBytes { bytes in
        guard let registerOf = registers.baseAddress, let data = bytes.baseAddress else { return }
        let frame = Frame(
          valueCount: 1, registerOf: registerOf, registerCount: 0, bytesMax: 1 << 30,
          bodyStepsMax: 0)
        frame.views[0] = TensorView(data: data, type: .float32, shape: Shape(count, width))
        let input: [Int32] = [0]
        try input.withUnsafeBufferPointer { input in
          guard let inputs = input.baseAddress else { return }
          let io = NodeIO(
            frame: frame, inputs: inputs, inputCount: 1, outputs: inputs, outputCount: 0)
          try scorer.run(io, input: 0) { row, values, flags in
            for i in 0..<targets {
              sums.append(values[i].bitPattern)
              has.append(flags[i])
            }
          }
        }
      }
    }
    return (sums, has)
  }

  private func check(_ forest: RandomForest, seed: UInt64, _ batches: [Int]) throws {
    for missing in [false, true] {
      let largest = batches.max() ?? 1
      let rows = forest.rows(largest, seed: seed &+ (missing ? 1 : 0), missing: missing)
      let width = forest.featureCount
      let answers = (0..<largest).map { forest.answer(rows[$0 * width..<($0 + 1) * width]) }
      for set in InstructionSet.allCases where set <= .native {
        let scorer = try TreeScorer(
          forest.source, treeOfNode: forest.treeOfNode, aggregate: .sum, limits: .standard,
          using: set)
        for batch in batches {
          let result = try run(scorer, Array(rows.prefix(batch * width)), width: width, batch)
          let sums = answers.prefix(batch).flatMap { $0.sums.map(\.bitPattern) }
          let has = answers.prefix(batch).flatMap(\.has)
          #expect(result.sums == sums, "seed \(seed) \(set) batch \(batch) \(scorer.layout)")
          #expect(result.has == has, "seed \(seed) \(set) batch \(batch)")
        }
      }
    }
  }

  @Test(arguments: RandomForest.Kind.allCases, RandomForest.Weights.allCases)
  func randomForestsAgreeBitForBit(
    _ kind: RandomForest.Kind, _ weights: RandomForest.Weights
  ) throws {
    var random = SplitMix64(seed: 11)
    let widths = [1, 2, 5, 16, 17, 30, 33, 64, 65, 120, 300]
    for seed in 0..<14 {
      let depth = 1 + seed
      let forest = RandomForest(
        seed: UInt64(seed), kind: kind, weights: weights, trees: 1 + Int(random.next() % 21),
        depth: depth, nodesMax: depth > 8 ? 301 : 125,
        features: widths[Int(random.next() % UInt64(widths.count))],
        distinct: seed % 3 == 0 ? 1200 : 3 + Int(random.next() % 250))
      try check(forest, seed: UInt64(seed), [1, 1 + Int(random.next() % 70)])
    }
  }

  /// Each batch size of 1 to 70 on one forest of each layout.
  @Test(arguments: [(4, 12), (6, 30), (11, 20), (9, 70)])
  func everyBatchSizeAgrees(_ depth: Int, _ features: Int) throws {
    let forest = RandomForest(
      seed: 5, kind: .boosted, weights: .oneTarget, trees: 19, depth: depth, nodesMax: 400,
      features: features, distinct: 200)
    try check(forest, seed: 77, Array(1...70))
  }

  /// The layouts the above is about are really taken.
  @Test func layoutsSuitTheTrees() throws {
    func layout(_ depth: Int, _ features: Int, _ kind: RandomForest.Kind) throws -> String {
      let forest = RandomForest(
        seed: 3, kind: kind, weights: .oneTarget, trees: 9, depth: depth, nodesMax: 2000,
        features: features, distinct: 100)
      let scorer = try TreeScorer(
        forest.source, treeOfNode: forest.treeOfNode, aggregate: .sum, limits: .standard,
        using: .avx512)
      switch scorer.layout {
      case .flat(let trees): return trees.isSixLevels ? "six levels" : "flat"
      case .chained: return "chained"
      case .stepwise: return "stepwise"
      case .plain: return "plain"
      }
    }
    if InstructionSet.native == .avx512 {
      #expect(try layout(3, 20, .boosted) == "flat")
      #expect(try layout(6, 20, .boosted) == "six levels")
      #expect(try layout(12, 20, .plain) == "chained")
      #expect(try layout(12, 500, .plain) == "stepwise")
    }
    #expect(RandomForest.Kind.allCases.count == 4)
  }

  /// Trees that share nodes or lead nowhere are refused on every path.
  @Test func brokenTreesAreRefused() throws {
    for set in InstructionSet.allCases where set <= .native {
      for (whenTrue, whenFalse) in [(1, 1), (0, 1), (1, 7), (-1, 1), (1, .max)] {
        var source = TreeSource()
        var node = TreeSource.Node()
        node.mode = .lessOrEqual
        node.whenTrue = whenTrue
        node.whenFalse = whenFalse
        source.nodes = [node, .init()]
        source.roots = [0]
        source.weights = [.init(node: 1, target: 0, value: 1)]
        #expect(throws: KernelFault.self, "\(set) \(whenTrue) \(whenFalse)") {
          try TreeScorer(
            source, treeOfNode: [0, 0], aggregate: .sum, limits: .standard, using: set)
        }
      }
    }
  }
}
