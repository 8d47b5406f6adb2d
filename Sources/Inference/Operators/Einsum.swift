import Core

/// Sums of products over named dimensions (the Einstein summation convention).
let einsumOperators: OperatorTable = [
  "Einsum": { call throws(KernelFault) in
    guard let equation = try call.string("equation") else {
      throw KernelFault(.malformed, "the attribute equation is missing")
    }
    return EinsumKernel(equation: try EinsumEquation(equation))
  }
]

/// An equation such as `ij,jk->ik`, taken apart.
struct EinsumEquation: Sendable {
  /// A name of a dimension, or the place where any number of unnamed ones stand.
  enum Label: Hashable, Sendable {
    case name(UInt8)
    case ellipsis
  }

  let terms: [[Label]]
  /// `nil` when the equation does not say: names that occur once, in the order of their codes.
  let output: [Label]

  init(_ text: String) throws(KernelFault) {
    guard text.utf8.count <= 256 else { throw KernelFault(.malformed, "the equation is too long") }
    var sides: [[UInt8]] = [[]]
    var previous: UInt8 = 0
    for byte in text.utf8 where byte != UInt8(ascii: " ") {
      if byte == UInt8(ascii: ">") && previous == UInt8(ascii: "-") {
        sides[sides.count - 1].removeLast()
        sides.append([])
      } else {
        sides[sides.count - 1].append(byte)
      }
      previous = byte
    }
    guard sides.count <= 2 else { throw KernelFault(.malformed, "the equation has two arrows") }
    var terms: [[Label]] = []
    for term in sides[0].split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      terms.append(try EinsumEquation.labels(term))
    }
    self.terms = terms
    if sides.count == 2 {
      output = try EinsumEquation.labels(sides[1][...])
      guard Set(output).count == output.count else {
        throw KernelFault(.malformed, "a dimension occurs twice in the result")
      }
      let known = Set(terms.joined())
      guard output.allSatisfy({ known.contains($0) || $0 == .ellipsis }) else {
        throw KernelFault(.malformed, "a dimension of the result occurs in no operand")
      }
      return
    }
    var counts: [UInt8: Int] = [:]
    for case .name(let name) in terms.joined() { counts[name, default: 0] += 1 }
    let single = counts.filter { $0.value == 1 }.keys.sorted()
    let hasEllipsis = terms.joined().contains(.ellipsis)
    output = (hasEllipsis ? [.ellipsis] : []) + single.map { .name($0) }
  }

  private static func labels(_ term: ArraySlice<UInt8>) throws(KernelFault) -> [Label] {
    var list: [Label] = []
    var dots = 0
    for byte in term {
      switch byte {
      case UInt8(ascii: "."):
        dots += 1
        if dots == 3 { list.append(.ellipsis) }
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
        guard dots == 0 || dots == 3 else { throw KernelFault(.malformed, "stray dots") }
        list.append(.name(byte))
      default: throw KernelFault(.malformed, "an equation of letters, commas, dots and an arrow")
      }
    }
    guard dots == 0 || dots == 3 else { throw KernelFault(.malformed, "stray dots") }
    return list
  }
}

/// Computes an equation by walking all its dimensions: the result's outside, the summed inside.
struct EinsumKernel: Kernel {
  let equation: EinsumEquation
  /// The most products that one call may compute.
  private static let productsMax = 1 << 32

  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  /// The dimensions to walk, and how far each operand moves along them.
  private struct Loops {
    var sizes: [Int] = []
    var steps: [[Int]] = []
    var outputCount = 0
  }

  private func loops(_ io: NodeIO) throws(KernelFault) -> (Loops, Shape) {
    guard io.inputCount == equation.terms.count else {
      throw KernelFault(
        .shape, "\(io.inputCount) operands for an equation of \(equation.terms.count)")
    }
    var unnamed = 0
    for (i, term) in equation.terms.enumerated() {
      let rank = try io.input(i).shape.rank
      let names = term.count { $0 != .ellipsis }
      guard rank >= names, term.contains(.ellipsis) || rank == names else {
        throw KernelFault(.shape, "operand \(i) has \(rank) dimensions, its term \(names)")
      }
      unnamed = max(unnamed, rank - names)
    }
    // Dimensions are numbered: those of the result first, then the summed ones.
    var numbers: [EinsumEquation.Label: Int] = [:]
    var loops = Loops()
    func add(_ label: EinsumEquation.Label) {
      guard numbers[label] == nil else { return }
      numbers[label] = loops.sizes.count
      loops.sizes += Array(repeating: 1, count: label == .ellipsis ? unnamed : 1)
    }
    for label in equation.output { add(label) }
    loops.outputCount = loops.sizes.count
    for label in equation.terms.joined() { add(label) }
    for (i, term) in equation.terms.enumerated() {
      let shape = try io.input(i).shape
      var steps = Array(repeating: 0, count: loops.sizes.count)
      let mine = shape.rank - term.count { $0 != .ellipsis }
      var d = 0
      for label in term {
        guard let first = numbers[label] else { continue }
        let range =
          label == .ellipsis ? (first + unnamed - mine)..<(first + unnamed) : first..<first + 1
        for number in range {
          let size = shape[d]
          guard size == loops.sizes[number] || size == 1 || loops.sizes[number] == 1 else {
            throw KernelFault(
              .shape, "a dimension is \(loops.sizes[number]) in one operand and \(size) in another")
          }
          if size != 1 {
            loops.sizes[number] = size
            steps[number] += shape.product(d + 1, shape.rank)
          }
          d += 1
        }
      }
      loops.steps.append(steps)
    }
    let shape = try Shape(Array(loops.sizes.prefix(loops.outputCount)))
    return (loops, shape)
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (loops, shape) = try loops(io)
    var products = 1
    for size in loops.sizes {
      let (next, overflow) = products.multipliedReportingOverflow(by: max(size, 1))
      guard !overflow, next <= EinsumKernel.productsMax else {
        throw KernelFault(
          .limit, "the equation takes more than \(EinsumKernel.productsMax) products")
      }
      products = next
    }
    var operands: [UnsafeMutablePointer<T>] = []
    for i in 0..<io.inputCount { operands.append(try io.input(i, T.elementType, as: T.self).0) }
    let out = try io.output(0, T.elementType, shape, as: T.self)
    out.update(repeating: T.zero, count: shape.count)
    if loops.sizes.contains(0) { return }
    let inner = Array(loops.sizes.dropFirst(loops.outputCount))
    let summed = inner.reduce(1, *)
    var offsets = Array(repeating: 0, count: operands.count)
    var index = Array(repeating: 0, count: loops.sizes.count)
    for to in 0..<shape.count {
      var sum = T.zero
      for _ in 0..<summed {
        var product = operands[0][offsets[0]]
        for k in 1..<max(operands.count, 1) {
          product = T.times(product, operands[k][offsets[k]])
        }
        sum = T.plus(sum, product)
        // After the last summed position these are back at their start, and the result moves on.
        step(loops, loops.outputCount..<loops.sizes.count, &index, &offsets)
      }
      out[to] = sum
      step(loops, 0..<loops.outputCount, &index, &offsets)
    }
  }

  /// Moves an odometer over some of the dimensions.
  @inline(__always)
  private func step(
    _ loops: Loops, _ range: Range<Int>, _ index: inout [Int], _ offsets: inout [Int]
  ) {
    for d in range.reversed() {
      index[d] += 1
      if index[d] < loops.sizes[d] {
        for k in offsets.indices { offsets[k] += loops.steps[k][d] }
        return
      }
      for k in offsets.indices { offsets[k] -= loops.steps[k][d] * (loops.sizes[d] - 1) }
      index[d] = 0
    }
  }
}
