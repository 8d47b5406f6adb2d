import Core

/// Reads rows of a numpy array.
final class NpyDecoder: RowDecoder {
  private(set) var passed = 0
  let ignored: [String] = []

  private let array: NpyArray
  private var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
  private var text: [UInt8] = []

  init(_ array: NpyArray) { self.array = array }

  func begin(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = UnsafeRawBufferPointer(bytes)
    passed = 0
  }

  func decode(into batch: RowBatch) -> DecodeStop {
    let total = bytes.count / array.rowBytes
    while passed < total {
      if batch.isFull { return .full }
      if array.isDirect, let base = bytes.baseAddress {
        let count = min(total - passed, batch.capacity - batch.rows)
        let target = batch.columns[0].base + batch.rows * array.rowBytes
        target.copyMemory(
          from: base + passed * array.rowBytes, byteCount: count * array.rowBytes)
        for _ in 0..<count {
          batch.keepRow(place: passed)
          passed += 1
        }
        continue
      }
      let place = passed
      passed += 1
      do throws(CellReader.Fault) {
        try store(place * array.rowBytes, in: batch)
        batch.keepRow(place: place)
      } catch {
        return .bad(BadRow(place: place, message: error.message))
      }
    }
    return .end
  }

  private func store(_ start: Int, in batch: RowBatch) throws(CellReader.Fault) {
    for cell in array.cells {
      let at = start + cell.offset
      switch batch.columns[cell.input].type {
      case .float32: batch.set(float: float(cell, at), cell.input, cell.slot)
      case .float64: batch.set(double: double(cell, at), cell.input, cell.slot)
      case .text: try storeText(cell, at, in: batch)
      default:
        guard let whole = integer(cell, at) else {
          throw fault(cell, "expected a whole number, got \(double(cell, at))")
        }
        try store(whole, cell, in: batch)
      }
    }
  }

  private func store(
    _ whole: Int64, _ cell: NpyArray.Cell, in batch: RowBatch
  ) throws(CellReader.Fault) {
    switch batch.columns[cell.input].type {
    case .bool:
      guard whole == 0 || whole == 1 else { throw fault(cell, "expected 0 or 1, got \(whole)") }
      batch.set(bool: whole == 1, cell.input, cell.slot)
    case .int32:
      guard let narrow = Int32(exactly: whole) else {
        throw fault(cell, "expected a whole number of 32 bits, got \(whole)")
      }
      batch.set(int32: narrow, cell.input, cell.slot)
    default: batch.set(int64: whole, cell.input, cell.slot)
    }
  }

  private func storeText(
    _ cell: NpyArray.Cell, _ at: Int, in batch: RowBatch
  ) throws(CellReader.Fault) {
    text.removeAll(keepingCapacity: true)
    switch cell.element {
    case .characters(let length):
      var count = length
      while count > 0, character(at, count - 1) == 0 { count -= 1 }
      for index in 0..<count {
        guard let scalar = Unicode.Scalar(character(at, index)) else {
          throw fault(cell, "expected text, got the character \(character(at, index))")
        }
        text.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
      }
    case .bytes(let length):
      text.append(contentsOf: bytes[at..<(at + length)])
      while text.last == 0 { text.removeLast() }
      guard text.withUnsafeBufferPointer({ CellReader.isUTF8($0) }) else {
        throw fault(cell, "expected UTF-8 text, got other bytes")
      }
    default:
      let whole = integer(cell, at)
      text.append(contentsOf: (whole.map { "\($0)" } ?? "\(double(cell, at))").utf8)
    }
    text.withUnsafeBufferPointer {
      batch.set(text: $0, cell.input, cell.slot, isTemporary: true)
    }
  }

  private func fault(_ cell: NpyArray.Cell, _ message: String) -> CellReader.Fault {
    let column =
      array.names.isEmpty ? "column \(cell.column + 1)" : "field \"\(array.names[cell.column])\""
    return CellReader.Fault(message: "\(column): \(message)")
  }

  // MARK: Elements

  private func character(_ at: Int, _ index: Int) -> UInt32 {
    bytes.loadUnaligned(fromByteOffset: at + 4 * index, as: UInt32.self)
  }

  private func float(_ cell: NpyArray.Cell, _ at: Int) -> Float {
    if cell.element == .float32 { return bytes.loadUnaligned(fromByteOffset: at, as: Float.self) }
    if let whole = bits(cell, at) { return Float(whole) }
    return Float(double(cell, at))
  }

  private func double(_ cell: NpyArray.Cell, _ at: Int) -> Double {
    switch cell.element {
    case .float32: Double(bytes.loadUnaligned(fromByteOffset: at, as: Float.self))
    case .float64: bytes.loadUnaligned(fromByteOffset: at, as: Double.self)
    default: bits(cell, at).map { Double($0) } ?? .nan
    }
  }

  /// A whole number; nil for fractions and what 64 signed bits cannot hold.
  private func integer(_ cell: NpyArray.Cell, _ at: Int) -> Int64? {
    switch cell.element {
    case .float32, .float64: Int64(exactly: double(cell, at))
    default: bits(cell, at).flatMap { Int64(exactly: $0) }
    }
  }

  /// An integer element, wide enough for signed and unsigned ones of 64 bits.
  private func bits(_ cell: NpyArray.Cell, _ at: Int) -> Int128? {
    switch cell.element {
    case .float32, .float64, .characters, .bytes: nil
    case .bool: bytes[at] == 0 ? 0 : 1
    case .signed(1): Int128(bytes.loadUnaligned(fromByteOffset: at, as: Int8.self))
    case .signed(2): Int128(bytes.loadUnaligned(fromByteOffset: at, as: Int16.self))
    case .signed(4): Int128(bytes.loadUnaligned(fromByteOffset: at, as: Int32.self))
    case .signed: Int128(bytes.loadUnaligned(fromByteOffset: at, as: Int64.self))
    case .unsigned(1): Int128(bytes[at])
    case .unsigned(2): Int128(bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self))
    case .unsigned(4): Int128(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
    case .unsigned: Int128(bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }
  }
}
