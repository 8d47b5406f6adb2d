import Core

/// From a pattern to a ``RegexProgram``.
struct RegexCompiler {
  private var instructions: [RegexProgram.Instruction] = []
  private static let instructionsMax = 20_000

  /// - Throws: when the syntax is wrong or not supported, or the program would be too long.
  static func compile(_ pattern: String) throws(KernelFault) -> RegexProgram {
    let node = try RegexParser.parse(pattern)
    var compiler = RegexCompiler()
    try compiler.emit(node)
    try compiler.append(.match)
    return RegexProgram(compiler.instructions)
  }

  private mutating func append(_ instruction: RegexProgram.Instruction) throws(KernelFault) {
    guard instructions.count < RegexCompiler.instructionsMax else {
      throw KernelFault(
        .limit, "a pattern that takes more than \(RegexCompiler.instructionsMax) steps")
    }
    instructions.append(instruction)
  }

  private mutating func emit(_ node: RegexNode) throws(KernelFault) {
    switch node {
    case .empty: return
    case .set(let set): try append(.character(set))
    case .assertion(let assertion): try append(.assertion(assertion))
    case .sequence(let parts): for part in parts { try emit(part) }
    case .choice(let branches): try emitChoice(branches)
    case .repetition(let inner, let least, let most, let isLazy):
      try emitRepetition(inner, least: least, most: most, isLazy: isLazy)
    }
  }

  private mutating func emitChoice(_ branches: [RegexNode]) throws(KernelFault) {
    var ends: [Int] = []
    for (i, branch) in branches.enumerated() {
      if i == branches.count - 1 {
        try emit(branch)
        break
      }
      let split = instructions.count
      try append(.jump(0))
      try emit(branch)
      ends.append(instructions.count)
      try append(.jump(0))
      instructions[split] = .split(split + 1, instructions.count)
    }
    for end in ends { instructions[end] = .jump(instructions.count) }
  }

  private mutating func emitRepetition(
    _ inner: RegexNode, least: Int, most: Int?, isLazy: Bool
  ) throws(KernelFault) {
    for _ in 0..<least { try repeated(inner) }
    guard let most else {
      // Once more and back, or on.
      let split = instructions.count
      try append(.jump(0))
      try emit(inner)
      try append(.jump(split))
      choose(split, isLazy)
      return
    }
    var splits: [Int] = []
    for _ in least..<max(most, least) {
      splits.append(instructions.count)
      try append(.jump(0))
      try repeated(inner)
    }
    for split in splits { choose(split, isLazy) }
  }

  /// Once more or on, in the order in which they are preferred.
  private mutating func choose(_ split: Int, _ isLazy: Bool) {
    let end = instructions.count
    instructions[split] = isLazy ? .split(end, split + 1) : .split(split + 1, end)
  }

  /// Emits and counts: copies of nothing would otherwise be made without an end in sight.
  private mutating func repeated(_ inner: RegexNode) throws(KernelFault) {
    let before = instructions.count
    try emit(inner)
    if instructions.count == before { try append(.jump(before + 1)) }
  }
}
