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
    /// Each leaf has one weight for every output, in their order.
    case vectors
    /// Anything else.
    case lists
  }

  let form: Form
  let targets: Int
  /// The weight of each leaf number; for ``Form/vectors`` as many as there are outputs.
  private let values: UnsafeMutablePointer<Float>
  /// For ``Form/perTree``: the output of each tree.
  private let targetOfTree: [UInt32]
  /// For ``Form/lists``: where the weights of each laid-out node begin.
  private let starts: [UInt32]
  private let list: [(target: Int32, value: Float)]

  init(_ source: TreeSource, leafSource: [Int32], treeOfNode: [Int32]) throws(KernelFault) {
    targets = source.targets
    let survey = try Survey(source, treeOfNode: treeOfNode)
    form = survey.form(leafNumbers: leafSource.count)
    targetOfTree = survey.targetOfTree.map { UInt32(max($0, 0)) }
    if case .lists = form {
      values = .allocate(capacity: 1)
      (starts, list) = TreeWeights.lists(source, leafSource)
      return
    }
    starts = []
    list = []
    var width = 1
    if case .vectors = form { width = source.targets }
    values = .allocate(capacity: max(leafSource.count * width, 1))
    values.initialize(repeating: 0, count: leafSource.count * width)
    for (number, leaf) in leafSource.enumerated() where leaf >= 0 {
      let first = Int(survey.firstWeight[Int(leaf)])
      for i in 0..<width { values[number * width + i] = Float(source.weights[first + i].value) }
    }
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
      sluice_add_by_tree(values, leaves, trees, stride, targetOfTree, sums)
      for tree in 0..<trees { has[Int(targetOfTree[tree])] = true }
    case .vectors:
      sluice_add_vectors(values, leaves, trees, stride, targets, sums)
      for i in 0..<targets { has[i] = trees > 0 }
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

  /// For ``Form/single(target:)`` the sums of 64 rows that lie side by side.
  func sum64(
    _ leaves: UnsafePointer<UInt32>, trees: Int, room: UnsafeMutablePointer<Double>,
    sums: UnsafeMutablePointer<Double>
  ) {
    sluice_sum_lane_leaves(values, leaves, trees, room, sums)
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
      case .vectors:
        for i in 0..<targets {
          take(Double(values[leaf &* targets &+ i]), i, isMaximum, sums, has)
        }
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

/// What forms the weights could take.
private struct Survey {
  /// For each source node its first weight.
  private(set) var firstWeight: [Int32]
  private(set) var targetOfTree: [Int32]
  private var onlyTarget: Int
  private var isPerTree = true
  private var isOneEach = true
  private var isVectors = true
  private let targets: Int
  private let weightCount: Int

  init(_ source: TreeSource, treeOfNode: [Int32]) throws(KernelFault) {
    targets = source.targets
    weightCount = source.weights.count
    let count = source.nodes.count
    guard treeOfNode.count == count, weightCount < Int(Int32.max) else {
      throw KernelFault(.limit, "\(weightCount) weights of \(count) nodes")
    }
    firstWeight = [Int32](repeating: -1, count: count)
    targetOfTree = [Int32](repeating: -1, count: source.roots.count)
    onlyTarget = source.weights.first?.target ?? 0
    var countOf = [Int32](repeating: 0, count: count)
    for (i, weight) in source.weights.enumerated() {
      guard weight.target >= 0, weight.target < targets, weight.node >= 0, weight.node < count
      else {
        throw KernelFault(.malformed, "a leaf adds to output \(weight.target) of \(targets)")
      }
      guard source.nodes[weight.node].mode == .leaf else { continue }
      if firstWeight[weight.node] < 0 { firstWeight[weight.node] = Int32(i) }
      if Int(countOf[weight.node]) != weight.target { isVectors = false }
      countOf[weight.node] += 1
      if weight.target != onlyTarget { onlyTarget = -1 }
      let tree = Int(treeOfNode[weight.node])
      guard tree >= 0 else { continue }
      if targetOfTree[tree] >= 0 && Int(targetOfTree[tree]) != weight.target { isPerTree = false }
      targetOfTree[tree] = Int32(weight.target)
    }
    for (i, node) in source.nodes.enumerated() where node.mode == .leaf && treeOfNode[i] >= 0 {
      if countOf[i] != 1 { isOneEach = false }
      if Int(countOf[i]) != targets { isVectors = false }
    }
  }

  func form(leafNumbers: Int) -> TreeWeights.Form {
    if isOneEach && onlyTarget >= 0 { return .single(target: onlyTarget) }
    if isOneEach && isPerTree { return .perTree }
    // Numbers that no leaf has take memory too.
    let (size, overflow) = leafNumbers.multipliedReportingOverflow(by: targets)
    return isVectors && !overflow && size <= 4 * weightCount + 4096 ? .vectors : .lists
  }
}
