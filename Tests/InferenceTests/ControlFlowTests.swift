import CAllocations
import Core
import Testing

@testable import Inference

/// Bodies of If, Loop and Scan that are made to exhaust or confuse.
struct ControlFlowTests {
  private func info(_ name: String, _ type: UInt64 = 1, _ dims: [UInt64?] = []) -> [UInt8] {
    ProtoWriter.message { info in
      info.bytes(1, Array(name.utf8))
      info.bytes(
        2,
        ProtoWriter.message { kind in
          kind.bytes(
            1,
            ProtoWriter.message { tensor in
              tensor.varint(1, type)
              tensor.bytes(
                2,
                ProtoWriter.message { shape in
                  for dim in dims {
                    shape.bytes(
                      1,
                      ProtoWriter.message {
                        if let dim { $0.varint(1, dim) } else { $0.bytes(2, Array("N".utf8)) }
                      })
                  }
                })
            })
        })
    }
  }

  private func graph(
    _ nodes: [[UInt8]], inputs: [[UInt8]] = [], outputs: [String], constants: [[UInt8]] = []
  ) -> [UInt8] {
    ProtoWriter.message { graph in
      for node in nodes { graph.bytes(1, node) }
      for constant in constants { graph.bytes(5, constant) }
      for input in inputs { graph.bytes(11, input) }
      for output in outputs {
        graph.bytes(12, ProtoWriter.message { $0.bytes(1, Array(output.utf8)) })
      }
    }
  }

  private func body(_ name: String, _ graph: [UInt8]) -> [UInt8] {
    ProtoWriter.message {
      $0.bytes(1, Array(name.utf8))
      $0.bytes(6, graph)
      $0.varint(20, 5)
    }
  }

  private func integer(_ name: String, _ value: Int) -> [UInt8] {
    ProtoWriter.message {
      $0.bytes(1, Array(name.utf8))
      $0.varint(3, UInt64(bitPattern: Int64(value)))
      $0.varint(20, 2)
    }
  }

  private func scalar(_ name: String, type: UInt64, _ value: UInt64) -> [UInt8] {
    ProtoWriter.message { tensor in
      tensor.varint(2, type)
      tensor.bytes(type == 7 ? 7 : 5, ProtoWriter.packed([value]))
      tensor.bytes(8, Array(name.utf8))
    }
  }

  private func model(_ graph: [UInt8]) -> [UInt8] {
    var proto = ProtoWriter()
    proto.varint(1, 8)
    proto.bytes(7, graph)
    proto.bytes(8, ProtoWriter.message { $0.varint(2, 17) })
    return proto.data
  }

  /// Counts `x` up by itself `trips` times.
  private func doubling(trips: UInt64, grows: Bool = false) -> [UInt8] {
    let inner = graph(
      [
        ProtoWriter.node("Identity", ["go"], ["go_on"]),
        grows
          ? ProtoWriter.node("Concat", ["s", "s"], ["t"], attributes: [integer("axis", 0)])
          : ProtoWriter.node("Add", ["s", "x"], ["t"]),
      ], inputs: [info("i", 7), info("go", 9), info("s", 1, [nil, 2])], outputs: ["go_on", "t"])
    let loop = ProtoWriter.node("Loop", ["m", "", "x"], ["y"], attributes: [body("body", inner)])
    return model(
      graph(
        [loop], inputs: [info("x", 1, [nil, 2])], outputs: ["y"],
        constants: [scalar("m", type: 7, trips)]))
  }

  private let x = try? Tensor(floats: [1, 2], shape: [1, 2])

  private func failure(_ file: [UInt8], _ limits: ModelLimits = .standard) -> InferenceError? {
    guard let x else { return nil }
    do throws(InferenceError) {
      let model = try CompiledModel.compile(onnx: file, limits: limits)
      _ = try model.makeSession(maxRows: 1).run(tensors: [x])
      return nil
    } catch {
      return error
    }
  }

  @Test func aLoopSeesValuesAroundIt() throws {
    let model = try CompiledModel.compile(onnx: doubling(trips: 9))
    let session = model.makeSession(maxRows: 1)
    for _ in 0..<2 {
      let y = try session.run(tensors: [try #require(x)])
      #expect(Array(y[0].elements(Float.self)) == [10, 20])
    }
  }

  /// Frames of bodies are made once; a session that is warm runs loops without heap memory.
  @Test(.enabled(if: sluice_counts_allocations() != 0))
  func aWarmLoopAllocatesNothing() throws {
    let session = try CompiledModel.compile(onnx: doubling(trips: 20)).makeSession(maxRows: 1)
    try withExtendedLifetime([Float(1), 2]) { row in
      try row.withUnsafeBufferPointer { buffer in
        try session.bind(input: 0, to: .float32(try #require(buffer.baseAddress)), elements: 2)
        for _ in 0..<3 { try session.run(rows: 1) }
        let before = sluice_allocations()
        for _ in 0..<100 { try session.run(rows: 1) }
        #expect(sluice_allocations() - before == 0)
      }
    }
    #expect(Array(session.floats(output: 0)) == [21, 42])
  }

  @Test func tripsAreLimited() {
    let limits = ModelLimits(bodyStepsMax: 2_000)
    #expect(failure(doubling(trips: 300), limits) == nil)
    let error = failure(doubling(trips: 1 << 62), limits)
    #expect(error?.code == .limit)
    #expect(error?.message.contains("2000 nodes") == true)
  }

  @Test func aGrowingValueMeetsTheMemoryLimit() {
    let error = failure(doubling(trips: 60, grows: true), ModelLimits(scratchBytesMax: 1 << 20))
    #expect(error?.code == .limit)
  }

  @Test func nestingIsLimited() {
    var inner = graph([ProtoWriter.node("Neg", ["x"], ["y"])], outputs: ["y"])
    for _ in 0..<60 {
      inner = graph(
        [ProtoWriter.node("If", ["c"], ["y"], attributes: [body("then_branch", inner)])],
        outputs: ["y"], constants: [scalar("c", type: 9, 1)])
    }
    #expect(failure(model(inner))?.code == .limit)
  }

  @Test(arguments: [
    // A body with too few inputs, a condition that is no truth value, a branch that is missing.
    ("Loop", ["m", "", "x"], "body"), ("If", ["x"], "then_branch"), ("Scan", ["x"], "body"),
    ("If", ["m"], "else_branch"),
  ])
  func wrongBodiesAreRefused(name: String, inputs: [String], attribute: String) {
    let inner = graph([ProtoWriter.node("Neg", ["x"], ["z"])], outputs: ["z"])
    let node = ProtoWriter.node(
      name, inputs, ["y"], attributes: [body(attribute, inner), integer("num_scan_inputs", 1)])
    let error = failure(
      model(
        graph(
          [node], inputs: [info("x", 1, [nil, 2])], outputs: ["y"],
          constants: [scalar("m", type: 7, 3)])))
    #expect(error?.code == .malformed)
    #expect(error?.message.contains(name) == true)
  }

  @Test func unknownOperatorsInsideAreNamed() {
    let inner = graph([ProtoWriter.node("Conv", ["x"], ["z"])], outputs: ["z"])
    let node = ProtoWriter.node(
      "If", ["c"], ["y"], attributes: [body("then_branch", inner), body("else_branch", inner)])
    let error = failure(
      model(
        graph(
          [node], inputs: [info("x", 1, [nil, 2])], outputs: ["y"],
          constants: [scalar("c", type: 9, 1)])))
    #expect(error?.code == .unsupported)
    #expect(error?.operatorName == "Conv")
  }

  @Test func aNameNobodyGivesIsAnError() {
    let inner = graph([ProtoWriter.node("Neg", ["nowhere"], ["z"])], outputs: ["z"])
    let node = ProtoWriter.node(
      "If", ["c"], ["y"], attributes: [body("then_branch", inner), body("else_branch", inner)])
    let error = failure(
      model(
        graph(
          [node], inputs: [info("x", 1, [nil, 2])], outputs: ["y"],
          constants: [scalar("c", type: 9, 1)])))
    #expect(error?.code == .graph)
    #expect(error?.message.contains("nowhere") == true)
  }
}
