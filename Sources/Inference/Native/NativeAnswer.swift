/// Writes a model's outputs from its scores.
struct NativeAnswer: Sendable {
  private enum Form {
    case numbers
    case twoClasses
    case manyClasses
    case labels
  }

  private let form: Form
  private let groups: Int
  private let transform: ScoreTransform
  private let takesClassFromRawScores: Bool
  private let divisor: Double

  init(_ model: NativeModel) {
    groups = model.groups
    transform = model.transform
    takesClassFromRawScores = model.takesClassFromRawScores
    divisor = model.divisor
    switch model.answer {
    case .numbers: form = .numbers
    case .classes: form = model.groups == 1 ? .twoClasses : .manyClasses
    case .labels: form = .labels
    }
  }

  /// The outputs' memory for a number of rows.
  struct Room {
    let labels: UnsafeMutablePointer<Int64>
    let numbers: UnsafeMutablePointer<Float>
  }

  func room(_ io: NodeIO, rows: Int) throws(KernelFault) -> Room {
    let width = form == .twoClasses ? 2 : groups
    guard form != .numbers else {
      let numbers = try io.output(0, .float32, Shape(rows, groups), as: Float.self)
      return Room(
        labels: UnsafeMutableRawPointer(numbers).assumingMemoryBound(to: Int64.self),
        numbers: numbers)
    }
    let shape = form == .labels ? Shape(rows, groups) : Shape(rows)
    return Room(
      labels: try io.output(0, .int64, shape, as: Int64.self),
      numbers: try io.output(1, .float32, Shape(rows, width), as: Float.self))
  }

  /// Writes row `row` from raw scores in 32 bits, which are changed.
  func write(_ scores: UnsafeMutablePointer<Float>, _ row: Int, _ room: Room) {
    let raw = takesClassFromRawScores ? largest(scores) : 0
    transform.apply(scores, groups)
    switch form {
    case .numbers: (room.numbers + row * groups).update(from: scores, count: groups)
    case .twoClasses:
      room.labels[row] = scores[0] > 0.5 ? 1 : 0
      room.numbers[row * 2] = 1 - scores[0]
      room.numbers[row * 2 + 1] = scores[0]
    case .manyClasses:
      room.labels[row] = Int64(takesClassFromRawScores ? raw : largest(scores))
      (room.numbers + row * groups).update(from: scores, count: groups)
    case .labels:
      for i in 0..<groups {
        room.labels[row * groups + i] = scores[i] > 0.5 ? 1 : 0
        room.numbers[row * groups + i] = scores[i]
      }
    }
  }

  /// The same from 64 bits.
  func write(_ scores: UnsafeMutablePointer<Double>, _ row: Int, _ room: Room) {
    if divisor != 1 {
      for i in 0..<groups { scores[i] /= divisor }
    }
    transform.apply(scores, groups)
    switch form {
    case .numbers, .labels:
      for i in 0..<groups { room.numbers[row * groups + i] = Float(scores[i]) }
    case .twoClasses:
      room.labels[row] = scores[0] > 0.5 ? 1 : 0
      room.numbers[row * 2] = Float(1 - scores[0])
      room.numbers[row * 2 + 1] = Float(scores[0])
    case .manyClasses:
      room.labels[row] = Int64(largest(scores))
      for i in 0..<groups { room.numbers[row * groups + i] = Float(scores[i]) }
    }
  }

  /// The place of the first of the largest scores.
  private func largest<T: Comparable>(_ scores: UnsafeMutablePointer<T>) -> Int {
    var best = 0
    for i in 1..<max(groups, 1) where scores[i] > scores[best] { best = i }
    return best
  }
}
