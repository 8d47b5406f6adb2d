import Core

/// Operators on texts.
let textOperators: OperatorTable = [
  "StringConcat": { _ in TextConcatenationKernel() },
  "StringSplit": { call throws(KernelFault) in
    TextSplitKernel(
      delimiter: Array((try call.string("delimiter") ?? "").utf8),
      splitsMax: try call.int("maxsplit") ?? .max)
  },
  "StringNormalizer": { call throws(KernelFault) in try TextNormalizerKernel(call) },
  "RegexFullMatch": { call throws(KernelFault) in
    guard let pattern = try call.string("pattern") else {
      throw KernelFault(.malformed, "the attribute pattern is missing")
    }
    return PatternKernel(program: try RegexCompiler.compile(pattern))
  },
]

/// Joins two texts, broadcasting.
struct TextConcatenationKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let (a, aShape) = try io.input(0, .text, as: TextRef.self)
    let (b, bShape) = try io.input(1, .text, as: TextRef.self)
    let shape = try Shape.broadcast(aShape, bShape)
    let out = try io.output(0, .text, shape, as: TextRef.self)
    var fault: KernelFault?
    Broadcast.binary(a, aShape, b, bShape, out, shape) { x, y in
      do throws(KernelFault) {
        return try io.makeText(x, y)
      } catch {
        fault = error
        return TextRef(bytes: nil, count: 0)
      }
    }
    if let fault { throw fault }
  }
}

extension NodeIO {
  /// Keeps two texts joined until the next run.
  func makeText(_ a: TextRef, _ b: TextRef) throws(KernelFault) -> TextRef {
    let (count, overflow) = a.count.addingReportingOverflow(b.count)
    guard !overflow else { throw KernelFault(.limit, "a text is too long") }
    let place = try frame.makeText(bytes: max(count, 1))
    if let bytes = a.bytes { place.update(from: bytes, count: a.count) }
    if let bytes = b.bytes { (place + a.count).update(from: bytes, count: b.count) }
    return TextRef(bytes: UnsafePointer(place), count: count)
  }
}

/// Cuts texts into pieces: a new last dimension, filled up with empty texts, and the counts.
///
/// Pieces lie in the input's memory.
struct TextSplitKernel: Kernel {
  /// Empty: any run of white space.
  let delimiter: [UInt8]
  let splitsMax: Int
  var hasDataDependentShape: Bool { true }

  func run(_ io: NodeIO) throws(KernelFault) {
    let (x, old) = try io.input(0, .text, as: TextRef.self)
    guard old.rank < Shape.rankMax else { throw KernelFault(.unsupported, "the rank") }
    var width = 0
    for i in 0..<old.count {
      var pieces = 0
      split(x[i]) { _ in pieces += 1 }
      width = max(width, pieces)
    }
    var shape = old
    shape.append(width)
    // A text is empty where no piece is.
    if io.wants(0) {
      let out = try io.output(0, .text, shape, as: TextRef.self)
      out.update(repeating: TextRef(bytes: nil, count: 0), count: shape.count)
      for i in 0..<old.count {
        var at = i * width
        split(x[i]) { piece in
          out[at] = piece
          at += 1
        }
      }
    }
    guard io.wants(1) else { return }
    let counts = try io.output(1, .int64, old, as: Int64.self)
    for i in 0..<old.count {
      var pieces = 0
      split(x[i]) { _ in pieces += 1 }
      counts[i] = Int64(pieces)
    }
  }

  private func split(_ text: TextRef, _ take: (TextRef) -> Void) {
    guard let bytes = text.bytes, text.count > 0 else {
      // As Python does it: by white space nothing, by a delimiter one empty piece.
      if !delimiter.isEmpty { take(text) }
      return
    }
    if delimiter.isEmpty {
      splitAtSpace(bytes, text.count, take)
    } else {
      splitAtDelimiter(bytes, text.count, take)
    }
  }

  private func splitAtSpace(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, _ take: (TextRef) -> Void
  ) {
    var at = 0
    var splits = 0
    while true {
      while at < count && isSpace(bytes[at]) { at += 1 }
      if at == count { return }
      let start = at
      if splits == max(splitsMax, 0) {
        var end = count
        while end > start && isSpace(bytes[end - 1]) { end -= 1 }
        take(TextRef(bytes: bytes + start, count: end - start))
        return
      }
      while at < count && !isSpace(bytes[at]) { at += 1 }
      take(TextRef(bytes: bytes + start, count: at - start))
      splits += 1
    }
  }

  private func splitAtDelimiter(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, _ take: (TextRef) -> Void
  ) {
    var start = 0
    var at = 0
    var splits = 0
    while at + delimiter.count <= count && splits < splitsMax {
      var same = 0
      while same < delimiter.count && bytes[at + same] == delimiter[same] { same += 1 }
      if same < delimiter.count {
        at += 1
        continue
      }
      take(TextRef(bytes: bytes + start, count: at - start))
      at += same
      start = at
      splits += 1
    }
    take(TextRef(bytes: bytes + start, count: count - start))
  }
}

/// White space of ASCII.
@inline(__always)
func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

/// Drops stop words and changes the case, by Unicode's mappings of single characters.
struct TextNormalizerKernel: Kernel {
  enum Case: String, Sendable {
    case lower = "LOWER"
    case upper = "UPPER"
    case unchanged = "NONE"
  }

  let change: Case
  /// Folded unless case matters.
  let stopwords: TextTable
  let isCaseSensitive: Bool
  var hasDataDependentShape: Bool { stopwords.count > 0 }

  init(_ call: OperatorCall) throws(KernelFault) {
    let name = try call.string("case_change_action") ?? "NONE"
    guard let change = Case(rawValue: name) else {
      throw KernelFault(.malformed, "the case change \"\(printable(name))\"")
    }
    self.change = change
    let isCaseSensitive = try call.int("is_case_sensitive", default: 0) != 0
    self.isCaseSensitive = isCaseSensitive
    stopwords = TextTable(
      try call.strings("stopwords").map { word in
        isCaseSensitive
          ? word : Array(changedCase(String(decoding: word, as: UTF8.self), .lower).utf8)
      })
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let (x, old) = try io.input(0, .text, as: TextRef.self)
    guard old.rank == 1 || (old.rank == 2 && old[0] == 1) else {
      throw KernelFault(.shape, "\(old.list) is neither [C] nor [1, C]")
    }
    var shape = old
    guard stopwords.count > 0 else {
      let out = try io.output(0, .text, shape, as: TextRef.self)
      for i in 0..<old.count { out[i] = try changed(x[i], io) }
      return
    }
    let kept = try io.scratch(old.count, of: Bool.self)
    var count = 0
    for i in 0..<old.count {
      kept[i] = !isStopword(x[i])
      if kept[i] { count += 1 }
    }
    // When nothing is left one empty text stands for it.
    shape[shape.rank - 1] = max(count, 1)
    let out = try io.output(0, .text, shape, as: TextRef.self)
    if count == 0 { out[0] = TextRef(bytes: nil, count: 0) }
    var to = 0
    for i in 0..<old.count where kept[i] {
      out[to] = try changed(x[i], io)
      to += 1
    }
  }

  private func isStopword(_ text: TextRef) -> Bool {
    if isCaseSensitive { return stopwords.find(text) >= 0 }
    var folded = changedCase(text.string, .lower)
    return folded.withUTF8 {
      stopwords.find(TextRef(bytes: $0.baseAddress, count: $0.count)) >= 0
    }
  }

  private func changed(_ text: TextRef, _ io: NodeIO) throws(KernelFault) -> TextRef {
    change == .unchanged ? text : try io.makeText(changedCase(text.string, change))
  }
}

/// The text in another case; characters whose mapping is several characters stay as they are in
/// upper case, and lose the marks in lower case (as C's `towupper` and `towlower` do it).
private func changedCase(_ text: String, _ change: TextNormalizerKernel.Case) -> String {
  var result = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    let mapping =
      change == .lower
      ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
    let scalars = mapping.unicodeScalars
    result.append(
      change == .lower || scalars.count == 1 ? scalars.first ?? scalar : scalar)
  }
  return String(result)
}

/// Whether whole texts match a pattern.
struct PatternKernel: Kernel {
  let program: RegexProgram

  func run(_ io: NodeIO) throws(KernelFault) {
    let (x, shape) = try io.input(0, .text, as: TextRef.self)
    let out = try io.output(0, .bool, shape, as: UInt8.self)
    let room = try io.scratch(program.scratchCount, of: Int32.self)
    for i in 0..<shape.count { out[i] = program.matchesWhole(x[i], room) ? 1 : 0 }
  }
}
