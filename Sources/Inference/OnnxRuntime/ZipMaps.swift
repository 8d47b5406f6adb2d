import Core

/// A model file without the ZipMap nodes at its end: their outputs are the tables of scores that
/// the native engine gives, and not a list of dictionaries.
struct ZipMaps {
  /// The file that ONNX Runtime is given.
  let file: [UInt8]
  /// For an output that a ZipMap gave, the value that takes its place.
  let replacements: [String: String]

  /// Takes out every ZipMap whose output only the caller reads, and whose input a node computes.
  init(removedFrom file: [UInt8], _ outline: OnnxOutline) {
    let outputs = Set(outline.outputs.map(\.name))
    let removable = outline.zipMaps.filter { zipMap in
      outputs.contains(zipMap.output) && !outline.namesRead.contains(zipMap.output)
        && outline.namesGiven.contains(zipMap.input)
    }
    guard !removable.isEmpty else {
      self.file = file
      replacements = [:]
      return
    }
    let replacements = Dictionary(
      removable.map { ($0.output, $0.input) }, uniquingKeysWith: { first, _ in first })
    self.replacements = replacements
    let dropped =
      removable.map(\.field)
      + outline.outputs.filter { replacements[$0.name] != nil }.map(\.field)
    var graph = ZipMaps.cut(dropped.sorted { $0.lowerBound < $1.lowerBound }, from: file, outline)
    var added: Set<String> = []
    for table in removable.map(\.input)
    where !outputs.contains(table) && added.insert(table).inserted {
      graph += ZipMaps.output(named: table)
    }
    self.file =
      file[..<outline.graphField.lowerBound] + ZipMaps.field(7, graph)
      + file[outline.graphField.upperBound...]
  }

  private static func cut(
    _ dropped: [Range<Int>], from file: [UInt8], _ outline: OnnxOutline
  ) -> [UInt8] {
    var kept: [UInt8] = []
    kept.reserveCapacity(outline.graphContent.count)
    var next = outline.graphContent.lowerBound
    for range in dropped where range.lowerBound >= next {
      kept += file[next..<range.lowerBound]
      next = range.upperBound
    }
    return kept + file[next..<outline.graphContent.upperBound]
  }

  /// A `ValueInfoProto` in the graph's list of outputs; ONNX Runtime infers the shape.
  private static func output(named name: String) -> [UInt8] {
    let floats = field(1, [0x08, 0x01])
    return field(12, field(1, Array(name.utf8)) + field(2, floats))
  }

  /// A length-delimited protobuf field.
  private static func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
    var bytes = [number << 3 | 2]
    var length = content.count
    while length >= 0x80 {
      bytes.append(UInt8(length & 0x7F) | 0x80)
      length >>= 7
    }
    bytes.append(UInt8(length))
    return bytes + content
  }
}
