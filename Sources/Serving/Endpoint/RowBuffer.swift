import Core
import Telemetry

/// The one row that a worker's predictors read: filled by whoever brings a request, computed from
/// in place, copied into the tap.
///
/// It is allocated once, and models bind to its addresses once.
///
/// Texts stay where the caller has them and must live until the answer is given. Used by one
/// thread.
public final class RowBuffer {
  /// One element's way into the tapped row.
  private struct Copy {
    let type: ElementType
    let from: Int
    let to: Int
  }

  /// The columns.
  public let schema: RowSchema
  /// The row's bytes, ``RowSchema/bufferBytes`` of them.
  let base: UnsafeMutableRawPointer
  private let copies: [Copy]
  /// The columns' types and places without their names, whose reference counts would cost more.
  private let places: [Place]

  private struct Place {
    let type: ElementType
    let offsetBytes: Int
  }

  /// A row of missing values: NaN, 0, false, the empty text.
  public init(_ schema: RowSchema) {
    self.schema = schema
    base = .allocate(byteCount: schema.bufferBytes, alignment: 64)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: schema.bufferBytes)
    copies = schema.columns.flatMap { column in
      (0..<column.width).map { i in
        Copy(
          type: column.elementType,
          from: column.offsetBytes + i * RowBuffer.stride(column.elementType),
          to: schema.layout.fields[column.firstFeature + i].offsetBytes)
      }
    }
    places = schema.columns.map { Place(type: $0.elementType, offsetBytes: $0.offsetBytes) }
    clear()
  }

  deinit { base.deallocate() }

  /// Makes every value missing again.
  public func clear() {
    for column in schema.columns.indices {
      for i in 0..<schema.columns[column].width {
        if schema.columns[column].elementType == .text {
          setText(column, element: i, TextValue(bytes: nil, count: 0))
        } else {
          setNumber(column, element: i, Double.nan)
        }
      }
    }
  }

  /// Where a column's elements lie; fixed for the buffer's life.
  public func address(of column: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(base + schema.columns[column].offsetBytes)
  }

  /// Sets one number, converted to the column's type; NaN becomes 0 where the type has none.
  /// - Precondition: the column is not text.
  @inlinable
  public func setNumber(_ column: Int, element: Int = 0, _ value: Float) {
    setNumber(column, element: element, Double(value))
  }

  /// Sets one number; see ``setNumber(_:element:_:)-(_,_,Float)``.
  public func setNumber(_ column: Int, element: Int = 0, _ value: Double) {
    let at = base + places[column].offsetBytes
    switch places[column].type {
    case .float32: at.storeBytes(of: Float(value), toByteOffset: 4 * element, as: Float.self)
    case .float64: at.storeBytes(of: value, toByteOffset: 8 * element, as: Double.self)
    case .int32:
      at.storeBytes(of: Int32(clamping: whole(value)), toByteOffset: 4 * element, as: Int32.self)
    case .int64: at.storeBytes(of: whole(value), toByteOffset: 8 * element, as: Int64.self)
    case .bool:
      at.storeBytes(
        of: value != 0 && !value.isNaN ? 1 : 0, toByteOffset: element, as: UInt8.self)
    default: preconditionFailure("the column does not hold numbers")
    }
  }

  /// Sets one 64-bit integer without going through a floating-point number.
  /// - Precondition: the column's type is int64.
  public func setInteger(_ column: Int, element: Int = 0, _ value: Int64) {
    precondition(places[column].type == .int64, "the column does not hold int64")
    (base + places[column].offsetBytes).storeBytes(
      of: value, toByteOffset: 8 * element, as: Int64.self)
  }

  /// Sets one text; the bytes must live until the answer is given.
  /// - Precondition: the column is text.
  public func setText(_ column: Int, element: Int = 0, _ value: TextValue) {
    precondition(places[column].type == .text, "the column does not hold text")
    (base + places[column].offsetBytes).storeBytes(
      of: value, toByteOffset: MemoryLayout<TextValue>.stride * element, as: TextValue.self)
  }

  /// Writes the row in ``RowSchema/layout``'s form, as the tap has it.
  /// - Parameter target: `layout.strideBytes` bytes, aligned to 8.
  public func copy(to target: UnsafeMutableRawPointer) {
    // By index: an iterator allocates where it is not specialised.
    for index in 0..<copies.count {
      let copy = copies[index]
      if copy.type == .text {
        let text = base.load(fromByteOffset: copy.from, as: TextValue.self)
        (target + copy.to).assumingMemoryBound(to: TextKey.self).pointee =
          TextKey(bytes: text.bytes, count: text.count)
      } else {
        (target + copy.to).assumingMemoryBound(to: Float.self).pointee = number(copy)
      }
    }
  }

  private func number(_ copy: Copy) -> Float {
    switch copy.type {
    case .float32: base.load(fromByteOffset: copy.from, as: Float.self)
    case .float64: Float(base.load(fromByteOffset: copy.from, as: Double.self))
    case .int32: Float(base.load(fromByteOffset: copy.from, as: Int32.self))
    case .int64: Float(base.load(fromByteOffset: copy.from, as: Int64.self))
    default: Float(base.load(fromByteOffset: copy.from, as: UInt8.self))
    }
  }

  /// The nearest integer that fits; 0 for NaN.
  private func whole(_ value: Double) -> Int64 {
    if value.isNaN { return 0 }
    return value >= 0x1p63 ? .max : value < -0x1p63 ? .min : Int64(value.rounded())
  }

  /// Bytes of one element.
  static func stride(_ type: ElementType) -> Int {
    switch type {
    case .bool: 1
    case .float32, .int32: 4
    case .text: MemoryLayout<TextValue>.stride
    default: 8
    }
  }
}
