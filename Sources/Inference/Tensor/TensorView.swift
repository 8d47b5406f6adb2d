import Core

/// A tensor in somebody's memory: pointer, type and shape, plain bits that are copied freely.
struct TensorView {
  var data: UnsafeMutableRawPointer
  var type: ElementType
  var shape: Shape

  /// The number of elements.
  var count: Int { shape.count }

  /// The elements as `T`.
  ///
  /// The memory is only ever read as the type that ``type`` says, so the assumption holds.
  @inline(__always)
  func pointer<T>(_: T.Type) -> UnsafeMutablePointer<T> {
    data.assumingMemoryBound(to: T.self)
  }
}

extension ElementType {
  /// The bytes one element takes in memory.
  var strideBytes: Int {
    switch self {
    case .bool, .int8, .uint8: 1
    case .int16, .uint16: 2
    case .float32, .int32, .uint32: 4
    case .float64, .int64, .uint64: 8
    case .text: MemoryLayout<TextRef>.stride
    }
  }

  /// The type with ONNX's number, or `nil` for one this engine does not have.
  init?(onnx number: Int) {
    let types: [Int: ElementType] = [
      1: .float32, 2: .uint8, 3: .int8, 4: .uint16, 5: .int16, 6: .int32, 7: .int64, 8: .text,
      9: .bool, 11: .float64, 12: .uint32, 13: .uint64,
    ]
    guard let type = types[number] else { return nil }
    self = type
  }
}

/// What an element type of ONNX is called, also of those not supported.
func onnxTypeName(_ number: Int) -> String {
  let names = [
    "undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "text", "bool",
    "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16",
    "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1",
  ]
  return names.indices.contains(number) ? names[number] : "type \(number)"
}
