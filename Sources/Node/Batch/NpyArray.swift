import Core
import Documents

/// How the rows of a numpy array file are laid out, and where each value goes.
///
/// A plain array has one value a row (one dimension) or rows and columns (two), in the order of
/// the model's inputs. An array of records has its fields found by name.
struct NpyArray: Sendable {
  /// How one value is stored.
  enum Element: Sendable, Equatable {
    case float32, float64, bool
    case signed(Int)
    case unsigned(Int)
    /// Characters of 32 bits; padded with zeros.
    case characters(Int)
    /// UTF-8; padded with zeros.
    case bytes(Int)
  }

  /// One value of a row.
  struct Cell: Sendable {
    let offset: Int
    let element: Element
    let input: Int
    let slot: Int
    /// What errors call it: `column 3` or the field's name.
    let column: Int
  }

  /// The first bytes of every such file.
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  let cells: [Cell]
  let rowBytes: Int
  /// Names of fields, empty for plain arrays.
  let names: [String]
  /// Whether a row is stored just as the model's only input wants it.
  let isDirect: Bool

  /// Reads the header of a file; the source stands at the first row then.
  /// - Throws: ``NodeError`` (`badInput`) when the array does not fit the model.
  static func open(_ source: ByteSource, _ layout: RowLayout) throws(NodeError) -> RowInput {
    func refuse(_ message: String) -> NodeError {
      NodeError(.badInput, "\(source.name): \(message)")
    }
    while source.pending.count < 12, !source.isAtEnd { _ = try source.fill() }
    let start = source.pending
    guard start.count >= 12 else { throw refuse("the array's header is cut short") }
    guard (1...3).contains(start[6]) else {
      throw refuse("the array has the unknown format version \(start[6])")
    }
    var length = Int(start[8]) | Int(start[9]) << 8
    if start[6] > 1 { length |= Int(start[10]) << 16 | Int(start[11]) << 24 }
    guard length <= NpyHeader.bytesMax else { throw refuse("the array's header is too long") }
    let first = start[6] == 1 ? 10 : 12
    while source.pending.count < first + length {
      guard !source.isAtEnd, try source.fill() else {
        throw refuse("the array's header is cut short")
      }
    }
    let header: NpyHeader
    do throws(NpyHeader.Fault) {
      header = try NpyHeader(
        UnsafeBufferPointer(rebasing: source.pending[first..<(first + length)]))
    } catch {
      throw refuse("the array's header is damaged: \(error.message)")
    }
    source.consume(first + length)
    do throws(NpyHeader.Fault) {
      return try input(header, layout, source)
    } catch {
      throw refuse(error.message)
    }
  }

  private static func input(
    _ header: NpyHeader, _ layout: RowLayout, _ source: ByteSource
  ) throws(NpyHeader.Fault) -> RowInput {
    let array = try NpyArray(header, layout)
    let rows = header.shape[0]
    let (bytes, overflows) = rows.multipliedReportingOverflow(by: array.rowBytes)
    guard !overflows, bytes <= 1 << 60 else {
      throw NpyHeader.Fault(message: "the array has more rows than can be: \(rows)")
    }
    var input = RowInput(
      format: .npy(array), rule: .bytes(array.rowBytes), firstOffset: source.offset,
      linesBefore: 0)
    input.rowCount = rows
    input.endOffset = source.offset + bytes
    if header.isFortran, header.shape.count == 2, rows > 1, header.shape[1] > 1 {
      guard source.sizeBytes != nil else {
        throw NpyHeader.Fault(
          message: "the array's columns lie one after another (Fortran order), which only a file "
            + "can give row by row; save it with numpy.ascontiguousarray")
      }
      input.columnsFirst = RowInput.ColumnsFirst(
        firstOffset: source.offset, columns: header.shape[1],
        elementBytes: array.rowBytes / header.shape[1])
    }
    return input
  }

  init(_ header: NpyHeader, _ layout: RowLayout) throws(NpyHeader.Fault) {
    guard header.isStructured ? header.shape.count == 1 : (1...2).contains(header.shape.count)
    else {
      throw NpyHeader.Fault(
        message: "expected an array of one or two dimensions, got \(header.shape.count)")
    }
    if header.isStructured {
      (cells, rowBytes) = try NpyArray.recordCells(header, layout)
      names = header.fields.map { printable($0.name, limit: 60) }
    } else {
      (cells, rowBytes) = try NpyArray.plainCells(header, layout)
      names = []
    }
    guard rowBytes > 0, rowBytes <= ByteSource.pendingMax else {
      throw NpyHeader.Fault(
        message: "a row has \(rowBytes) bytes, expected 1 to \(ByteSource.pendingMax)")
    }
    try NpyArray.checkTexts(cells, layout)
    let wanted: Element? =
      switch layout.inputs[0].type {
      case .float32: .float32
      case .float64: .float64
      case .int64: .signed(8)
      case .int32: .signed(4)
      default: nil
      }
    let bytes = rowBytes
    let all = cells
    isDirect =
      layout.inputs.count == 1 && all.count == layout.inputs[0].width
      && all.enumerated().allSatisfy { index, cell in
        cell.element == wanted && cell.slot == index && cell.offset == index * bytes / all.count
      }
  }

  private static func plainCells(
    _ header: NpyHeader, _ layout: RowLayout
  ) throws(NpyHeader.Fault) -> ([Cell], Int) {
    let (element, size) = try element(header.fields[0].type)
    let columns = header.shape.count == 2 ? header.shape[1] : 1
    let wanted = layout.inputs.reduce(0) { $0 + $1.width }
    guard columns == wanted else {
      throw NpyHeader.Fault(message: "expected \(wanted) values a row, got \(columns)")
    }
    var cells: [Cell] = []
    for (input, spec) in layout.inputs.enumerated() {
      for slot in 0..<spec.width {
        let column = cells.count
        cells.append(
          Cell(
            offset: column * size, element: element, input: input, slot: slot, column: column))
      }
    }
    return (cells, columns * size)
  }

  private static func recordCells(
    _ header: NpyHeader, _ layout: RowLayout
  ) throws(NpyHeader.Fault) -> ([Cell], Int) {
    guard header.fields.count <= CSVTable.columnsMax else {
      throw NpyHeader.Fault(message: "there are more than \(CSVTable.columnsMax) fields")
    }
    var cells: [Cell] = []
    var taken: Set<RowLayout.Target> = []
    var offset = 0
    for (column, field) in header.fields.enumerated() {
      let (element, size) = try element(field.type)
      var count = 1
      for size in field.shape {
        let (product, overflows) = count.multipliedReportingOverflow(by: size)
        guard !overflows, product <= RowLayout.widthMax else {
          throw NpyHeader.Fault(message: "the field \"\(printable(field.name))\" is too wide")
        }
        count = product
      }
      if let target = layout.targets[field.name] {
        let width = target.element == nil ? layout.inputs[target.input].width : 1
        guard count == width else {
          throw NpyHeader.Fault(
            message: "the field \"\(printable(field.name))\" has \(count) values, expected \(width)"
          )
        }
        for item in 0..<count {
          let slot = target.element ?? item
          guard taken.insert(RowLayout.Target(input: target.input, element: slot)).inserted else {
            throw NpyHeader.Fault(
              message: "the field \"\(printable(field.name))\" gives a value a second time")
          }
          cells.append(
            Cell(
              offset: offset + item * size, element: element, input: target.input, slot: slot,
              column: column))
        }
      }
      offset += count * size
      guard offset <= ByteSource.pendingMax else {
        throw NpyHeader.Fault(
          message: "a record is longer than \(ByteSource.pendingMax >> 20) MiB")
      }
    }
    try requireAll(taken, header, layout)
    return (cells, offset)
  }

  private static func requireAll(
    _ taken: Set<RowLayout.Target>, _ header: NpyHeader, _ layout: RowLayout
  ) throws(NpyHeader.Fault) {
    for (index, input) in layout.inputs.enumerated() {
      for slot in 0..<input.width
      where !taken.contains(RowLayout.Target(input: index, element: slot)) {
        let name = input.width == 1 ? input.name : "\(input.name)[\(slot)]"
        let near = nearMiss(name, among: header.fields.map(\.name))
        throw NpyHeader.Fault(
          message: "the field \"\(printable(name, limit: 60))\" is missing"
            + (near.map { " (is \"\(printable($0, limit: 60))\" meant?)" } ?? ""))
      }
    }
  }

  private static func checkTexts(
    _ cells: [Cell], _ layout: RowLayout
  ) throws(NpyHeader.Fault) {
    for cell in cells {
      let input = layout.inputs[cell.input]
      let isText: Bool
      switch cell.element {
      case .characters, .bytes: isText = true
      default: isText = false
      }
      guard input.isBeside || isText == (input.type == .text) else {
        throw NpyHeader.Fault(
          message: "the model's input \"\(printable(input.name))\" is \(input.type.rawValue), "
            + (isText ? "the array holds texts" : "the array holds numbers"))
      }
    }
  }

  private static func element(_ type: String) throws(NpyHeader.Fault) -> (Element, Int) {
    switch type {
    case "<f4": return (.float32, 4)
    case "<f8": return (.float64, 8)
    case "|b1": return (.bool, 1)
    case "|i1": return (.signed(1), 1)
    case "<i2": return (.signed(2), 2)
    case "<i4": return (.signed(4), 4)
    case "<i8": return (.signed(8), 8)
    case "|u1": return (.unsigned(1), 1)
    case "<u2": return (.unsigned(2), 2)
    case "<u4": return (.unsigned(4), 4)
    case "<u8": return (.unsigned(8), 8)
    default: break
    }
    let length = Int(type.dropFirst(2)) ?? 0
    guard (1...100_000).contains(length), type.hasPrefix("<U") || type.hasPrefix("|S") else {
      throw NpyHeader.Fault(
        message: "expected little-endian numbers, truth values or texts, got the type "
          + "\"\(printable(type, limit: 40))\"")
    }
    return type.hasPrefix("<U") ? (.characters(length), 4 * length) : (.bytes(length), length)
  }
}
