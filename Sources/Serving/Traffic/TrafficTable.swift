import Core
import Telemetry

/// Recorded requests for replay, one column per feature, read from a CSV file once.
///
/// Immutable.
///
/// The header names the columns: every column of the endpoint's schema, and optionally `late` (the
/// true label), `label_delay_minutes` (after how long it is known) and `scheduled_minute` (where in
/// time the row belongs). An empty field is a missing value. Other columns are refused by name.
public final class TrafficTable: @unchecked Sendable {
  // Safe to share: the pointers are written in init only and freed in deinit.

  /// The most rows read.
  public static let rowsMax = 4_000_000
  /// The largest file read, bytes.
  public static let bytesMax = 1 << 30

  enum Values {
    case numbers(UnsafeMutablePointer<Float>)
    case texts(UnsafeMutablePointer<TextValue>)
  }

  /// The endpoint's columns.
  public let schema: RowSchema
  /// The number of rows, at least 1.
  public let rowCount: Int
  /// The true labels; `Int64.min` where a row has none.
  ///
  /// Empty when the file has no such column.
  public let labels: [Int64]
  /// Minutes from the request until its label is known.
  ///
  /// Empty when the file has no such column.
  public let labelDelayMinutes: [Float]
  /// Where in time each row belongs, in minutes.
  ///
  /// Empty when the file has no such column.
  public let scheduledMinutes: [Float]

  /// Stands for a row without a label.
  public static let noLabel = Int64.min

  private let values: [Values]
  private let textBytes: UnsafeMutablePointer<UInt8>

  init(
    schema: RowSchema, rowCount: Int, values: [Values], textBytes: UnsafeMutablePointer<UInt8>,
    labels: [Int64], labelDelayMinutes: [Float], scheduledMinutes: [Float]
  ) {
    self.schema = schema
    self.rowCount = rowCount
    self.values = values
    self.textBytes = textBytes
    self.labels = labels
    self.labelDelayMinutes = labelDelayMinutes
    self.scheduledMinutes = scheduledMinutes
  }

  deinit {
    for column in values {
      switch column {
      case .numbers(let pointer): pointer.deallocate()
      case .texts(let pointer): pointer.deallocate()
      }
    }
    textBytes.deallocate()
  }

  /// Puts one row into a worker's buffer.
  /// - Precondition: `row` is below ``rowCount`` and the buffer has the same schema.
  public func copy(row: Int, to buffer: RowBuffer) {
    precondition(row >= 0 && row < rowCount, "no such row")
    for (column, values) in values.enumerated() {
      switch values {
      case .numbers(let pointer): buffer.setNumber(column, pointer[row])
      case .texts(let pointer): buffer.setText(column, pointer[row])
      }
    }
  }

  /// One number, for tests and previews; nil for a text column.
  func number(column: Int, row: Int) -> Float? {
    if case .numbers(let pointer) = values[column] { return pointer[row] }
    return nil
  }

  /// One text; nil for a number column.
  func text(column: Int, row: Int) -> TextValue? {
    if case .texts(let pointer) = values[column] { return pointer[row] }
    return nil
  }
}
