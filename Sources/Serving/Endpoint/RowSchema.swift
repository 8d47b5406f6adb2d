import Core
import Telemetry

/// The columns of one request of an endpoint: names, types, widths, and where each lies in a
/// ``RowBuffer`` and in a tapped row.
public struct RowSchema: Sendable, Hashable {
  /// One input of the endpoint's versions.
  public struct Column: Sendable, Hashable {
    /// The input's name.
    public let name: String
    /// The elements' type.
    public let elementType: ElementType
    /// Elements a row.
    public let width: Int
    /// Bytes from the buffer's beginning.
    public let offsetBytes: Int
    /// The index of its first element among ``RowSchema/layout``'s fields.
    public let firstFeature: Int
  }

  /// The columns, in the signature's order.
  public let columns: [Column]
  /// How rows look in the tap. A column of width 1 is one feature of its name; a wider one gives
  /// `name[0]`, `name[1]`, …
  public let layout: RowLayout
  /// Bytes of a row buffer.
  public let bufferBytes: Int

  /// The most elements of a row.
  public static let featuresMax = 1_024

  /// The columns of a signature's inputs.
  /// - Throws: ``ServingError`` with the code `badSignature` for an input that is not a column of
  ///   rows, has a type that requests cannot carry, or when there are too many.
  public init(_ signature: Signature) throws(ServingError) {
    var columns: [Column] = []
    var features: [(name: String, kind: RowLayout.Kind)] = []
    var offset = 0
    for input in signature.inputs {
      let width = try RowSchema.width(of: input)
      guard features.count + width <= RowSchema.featuresMax else {
        throw ServingError(
          .badSignature,
          "the model takes more than \(RowSchema.featuresMax) values a row, which is the limit")
      }
      let bytes = try RowSchema.elementBytes(of: input)
      columns.append(
        Column(
          name: input.name, elementType: input.elementType, width: width, offsetBytes: offset,
          firstFeature: features.count))
      let kind: RowLayout.Kind = input.elementType == .text ? .text : .number
      for i in 0..<width {
        features.append((width == 1 ? input.name : "\(input.name)[\(i)]", kind))
      }
      offset += (width * bytes + 15) / 16 * 16
    }
    self.columns = columns
    layout = RowLayout(features)
    bufferBytes = max(16, offset)
  }

  /// The column called `name`.
  public func column(_ name: String) -> Int? { columns.firstIndex { $0.name == name } }

  private static func width(of input: TensorSpec) throws(ServingError) -> Int {
    let complaint = ServingError(
      .badSignature,
      "the input \"\(printable(input.name, limit: 60))\" has the shape \(shapeText(input.shape)): "
        + "a served input has rows first and then a fixed width, like [N, 30]")
    guard let rows = input.shape.first, rows == nil || rows == 1 else { throw complaint }
    var width = 1
    for dimension in input.shape.dropFirst() {
      guard let dimension, (1...featuresMax).contains(dimension) else { throw complaint }
      width *= dimension
      guard width <= featuresMax else { throw complaint }
    }
    return width
  }

  private static func elementBytes(of input: TensorSpec) throws(ServingError) -> Int {
    switch input.elementType {
    case .bool: return 1
    case .float32, .int32: return 4
    case .float64, .int64: return 8
    case .text: return MemoryLayout<TextValue>.stride
    default:
      throw ServingError(
        .badSignature,
        "the input \"\(printable(input.name, limit: 60))\" is \(input.elementType.rawValue), which "
          + "requests cannot carry: use float32, float64, int32, int64, bool or text")
    }
  }
}

/// A piece of text in somebody else's memory.
public struct TextValue {
  /// The first byte; nil for the empty text.
  public var bytes: UnsafePointer<UInt8>?
  /// The number of bytes.
  public var count: Int

  /// Refers to `count` bytes at `bytes`.
  @inlinable
  public init(bytes: UnsafePointer<UInt8>?, count: Int) {
    self.bytes = bytes
    self.count = count
  }
}
