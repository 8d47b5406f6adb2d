import Core

/// A tree library's model: rows in, labels and probabilities or numbers out.
///
/// Rows are coded where needed, walked by ``TreeWalker``, and their leaves added up as the library
/// does it.
struct BoostedTreesKernel: Kernel {
  private let walker: TreeWalker
  private let coding: FeatureCoding?
  private let leaves: BoostedLeaves
  private let answer: NativeAnswer
  private let base: [Float]
  private let width: Int
  private let isSinglePrecision: Bool
  /// The number of learnt numbers: thresholds, leaf values, categories.
  let parameterCount: Int

  /// - Parameter set: what kernels may use; at most what the processor has.
  init(
    _ model: NativeModel, _ trees: BoostedTrees, limits: ModelLimits,
    _ budget: inout AllocationBudget, using set: InstructionSet = .current
  ) throws(InferenceError) {
    let coded = try CodedForest(trees, isSinglePrecision: model.isSinglePrecision, &budget)
    coding = coded.coding
    do throws(KernelFault) {
      walker = try TreeWalker(coded.source, limits: limits, using: set)
    } catch {
      throw InferenceError(error.code, "\(model.operatorName): \(error.message)")
    }
    leaves = BoostedLeaves(
      trees, sources: walker.leafSource, groups: model.groups,
      isSinglePrecision: model.isSinglePrecision)
    answer = NativeAnswer(model)
    base = model.base
    width = model.featureCount
    isSinglePrecision = model.isSinglePrecision
    parameterCount =
      trees.nodes.count + trees.leafVectors.count + trees.categories.count
      + trees.linearTerms.count
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    guard view.shape.rank == 2, view.shape[1] == width,
      view.type == (isSinglePrecision ? .float32 : .float64)
    else { throw KernelFault(.shape, "\(view.shape.list) where [N, \(width)] is expected") }
    let rows = view.shape[0]
    let to = try answer.room(io, rows: rows)
    let sumBytes = (max(leaves.groups, BoostedLeaves.together) * 8 + 63) & ~63
    guard let coding else {
      let room = try TreeRoom(io, walker, rows: rows, targets: 0, extraBytes: sumBytes)
      let table = TreeRows(view: view, width: width, features: walker.featureCount)
      walker.run(table, room) { finish($0, from: 0, view, room, to) }
      return
    }
    let block = min(rows, BoostedTreesKernel.blockRows(columns: coding.columnCount))
    let room = try TreeRoom(
      io, walker, rows: block, targets: 0,
      extraBytes: sumBytes + block * coding.columnCount * MemoryLayout<Float>.stride)
    let codes = room.extra + sumBytes
    var first = 0
    while first < rows {
      let count = min(block, rows - first)
      code(view, first, count, coding, codes.assumingMemoryBound(to: Float.self))
      let table = TreeRows(
        view: TensorView(data: codes, type: .float32, shape: Shape(count, coding.columnCount)),
        width: coding.columnCount, features: walker.featureCount)
      walker.run(table, room) { finish($0, from: first, view, room, to) }
      first += count
    }
  }

  /// Rows that are coded before they walk: about a megabyte of them.
  private static func blockRows(columns: Int) -> Int {
    max(8, min(256, (1 << 18) / max(columns, 1) & ~7))
  }

  private func code(
    _ view: TensorView, _ first: Int, _ count: Int, _ coding: FeatureCoding,
    _ codes: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count {
      let at = (first + i) * width
      let to = codes + i * coding.columnCount
      if isSinglePrecision {
        coding.code(UnsafePointer(view.pointer(Float.self) + at), to)
      } else {
        coding.code(UnsafePointer(view.pointer(Double.self) + at), to)
      }
    }
  }

  /// Adds the leaves of rows up and writes their answers.
  /// - Parameter start: the row that the walk took for the first.
  private func finish(
    _ walked: TreeWalker.Walked, from start: Int, _ view: TensorView, _ room: TreeRoom,
    _ to: NativeAnswer.Room
  ) {
    if isSinglePrecision {
      finishSingle(walked, start + walked.first, room, to)
    } else {
      finishDouble(walked, start + walked.first, view.pointer(Double.self), room, to)
    }
  }

  private func finishSingle(
    _ walked: TreeWalker.Walked, _ start: Int, _ room: TreeRoom, _ to: NativeAnswer.Room
  ) {
    let sums = room.extra.assumingMemoryBound(to: Float.self)
    var i = 0
    while leaves.isPlain, i + BoostedLeaves.together <= walked.count {
      leaves.addFour(walked, i, from: base[0], to: sums)
      for j in 0..<BoostedLeaves.together { answer.write(sums + j, start + i + j, to) }
      i += BoostedLeaves.together
    }
    while i < walked.count {
      for group in 0..<leaves.groups { sums[group] = base[group] }
      leaves.add(walked.leaves + i * walked.rowStride, stride: walked.treeStride, to: sums)
      answer.write(sums, start + i, to)
      i += 1
    }
  }

  private func finishDouble(
    _ walked: TreeWalker.Walked, _ start: Int, _ x: UnsafePointer<Double>, _ room: TreeRoom,
    _ to: NativeAnswer.Room
  ) {
    let sums = room.extra.assumingMemoryBound(to: Double.self)
    var i = 0
    while leaves.isPlain, i + BoostedLeaves.together <= walked.count {
      leaves.addFour(walked, i, from: 0, to: sums)
      for j in 0..<BoostedLeaves.together { answer.write(sums + j, start + i + j, to) }
      i += BoostedLeaves.together
    }
    while i < walked.count {
      for group in 0..<leaves.groups { sums[group] = 0 }
      leaves.add(
        walked.leaves + i * walked.rowStride, stride: walked.treeStride,
        row: x + (start + i) * width, to: sums)
      answer.write(sums, start + i, to)
      i += 1
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
