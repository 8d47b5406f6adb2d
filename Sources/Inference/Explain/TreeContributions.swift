import Core

/// Shapley values of the features of one row, for all trees of an ensemble.
///
/// A leaf is reached when all features on its way agree. Let feature i be known with o_i = 1 when
/// the row takes the leaf's side (0 otherwise), and unknown with z_i: the share of the cover that
/// goes there (path-dependent), or 1 or 0 as a background row does (interventional). Then the leaf
/// gives feature i, of n features on its way,
///
///     v * (o_i - z_i) * integral over 0...1 of product over j != i of (z_j (1-t) + o_j t) dt
///
/// because the Shapley weight k!(n-1-k)!/n! is the integral of t^k (1-t)^(n-1-k). The integrand is
/// a polynomial of degree n-1, so a Gauss-Legendre sum of n/2 places is exact: the values are those
/// of Lundberg, Erion & Lee (2018, arXiv 1802.03888, algorithm 2), in time linear in the nodes
/// times half the features of a way instead of its square.
///
/// One thread's use; the layout is shared.
final class TreeContributions {
  typealias Lanes = SIMD4<Double>

  let layout: PathTrees
  /// The outputs explained, each by its position among the trees' targets; -1 for the others.
  private let slotOfTarget: [Int]
  private let slots: Int
  private let places: [(at: Lanes, weight: Lanes)]
  /// Shapley weights of interventional leaves: `(a-1)! b! / (a+b)!` at `a * side + b`.
  private var gains: [Double] = []
  private var gainSide = 0

  private let taken: UnsafeMutablePointer<UInt8>
  private let other: UnsafeMutablePointer<UInt8>
  private let state: UnsafeMutablePointer<UInt8>
  private let product: UnsafeMutablePointer<Lanes>
  private let factor: UnsafeMutablePointer<Lanes>
  private let sums: UnsafeMutablePointer<Lanes>
  private let seen: UnsafeMutablePointer<Int32>
  private let counts: UnsafeMutablePointer<(Int32, Int32)>
  private let lanes: UnsafeMutablePointer<Lanes>

  /// - Parameter targets: the trees' targets that are to be explained.
  init(_ layout: PathTrees, targets: [Int], targetCount: Int) {
    self.layout = layout
    var slotOfTarget = [Int](repeating: -1, count: targetCount)
    for (slot, target) in targets.enumerated() { slotOfTarget[target] = slot }
    self.slotOfTarget = slotOfTarget
    slots = targets.count
    // Places beyond those needed stay exact, so whole vectors are used.
    let needed = (max(layout.featuresOnPath, 1) + 1) / 2
    let rule = GaussLegendre(count: (needed + 3) / 4 * 4)
    places = stride(from: 0, to: rule.places.count, by: 4).map { i in
      (
        Lanes(rule.places[i..<i + 4]), Lanes(rule.weights[i..<i + 4])
      )
    }
    let nodes = layout.nodesMax
    taken = .allocate(capacity: nodes)
    other = .allocate(capacity: nodes)
    state = .allocate(capacity: nodes)
    product = .allocate(capacity: nodes)
    factor = .allocate(capacity: nodes)
    sums = .allocate(capacity: nodes)
    seen = .allocate(capacity: nodes)
    counts = .allocate(capacity: nodes)
    lanes = .allocate(capacity: max(layout.featureCount * slots, 1))
  }

  deinit {
    taken.deallocate()
    other.deallocate()
    state.deallocate()
    product.deallocate()
    factor.deallocate()
    sums.deallocate()
    seen.deallocate()
    counts.deallocate()
    lanes.deallocate()
  }

  /// What the trees are expected to give when nothing is known of a row: the mean of the leaves
  /// weighed with their covers.
  func expectation() -> [Double] {
    var result = [Double](repeating: 0, count: slots)
    for tree in layout.trees {
      let steps = layout.steps + tree.start
      // The share of all the cover that arrives at each node.
      var arriving = [Double](repeating: 1, count: tree.count)
      for i in stride(from: 1, to: tree.count, by: 1) {
        let step = steps[i]
        let own = step.previousShare > 0 ? step.share / step.previousShare : 0
        arriving[i] = arriving[Int(step.parent)] * own
      }
      for (target, base) in tree.targets where slotOfTarget[target] >= 0 {
        for i in 0..<tree.count where steps[i].isLeaf {
          result[slotOfTarget[target]] += arriving[i] * layout.values[base + i]
        }
      }
    }
    return result
  }

  /// Adds what the leaves of one row give to `result`, one number an explained output.
  func addScores(_ row: UnsafePointer<Double>, _ result: UnsafeMutablePointer<Double>) {
    for tree in layout.trees {
      let steps = layout.steps + tree.start
      var at = 0
      while !steps[at].isLeaf {
        let isTrue = layout.holds(steps + at, row[Int(steps[at].tested)])
        // The true side comes right after its parent, the other one after all of that.
        at = isTrue ? at + 1 : Int(steps[at + 1].end)
      }
      for (target, base) in tree.targets where slotOfTarget[target] >= 0 {
        result[slotOfTarget[target]] += layout.values[base + at]
      }
    }
  }

  private func walk(
    _ steps: UnsafePointer<PathTrees.Step>, _ count: Int, _ row: UnsafePointer<Double>,
    _ taken: UnsafeMutablePointer<UInt8>
  ) {
    for i in 0..<count where !steps[i].isLeaf {
      taken[i] = layout.takes(steps + i, row[Int(steps[i].tested)])
    }
  }
}

/// Path-dependent contributions: what is unknown follows the cover.
extension TreeContributions {
  /// Adds the contributions of a row to `result`: a list of the features for each explained output.
  /// - Precondition: the layout has covers.
  func addPathDependent(
    _ row: UnsafePointer<Double>, _ result: UnsafeMutablePointer<Double>
  ) {
    let width = layout.featureCount
    for i in 0..<width * slots { lanes[i] = .zero }
    for tree in layout.trees where tree.count > 1 {
      let steps = UnsafePointer(layout.steps + tree.start)
      let edges = UnsafePointer(layout.edges + tree.start)
      walk(steps, tree.count, row, taken)
      for place in places {
        descend(edges, tree.count, place.at, place.weight)
        for (target, base) in tree.targets where slotOfTarget[target] >= 0 {
          ascend(
            edges, tree.count, layout.values + base, lanes + slotOfTarget[target] * width)
        }
      }
    }
    for i in 0..<width * slots { result[i] += lanes[i].sum() }
  }

  /// For each node the product of all factors down to it, and what its edge's feature gets of it.
  private func descend(
    _ edges: UnsafePointer<PathTrees.Edge>, _ count: Int, _ t: Lanes, _ weight: Lanes
  ) {
    let rest = Lanes(repeating: 1) - t
    // A factor may be zero where nothing of the training data went; so is its numerator then.
    let tiny = Lanes(repeating: 1e-300)
    product[0] = weight
    state[0] = 1
    for i in 1..<count {
      let edge = edges[i]
      let parent = Int(edge.parent)
      let agrees = 1 ^ taken[parent] ^ edge.side
      let known = Double(agrees)
      if edge.previous < 0 {
        state[i] = agrees
        let g = edge.share * rest + known * t
        product[i] = product[parent] * g
        factor[i] = Lanes(repeating: known - edge.share) / pointwiseMax(g, tiny)
      } else {
        repeated(i, edge, agrees, t, rest)
      }
    }
  }

  /// The same for an edge that asks about a feature of an earlier one.
  private func repeated(
    _ i: Int, _ edge: PathTrees.Edge, _ agrees: UInt8, _ t: Lanes, _ rest: Lanes
  ) {
    let before = state[Int(edge.previous)]
    let above = product[Int(edge.parent)]
    let earlier = edge.previousShare
    state[i] = before & agrees
    guard before != 0 else {
      // Decided already: only the share shrinks.
      product[i] = above * (earlier > 0 ? edge.share / earlier : 0)
      factor[i] = .zero
      return
    }
    let known = Double(agrees)
    let g = edge.share * rest + known * t
    let inverse = Lanes(repeating: 1) / (earlier * rest + t)
    product[i] = above * (g * inverse)
    factor[i] =
      Lanes(repeating: known - edge.share) / pointwiseMax(g, Lanes(repeating: 1e-300))
      - (1 - earlier) * inverse
  }

  /// Sums the leaves below each node and gives the features their parts.
  private func ascend(
    _ edges: UnsafePointer<PathTrees.Edge>, _ count: Int, _ values: UnsafePointer<Double>,
    _ result: UnsafeMutablePointer<Lanes>
  ) {
    for i in 0..<count { sums[i] = product[i] * values[i] }
    // Only leaves have values, so inner nodes begin at zero.
    for i in stride(from: count - 1, to: 0, by: -1) {
      let sum = sums[i]
      sums[Int(edges[i].parent)] += sum
      result[Int(edges[i].feature)] += sum * factor[i]
    }
  }
}

/// Interventional contributions: what is unknown is a background row's.
extension TreeContributions {
  /// Adds the contributions of a row against one background row, times `scale`, to `result`.
  ///
  /// Where both rows go the same way nothing is decided, so only nodes that a mixture of the two
  /// can reach are visited.
  func addInterventional(
    _ row: UnsafePointer<Double>, _ background: UnsafePointer<Double>, scale: Double,
    _ result: UnsafeMutablePointer<Double>
  ) {
    prepareGains()
    let width = layout.featureCount
    for tree in layout.trees where tree.count > 1 {
      let steps = UnsafePointer(layout.steps + tree.start)
      let visited = mix(steps, tree.count, row, background)
      for (target, base) in tree.targets where slotOfTarget[target] >= 0 {
        share(
          steps, visited, layout.values + base, scale, result + slotOfTarget[target] * width)
      }
    }
  }

  private func prepareGains() {
    guard gains.isEmpty else { return }
    let side = layout.featuresOnPath + 1
    gainSide = side
    gains = [Double](repeating: 0, count: side * side)
    for a in stride(from: 1, to: side, by: 1) {
      // (a-1)! b! / (a+b)!, from b to b + 1.
      var weight = 1 / Double(a)
      for b in 0..<side {
        gains[a * side + b] = weight
        weight *= Double(b + 1) / Double(a + b + 1)
      }
    }
  }

  /// Finds the nodes that mixtures reach; for each how many features must be the row's and how many
  /// the background's.
  private func mix(
    _ steps: UnsafePointer<PathTrees.Step>, _ count: Int, _ row: UnsafePointer<Double>,
    _ background: UnsafePointer<Double>
  ) -> Int {
    var visited = 0
    var i = 0
    while i < count {
      let step = steps + i
      if i == 0 {
        state[0] = 3
        counts[0] = (0, 0)
      } else {
        let parent = Int(step.pointee.parent)
        let previous = Int(step.pointee.previous)
        let before = previous < 0 ? 3 : state[previous]
        let side = step.pointee.side
        let mine = 1 ^ taken[parent] ^ side
        let theirs = (1 ^ other[parent] ^ side) << 1
        let now = before & (mine | theirs)
        if now == 0 {
          i = Int(step.pointee.end)
          continue
        }
        state[i] = now
        counts[i] = counts[parent]
        if before == 3 && now == 1 { counts[i].0 += 1 }
        if before == 3 && now == 2 { counts[i].1 += 1 }
      }
      if !step.pointee.isLeaf {
        let feature = Int(step.pointee.tested)
        taken[i] = layout.takes(step, row[feature])
        other[i] = layout.takes(step, background[feature])
      }
      seen[visited] = Int32(i)
      visited += 1
      i += 1
    }
    return visited
  }

  /// Lanes 0 and 1 of the sums: what each feature of the row and of the background gets.
  private func share(
    _ steps: UnsafePointer<PathTrees.Step>, _ visited: Int, _ values: UnsafePointer<Double>,
    _ scale: Double, _ result: UnsafeMutablePointer<Double>
  ) {
    for n in 0..<visited {
      let i = Int(seen[n])
      guard steps[i].isLeaf else {
        sums[i] = .zero
        continue
      }
      let (a, b) = (Int(counts[i].0), Int(counts[i].1))
      let value = values[i] * scale
      sums[i] = Lanes(
        value * gains[a * gainSide + b], value * gains[b * gainSide + a], 0, 0)
    }
    for n in stride(from: visited - 1, to: 0, by: -1) {
      let i = Int(seen[n])
      let step = steps + i
      sums[Int(step.pointee.parent)] += sums[i]
      let previous = Int(step.pointee.previous)
      let before = previous < 0 ? 3 : state[previous]
      guard before == 3, state[i] != 3 else { continue }
      let feature = Int(step.pointee.feature)
      if state[i] == 1 { result[feature] += sums[i][0] } else { result[feature] -= sums[i][1] }
    }
  }
}
