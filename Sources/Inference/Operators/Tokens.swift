import Core

/// Operators from texts to counts of terms.
let tokenOperators: OperatorTable = [
  "TfIdfVectorizer": { call throws(KernelFault) in try TermCountKernel(call) }
]

/// Operators of onnxruntime's own domain, com.microsoft, that exporters of text pipelines use.
let microsoftOperators: OperatorTable = [
  "Tokenizer": { call throws(KernelFault) in try TokenizerKernel(call) },
  "MurmurHash3": { call throws(KernelFault) in try MurmurHashKernel(call) },
  "CDist": { call throws(KernelFault) in try PairwiseDistanceKernel(call) },
]

/// Cuts texts into tokens: a new last dimension, filled up with a padding text.
///
/// Tokens lie in the input's memory.
struct TokenizerKernel: Kernel {
  enum Rule: Sendable {
    case characters
    /// Tokens are what matches.
    case matches(RegexProgram)
    /// Tokens are what lies between, for earlier separators first.
    case separators([RegexProgram])
  }

  let rule: Rule
  let isMarked: Bool
  let padding: Tensor
  let marks: Tensor
  let charactersMin: Int
  var hasDataDependentShape: Bool { true }

  init(_ call: OperatorCall) throws(KernelFault) {
    isMarked = try call.int("mark", default: 0) != 0
    charactersMin = try call.int("mincharnum", default: 1)
    let padding = Array((try call.string("pad_value") ?? "").utf8)
    self.padding = Tensor(joined: padding, counts: [padding.count], dims: Shape(1))
    marks = Tensor(joined: [0x02, 0x03], counts: [1, 1], dims: Shape(2))
    let separators = try call.strings("separators").map { String(decoding: $0, as: UTF8.self) }
    if let expression = try call.string("tokenexp"), !expression.isEmpty {
      guard separators.isEmpty else {
        throw KernelFault(.malformed, "both separators and tokenexp are given")
      }
      rule = .matches(try RegexCompiler.compile(expression))
    } else if separators == [""] {
      rule = .characters
    } else {
      guard !separators.isEmpty, !separators.contains("") else {
        throw KernelFault(.malformed, "separators are missing or empty")
      }
      var programs: [RegexProgram] = []
      for separator in separators { programs.append(try RegexCompiler.compile(separator)) }
      rule = .separators(programs)
    }
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let (x, old) = try io.input(0, .text, as: TextRef.self)
    guard old.rank == 1 || old.rank == 2 else {
      throw KernelFault(.shape, "\(old.list) is neither [C] nor [N, C]")
    }
    let room = try io.scratch(scratchCount, of: Int32.self)
    var most = 0
    for i in 0..<old.count {
      var tokens = 0
      cut(x[i], room) { _ in tokens += 1 }
      most = max(most, tokens)
    }
    let width = most == 0 ? 0 : most + (isMarked ? 2 : 0)
    var shape = old
    shape.append(width)
    let out = try io.output(0, .text, shape, as: TextRef.self)
    let pad = padding.view.pointer(TextRef.self)[0]
    out.update(repeating: pad, count: shape.count)
    for i in 0..<old.count where width > 0 {
      var at = i * width
      if isMarked {
        out[at] = marks.view.pointer(TextRef.self)[0]
        at += 1
      }
      cut(x[i], room) { token in
        out[at] = token
        at += 1
      }
      guard isMarked else { continue }
      out[at] = marks.view.pointer(TextRef.self)[1]
    }
  }

  private var scratchCount: Int {
    switch rule {
    case .characters: 1
    case .matches(let program): program.scratchCount
    case .separators(let list): list.map(\.scratchCount).max() ?? 1
    }
  }

  private func cut(
    _ text: TextRef, _ room: UnsafeMutablePointer<Int32>, _ take: (TextRef) -> Void
  ) {
    guard let bytes = text.bytes, text.count > 0 else { return }
    var reader = ScalarReader(text)
    switch rule {
    case .characters:
      var start = 0
      while reader.next() != nil {
        take(TextRef(bytes: bytes + start, count: reader.at - start))
        start = reader.at
      }
    case .matches(let program): search([program], text, room) { token, _ in offer(token, take) }
    case .separators(let list):
      var start = 0
      search(list, text, room) { _, range in
        offer(TextRef(bytes: bytes + start, count: range.lowerBound - start), take)
        start = range.upperBound
      }
      offer(TextRef(bytes: bytes + start, count: text.count - start), take)
    }
  }

  private func offer(_ token: TextRef, _ take: (TextRef) -> Void) {
    guard token.count > 0 else { return }
    var reader = ScalarReader(token)
    var count = 0
    while count < charactersMin {
      if reader.next() == nil { return }
      count += 1
    }
    take(token)
  }

  /// Calls `take` for each match from left to right, none overlapping; of several programs that
  /// match at a place the first counts.
  private func search(
    _ programs: [RegexProgram], _ text: TextRef, _ room: UnsafeMutablePointer<Int32>,
    _ take: (TextRef, Range<Int>) -> Void
  ) {
    guard let bytes = text.bytes else { return }
    var reader = ScalarReader(text)
    var before: UInt32?
    while reader.at < text.count {
      let start = reader.at
      var end = start
      for program in programs where end == start {
        end = program.end(from: reader, before: before, room) ?? start
      }
      if end > start {
        take(TextRef(bytes: bytes + start, count: end - start), start..<end)
      }
      repeat { before = reader.next() } while reader.at < end
    }
  }
}

/// How often terms (runs of tokens) occur in each row.
///
/// A weight belongs to a term, in the order of the pool, as the specification and onnxruntime have
/// it (ONNX's reference takes it by the column instead).
struct TermCountKernel: Kernel {
  enum Mode: String, Sendable {
    case count = "TF"
    case presence = "IDF"
    case weighted = "TFIDF"
  }

  /// A term's beginning and its next token.
  private struct Step: Hashable {
    let prefix: Int32
    let token: Int32
  }

  private let mode: Mode
  private let lengths: ClosedRange<Int>
  private let skipsMax: Int
  private let width: Int
  /// By column; empty when all are 1.
  private let weights: [Float]
  private let texts: TextTable?
  private let integers: [Int64: Int32]
  private let steps: [Step: Int32]
  /// For each beginning the column it counts in, or -1.
  private let columns: [Int32]

  init(_ call: OperatorCall) throws(KernelFault) {
    let name = try call.string("mode") ?? ""
    guard let mode = Mode(rawValue: name) else {
      throw KernelFault(.malformed, "the mode \"\(printable(name))\"")
    }
    self.mode = mode
    let least = try call.int("min_gram_length", default: 0)
    let most = try call.int("max_gram_length", default: 0)
    skipsMax = try call.int("max_skip_count", default: 0)
    guard least >= 1, most >= least, most <= 1000, (0...1000).contains(skipsMax) else {
      throw KernelFault(.malformed, "terms of \(least) to \(most) tokens, \(skipsMax) skips")
    }
    lengths = least...most
    let places = try call.ints("ngram_indexes")
    let weights = try call.floats("weights")
    guard let last = places.max(), places.allSatisfy({ $0 >= 0 }), last < 1 << 28 else {
      throw KernelFault(.malformed, "ngram_indexes is empty or out of range")
    }
    width = last + 1
    guard weights.isEmpty || weights.count == places.count else {
      throw KernelFault(.malformed, "\(weights.count) weights for \(places.count) terms")
    }
    var weightOfColumn = [Float](repeating: 0, count: weights.isEmpty ? 0 : width)
    for (place, weight) in zip(places, weights).reversed() { weightOfColumn[place] = weight }
    self.weights = weightOfColumn
    let words = try call.strings("pool_strings")
    let numbers = try call.ints("pool_int64s")
    guard words.isEmpty != numbers.isEmpty else {
      throw KernelFault(.malformed, "either pool_strings or pool_int64s is expected")
    }
    let table = words.isEmpty ? nil : TextTable(words)
    var integers: [Int64: Int32] = [:]
    for number in numbers where integers[Int64(number)] == nil {
      integers[Int64(number)] = Int32(integers.count)
    }
    texts = table
    self.integers = integers
    // A word is known by the place where it first occurs in the pool.
    var tokens: [Int32] = []
    for number in numbers { tokens.append(integers[Int64(number)] ?? -1) }
    for word in words {
      tokens.append(
        word.withUnsafeBufferPointer {
          Int32(table?.find(TextRef(bytes: $0.baseAddress, count: $0.count)) ?? -1)
        })
    }
    (steps, columns) = try TermCountKernel.terms(
      tokens, starts: try call.ints("ngram_counts"), places)
  }

  private static func terms(
    _ tokens: [Int32], starts: [Int], _ places: [Int]
  ) throws(KernelFault) -> ([Step: Int32], [Int32]) {
    guard !starts.isEmpty, starts[0] == 0, starts.allSatisfy({ $0 >= 0 && $0 <= tokens.count }),
      zip(starts, starts.dropFirst()).allSatisfy({ $0 <= $1 })
    else { throw KernelFault(.malformed, "ngram_counts does not fit the pool") }
    var steps: [Step: Int32] = [:]
    var columns: [Int32] = [-1]
    var term = 0
    for (i, start) in starts.enumerated() {
      let length = i + 1
      let end = i + 1 < starts.count ? starts[i + 1] : tokens.count
      guard (end - start) % length == 0 else {
        throw KernelFault(.malformed, "the pool's terms of \(length) tokens are cut short")
      }
      for first in stride(from: start, to: end, by: length) {
        guard term < places.count else {
          throw KernelFault(.malformed, "\(places.count) places for more terms")
        }
        var node: Int32 = 0
        for token in tokens[first..<first + length] {
          let step = Step(prefix: node, token: token)
          if let known = steps[step] {
            node = known
          } else {
            node = Int32(columns.count)
            steps[step] = node
            columns.append(-1)
          }
        }
        if columns[Int(node)] < 0 { columns[Int(node)] = Int32(places[term]) }
        term += 1
      }
    }
    return (steps, columns)
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let isText = view.type == .text
    guard isText == (texts != nil), isText || view.type == .int32 || view.type == .int64 else {
      throw unsupportedElement(view.type)
    }
    guard view.shape.rank == 1 || view.shape.rank == 2 else {
      throw KernelFault(.shape, "\(view.shape.list) is neither [C] nor [N, C]")
    }
    let rows = view.shape.rank == 1 ? 1 : view.shape[0]
    let length = columnCount(view.shape)
    let shape = view.shape.rank == 1 ? Shape(width) : Shape(rows, width)
    let out = try io.output(0, .float32, shape, as: Float.self)
    let tokens = try io.scratch(length, of: Int32.self)
    out.update(repeating: 0, count: shape.count)
    for row in 0..<rows {
      for i in 0..<length { tokens[i] = token(view, row * length + i) }
      count(tokens, length, out + row * width)
      weigh(out + row * width)
    }
  }

  @inline(__always)
  private func token(_ view: TensorView, _ i: Int) -> Int32 {
    if let texts { return Int32(texts.find(view.pointer(TextRef.self)[i])) }
    return integers[Int64(indexValue(view, i))] ?? -1
  }

  private func count(
    _ tokens: UnsafeMutablePointer<Int32>, _ length: Int, _ out: UnsafeMutablePointer<Float>
  ) {
    var least = lengths.lowerBound
    for gap in 1...(skipsMax + 1) {
      for start in 0..<length {
        var node: Int32 = 0
        var at = start
        var size = 1
        while at < length, size <= lengths.upperBound, tokens[at] >= 0,
          let next = steps[Step(prefix: node, token: tokens[at])]
        {
          node = next
          let column = columns[Int(node)]
          if size >= least && column >= 0 { out[Int(column)] += 1 }
          at += gap
          size += 1
        }
      }
      // Single tokens have no gaps; they are counted once.
      if least == 1 { least = 2 }
      if least > lengths.upperBound { return }
    }
  }

  private func weigh(_ out: UnsafeMutablePointer<Float>) {
    if mode == .count { return }
    for i in 0..<width {
      let weight = weights.isEmpty ? 1 : weights[i]
      out[i] = mode == .presence ? (out[i] > 0 ? weight : 0) : out[i] * weight
    }
  }
}
