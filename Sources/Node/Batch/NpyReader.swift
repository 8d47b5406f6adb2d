import Core

/// Reads rows of a numpy array file (`.npy`, NEP 1): one dimension is one value a row, two are
/// rows and columns, in the order of the model's inputs.
final class NpyReader: RowReader {
  let ignoredColumns: [String] = []

  /// How one element is stored.
  private enum Element { case float32, float64, signed(Int), unsigned(Int), bool }

  private let source: ByteSource
  private let layout: RowLayout
  private let element: Element
  private let strideBytes: Int
  private let columns: Int
  private let total: Int
  private var row = 0
  /// For each column of the array, where it goes.
  private let targets: [(input: Int, element: Int)]
  private static let headerBytesMax = 64 * 1024

  /// Reads the header.
  /// - Throws: ``NodeError`` (`badInput`) when the array does not fit the model.
  init(_ source: ByteSource, _ layout: RowLayout) throws {
    self.source = source
    self.layout = layout
    let header = try NpyReader.header(source)
    func refuse(_ message: String) -> NodeError {
      NodeError(.badInput, "\(source.name): \(message)")
    }
    if let text = layout.inputs.first(where: { $0.type == .text }) {
      throw refuse(
        "the model's input \"\(printable(text.name))\" is text, which an array of numbers cannot "
          + "give; CSV and JSON lines can")
    }
    guard let description = NpyReader.value(of: "descr", in: header),
      let (element, stride) = NpyReader.element(description)
    else {
      throw refuse("expected a little-endian array of numbers, got \(printable(header, limit: 80))")
    }
    self.element = element
    strideBytes = stride
    guard let shape = NpyReader.shape(header), (1...2).contains(shape.count) else {
      throw refuse(
        "expected an array of one or two dimensions, got \(printable(header, limit: 80))")
    }
    if shape.count == 2, shape[0] > 1, shape[1] > 1, header.contains("'fortran_order': True") {
      throw refuse("expected rows one after another, got columns (Fortran order)")
    }
    columns = shape.count == 2 ? shape[1] : 1
    total = shape[0]
    let wanted = layout.columnNames.count
    guard columns == wanted else {
      throw refuse("expected \(wanted) values a row, got \(columns)")
    }
    targets = layout.inputs.enumerated().flatMap { index, input in
      (0..<input.width).map { (index, $0) }
    }
  }

  func place(_ number: Int) -> String { "\(source.name): row \(number)" }

  func read(into batch: RowBatch, bad: (BadRow) throws -> Bool) throws -> Bool {
    let rowBytes = columns * strideBytes
    while !batch.isFull, row < total {
      while source.pending.count < rowBytes {
        if !batch.isEmpty, !source.isReady { return true }
        guard !source.isAtEnd, try source.fill() else {
          throw NodeError(
            .badInput, "\(source.name) is cut short: row \(row + 1) of \(total) is not complete")
        }
      }
      row += 1
      let base = UnsafeRawBufferPointer(source.pending)
      if let message = store(base, in: batch) {
        batch.dropRow(gap: try bad(BadRow(place: place(row), message: message)))
      } else {
        batch.keepRow(place: row)
      }
      source.consume(rowBytes)
    }
    return row < total
  }

  private func store(_ base: UnsafeRawBufferPointer, in batch: RowBatch) -> String? {
    for (column, target) in targets.enumerated() {
      let at = column * strideBytes
      let (input, slot) = (target.input, target.element)
      switch layout.inputs[input].type {
      case .float32: batch.set(float: float(base, at), input, slot)
      case .float64: batch.set(double: double(base, at), input, slot)
      default:
        guard let whole = integer(base, at) else {
          return "column \(column + 1): expected a whole number, got \(double(base, at))"
        }
        if let message = store(whole: whole, in: batch, input, slot) {
          return "column \(column + 1): \(message)"
        }
      }
    }
    return nil
  }

  private func store(whole: Int64, in batch: RowBatch, _ input: Int, _ slot: Int) -> String? {
    switch layout.inputs[input].type {
    case .bool:
      guard whole == 0 || whole == 1 else { return "expected 0 or 1, got \(whole)" }
      batch.set(bool: whole == 1, input, slot)
    case .int32:
      guard let narrow = Int32(exactly: whole) else {
        return "expected a whole number of 32 bits, got \(whole)"
      }
      batch.set(int32: narrow, input, slot)
    default: batch.set(int64: whole, input, slot)
    }
    return nil
  }

  // MARK: Elements

  private func float(_ base: UnsafeRawBufferPointer, _ at: Int) -> Float {
    if case .float32 = element { return base.loadUnaligned(fromByteOffset: at, as: Float.self) }
    if let whole = bits(base, at) { return Float(whole) }
    return Float(double(base, at))
  }

  private func double(_ base: UnsafeRawBufferPointer, _ at: Int) -> Double {
    switch element {
    case .float32: Double(base.loadUnaligned(fromByteOffset: at, as: Float.self))
    case .float64: base.loadUnaligned(fromByteOffset: at, as: Double.self)
    default: bits(base, at).map { Double($0) } ?? .nan
    }
  }

  /// A whole number; nil for fractions and what 64 signed bits cannot hold.
  private func integer(_ base: UnsafeRawBufferPointer, _ at: Int) -> Int64? {
    switch element {
    case .float32, .float64: Int64(exactly: double(base, at))
    default: bits(base, at).flatMap { Int64(exactly: $0) }
    }
  }

  /// An integer element, wide enough for signed and unsigned ones of 64 bits.
  private func bits(_ base: UnsafeRawBufferPointer, _ at: Int) -> Int128? {
    switch element {
    case .float32, .float64: nil
    case .bool: base[at] == 0 ? 0 : 1
    case .signed(1): Int128(base.loadUnaligned(fromByteOffset: at, as: Int8.self))
    case .signed(2): Int128(base.loadUnaligned(fromByteOffset: at, as: Int16.self))
    case .signed(4): Int128(base.loadUnaligned(fromByteOffset: at, as: Int32.self))
    case .signed: Int128(base.loadUnaligned(fromByteOffset: at, as: Int64.self))
    case .unsigned(1): Int128(base[at])
    case .unsigned(2): Int128(base.loadUnaligned(fromByteOffset: at, as: UInt16.self))
    case .unsigned(4): Int128(base.loadUnaligned(fromByteOffset: at, as: UInt32.self))
    case .unsigned: Int128(base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }
  }

  // MARK: Header

  /// The text of the header; what follows it are the elements.
  private static func header(_ source: ByteSource) throws -> String {
    func refuse(_ message: String) -> NodeError {
      NodeError(.badInput, "\(source.name): \(message)")
    }
    while source.pending.count < 12, !source.isAtEnd { _ = try source.fill() }
    let start = source.pending
    guard start.count >= 12 else { throw refuse("the array's header is cut short") }
    let isFirst = start[6] == 1
    guard isFirst || start[6] == 2 || start[6] == 3 else {
      throw refuse("the array has the unknown format version \(start[6])")
    }
    var length = Int(start[8]) | Int(start[9]) << 8
    if !isFirst { length |= Int(start[10]) << 16 | Int(start[11]) << 24 }
    guard length <= headerBytesMax else { throw refuse("the array's header is too long") }
    let first = isFirst ? 10 : 12
    while source.pending.count < first + length {
      guard !source.isAtEnd, try source.fill() else {
        throw refuse("the array's header is cut short")
      }
    }
    let text = String(decoding: source.pending[first..<(first + length)], as: UTF8.self)
    source.consume(first + length)
    return text
  }

  /// The quoted value of a key in the header's Python dictionary.
  private static func value(of key: String, in header: String) -> String? {
    let parts = header.split(separator: "'", omittingEmptySubsequences: false)
    guard let index = parts.firstIndex(where: { $0 == key }), index + 2 < parts.count,
      parts[index + 1].allSatisfy({ $0 == ":" || $0 == " " })
    else { return nil }
    return String(parts[index + 2])
  }

  private static func element(_ description: String) -> (Element, Int)? {
    switch description {
    case "<f4": (.float32, 4)
    case "<f8": (.float64, 8)
    case "|b1": (.bool, 1)
    case "|i1": (.signed(1), 1)
    case "<i2": (.signed(2), 2)
    case "<i4": (.signed(4), 4)
    case "<i8": (.signed(8), 8)
    case "|u1": (.unsigned(1), 1)
    case "<u2": (.unsigned(2), 2)
    case "<u4": (.unsigned(4), 4)
    case "<u8": (.unsigned(8), 8)
    default: nil
    }
  }

  /// The sizes in `'shape': (60000, 13)`.
  private static func shape(_ header: String) -> [Int]? {
    guard let open = header.firstIndex(of: "("), let close = header[open...].firstIndex(of: ")")
    else { return nil }
    let sizes = header[header.index(after: open)..<close].split(separator: ",")
      .map { part in Int(part.filter { $0 != " " }) }
    let known = sizes.compactMap { $0 }
    guard known.count == sizes.count, known.allSatisfy({ $0 >= 0 }) else { return nil }
    return known
  }
}
