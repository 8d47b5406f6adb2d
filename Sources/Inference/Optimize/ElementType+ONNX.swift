import Core

extension ElementType {
  /// The type's number in `TensorProto.DataType` (github.com/onnx/onnx).
  var onnxNumber: Int {
    switch self {
    case .float32: 1
    case .uint8: 2
    case .int8: 3
    case .uint16: 4
    case .int16: 5
    case .int32: 6
    case .int64: 7
    case .text: 8
    case .bool: 9
    case .float64: 11
    case .uint32: 12
    case .uint64: 13
    }
  }
}
