/// The sizes of a tensor's dimensions, kept in place without heap memory.
struct Shape: Equatable, Sendable {
  /// The most dimensions a tensor may have.
  static let rankMax = 8

  private(set) var rank: Int
  private var dims: InlineArray<8, Int>

  /// A scalar's shape.
  static let scalar = Shape()

  init() {
    rank = 0
    dims = InlineArray(repeating: 1)
  }

  init(_ a: Int) {
    self.init()
    append(a)
  }

  init(_ a: Int, _ b: Int) {
    self.init()
    append(a)
    append(b)
  }

  /// From a list.
  /// - Throws: when there are more than ``rankMax`` dimensions, one is negative, or the product
  ///   of them overflows.
  init(_ list: [Int]) throws(KernelFault) {
    self.init()
    guard list.count <= Shape.rankMax else {
      throw KernelFault(
        .unsupported,
        "a tensor has \(list.count) dimensions, at most \(Shape.rankMax) are supported")
    }
    for dim in list {
      guard dim >= 0 else { throw KernelFault(.shape, "a dimension is negative: \(list)") }
      append(dim)
    }
    guard checkedCount != nil else {
      throw KernelFault(.shape, "the shape \(list) has more elements than can be counted")
    }
  }

  subscript(index: Int) -> Int {
    get { dims[index] }
    set { dims[index] = newValue }
  }

  /// Adds a last dimension.
  /// - Precondition: fewer than ``rankMax`` dimensions.
  mutating func append(_ dim: Int) {
    precondition(rank < Shape.rankMax)
    dims[rank] = dim
    rank += 1
  }

  /// The number of elements.
  var count: Int {
    var product = 1
    for i in 0..<rank { product &*= dims[i] }
    return product
  }

  /// The number of elements, or `nil` when it overflows.
  var checkedCount: Int? {
    var product = 1
    var isZero = false
    for i in 0..<rank {
      if dims[i] == 0 { isZero = true }
      let (next, overflow) = product.multipliedReportingOverflow(by: Swift.max(dims[i], 1))
      if overflow { return nil }
      product = next
    }
    return isZero ? 0 : product
  }

  /// The product of dimensions `from..<to`.
  func product(_ from: Int, _ to: Int) -> Int {
    var product = 1
    var i = from
    while i < to {
      product &*= dims[i]
      i += 1
    }
    return product
  }

  /// The sizes as an array.
  var list: [Int] { (0..<rank).map { dims[$0] } }

  static func == (a: Shape, b: Shape) -> Bool {
    guard a.rank == b.rank else { return false }
    for i in 0..<a.rank where a.dims[i] != b.dims[i] { return false }
    return true
  }

  /// The shape that both broadcast to, as numpy does it.
  static func broadcast(_ a: Shape, _ b: Shape) throws(KernelFault) -> Shape {
    if a == b { return a }
    var result = a.rank >= b.rank ? a : b
    let rank = result.rank
    for i in 0..<rank {
      let x = i < rank - a.rank ? 1 : a[i - (rank - a.rank)]
      let y = i < rank - b.rank ? 1 : b[i - (rank - b.rank)]
      guard x == y || x == 1 || y == 1 else {
        throw KernelFault(.shape, "the shapes \(a.list) and \(b.list) do not broadcast")
      }
      result[i] = x == 1 ? y : x
    }
    guard result.checkedCount != nil else {
      throw KernelFault(.shape, "the shapes \(a.list) and \(b.list) broadcast beyond counting")
    }
    return result
  }

  /// `axis` counted from the front; negative ones count from the back.
  func axis(_ axis: Int, rank: Int? = nil) throws(KernelFault) -> Int {
    let rank = rank ?? self.rank
    guard axis >= -rank, axis < rank else {
      throw KernelFault(.shape, "the axis \(axis) is outside the \(rank) dimensions")
    }
    return axis < 0 ? axis + rank : axis
  }
}
