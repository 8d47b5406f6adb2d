import Core
import Testing

@testable import Inference

/// Layers of 8-bit integers.
struct QuantizeTests {
  private static let depth = 48
  private static let columns = 37

  private func layer(
    _ dice: inout Dice, bias: Bool
  ) throws -> (file: [UInt8], weights: [Float]) {
    let weights = dice.numbers(QuantizeTests.depth * QuantizeTests.columns)
    var model = MadeModel(inputs: [("x", QuantizeTests.depth)])
    model.constants = [
      ("w", try Tensor(floats: weights, shape: [QuantizeTests.depth, QuantizeTests.columns]))
    ]
    if bias {
      model.constants.append(
        (
          "b",
          try Tensor(floats: dice.numbers(QuantizeTests.columns), shape: [QuantizeTests.columns])
        ))
    }
    model.nodes = [MadeModel.node("Gemm", bias ? ["x", "w", "b"] : ["x", "w"], ["y"])]
    return (model.file(), weights)
  }

  /// Each factor is off by half a step at most.
  ///
  /// With x = sx (qx + ex) and
  /// w = sw (qw + ew), |ex|, |ew| <= 1/2, the sum over k of |x w - sx qx sw qw| is at most the sum
  /// of sx |w| / 2 + sw |x| / 2 + sx sw / 4. A quarter more allows for float32.
  @Test(arguments: [true, false])
  func errorsStayWithinHalfSteps(bias: Bool) throws {
    var dice = Dice(3)
    let (file, weights) = try layer(&dice, bias: bias)
    let made = try ModelOptimizer.optimize(file, passes: [.quantize])
    #expect(made.steps[0].changes == 1)
    #expect(made.file.count < file.count * 6 / 10)
    let depth = QuantizeTests.depth
    let columns = QuantizeTests.columns
    let rows = dice.numbers(depth * 50)
    let old = try answers(file, rows, width: depth)[0]
    let new = try answers(made.file, rows, width: depth)[0]
    let step = (max(rows.max() ?? 0, 0) - min(rows.min() ?? 0, 0)) / 255
    var worst = 0.0
    for row in 0..<50 {
      for column in 0..<columns {
        let list = (0..<depth).map { weights[$0 * columns + column] }
        let weightStep = (list.map(abs).max() ?? 0) / 127
        var limit: Float = 0
        for k in 0..<depth {
          let x = rows[row * depth + k]
          limit += step * abs(list[k]) / 2 + weightStep * abs(x) / 2 + step * weightStep / 4
        }
        let place = row * columns + column
        let difference = abs(old.number(place) - new.number(place))
        #expect(difference <= Double(limit) * 1.25)
        worst = max(worst, difference)
      }
    }
    // It is quantised indeed.
    #expect(worst > 1e-4)
  }

  /// One step and seven give the same bits, also where layers share their inputs.
  @Test(arguments: [1, 2, 40])
  func fusedLayersKeepEveryBit(rows: Int) throws {
    var dice = Dice(12)
    var model = MadeModel(inputs: [("x", 40)], outputs: ["y", "z"])
    model.constants = [
      ("w", try Tensor(floats: dice.numbers(1_600), shape: [40, 40])),
      ("v", try Tensor(floats: dice.numbers(1_600), shape: [40, 40])),
      ("b", try Tensor(floats: dice.numbers(40), shape: [40])),
    ]
    model.nodes = [
      MadeModel.node("Gemm", ["x", "w", "b"], ["h"]), MadeModel.node("Relu", ["h"], ["r"]),
      MadeModel.node("MatMul", ["r", "v"], ["y"]), MadeModel.node("MatMul", ["r", "w"], ["z"]),
    ]
    let file = try ModelOptimizer.optimize(model.file(), passes: [.quantize]).file
    let fused = try Compiler.compile(file, limits: .standard, fuses: true)
    let plain = try Compiler.compile(file, limits: .standard, fuses: false)
    #expect(fused.summary.stepCount == 3)
    #expect(plain.summary.stepCount > 12)
    let input = try Tensor(floats: dice.numbers(40 * rows), shape: [rows, 40])
    #expect(
      isSame(
        try fused.makeSession(maxRows: rows).run(tensors: [input]),
        try plain.makeSession(maxRows: rows).run(tensors: [input])))
  }

  @Test func smallLayersAreLeftAlone() throws {
    var model = MadeModel()
    model.constants = [("w", try Tensor(floats: Array(repeating: 1, count: 40), shape: [4, 10]))]
    model.nodes = [MadeModel.node("MatMul", ["x", "w"], ["y"])]
    let made = try ModelOptimizer.optimize(model.file(), passes: [.quantize])
    #expect(made.steps[0].changes == 0)
    #expect(made.file == model.file())
  }

  /// The values of the specification's own example (ONNX operators, DynamicQuantizeLinear).
  @Test func dynamicQuantizationAsSpecified() throws {
    var model = MadeModel(inputs: [("x", 6)], outputs: ["q", "scale", "zero"])
    model.nodes = [MadeModel.node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"])]
    let out = try answers(model.file(), [0, 2, -3, -2.5, 1.34, 0.5], width: 6)
    #expect((0..<6).map { out[0].number($0) } == [153, 255, 0, 26, 221, 179])
    #expect(abs(out[1].number(0) - 0.019_607_844) < 1e-8)
    #expect(out[2].number(0) == 153)
  }

  @Test func constantAndMissingInputsQuantize() throws {
    var model = MadeModel(inputs: [("x", 3)], outputs: ["q", "scale", "zero"])
    model.nodes = [MadeModel.node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"])]
    let zeros = try answers(model.file(), [0, 0, 0], width: 3)
    #expect((0..<3).map { zeros[0].number($0) } == [0, 0, 0])
    let holes = try answers(model.file(), [.nan, 1, -1], width: 3)
    #expect(holes[0].number(0) == 0 && holes[0].number(1) >= 254)
    _ = try answers(model.file(), [.infinity, 1, -.infinity], width: 3)
  }

  /// The packed product and the general one agree, whatever the signs and zero points.
  @Test func integerProductsAreExact() throws {
    var dice = Dice(77)
    for (depth, columns) in [(1, 1), (3, 5), (4, 16), (7, 17), (64, 64), (33, 100)] {
      let rows = 3
      let a = (0..<rows * depth).map { _ in dice.below(256) }
      let b = (0..<depth * columns).map { _ in dice.below(256) - 128 }
      let zero = dice.below(256)
      let weights = Tensor(.int8, Shape(depth, columns)) { base in
        for (i, x) in b.enumerated() {
          base.storeBytes(of: Int8(x), toByteOffset: i, as: Int8.self)
        }
      }
      let packed = PackedIntegers(weights)
      var out = [Int32](repeating: 0, count: rows * columns)
      var room = [UInt8](repeating: 0, count: depth + 64)
      for isSigned in [false, true] {
        let bytes = a.map { UInt8(isSigned ? $0 ^ 0x80 : $0) }
        packed.multiply(
          bytes, isSigned: isSigned, rows: rows, zero: isSigned ? zero - 128 : zero, room: &room,
          into: &out)
        for row in 0..<rows {
          for column in 0..<columns {
            var sum = 0
            for k in 0..<depth { sum += (a[row * depth + k] - zero) * b[k * columns + column] }
            #expect(Int(out[row * columns + column]) == sum)
          }
        }
      }
    }
  }
}
