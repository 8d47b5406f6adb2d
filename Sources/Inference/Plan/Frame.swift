import Core

/// The memory of one session: a view for each value of the graph, and the registers that hold
/// the computed ones.
///
/// Registers only grow. A session runs the plan once with its largest row count when it is made,
/// so that a request finds every register large enough and nothing is allocated for it.
final class Frame {
  /// One a value: where it is now.
  let views: UnsafeMutablePointer<TensorView>
  /// Whether this run only measures: kernels must not complain about the made-up data.
  var isProbe = false

  private let viewCount: Int
  private let registerOf: UnsafePointer<Int32>
  private let registers: UnsafeMutablePointer<Block>
  private let registerCount: Int
  private let budget: Budget
  private var text = TextStore()
  /// The frame of the whole model, when this one is a body's; it owns this one.
  private unowned let root: Frame?
  private var children: [UnsafeRawPointer: Frame] = [:]

  private struct Block {
    var base: UnsafeMutableRawPointer?
    var capacity: Int
  }

  /// What a session and the bodies inside share.
  private final class Budget {
    let bytesMax: Int
    let bodyStepsMax: Int
    var bytesUsed = 0
    var bodyStepsUsed = 0

    init(bytesMax: Int, bodyStepsMax: Int) {
      self.bytesMax = bytesMax
      self.bodyStepsMax = bodyStepsMax
    }
  }

  /// - Parameter registerOf: for each value its register, or -1; the caller keeps it alive.
  convenience init(
    valueCount: Int, registerOf: UnsafePointer<Int32>, registerCount: Int, bytesMax: Int,
    bodyStepsMax: Int
  ) {
    self.init(
      valueCount: valueCount, registerOf: registerOf, registerCount: registerCount,
      budget: Budget(bytesMax: bytesMax, bodyStepsMax: bodyStepsMax), root: nil)
  }

  private init(
    valueCount: Int, registerOf: UnsafePointer<Int32>, registerCount: Int, budget: Budget,
    root: Frame?
  ) {
    viewCount = valueCount
    self.budget = budget
    self.root = root
    self.registerOf = registerOf
    // One for kernel scratch and one for outputs nobody reads come after the plan's own.
    self.registerCount = registerCount + 2
    views = .allocate(capacity: max(valueCount, 1))
    registers = .allocate(capacity: self.registerCount)
    registers.initialize(repeating: Block(base: nil, capacity: 0), count: self.registerCount)
    views.initialize(
      repeating: TensorView(data: Nothing.shared.place, type: .float32, shape: Shape(0)),
      count: max(valueCount, 1))
  }

  deinit {
    for i in 0..<registerCount { registers[i].base?.deallocate() }
    registers.deallocate()
    views.deallocate()
    text.free()
  }

  /// The bytes all registers hold.
  var bytesHeld: Int { budget.bytesUsed + (root ?? self).text.bytesHeld }

  func bytes(of type: ElementType, _ shape: Shape) throws(KernelFault) -> Int {
    guard let count = shape.checkedCount else {
      throw KernelFault(.shape, "the shape \(shape.list) is too large to count")
    }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: type.strideBytes)
    guard !overflow else { throw KernelFault(.limit, "a tensor of \(count) elements is too large") }
    return bytes
  }

  func allocate(
    _ value: Int, _ type: ElementType, _ shape: Shape
  ) throws(KernelFault) -> UnsafeMutableRawPointer {
    let data = try reserve(Int(registerOf[value]), try bytes(of: type, shape))
    views[value] = TensorView(data: data, type: type, shape: shape)
    return data
  }

  func scratch(bytes: Int) throws(KernelFault) -> UnsafeMutableRawPointer {
    try reserve(registerCount - 1, bytes)
  }

  func unread(bytes: Int) throws(KernelFault) -> UnsafeMutableRawPointer {
    try reserve(registerCount - 2, bytes)
  }

  @inline(__always)
  private func reserve(_ register: Int, _ bytes: Int) throws(KernelFault) -> UnsafeMutableRawPointer
  {
    let block = registers[register]
    if let base = block.base, bytes <= block.capacity { return base }
    return try grow(register, bytes)
  }

  /// - Parameter kept: how many bytes of what is there must stay.
  private func grow(
    _ register: Int, _ bytes: Int, keeping kept: Int = 0
  ) throws(KernelFault) -> UnsafeMutableRawPointer {
    let old = registers[register]
    let bytesMax = budget.bytesMax
    guard bytes <= bytesMax else { throw tooLarge(bytes) }
    let capacity = max((bytes + 63) & ~63, 64)
    guard budget.bytesUsed - old.capacity + capacity <= bytesMax else { throw tooLarge(bytes) }
    let base = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64)
    if kept > 0, let from = old.base { base.copyMemory(from: from, byteCount: kept) }
    old.base?.deallocate()
    budget.bytesUsed += capacity - old.capacity
    registers[register] = Block(base: base, capacity: capacity)
    return base
  }

  private func tooLarge(_ bytes: Int) -> KernelFault {
    KernelFault(
      .limit,
      "a tensor of \(bytes) bytes would pass the session's \(budget.bytesMax) bytes of memory")
  }

  /// Memory for text that kernels make; lasts until the next run.
  func makeText(bytes: Int) throws(KernelFault) -> UnsafeMutablePointer<UInt8> {
    guard bytes <= budget.bytesMax, bytesHeld + bytes <= budget.bytesMax else {
      throw KernelFault(
        .limit, "the texts made pass the session's \(budget.bytesMax) bytes of memory")
    }
    return (root ?? self).text.take(bytes)
  }

  /// Forgets the texts of the last run.
  func beginRun() {
    text.reset()
    budget.bodyStepsUsed = 0
  }
}

/// What bodies of If, Loop and Scan need.
extension Frame {
  /// The memory in which the body `plan` runs, made when first asked for.
  /// - Parameter extraRegisters: how many registers the node keeps beside the plan's own.
  func child(of plan: Plan, extraRegisters: Int) -> Frame {
    let key = UnsafeRawPointer(Unmanaged.passUnretained(plan).toOpaque())
    if let known = children[key] {
      known.isProbe = isProbe
      return known
    }
    let made = Frame(
      valueCount: plan.valueCount, registerOf: plan.registerOf,
      registerCount: plan.registerCount + extraRegisters, budget: budget, root: root ?? self)
    for (value, tensor) in plan.constants { made.views[value] = tensor.view }
    made.isProbe = isProbe
    children[key] = made
    return made
  }

  /// Memory beside this frame for values of a node's own, made when first asked for.
  /// - Parameter key: an address that is the node's alone while the plan lives.
  func child(
    of key: UnsafeRawPointer, values: Int, registerOf: UnsafePointer<Int32>
  ) -> Frame {
    if let known = children[key] {
      known.isProbe = isProbe
      return known
    }
    let made = Frame(
      valueCount: values, registerOf: registerOf, registerCount: values, budget: budget,
      root: root ?? self)
    made.isProbe = isProbe
    children[key] = made
    return made
  }

  /// Counts the nodes a body is about to compute.
  func takeBodySteps(_ count: Int) throws(KernelFault) {
    budget.bodyStepsUsed += count
    guard budget.bodyStepsUsed <= budget.bodyStepsMax else {
      throw KernelFault(
        .limit, "the bodies of loops compute more than \(budget.bodyStepsMax) nodes in one run")
    }
  }

  /// Register `index` as it stands, with at least `bytes` bytes.
  func register(_ index: Int, bytes: Int) throws(KernelFault) -> UnsafeMutableRawPointer {
    try reserve(index, bytes)
  }

  /// Makes room for a value that grows while it is computed; its first `kept` bytes stay.
  func extend(
    _ value: Int, bytes: Int, keeping kept: Int
  ) throws(KernelFault) -> UnsafeMutableRawPointer {
    let register = Int(registerOf[value])
    let block = registers[register]
    if let base = block.base, bytes <= block.capacity { return base }
    return try grow(register, bytes, keeping: kept)
  }
}

/// Where empty views point.
///
/// `@unchecked Sendable`: the memory is never read nor written.
private final class Nothing: @unchecked Sendable {
  static let shared = Nothing()
  let place = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
}

/// Bytes handed out one after another and taken back all at once; pieces never move.
struct TextStore {
  private var chunks: [UnsafeMutableBufferPointer<UInt8>] = []
  private var current = 0
  private var used = 0
  private(set) var bytesHeld = 0

  mutating func take(_ bytes: Int) -> UnsafeMutablePointer<UInt8> {
    while current < chunks.count {
      let chunk = chunks[current]
      if let base = chunk.baseAddress, used + bytes <= chunk.count {
        defer { used += bytes }
        return base + used
      }
      current += 1
      used = 0
    }
    let size = max(bytes, 4096)
    let base = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
    chunks.append(UnsafeMutableBufferPointer(start: base, count: size))
    bytesHeld += size
    used = bytes
    return base
  }

  mutating func reset() {
    current = 0
    used = 0
  }

  func free() {
    for chunk in chunks { chunk.deallocate() }
  }
}
