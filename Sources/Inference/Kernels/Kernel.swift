import Core

/// One operator with its constants, ready to compute: immutable, shared by all sessions.
protocol Kernel: Sendable {
  /// The input that output 0 may be a mere view of, so that its memory must live as long.
  var aliasedInput: Int? { get }
  /// Whether the shapes of the outputs depend on the elements of the inputs, so that a run on
  /// made-up data tells nothing of them.
  var hasDataDependentShape: Bool { get }
  /// Computes the node's outputs from its inputs.
  func run(_ io: NodeIO) throws(KernelFault)
}

extension Kernel {
  var aliasedInput: Int? { nil }
  var hasDataDependentShape: Bool { false }
}

/// A kernel given as a closure.
///
/// Kernels that are generic over a rule come in this form: a generic type's own conformance is
/// called unspecialised, element by element through witness tables; a closure made where the rule
/// is known is compiled for it.
struct ClosureKernel: Kernel {
  let body: @Sendable (NodeIO) throws(KernelFault) -> Void

  func run(_ io: NodeIO) throws(KernelFault) { try body(io) }
}

/// What a kernel sees of the session while it runs: its inputs and where outputs go.
///
/// Valid only during ``Kernel/run(_:)``.
struct NodeIO {
  let frame: Frame
  let inputs: UnsafePointer<Int32>
  let inputCount: Int
  let outputs: UnsafePointer<Int32>
  let outputCount: Int

  /// Whether the (optional) input is there.
  func has(_ index: Int) -> Bool { index < inputCount && inputs[index] >= 0 }

  /// Input `index`.
  /// - Throws: when the node lacks it.
  func input(_ index: Int) throws(KernelFault) -> TensorView {
    guard has(index) else { throw KernelFault(.graph, "input \(index) is missing") }
    return frame.views[Int(inputs[index])]
  }

  /// Whether anything reads output `index`.
  func wants(_ index: Int) -> Bool { index < outputCount && outputs[index] >= 0 }

  /// Memory for output `index`, of the given type and shape; not cleared.
  func output<T>(
    _ index: Int, _ type: ElementType, _ shape: Shape, as: T.Type
  ) throws(KernelFault) -> UnsafeMutablePointer<T> {
    guard wants(index) else {
      // An output nobody reads is still computed, into memory nobody looks at.
      let bytes = try frame.bytes(of: type, shape)
      return try frame.unread(bytes: bytes).assumingMemoryBound(to: T.self)
    }
    return try frame.allocate(Int(outputs[index]), type, shape).assumingMemoryBound(to: T.self)
  }

  /// Makes output `index` a view of `view`'s memory, with another shape.
  func alias(_ index: Int, of view: TensorView, shape: Shape) {
    if wants(index) {
      frame.views[Int(outputs[index])] = TensorView(data: view.data, type: view.type, shape: shape)
    }
  }

  /// Memory that lasts until the kernel returns; one piece a kernel.
  func scratch<T>(_ count: Int, of: T.Type) throws(KernelFault) -> UnsafeMutablePointer<T> {
    let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<T>.stride)
    guard !overflow else { throw KernelFault(.limit, "\(count) elements of scratch memory") }
    return try frame.scratch(bytes: bytes).assumingMemoryBound(to: T.self)
  }

  /// Copies an input's content to output `index` under another shape.
  func copy(_ view: TensorView, to index: Int, shape: Shape) throws(KernelFault) {
    let to = try output(index, view.type, shape, as: UInt8.self)
    UnsafeMutableRawPointer(to).copyMemory(
      from: view.data, byteCount: view.count * view.type.strideBytes)
  }
}

extension NodeIO {
  /// Input `index`, which must have the element type `type`.
  func input<T>(
    _ index: Int, _ type: ElementType, as: T.Type
  ) throws(KernelFault) -> (UnsafeMutablePointer<T>, Shape) {
    let view = try input(index)
    guard view.type == type else {
      throw KernelFault(
        .shape, "input \(index) is \(view.type.rawValue), expected \(type.rawValue)")
    }
    return (view.pointer(T.self), view.shape)
  }

  /// The integers of a small input such as axes, starts or a shape.
  func integers(_ index: Int) throws(KernelFault) -> SmallIntegers {
    let view = try input(index)
    let count = view.count
    guard count <= SmallIntegers.countMax else {
      throw KernelFault(.shape, "input \(index) lists \(count) integers where few are expected")
    }
    var result = SmallIntegers()
    for i in 0..<count {
      switch view.type {
      case .int64: result.append(Int(view.pointer(Int64.self)[i]))
      case .int32: result.append(Int(view.pointer(Int32.self)[i]))
      default:
        throw KernelFault(
          .shape, "input \(index) is \(view.type.rawValue), expected int64")
      }
    }
    return result
  }
}

/// Up to 16 integers without heap memory.
struct SmallIntegers {
  static let countMax = 16
  private(set) var count = 0
  private var values = InlineArray<16, Int>(repeating: 0)

  init() {}

  init(_ list: [Int]) {
    for value in list.prefix(SmallIntegers.countMax) { append(value) }
  }

  subscript(index: Int) -> Int { values[index] }

  mutating func append(_ value: Int) {
    values[count] = value
    count += 1
  }

  func contains(_ value: Int) -> Bool {
    for i in 0..<count where values[i] == value { return true }
    return false
  }
}
