import Core

/// One thread's use of a model: bound columns, scratch memory, outputs.
///
/// ```swift
/// let session = model.makeSession(maxRows: 1)
/// try session.bind(input: 0, to: .text(carrier), elements: 1)
/// try session.bind(input: 1, to: .float32(distance), elements: 1)
/// try session.run(rows: 1)
/// let late = session.floats(output: 1)[1]
/// ```
/// Binding and running allocate nothing once warm; a session is warm when it is made, but for
/// outputs whose size depends on the data. Not for use by two threads at once.
public final class Session {
  /// The model it runs.
  public let model: CompiledModel
  /// The most rows of one run.
  public let maxRows: Int

  private let plan: Plan
  private let frame: Frame
  private let inputs: UnsafeMutablePointer<Input>
  private let inputCount: Int
  private let bound: UnsafeMutablePointer<Binding>
  private let isRunnable: Bool

  /// What is known of an input beforehand.
  private struct Input {
    let value: Int
    let type: ElementType
    let declared: Shape
    let followsRows: Bool
    /// The one other free dimension, or -1.
    let freeAxis: Int
    /// The product of the fixed dimensions.
    let stride: Int
  }

  private struct Binding {
    var data: UnsafeMutableRawPointer?
    var elements: Int
  }

  init(_ model: CompiledModel, maxRows: Int) {
    precondition(maxRows >= 1, "a session serves at least one row")
    self.model = model
    self.maxRows = maxRows
    plan = model.plan
    frame = model.plan.makeFrame()
    var list: [Input] = []
    var isRunnable = true
    for (index, value) in model.plan.inputs.enumerated() {
      let type = model.signature.inputs[index].elementType
      if let input = Session.describe(value, type, model.inputShapes[index]) {
        list.append(input)
      } else {
        isRunnable = false
      }
    }
    inputs = .allocate(capacity: max(list.count, 1))
    inputs.initialize(from: list, count: list.count)
    inputCount = list.count
    self.isRunnable = isRunnable
    bound = .allocate(capacity: max(list.count, 1))
    bound.initialize(repeating: Binding(data: nil, elements: 0), count: max(list.count, 1))
    if isRunnable { warmUp() }
  }

  deinit {
    inputs.deallocate()
    bound.deallocate()
  }

  private static func describe(
    _ value: Int, _ type: ElementType, _ shape: [Int?]?
  ) -> Input? {
    guard let shape else { return nil }
    var declared = Shape()
    var freeAxis = -1
    var stride = 1
    for (axis, dim) in shape.enumerated() {
      declared.append(dim ?? 1)
      if dim == nil && axis > 0 {
        if freeAxis >= 0 { return nil }
        freeAxis = axis
      }
      let (next, overflow) = stride.multipliedReportingOverflow(by: dim ?? 1)
      if overflow || next > 1 << 40 { return nil }
      stride = next
    }
    return Input(
      value: value, type: type, declared: declared,
      followsRows: shape.first.map { $0 == nil } ?? false, freeAxis: freeAxis, stride: stride)
  }

  /// Runs once on zeros with all rows, so that every register has its size.
  ///
  /// ONNX Runtime gets one row: its memory is its own, and a network's grows with the rows. A
  /// complaint is left for the first real run to repeat: it may come from the zeros.
  private func warmUp() {
    let list = Array(UnsafeBufferPointer(start: inputs, count: inputCount))
    guard list.allSatisfy({ $0.freeAxis < 0 }) else { return }
    let probe = ProbeInputs(
      list.map { input in
        (
          input.type,
          (0..<input.declared.rank).map { $0 == 0 && input.followsRows ? nil : input.declared[$0] }
        )
      }, rows: model.backend == .native ? maxRows : 1)
    for (input, view) in zip(list, probe.views) { frame.views[input.value] = view }
    frame.isProbe = true
    defer { frame.isProbe = false }
    try? plan.run(frame)
  }

  /// Points input `input` at the caller's data for all rows of the coming runs.
  ///
  /// The memory must stay valid and unchanged until the last run that reads it is over.
  /// - Parameters:
  ///   - input: the position in ``CompiledModel/signature``.
  ///   - column: row-major data of the declared type.
  ///   - elements: how many elements are there in all.
  /// - Throws: ``InferenceError`` when there is no such input or the type is another.
  public func bind(
    input: Int, to column: ColumnPointer, elements: Int
  ) throws(InferenceError) {
    guard input >= 0, input < inputCount, elements >= 0 else { throw noInput(input) }
    let type: ElementType
    let data: UnsafeRawPointer
    switch column {
    case .float32(let pointer): (type, data) = (.float32, UnsafeRawPointer(pointer))
    case .float64(let pointer): (type, data) = (.float64, UnsafeRawPointer(pointer))
    case .int64(let pointer): (type, data) = (.int64, UnsafeRawPointer(pointer))
    case .int32(let pointer): (type, data) = (.int32, UnsafeRawPointer(pointer))
    case .bool(let pointer): (type, data) = (.bool, UnsafeRawPointer(pointer))
    case .text(let pointer): (type, data) = (.text, UnsafeRawPointer(pointer))
    }
    guard type == inputs[input].type else {
      throw InferenceError(
        .input, "\(inputLabel(input)) is \(inputs[input].type.rawValue), got \(type.rawValue)")
    }
    // Kernels never write to inputs.
    bound[input] = Binding(data: UnsafeMutableRawPointer(mutating: data), elements: elements)
  }

  /// Computes the outputs for `rows` rows of the bound columns.
  /// - Throws: ``InferenceError`` when an input is unbound or has another count than the rows need,
  ///   or when the data cannot be computed with.
  public func run(rows: Int) throws(InferenceError) {
    guard isRunnable else {
      throw InferenceError(
        .input, "the model has inputs with several free dimensions; run it on tensors")
    }
    guard rows >= 1, rows <= maxRows else {
      throw InferenceError(.input, "\(rows) rows for a session of 1 to \(maxRows)")
    }
    var index = 0
    while index < inputCount {
      let input = inputs[index]
      let binding = bound[index]
      guard let data = binding.data else {
        throw InferenceError(.input, "\(inputLabel(index)) is not bound")
      }
      var shape = input.declared
      var expected = input.stride
      if input.followsRows {
        shape[0] = rows
        expected = expected &* rows
      }
      if input.freeAxis >= 0 {
        let size = expected > 0 ? binding.elements / expected : 0
        shape[input.freeAxis] = size
        expected = expected &* size
      }
      guard binding.elements == expected else {
        throw InferenceError(
          .input,
          "\(inputLabel(index)) has \(binding.elements) elements, \(rows) rows need "
            + "\(expected)")
      }
      frame.views[input.value] = TensorView(data: data, type: input.type, shape: shape)
      index += 1
    }
    try plan.run(frame)
  }

  private func noInput(_ index: Int) -> InferenceError {
    InferenceError(.input, "there is no input \(index); the model has \(inputCount)")
  }

  private func inputLabel(_ index: Int) -> String {
    "the input \"\(printable(model.signature.inputs[index].name))\""
  }
}

extension Session {
  private func view(_ output: Int, _ type: ElementType) -> TensorView {
    precondition(plan.outputs.indices.contains(output), "there is no output \(output)")
    let view = frame.views[plan.outputs[output]]
    precondition(view.type == type, "output \(output) is \(view.type), not \(type)")
    return view
  }

  private func elements<T>(
    _ output: Int, _ type: ElementType, _: T.Type
  ) -> UnsafeBufferPointer<T> {
    let view = view(output, type)
    return UnsafeBufferPointer(start: UnsafePointer(view.pointer(T.self)), count: view.count)
  }

  /// The first output of the last run, whatever its type.
  var tableView: TensorView { frame.views[plan.outputs[0]] }

  /// The elements of a float32 output, valid until the next run.
  /// - Precondition: the output has that type.
  public func floats(output: Int) -> UnsafeBufferPointer<Float> {
    elements(output, .float32, Float.self)
  }
  /// The elements of a float64 output, valid until the next run.
  /// - Precondition: the output has that type.
  public func doubles(output: Int) -> UnsafeBufferPointer<Double> {
    elements(output, .float64, Double.self)
  }
  /// The elements of an int64 output, valid until the next run.
  /// - Precondition: the output has that type.
  public func int64s(output: Int) -> UnsafeBufferPointer<Int64> {
    elements(output, .int64, Int64.self)
  }
  /// The elements of an int32 output, valid until the next run.
  /// - Precondition: the output has that type.
  public func int32s(output: Int) -> UnsafeBufferPointer<Int32> {
    elements(output, .int32, Int32.self)
  }
  /// The truth values of a bool output, 0 or 1 each, valid until the next run.
  /// - Precondition: the output has that type.
  public func bools(output: Int) -> UnsafeBufferPointer<UInt8> {
    elements(output, .bool, UInt8.self)
  }
  /// The texts of an output, valid until the next run; some may lie in the inputs' own memory.
  /// - Precondition: the output has that type.
  public func texts(output: Int) -> UnsafeBufferPointer<TextRef> {
    elements(output, .text, TextRef.self)
  }

  /// The element type an output had in the last run.
  public func elementType(output: Int) -> ElementType { frame.views[plan.outputs[output]].type }

  /// The shape of an output of the last run; allocates, so for the cold side.
  public func shape(output: Int) -> [Int] { frame.views[plan.outputs[output]].shape.list }

  /// Whether any float output of the last run holds a NaN or an infinity.
  public var hasNonFiniteOutput: Bool {
    for value in plan.outputs {
      let view = frame.views[value]
      switch view.type {
      case .float32:
        let x = view.pointer(Float.self)
        for i in 0..<view.count where !x[i].isFinite { return true }
      case .float64:
        let x = view.pointer(Double.self)
        for i in 0..<view.count where !x[i].isFinite { return true }
      default: continue
      }
    }
    return false
  }

  /// The bytes of scratch memory held now.
  public var scratchBytes: Int { frame.bytesHeld }

  /// Runs on whole tensors of any shape: the path for test cases and tools, which allocates.
  ///
  /// - Throws: ``InferenceError``.
  public func run(tensors: [Tensor]) throws(InferenceError) -> [Tensor] {
    guard tensors.count == plan.inputs.count else {
      throw InferenceError(
        .input, "\(tensors.count) tensors for \(plan.inputs.count) inputs")
    }
    for (index, tensor) in tensors.enumerated() {
      let spec = model.signature.inputs[index]
      guard tensor.elementType == spec.elementType else {
        throw InferenceError(
          .input,
          "the input \"\(printable(spec.name))\" is \(spec.elementType.rawValue), got "
            + tensor.elementType.rawValue)
      }
      if let declared = model.inputShapes[index] {
        let fits =
          declared.count == tensor.shape.count
          && zip(declared, tensor.shape).allSatisfy { $0 == nil || $0 == $1 }
        guard fits else {
          throw InferenceError(
            .input,
            "the input \"\(printable(spec.name))\" has the shape \(shapeText(declared)), "
              + "got \(tensor.shape)")
        }
      }
      frame.views[plan.inputs[index]] = tensor.view
    }
    try plan.run(frame)
    return plan.outputs.map { Tensor(copying: frame.views[$0]) }
  }
}
