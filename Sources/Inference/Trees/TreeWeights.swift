internal import CKernels

/// What the leaves add up to.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class TreeWeights: @unchecked Sendable {
  enum Form {
    /// All weights belong to one output, each leaf has one.
    case single(target: Int)
    /// All leaves of a tree have one weight for the same output.
    case perTree
    /// Anything else.
    case lists
  }

  let form: Form
  let targets: Int
  /// For ``Form/single(target:)`` and ``Form/perTree``: the weight of each laid-out node.
  private let values: UnsafeMutablePointer<Float>
  /// For ``Form/perTree``: the output of each tree.
  private let targetOfTree: [Int32]
  /// For ``Form/lists``: where the weights of each laid-out node begin.
  private let starts: [UInt32]
  private let list: [(target: Int32, value: Float)]

  init(_ source: TreeSource, leafSource: [Int32], treeOfNode: [Int32]) throws(KernelFault) {
    targets = source.targets
    let nodeCount = leafSource.count
    var countOf = [Int32](repeating: 0, count: source.nodes.count)
    var targetOfTree = [Int32](repeating: -1, count: source.roots.count)
    var onlyTarget = source.weights.first?.target ?? 0
    var isPerTree = true
    for weight in source.weights {
      guard weight.target >= 0, weight.target < source.targets else {
        throw KernelFault(
          .malformed, "a leaf adds to output \(weight.target) of \(source.targets)")
      }
      guard source.nodes[weight.node].mode == .leaf else { continue }
      countOf[weight.node] += 1
      if weight.target != onlyTarget { onlyTarget = -1 }
      let tree = Int(treeOfNode[weight.node])
      guard tree >= 0 else { continue }
      if targetOfTree[tree] >= 0 && Int(targetOfTree[tree]) != weight.target { isPerTree = false }
      targetOfTree[tree] = Int32(weight.target)
    }
    let isOneEach = source.nodes.indices.allSatisfy {
      source.nodes[$0].mode != .leaf || treeOfNode[$0] < 0 || countOf[$0] == 1
    }
    form =
      !isOneEach || !isPerTree ? .lists : onlyTarget >= 0 ? .single(target: onlyTarget) : .perTree
    self.targetOfTree = targetOfTree
    values = .allocate(capacity: nodeCount)
    values.initialize(repeating: 0, count: nodeCount)
    if case .lists = form {
      (starts, list) = TreeWeights.lists(source, leafSource)
      return
    }
    var valueOf = [Float](repeating: 0, count: source.nodes.count)
    for weight in source.weights { valueOf[weight.node] = Float(weight.value) }
    for (node, leaf) in leafSource.enumerated() where leaf >= 0 {
      values[node] = valueOf[Int(leaf)]
    }
    starts = []
    list = []
  }

  deinit { values.deallocate() }

  private static func lists(
    _ source: TreeSource, _ leafSource: [Int32]
  ) -> ([UInt32], [(target: Int32, value: Float)]) {
    var first = [Int](repeating: 0, count: source.nodes.count + 1)
    for weight in source.weights { first[weight.node + 1] += 1 }
    for i in 0..<source.nodes.count { first[i + 1] += first[i] }
    var starts: [UInt32] = []
    var list: [(target: Int32, value: Float)] = []
    for leaf in leafSource {
      starts.append(UInt32(list.count))
      guard leaf >= 0 else { continue }
      for i in first[Int(leaf)]..<first[Int(leaf) + 1] {
        list.append((Int32(source.weights[i].target), Float(source.weights[i].value)))
      }
    }
    starts.append(UInt32(list.count))
    return (starts, list)
  }

  /// Adds up the leaves of one row: `leaves[tree * stride]`.
  ///
  /// Sums are in double, in an order that depends on the model alone.
  /// - Parameters:
  ///   - sums: one for each output; cleared first.
  ///   - has: whether any leaf had a weight for the output; cleared first.
  func add(
    _ leaves: UnsafePointer<UInt32>, trees: Int, stride: Int, sums: UnsafeMutablePointer<Double>,
    has: UnsafeMutablePointer<Bool>, using set: InstructionSet
  ) {
    for i in 0..<targets {
      sums[i] = 0
      has[i] = false
    }
    switch form {
    case .single(let target):
      sums[target] = sum(leaves, trees, stride, set)
      has[target] = trees > 0
    case .perTree:
      for tree in 0..<trees {
        let target = Int(targetOfTree[tree])
        sums[target] += Double(values[Int(leaves[tree &* stride])])
        has[target] = true
      }
    case .lists:
      for tree in 0..<trees {
        let leaf = Int(leaves[tree &* stride])
        for i in Int(starts[leaf])..<Int(starts[leaf &+ 1]) {
          let target = Int(list[i].target)
          sums[target] += Double(list[i].value)
          has[target] = true
        }
      }
    }
  }

  @inline(__always)
  private func sum(
    _ leaves: UnsafePointer<UInt32>, _ trees: Int, _ stride: Int, _ set: InstructionSet
  ) -> Double {
    #if arch(x86_64)
      if set == .avx512 && stride == 1 { return sluice_sum_leaves_avx512(values, leaves, trees) }
    #endif
    return sluice_sum_leaves(values, leaves, trees, stride)
  }

  /// The least or greatest weight a row's leaves have, instead of the sum.
  func extreme(
    _ leaves: UnsafePointer<UInt32>, trees: Int, stride: Int, isMaximum: Bool,
    sums: UnsafeMutablePointer<Double>, has: UnsafeMutablePointer<Bool>
  ) {
    for i in 0..<targets {
      sums[i] = 0
      has[i] = false
    }
    for tree in 0..<trees {
      let leaf = Int(leaves[tree &* stride])
      switch form {
      case .single(let target):
        take(Double(values[leaf]), target, isMaximum, sums, has)
      case .perTree:
        take(Double(values[leaf]), Int(targetOfTree[tree]), isMaximum, sums, has)
      case .lists:
        for i in Int(starts[leaf])..<Int(starts[leaf &+ 1]) {
          take(Double(list[i].value), Int(list[i].target), isMaximum, sums, has)
        }
      }
    }
  }

  private func take(
    _ value: Double, _ target: Int, _ isMaximum: Bool, _ sums: UnsafeMutablePointer<Double>,
    _ has: UnsafeMutablePointer<Bool>
  ) {
    if !has[target] || (isMaximum ? value > sums[target] : value < sums[target]) {
      sums[target] = value
    }
    has[target] = true
  }
}
