import Core

/// Operators that run graphs nested in them, a limited number of times
/// (``ModelLimits/bodyStepsMax``).
let controlOperators: OperatorTable = [
  "If": { call throws(KernelFault) in try IfKernel(call) },
  "Loop": { call throws(KernelFault) in try LoopKernel(call) },
  "Scan": { call throws(KernelFault) in try ScanKernel(call) },
]

/// One of two bodies, by a truth value.
struct IfKernel: Kernel {
  private let whenTrue: Body
  private let whenFalse: Body
  var hasDataDependentShape: Bool { true }

  init(_ call: OperatorCall) throws(KernelFault) {
    whenTrue = try call.body("then_branch")
    whenFalse = try call.body("else_branch")
    for body in [whenTrue, whenFalse] {
      guard body.inputs.isEmpty, body.plan.outputs.count >= call.node.outputs.count else {
        throw KernelFault(
          .malformed,
          "a branch has \(body.inputs.count) inputs and "
            + "\(body.plan.outputs.count) outputs for \(call.node.outputs.count)")
      }
    }
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let (condition, shape) = try io.input(0, .bool, as: UInt8.self)
    guard shape.count == 1 else {
      throw KernelFault(.shape, "the condition \(shape.list) is not one truth value")
    }
    let body = condition[0] != 0 ? whenTrue : whenFalse
    let frame = body.frame(io)
    try body.run(frame)
    for index in 0..<io.outputCount where io.wants(index) {
      let view = body.output(index, frame)
      try io.copy(view, to: index, shape: view.shape)
    }
  }
}

/// Values carried from one trip of a body to the next: two registers each, so that a trip's
/// results never overwrite what they were computed from.
struct CarriedValues {
  let count: Int
  private let body: Body
  private let frame: Frame
  /// The position of the first among the body's inputs, and among its outputs.
  private let firstInput: Int
  private let firstOutput: Int
  private var flip = 0

  /// How many registers that takes beside the body's own.
  static func registers(_ count: Int) -> Int { 2 * count }

  /// The first trip reads the node's inputs where they are.
  init(
    _ body: Body, _ frame: Frame, count: Int, firstInput: Int, firstOutput: Int, from io: NodeIO,
    at node: Int
  ) throws(KernelFault) {
    self.body = body
    self.frame = frame
    self.count = count
    self.firstInput = firstInput
    self.firstOutput = firstOutput
    for index in 0..<count {
      frame.views[body.inputs[firstInput + index]] = try io.input(node + index)
    }
  }

  /// Takes over the outputs of the trip that just ended.
  mutating func advance() throws(KernelFault) {
    flip ^= 1
    for index in 0..<count {
      let from = body.output(firstOutput + index, frame)
      let bytes = try frame.bytes(of: from.type, from.shape)
      let to = try frame.register(body.plan.registerCount + 2 * index + flip, bytes: bytes)
      to.copyMemory(from: from.data, byteCount: bytes)
      // No output is an input's own value, so nothing still to be copied changes here.
      frame.views[body.inputs[firstInput + index]] = TensorView(
        data: to, type: from.type, shape: from.shape)
    }
  }

  /// Gives them out as the node's first outputs.
  func finish(_ io: NodeIO) throws(KernelFault) {
    for index in 0..<count where io.wants(index) {
      let view = frame.views[body.inputs[firstInput + index]]
      try io.copy(view, to: index, shape: view.shape)
    }
  }
}

/// Trips that go on until a count is reached or the body says stop; some of the body's outputs
/// are stacked.
struct LoopKernel: Kernel {
  private let body: Body
  /// Carried values beside the number of the trip and the condition.
  private let carried: Int
  private let stacked: Int
  /// The shape of the trip's number: exporters declare [] or [1].
  private let counterShape: Shape
  var hasDataDependentShape: Bool { true }

  init(_ call: OperatorCall) throws(KernelFault) {
    body = try call.body("body")
    carried = body.inputs.count - 2
    stacked = body.plan.outputs.count - 1 - carried
    guard carried >= 0, stacked >= 0, call.node.inputs.count <= carried + 2 else {
      throw KernelFault(
        .malformed,
        "a body of \(body.inputs.count) inputs and \(body.plan.outputs.count) outputs")
    }
    if case .tensor(_, let dims?) = body.inputInfos[0].kind, dims.count == 1 {
      counterShape = Shape(1)
    } else {
      counterShape = .scalar
    }
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    // The counter and the condition have a register each after those of the carried values.
    let extra = CarriedValues.registers(carried)
    let frame = body.frame(io, extraRegisters: extra + 2)
    var values = try CarriedValues(
      body, frame, count: carried, firstInput: 2, firstOutput: 1, from: io, at: 2)
    let tripsMax = try trips(io)
    var goesOn = io.has(1) ? try truth(try io.input(1)) : true
    let counter = try frame.register(body.plan.registerCount + extra, bytes: 8)
    let flag = try frame.register(body.plan.registerCount + extra + 1, bytes: 1)
    frame.views[body.inputs[0]] = TensorView(data: counter, type: .int64, shape: counterShape)
    frame.views[body.inputs[1]] = TensorView(data: flag, type: .bool, shape: .scalar)
    var trip = 0
    while goesOn && trip < tripsMax {
      counter.storeBytes(of: Int64(trip), as: Int64.self)
      flag.storeBytes(of: 1, as: UInt8.self)
      try body.run(frame)
      for index in 0..<stacked {
        try append(io, index, body.output(1 + carried + index, frame), trip)
      }
      goesOn = try truth(body.output(0, frame))
      try values.advance()
      trip += 1
    }
    try values.finish(io)
    for index in 0..<stacked where trip == 0 && io.wants(carried + index) {
      let (type, shape) = body.emptyStack(1 + carried + index, axis: 0)
      _ = try io.output(carried + index, type, shape, as: UInt8.self)
    }
  }

  private func trips(_ io: NodeIO) throws(KernelFault) -> Int {
    guard io.has(0) else { return .max }
    let list = try io.integers(0)
    guard list.count == 1 else { throw KernelFault(.shape, "the trip count is not one number") }
    return list[0]
  }

  private func truth(_ view: TensorView) throws(KernelFault) -> Bool {
    guard view.type == .bool, view.count == 1 else {
      throw KernelFault(.shape, "the condition is not one truth value")
    }
    return view.pointer(UInt8.self)[0] != 0
  }

  /// Adds one trip's value to a stack whose height is not known beforehand.
  private func append(
    _ io: NodeIO, _ index: Int, _ view: TensorView, _ trip: Int
  ) throws(KernelFault) {
    guard io.wants(carried + index) else { return }
    guard view.shape.rank < Shape.rankMax else { throw KernelFault(.unsupported, "the rank") }
    let value = Int(io.outputs[carried + index])
    let size = try io.frame.bytes(of: view.type, view.shape)
    let shape = view.shape.inserting(trip + 1, at: 0)
    if trip > 0 {
      let before = io.frame.views[value]
      guard before.type == view.type, before.shape.removing(0) == view.shape else {
        throw KernelFault(.shape, "output \(carried + index) changes its shape or type")
      }
    }
    _ = try io.frame.bytes(of: view.type, shape)
    // Room doubles, so that a stack of n is copied less than twice over all.
    var capacity = 1
    while capacity <= trip { capacity *= 2 }
    let (bytes, overflow) = size.multipliedReportingOverflow(by: capacity)
    guard !overflow else { throw KernelFault(.limit, "a stack of \(trip + 1) is too large") }
    let base = try io.frame.extend(value, bytes: bytes, keeping: trip * size)
    (base + trip * size).copyMemory(from: view.data, byteCount: size)
    io.frame.views[value] = TensorView(data: base, type: view.type, shape: shape)
  }
}

/// A body run once for each slice of some inputs; some of its outputs are stacked.
///
/// As from version 9 on: without the batch dimension of version 8.
struct ScanKernel: Kernel {
  private struct Side: Sendable {
    let axis: Int
    let isReversed: Bool
  }

  private let body: Body
  private let carried: Int
  private let sliced: [Side]
  private let stacked: [Side]
  var hasDataDependentShape: Bool { body.hasDataDependentShape }

  init(_ call: OperatorCall) throws(KernelFault) {
    guard call.opset >= 9 else { throw call.unsupported("Scan before opset 9") }
    body = try call.body("body")
    let slices = try call.int("num_scan_inputs", default: 0)
    carried = body.inputs.count - slices
    let stacks = body.plan.outputs.count - carried
    guard slices >= 1, carried >= 0, stacks >= 0, call.node.inputs.count == body.inputs.count
    else {
      throw KernelFault(
        .malformed,
        "\(slices) sliced inputs of a body with \(body.inputs.count) inputs and "
          + "\(body.plan.outputs.count) outputs")
    }
    sliced = try ScanKernel.sides(call, "scan_input", slices)
    stacked = try ScanKernel.sides(call, "scan_output", stacks)
  }

  private static func sides(
    _ call: OperatorCall, _ prefix: String, _ count: Int
  ) throws(KernelFault) -> [Side] {
    let axes = try call.ints("\(prefix)_axes")
    let directions = try call.ints("\(prefix)_directions")
    guard axes.isEmpty || axes.count == count, directions.isEmpty || directions.count == count
    else { throw KernelFault(.malformed, "\(prefix)_axes or \(prefix)_directions") }
    return (0..<count).map {
      Side(
        axis: axes.isEmpty ? 0 : axes[$0],
        isReversed: !directions.isEmpty && directions[$0] == 1)
    }
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let extra = CarriedValues.registers(carried)
    let frame = body.frame(io, extraRegisters: extra + sliced.count)
    var values = try CarriedValues(
      body, frame, count: carried, firstInput: 0, firstOutput: 0, from: io, at: 0)
    let length = try commonLength(io)
    for trip in 0..<length {
      for index in sliced.indices { try slice(io, index, trip, length, frame, extra) }
      try body.run(frame)
      for index in stacked.indices { try stack(io, index, trip, length, frame) }
      try values.advance()
    }
    try values.finish(io)
    for index in stacked.indices where length == 0 && io.wants(carried + index) {
      let (type, shape) = body.emptyStack(carried + index, axis: max(stacked[index].axis, 0))
      _ = try io.output(carried + index, type, shape, as: UInt8.self)
    }
  }

  private func commonLength(_ io: NodeIO) throws(KernelFault) -> Int {
    var length = -1
    for index in sliced.indices {
      let shape = try io.input(carried + index).shape
      let size = shape[try shape.axis(sliced[index].axis)]
      guard length < 0 || size == length else {
        throw KernelFault(.shape, "input \(carried + index) has \(size) slices, not \(length)")
      }
      length = size
    }
    return length
  }

  /// Puts a slice in its place: a view along the first axis, otherwise a copy.
  private func slice(
    _ io: NodeIO, _ index: Int, _ trip: Int, _ length: Int, _ frame: Frame, _ extra: Int
  ) throws(KernelFault) {
    let view = try io.input(carried + index)
    let axis = try view.shape.axis(sliced[index].axis)
    let at = sliced[index].isReversed ? length - 1 - trip : trip
    let shape = view.shape.removing(axis)
    let outer = view.shape.product(0, axis)
    let inner = view.shape.product(axis + 1, view.shape.rank) * view.type.strideBytes
    var data = view.data + at * inner
    if outer != 1 {
      data = try frame.register(body.plan.registerCount + extra + index, bytes: outer * inner)
      for o in 0..<outer {
        (data + o * inner).copyMemory(
          from: view.data + (o * length + at) * inner, byteCount: inner)
      }
    }
    frame.views[body.inputs[carried + index]] = TensorView(
      data: data, type: view.type, shape: shape)
  }

  private func stack(
    _ io: NodeIO, _ index: Int, _ trip: Int, _ length: Int, _ frame: Frame
  ) throws(KernelFault) {
    guard io.wants(carried + index) else { return }
    let view = body.output(carried + index, frame)
    guard view.shape.rank < Shape.rankMax else { throw KernelFault(.unsupported, "the rank") }
    let axis = try view.shape.axis(stacked[index].axis, rank: view.shape.rank + 1)
    let value = Int(io.outputs[carried + index])
    if trip == 0 {
      _ = try io.output(
        carried + index, view.type, view.shape.inserting(length, at: axis), as: UInt8.self)
    }
    let whole = io.frame.views[value]
    guard whole.type == view.type, whole.shape.removing(axis) == view.shape else {
      throw KernelFault(.shape, "output \(carried + index) changes its shape or type")
    }
    let at = stacked[index].isReversed ? length - 1 - trip : trip
    let inner = view.shape.product(axis, view.shape.rank) * view.type.strideBytes
    for o in 0..<view.shape.product(0, axis) {
      (whole.data + (o * length + at) * inner).copyMemory(
        from: view.data + o * inner, byteCount: inner)
    }
  }
}
