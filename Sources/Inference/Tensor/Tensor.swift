import Core

/// A tensor that never changes: a constant of a model, or an input or output of the generic path.
///
/// `@unchecked Sendable`: the memory is written only before `init` returns and freed in `deinit`.
public final class Tensor: @unchecked Sendable {
  /// The elements' type.
  public let elementType: ElementType
  /// The sizes of the dimensions.
  public let shape: [Int]
  /// The number of elements.
  public let count: Int

  let dims: Shape
  let base: UnsafeMutableRawPointer
  private let textBytes: UnsafeMutablePointer<UInt8>?

  /// Allocates and lets `fill` write every element.
  init(_ type: ElementType, _ dims: Shape, fill: (UnsafeMutableRawPointer) -> Void) {
    elementType = type
    self.dims = dims
    shape = dims.list
    count = dims.count
    textBytes = nil
    base = Tensor.allocate(type, count)
    fill(base)
  }

  /// Allocates room for `texts` texts of `bytes` bytes in all and lets `fill` write both: the
  /// references, and the bytes they point at.
  init(
    texts: Int, bytes: Int, dims: Shape,
    fill: (UnsafeMutablePointer<TextRef>, UnsafeMutablePointer<UInt8>) -> Void
  ) {
    elementType = .text
    self.dims = dims
    shape = dims.list
    count = dims.count
    precondition(texts == count, "\(texts) texts for \(count) elements")
    base = Tensor.allocate(.text, count)
    let store = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes, 1))
    textBytes = store
    fill(base.bindMemory(to: TextRef.self, capacity: max(count, 1)), store)
  }

  /// Copies texts; the tensor owns their bytes.
  init(texts: UnsafeBufferPointer<TextRef>, dims: Shape) {
    elementType = .text
    self.dims = dims
    shape = dims.list
    count = dims.count
    base = Tensor.allocate(.text, count)
    let total = texts.reduce(0) { $0 + $1.count }
    let store = UnsafeMutablePointer<UInt8>.allocate(capacity: max(total, 1))
    textBytes = store
    let refs = base.bindMemory(to: TextRef.self, capacity: max(count, 1))
    var used = 0
    for (index, text) in texts.enumerated() where index < count {
      if let bytes = text.bytes { (store + used).update(from: bytes, count: text.count) }
      (refs + index).initialize(to: TextRef(bytes: UnsafePointer(store + used), count: text.count))
      used += text.count
    }
  }

  /// Texts given as their bytes one after another and the length of each.
  convenience init(joined: [UInt8], counts: [Int], dims: Shape) {
    var joined = joined
    // Never empty, so that the pointers below exist.
    joined.append(0)
    let store = UnsafeMutablePointer<UInt8>.allocate(capacity: joined.count)
    defer { store.deallocate() }
    store.initialize(from: joined, count: joined.count)
    var used = 0
    let refs = counts.map { count in
      defer { used += count }
      return TextRef(bytes: UnsafePointer(store + used), count: count)
    }
    let list = UnsafeMutablePointer<TextRef>.allocate(capacity: max(refs.count, 1))
    defer { list.deallocate() }
    list.initialize(from: refs, count: refs.count)
    self.init(texts: UnsafeBufferPointer(start: list, count: refs.count), dims: dims)
  }

  /// Copies a view, texts included.
  convenience init(copying view: TensorView) {
    if view.type == .text {
      self.init(
        texts: UnsafeBufferPointer(start: view.pointer(TextRef.self), count: view.count),
        dims: view.shape)
    } else {
      self.init(view.type, view.shape) {
        $0.copyMemory(from: view.data, byteCount: view.count * view.type.strideBytes)
      }
    }
  }

  deinit {
    base.deallocate()
    textBytes?.deallocate()
  }

  private static func allocate(_ type: ElementType, _ count: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer.allocate(
      byteCount: max(count * type.strideBytes, 64), alignment: 64)
  }

  /// A view of all of it.
  var view: TensorView { TensorView(data: base, type: elementType, shape: dims) }

  /// The elements, as the type they have.
  /// - Precondition: `type` is this tensor's element type.
  func elements<T>(_ type: T.Type) -> UnsafeBufferPointer<T> {
    UnsafeBufferPointer(start: UnsafePointer(view.pointer(type)), count: count)
  }
}

extension Tensor {
  /// A tensor of 32-bit floats.
  /// - Throws: ``InferenceError`` when the shape does not fit the values.
  public convenience init(floats: [Float], shape: [Int]) throws(InferenceError) {
    try self.init(.float32, floats, shape)
  }
  /// A tensor of 64-bit floats.
  /// - Throws: ``InferenceError`` when the shape does not fit the values.
  public convenience init(doubles: [Double], shape: [Int]) throws(InferenceError) {
    try self.init(.float64, doubles, shape)
  }
  /// A tensor of 64-bit integers.
  /// - Throws: ``InferenceError`` when the shape does not fit the values.
  public convenience init(int64s: [Int64], shape: [Int]) throws(InferenceError) {
    try self.init(.int64, int64s, shape)
  }
  /// A tensor of texts.
  /// - Throws: ``InferenceError`` when the shape does not fit the values.
  public convenience init(texts: [String], shape: [Int]) throws(InferenceError) {
    let dims = try Tensor.checked(shape, count: texts.count)
    self.init(joined: texts.flatMap { Array($0.utf8) }, counts: texts.map(\.utf8.count), dims: dims)
  }

  private convenience init<T>(
    _ type: ElementType, _ values: [T], _ shape: [Int]
  ) throws(InferenceError) {
    let dims = try Tensor.checked(shape, count: values.count)
    self.init(type, dims) { base in
      values.withUnsafeBytes { bytes in
        if let from = bytes.baseAddress { base.copyMemory(from: from, byteCount: bytes.count) }
      }
    }
  }

  private static func checked(_ shape: [Int], count: Int) throws(InferenceError) -> Shape {
    do throws(KernelFault) {
      let dims = try Shape(shape)
      guard dims.count == count else {
        throw KernelFault(.shape, "\(count) values do not fill the shape \(shape)")
      }
      return dims
    } catch {
      throw InferenceError(error.code, error.message)
    }
  }
}
