import Core

/// A tree library's model: rows in, labels and probabilities or numbers out.
///
/// Rows are coded where needed, walked eight at a time, and their leaves added up as the library
/// does it. ``TreeForest`` does the walking.
struct BoostedTreesKernel: Kernel {
  private let forest: TreeForest
  private let coding: FeatureCoding?
  private let leaves: BoostedLeaves
  private let answer: NativeAnswer
  private let base: [Float]
  private let width: Int
  private let isSinglePrecision: Bool
  /// The number of learnt numbers: thresholds, leaf values, categories.
  let parameterCount: Int

  init(
    _ model: NativeModel, _ trees: BoostedTrees, limits: ModelLimits,
    _ budget: inout AllocationBudget
  ) throws(InferenceError) {
    let coded = try CodedForest(trees, isSinglePrecision: model.isSinglePrecision, &budget)
    coding = coded.coding
    do throws(KernelFault) {
      forest = try TreeForest(coded.source, limits: limits)
    } catch {
      throw InferenceError(error.code, "\(model.operatorName): \(error.message)")
    }
    leaves = BoostedLeaves(
      trees, sources: forest.leafSource, groups: model.groups,
      isSinglePrecision: model.isSinglePrecision)
    answer = NativeAnswer(model)
    base = model.base
    width = model.featureCount
    isSinglePrecision = model.isSinglePrecision
    parameterCount =
      trees.nodes.count + trees.leafVectors.count + trees.categories.count
      + trees.linearTerms.count
  }

  /// Scratch memory of one run, in one piece.
  private struct Room {
    let sums: UnsafeMutablePointer<Double>
    let features: UnsafeMutablePointer<Float>
    let leaves: UnsafeMutablePointer<UInt32>
  }

  private func scratch(_ io: NodeIO) throws(KernelFault) -> Room {
    let sums = leaves.groups * 2
    let features = 8 * (forest.rowWidth + 1)
    let room = try io.scratch(sums + features + 8 * forest.leafSlots, of: UInt32.self)
    return Room(
      sums: UnsafeMutableRawPointer(room).assumingMemoryBound(to: Double.self),
      features: UnsafeMutableRawPointer(room + sums).assumingMemoryBound(to: Float.self),
      leaves: room + sums + features)
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    guard view.shape.rank == 2, view.shape[1] == width,
      view.type == (isSinglePrecision ? .float32 : .float64)
    else { throw KernelFault(.shape, "\(view.shape.list) where [N, \(width)] is expected") }
    let rows = view.shape[0]
    let to = try answer.room(io, rows: rows)
    let room = try scratch(io)
    if isSinglePrecision {
      runSingle(view.pointer(Float.self), rows, room, to)
    } else {
      runDouble(view.pointer(Double.self), rows, room, to)
    }
  }

  private func runSingle(
    _ x: UnsafePointer<Float>, _ rows: Int, _ room: Room, _ to: NativeAnswer.Room
  ) {
    let sums = UnsafeMutableRawPointer(room.sums).assumingMemoryBound(to: Float.self)
    var row = 0
    while row < rows {
      let count = rows - row >= 8 ? 8 : 1
      if count == 8 {
        for i in 0..<8 { load(x + (row + i) * width, room.features + i, stride: 8) }
        splitMissing(room.features, stride: 8)
        forest.walkEight(room.features, leaves: room.leaves)
      } else if coding == nil && !forest.readsMissingHalf {
        forest.walk(x + row * width, leaves: room.leaves)
      } else {
        load(x + row * width, room.features, stride: 1)
        splitMissing(room.features, stride: 1)
        forest.walk(room.features, leaves: room.leaves)
      }
      for i in 0..<count {
        for group in 0..<leaves.groups { sums[group] = base[group] }
        leaves.add(room.leaves + i, stride: count, to: sums)
        answer.write(sums, row + i, to)
      }
      row += count
    }
  }

  private func runDouble(
    _ x: UnsafePointer<Double>, _ rows: Int, _ room: Room, _ to: NativeAnswer.Room
  ) {
    guard let coding else { return }
    var row = 0
    while row < rows {
      let count = rows - row >= 8 ? 8 : 1
      for i in 0..<count { coding.code(x + (row + i) * width, room.features + i, stride: count) }
      splitMissing(room.features, stride: count)
      if count == 8 {
        forest.walkEight(room.features, leaves: room.leaves)
      } else {
        forest.walk(room.features, leaves: room.leaves)
      }
      for i in 0..<count {
        for group in 0..<leaves.groups { room.sums[group] = 0 }
        leaves.add(room.leaves + i, stride: count, row: x + (row + i) * width, to: room.sums)
        answer.write(room.sums, row + i, to)
      }
      row += count
    }
  }

  /// The columns that the forest reads, of one row.
  private func load(
    _ row: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, stride: Int
  ) {
    if let coding {
      coding.code(row, to, stride: stride)
    } else {
      for i in 0..<forest.featureCount { to[i * stride] = row[i] }
    }
  }

  /// The forest's second half of a row, or of eight: missing values as -infinity.
  private func splitMissing(_ to: UnsafeMutablePointer<Float>, stride: Int) {
    guard forest.readsMissingHalf else { return }
    let count = forest.featureCount * stride
    for i in 0..<count {
      let x = to[i]
      to[count + i] = x.isNaN ? -.infinity : x
    }
  }
}

/// XGBoost's gblinear: scores linear in the features that are there.
struct LinearBoosterKernel: Kernel {
  private let booster: LinearBooster
  private let answer: NativeAnswer
  private let base: [Float]
  private let width: Int
  private let groups: Int

  init(_ model: NativeModel, _ booster: LinearBooster) {
    self.booster = booster
    answer = NativeAnswer(model)
    base = model.base
    width = model.featureCount
    groups = model.groups
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let (x, shape) = try io.input(0, .float32, as: Float.self)
    guard shape.rank == 2, shape[1] == width else {
      throw KernelFault(.shape, "\(shape.list) where [N, \(width)] is expected")
    }
    let to = try answer.room(io, rows: shape[0])
    let scores = try io.scratch(groups, of: Float.self)
    booster.weights.withUnsafeBufferPointer { weights in
      for row in 0..<shape[0] {
        let values = x + row * width
        for group in 0..<groups { scores[group] = weights[width * groups + group] + base[group] }
        for i in 0..<width where !values[i].isNaN {
          for group in 0..<groups { scores[group] += values[i] * weights[i * groups + group] }
        }
        answer.write(scores, row, to)
      }
    }
  }
}
