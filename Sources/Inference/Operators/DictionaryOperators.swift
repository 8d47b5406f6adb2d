import Core
import Glibc

/// ai.onnx.ml operators on dictionaries.
///
/// A dictionary is two vectors of one length: its keys and its values (``Dictionaries``). A list
/// of dictionaries that ZipMap gives is a table (``DictionaryKeys``).
let dictionaryOperators: OperatorTable = [
  "ZipMap": { call throws(KernelFault) in try ZipMapKernel(call) },
  "DictVectorizer": { call throws(KernelFault) in try DictVectorizerKernel(call) },
  "CastMap": { call throws(KernelFault) in try CastMapKernel(call) },
]

/// A table of scores whose columns have names: passes through.
struct ZipMapKernel: Kernel {
  let keys: DictionaryKeys
  var aliasedInput: Int? { 0 }

  init(_ call: OperatorCall) throws(KernelFault) {
    let texts = try call.strings("classlabels_strings")
    let integers = try call.ints("classlabels_int64s")
    guard texts.isEmpty != integers.isEmpty else {
      throw KernelFault(
        .malformed, "either classlabels_strings or classlabels_int64s is expected")
    }
    keys =
      texts.isEmpty
      ? .integers(integers.map { Int64($0) })
      : .texts(texts.map { String(decoding: $0, as: UTF8.self) })
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let shape = view.shape
    guard view.type == .float32 else { throw unsupportedElement(view.type) }
    guard shape.rank == 1 || shape.rank == 2, columnCount(shape) == keys.count else {
      throw KernelFault(.shape, "\(shape.list) does not give a column to \(keys.count) labels")
    }
    io.alias(0, of: view, shape: shape.rank == 1 ? Shape(1, keys.count) : shape)
  }
}

/// A dictionary as inputs 0 (keys) and 1 (values).
private struct Entries {
  let keys: TensorView
  let values: TensorView

  init(_ io: NodeIO) throws(KernelFault) {
    keys = try io.input(0)
    values = try io.input(1)
    guard keys.shape.rank == 1, keys.shape == values.shape else {
      throw KernelFault(
        .shape, "a dictionary of keys \(keys.shape.list) and values \(values.shape.list)")
    }
  }
}

/// The values of a dictionary in the order of a vocabulary, zero (or an empty text) for keys that
/// it lacks; other keys are left out.
struct DictVectorizerKernel: Kernel {
  private let texts: TextTable?
  private let integers: [Int64: Int]
  private let width: Int

  init(_ call: OperatorCall) throws(KernelFault) {
    let words = try call.strings("string_vocabulary")
    let numbers = try call.ints("int64_vocabulary")
    guard words.isEmpty != numbers.isEmpty else {
      throw KernelFault(.malformed, "either string_vocabulary or int64_vocabulary is expected")
    }
    texts = words.isEmpty ? nil : TextTable(words)
    var integers: [Int64: Int] = [:]
    for (place, number) in numbers.enumerated() where integers[Int64(number)] == nil {
      integers[Int64(number)] = place
    }
    self.integers = integers
    width = max(words.count, numbers.count)
    let distinct = words.isEmpty ? integers.count : Set(words).count
    guard distinct == width else {
      throw KernelFault(.malformed, "the vocabulary names a key twice")
    }
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let entries = try Entries(io)
    let type = entries.values.type
    let stride = type.strideBytes
    let out = UnsafeMutableRawPointer(
      try io.output(0, type, Shape(1, width), as: UInt8.self))
    if type == .text {
      out.assumingMemoryBound(to: TextRef.self)
        .update(repeating: TextRef(bytes: nil, count: 0), count: width)
    } else {
      // All-zero bits are zero in every numeric type.
      out.initializeMemory(as: UInt8.self, repeating: 0, count: width * stride)
    }
    for i in 0..<entries.keys.count {
      let place = try place(entries.keys, i)
      if place < 0 { continue }
      (out + place * stride).copyMemory(
        from: entries.values.data + i * stride, byteCount: stride)
    }
  }

  private func place(_ keys: TensorView, _ i: Int) throws(KernelFault) -> Int {
    if let texts {
      guard keys.type == .text else { throw unsupportedElement(keys.type) }
      return texts.find(keys.pointer(TextRef.self)[i])
    }
    guard keys.type == .int64 else { throw unsupportedElement(keys.type) }
    return integers[keys.pointer(Int64.self)[i]] ?? -1
  }
}

/// The values of a dictionary with integer keys as another type: in the order of the keys, or each
/// at the place of its key.
struct CastMapKernel: Kernel {
  private let target: ElementType
  /// For the sparse form the number of places.
  private let places: Int?
  var hasDataDependentShape: Bool { places == nil }

  init(_ call: OperatorCall) throws(KernelFault) {
    let name = try call.string("cast_to") ?? "TO_FLOAT"
    let types: [String: ElementType] = [
      "TO_FLOAT": .float32, "TO_STRING": .text, "TO_INT64": .int64,
    ]
    guard let target = types[name] else {
      throw KernelFault(.malformed, "the cast \"\(printable(name))\"")
    }
    self.target = target
    let form = try call.string("map_form") ?? "DENSE"
    let most = try call.int("max_map", default: 1)
    switch form {
    case "DENSE": places = nil
    case "SPARSE":
      guard (1...call.limits.constantElementsMax).contains(most) else {
        throw KernelFault(.malformed, "max_map is \(most); at least 1 is expected")
      }
      places = most
    default: throw KernelFault(.malformed, "the map_form \"\(printable(form))\"")
    }
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let entries = try Entries(io)
    guard entries.keys.type == .int64 else { throw unsupportedElement(entries.keys.type) }
    let keys = entries.keys.pointer(Int64.self)
    let count = entries.keys.count
    let width = places ?? count
    // Which entry goes to which place; -1 for none.
    let order = try io.scratch(width, of: Int.self)
    for i in 0..<width { order[i] = places == nil ? i : -1 }
    if places == nil {
      var places = UnsafeMutableBufferPointer(start: order, count: count)
      places.sort { keys[$0] < keys[$1] }
    } else {
      for i in 0..<count {
        guard keys[i] >= 0 else {
          throw KernelFault(.data, "the key \(keys[i]) is negative, so it has no place")
        }
        if keys[i] < width { order[Int(keys[i])] = i }
      }
    }
    try write(io, entries.values, order, width)
  }

  private func write(
    _ io: NodeIO, _ values: TensorView, _ order: UnsafeMutablePointer<Int>, _ width: Int
  ) throws(KernelFault) {
    let shape = Shape(1, width)
    switch target {
    case .float32:
      let out = try io.output(0, target, shape, as: Float.self)
      for i in 0..<width { out[i] = order[i] < 0 ? 0 : Float(try number(io, values, order[i])) }
    case .int64:
      let out = try io.output(0, target, shape, as: Int64.self)
      for i in 0..<width {
        out[i] = order[i] < 0 ? 0 : Int64(saturatingInt(try number(io, values, order[i])))
      }
    default:
      let out = try io.output(0, .text, shape, as: TextRef.self)
      for i in 0..<width {
        // The filler is onnxruntime's own.
        out[i] = order[i] < 0 ? try io.makeText("0.f") : try text(io, values, order[i])
      }
    }
  }

  private func number(
    _ io: NodeIO, _ values: TensorView, _ i: Int
  ) throws(KernelFault) -> Double {
    switch values.type {
    case .float32: return Double(values.pointer(Float.self)[i])
    case .text:
      guard let number = parseNumber(values.pointer(TextRef.self)[i]) else {
        if io.frame.isProbe { return 0 }
        let text = values.pointer(TextRef.self)[i].string
        throw KernelFault(.data, "the text \"\(printable(text, limit: 40))\" is no number")
      }
      return number
    default: throw unsupportedElement(values.type)
    }
  }

  /// Numbers are written with six decimals, as C++'s `std::to_string` does it.
  private func text(_ io: NodeIO, _ values: TensorView, _ i: Int) throws(KernelFault) -> TextRef {
    switch values.type {
    case .text: return values.pointer(TextRef.self)[i]
    case .float32: return try io.makeText(sixDecimals(Double(values.pointer(Float.self)[i])))
    default: throw unsupportedElement(values.type)
    }
  }
}

/// `%f` of C.
private func sixDecimals(_ x: Double) -> String {
  // The largest float has 39 digits before the point.
  var buffer = [CChar](repeating: 0, count: 64)
  let count = withVaList([x]) { vsnprintf(&buffer, 64, "%f", $0) }
  return String(
    decoding: buffer.prefix(max(0, min(Int(count), 63))).map { UInt8(bitPattern: $0) },
    as: UTF8.self)
}
