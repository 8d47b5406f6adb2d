import CKernels
import Core
import Testing

@testable import Inference

/// Fused plans against plain ones, against onnxruntime, and rows alone against rows together.
struct FusionTests {
  private static let cases = (try? Bundle("fusions"))?.cases ?? []

  private func compile(_ example: Bundle.Case, fuses: Bool) throws -> CompiledModel {
    try Compiler.compile(example.model, limits: .standard, fuses: fuses)
  }

  /// Whether two tensors have the same bits, but for the payload of NaN and the sign of zero.
  private func isSame(_ a: Tensor, _ b: Tensor) -> Bool { distance(a, b) == 0 }

  /// Rows `range` of a tensor whose first dimension is the rows.
  private func rows(_ tensor: Tensor, _ range: Range<Int>) throws -> Tensor {
    var shape = tensor.shape
    let stride = tensor.count / max(shape[0], 1)
    shape[0] = range.count
    let part = range.lowerBound * stride..<range.upperBound * stride
    switch tensor.elementType {
    case .float32:
      return try Tensor(floats: Array(tensor.elements(Float.self)[part]), shape: shape)
    case .int64: return try Tensor(int64s: Array(tensor.elements(Int64.self)[part]), shape: shape)
    default: return try Tensor(texts: part.map { tensor.text($0) }, shape: shape)
    }
  }

  @Test func thereAreCases() { #expect(FusionTests.cases.count >= 40) }

  @Test func fusedPlansGiveTheBitsOfPlainOnes() throws {
    for example in FusionTests.cases {
      let fused = try compile(example, fuses: true).makeSession(maxRows: 1)
      let plain = try compile(example, fuses: false).makeSession(maxRows: 1)
      let outputs = try fused.run(tensors: example.inputs)
      for (a, b) in zip(outputs, try plain.run(tensors: example.inputs)) {
        #expect(isSame(a, b), "\(example.name)")
      }
    }
  }

  @Test func outputsAreThoseOfOnnxruntime() throws {
    for example in FusionTests.cases {
      let outputs = try compile(example, fuses: true).makeSession(maxRows: 1)
        .run(tensors: example.inputs)
      for (a, b) in zip(outputs, example.outputs) {
        #expect(distance(a, b) <= 1e-5, "\(example.name)")
      }
    }
  }

  @Test func aRowHasTheSameBitsInAnyBatch() throws {
    for example in FusionTests.cases {
      let session = try compile(example, fuses: true).makeSession(maxRows: 1)
      let whole = try session.run(tensors: example.inputs)
      for range in [0..<1, 1..<2, 2..<5, 3..<20, 0..<33, 35..<36] {
        let outputs = try session.run(tensors: try example.inputs.map { try rows($0, range) })
        for (a, b) in zip(outputs, whole) where b.shape.first == 36 {
          #expect(isSame(a, try rows(b, range)), "\(example.name), rows \(range)")
        }
      }
    }
  }

  /// That fusions happen at all, by the number of steps that are left.
  @Test(arguments: [
    ("isolation forest", 10), ("isolation forest, contamination", 10),
    ("isolation forest, bootstrap, samples", 10), ("columns of all types, linear", 3),
    ("columns of all types, network", 5), ("one table of floats, linear", 3),
    ("two tables, one-hot and codes, linear", 3), ("network, relu, two classes", 4),
    ("network, logistic, text classes", 4), ("normalizer, network, regression", 2),
  ])
  func knownPatternsTakeFewSteps(name: String, stepsMax: Int) throws {
    let example = try Bundle("fusions").named(name)
    let fused = try compile(example, fuses: true).summary.stepCount
    #expect(fused <= stepsMax, "\(fused) steps")
    #expect(try compile(example, fuses: false).summary.stepCount > stepsMax)
  }
}

/// The dense kernels against plain sums.
struct DenseKernelTests {
  private struct Shape {
    let rows, depth, columns: Int
    let density: Float
  }

  private func product(
    _ level: Int32, _ shape: Shape, _ x: [Float], _ weights: [Float], _ bias: [Float], relu: Bool
  ) -> [Float] {
    let padded = sluice_padded_columns(shape.columns)
    var packed = [Float](repeating: 0, count: shape.depth * padded)
    sluice_pack_panels(weights, shape.depth, shape.columns, 0, &packed)
    let allBias = bias + [Float](repeating: 0, count: padded - shape.columns)
    let scratch = UnsafeMutableRawPointer.allocate(
      byteCount: sluice_dense_scratch_bytes(shape.depth), alignment: 64)
    defer { scratch.deallocate() }
    var out = [Float](repeating: .nan, count: shape.rows * shape.columns + 1)
    sluice_dense_at(
      level, x, shape.rows, shape.depth, shape.depth, packed, allBias, shape.columns,
      relu ? 1 : 0, scratch, &out)
    // Nothing is written behind the last row.
    #expect(out.removeLast().isNaN)
    return out
  }

  @Test func everySetGivesTheSumsAndWideOnesTheSameBits() {
    var random = SplitMix64(seed: 5)
    let best = sluice_dense_level()
    for _ in 0..<150 {
      let shape = Shape(
        rows: 1 + Int(random.next() % 70), depth: 1 + Int(random.next() % 200),
        columns: 1 + Int(random.next() % (random.next() % 2 == 0 ? 10 : 150)),
        density: Float(random.next() % 5) / 4)
      let number = { Float(Int(random.next() % 2001) - 1000) / 1000 }
      let x = (0..<shape.rows * shape.depth).map { _ in
        Float(random.next() % 100) < shape.density * 100 ? number() : 0
      }
      let weights = (0..<shape.depth * shape.columns).map { _ in number() }
      let bias = (0..<shape.columns).map { _ in number() }
      let results = (0...best).map {
        product($0, shape, x, weights, bias, relu: shape.rows % 2 == 0)
      }
      var isClose = true
      for r in 0..<shape.rows {
        for c in 0..<shape.columns {
          var sum = Double(bias[c])
          for k in 0..<shape.depth {
            sum += Double(x[r * shape.depth + k]) * Double(weights[k * shape.columns + c])
          }
          if shape.rows % 2 == 0 { sum = max(sum, 0) }
          for result in results {
            isClose = isClose && abs(Double(result[r * shape.columns + c]) - sum) < 1e-4
          }
        }
      }
      #expect(isClose, "\(shape)")
      if best == SLUICE_DENSE_AVX512 { #expect(results[1] == results[2], "\(shape)") }
    }
  }

  @Test func notANumberStaysAndInfinitiesDoNotSpread() {
    let shape = Shape(rows: 6, depth: 3, columns: 2, density: 1)
    var x = [Float](repeating: 1, count: 18)
    x[3] = .nan
    x[6] = .infinity
    x[9] = -.infinity
    for level in 0...sluice_dense_level() {
      let out = product(level, shape, x, [1, 2, 3, 4, 5, 6], [0, 0], relu: true)
      #expect(out[2].isNaN && out[3].isNaN)
      #expect(out[4] == .infinity && out[6] == 0)
      #expect(out[0] == 9 && out[1] == 12 && out[8] == 9 && out[11] == 12)
    }
  }
}

/// Look-ups of whole numbers against a dictionary.
struct IntegerTableTests {
  @Test func findsWhatADictionaryFinds() {
    var random = SplitMix64(seed: 9)
    for spread in [10, 1000, 1 << 40, Int.max] {
      let keys = (0..<200).map { _ in Int64(Int(random.next() >> 1) % spread) - Int64(spread / 2) }
      for lastWins in [false, true] {
        var expected: [Int64: Int] = [:]
        for (i, key) in keys.enumerated() where lastWins || expected[key] == nil {
          expected[key] = i
        }
        let table = IntegerTable(keys, lastWins: lastWins)
        for key in keys { #expect(table.find(key) == expected[key]) }
        for key in [.min, .max, 0, 7, Int64(bitPattern: random.next())] {
          #expect(table.find(key) == expected[key] ?? -1)
        }
      }
    }
    #expect(IntegerTable([]).find(0) == -1)
    #expect(IntegerTable([.min, .max]).find(.max) == 1)
  }
}
