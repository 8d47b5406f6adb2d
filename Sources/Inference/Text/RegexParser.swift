import Core

/// A pattern as a tree.
indirect enum RegexNode {
  case empty
  case set(RegexSet)
  case assertion(RegexAssertion)
  case sequence([RegexNode])
  case choice([RegexNode])
  /// `nil`: any number.
  case repetition(RegexNode, least: Int, most: Int?, isLazy: Bool)
}

/// Reads the syntax of RE2, less Unicode scripts and `\C`.
///
/// Groups are read, but nothing asks what they hold.
struct RegexParser {
  private let scalars: [UInt32]
  private var at = 0
  private var depth = 0
  private var flags = Flags()

  private static let depthMax = 100
  private static let lengthMax = 10_000
  /// As RE2 limits it.
  private static let repetitionsMax = 1000

  private struct Flags {
    var ignoresCase = false
    var isMultiline = false
    var dotMatchesNewline = false
    var isLazy = false
  }

  static func parse(_ pattern: String) throws(KernelFault) -> RegexNode {
    var parser = RegexParser(pattern)
    guard parser.scalars.count <= lengthMax else {
      throw KernelFault(.limit, "a pattern of more than \(lengthMax) characters")
    }
    let node = try parser.choice()
    guard parser.at == parser.scalars.count else { throw parser.malformed("an unmatched )") }
    return node
  }

  private init(_ pattern: String) { scalars = pattern.unicodeScalars.map(\.value) }

  private var peek: UInt32? { at < scalars.count ? scalars[at] : nil }

  private func isNext(_ text: String) -> Bool {
    let wanted = text.unicodeScalars.map(\.value)
    return at + wanted.count <= scalars.count
      && scalars[at..<at + wanted.count].elementsEqual(wanted)
  }

  private mutating func take(_ text: String) -> Bool {
    guard isNext(text) else { return false }
    at += text.unicodeScalars.count
    return true
  }

  private func malformed(_ what: String) -> KernelFault {
    KernelFault(.malformed, "the pattern has \(what) at character \(at)")
  }

  private func unsupported(_ what: String) -> KernelFault {
    KernelFault(.unsupported, "\(what) in a pattern")
  }

  private mutating func choice() throws(KernelFault) -> RegexNode {
    depth += 1
    defer { depth -= 1 }
    guard depth <= RegexParser.depthMax else {
      throw KernelFault(.limit, "a pattern nested deeper than \(RegexParser.depthMax)")
    }
    // Flags set inside a group end with it.
    let saved = flags
    defer { flags = saved }
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence() throws(KernelFault) -> RegexNode {
    var parts: [RegexNode] = []
    while let next = peek, next != 0x7C, next != 0x29 {
      if take("\\Q") {
        while at < scalars.count && !isNext("\\E") {
          parts.append(literal(scalars[at]))
          at += 1
        }
        _ = take("\\E")
        continue
      }
      guard let atom = try atom() else { continue }
      parts.append(try quantified(atom))
    }
    return parts.isEmpty ? .empty : parts.count == 1 ? parts[0] : .sequence(parts)
  }

  private func literal(_ scalar: UInt32) -> RegexNode {
    var set = RegexSet([scalar...scalar])
    set.ignoresCase = flags.ignoresCase
    return .set(set)
  }

  /// One character, class, group or condition; `nil` for what only sets flags.
  private mutating func atom() throws(KernelFault) -> RegexNode? {
    let scalar = scalars[at]
    switch scalar {
    case 0x28: return try group()
    case 0x5B: return .set(try bracket())
    case 0x5C: return try escape()
    case 0x2A, 0x2B, 0x3F: throw malformed("a quantifier with nothing before it")
    default: break
    }
    at += 1
    switch scalar {
    case 0x2E:
      return .set(
        RegexSet(
          flags.dotMatchesNewline ? [0...RegexSet.last] : [0...9, 0x0B...RegexSet.last]))
    case 0x5E: return .assertion(flags.isMultiline ? .lineStart : .textStart)
    case 0x24: return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
    default: return literal(scalar)
    }
  }

  private mutating func quantified(_ atom: RegexNode) throws(KernelFault) -> RegexNode {
    var result = atom
    var isDone = false
    while let next = peek {
      var least = 0
      var most: Int?
      let start = at
      switch next {
      case 0x2A: at += 1
      case 0x2B:
        least = 1
        at += 1
      case 0x3F:
        most = 1
        at += 1
      case 0x7B:
        guard let bounds = try bounds() else { return result }
        (least, most) = bounds
      default: return result
      }
      guard !isDone else {
        at = start
        throw malformed("two quantifiers in a row")
      }
      isDone = true
      let isLazy = take("?") != flags.isLazy
      result = .repetition(result, least: least, most: most, isLazy: isLazy)
    }
    return result
  }

  /// `{2}`, `{2,}` or `{2,5}`; `nil` for a brace that is a character.
  private mutating func bounds() throws(KernelFault) -> (Int, Int?)? {
    let start = at
    at += 1
    let least = number()
    var most = least
    if least != nil, take(",") { most = number() ?? -1 }
    guard let least, let most, take("}") else {
      at = start
      return nil
    }
    guard least <= RegexParser.repetitionsMax, most <= RegexParser.repetitionsMax,
      most < 0 || most >= least
    else { throw malformed("a repetition of \(least) to \(most)") }
    return (least, most < 0 ? nil : most)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let digit = peek, (0x30...0x39).contains(digit), (value ?? 0) < 1_000_000 {
      value = (value ?? 0) * 10 + Int(digit - 0x30)
      at += 1
    }
    return value
  }

  private mutating func group() throws(KernelFault) -> RegexNode? {
    at += 1
    if take("?") {
      if isNext("=") || isNext("!") || isNext("<=") || isNext("<!") {
        throw unsupported("looking ahead or back")
      }
      if take("P<") || take("<") {
        while let next = peek, next != 0x3E {
          guard RegexSet.word.contains(next) else { throw malformed("a group's name") }
          at += 1
        }
        guard take(">") else { throw malformed("a group's name") }
      } else {
        let outer = flags
        guard try readFlags() else { return nil }
        let node = try choice()
        flags = outer
        guard take(")") else { throw malformed("an unmatched (") }
        return node
      }
    }
    let node = try choice()
    guard take(")") else { throw malformed("an unmatched (") }
    return node
  }

  /// After `(?`: letters up to `:` (a group follows) or `)` (they hold from here on).
  private mutating func readFlags() throws(KernelFault) -> Bool {
    var isSet = true
    while let next = peek {
      at += 1
      switch next {
      case 0x69: flags.ignoresCase = isSet
      case 0x6D: flags.isMultiline = isSet
      case 0x73: flags.dotMatchesNewline = isSet
      case 0x55: flags.isLazy = isSet
      case 0x2D: isSet = false
      case 0x3A: return true
      case 0x29: return false
      default: throw malformed("an unknown flag")
      }
    }
    throw malformed("an unmatched (")
  }

  private mutating func escape() throws(KernelFault) -> RegexNode {
    let assertions: [UInt32: RegexAssertion] = [
      0x41: .textStart, 0x7A: .textEnd, 0x62: .wordBoundary, 0x42: .noWordBoundary,
    ]
    if at + 1 < scalars.count, let assertion = assertions[scalars[at + 1]] {
      at += 2
      return .assertion(assertion)
    }
    if let ranges = try classEscape() {
      var set = RegexSet(ranges)
      set.ignoresCase = flags.ignoresCase
      return .set(set)
    }
    return literal(try characterEscape())
  }

  /// `\d`, `\pL` and so on, or `nil`.
  private mutating func classEscape() throws(KernelFault) -> [ClosedRange<UInt32>]? {
    guard at + 1 < scalars.count else { throw malformed("a lone backslash") }
    let ranges: [ClosedRange<UInt32>]
    switch scalars[at + 1] {
    case 0x64: ranges = RegexSet.digit.ranges
    case 0x44: ranges = RegexSet.digit.complement
    case 0x77: ranges = RegexSet.word.ranges
    case 0x57: ranges = RegexSet.word.complement
    case 0x73: ranges = RegexSet.space.ranges
    case 0x53: ranges = RegexSet.space.complement
    case 0x70, 0x50: throw unsupported("a Unicode class (\\p)")
    case 0x43: throw unsupported("a single byte (\\C)")
    case 0x31...0x39: throw unsupported("a reference to a group")
    default: return nil
    }
    at += 2
    return ranges
  }

  private mutating func characterEscape() throws(KernelFault) -> UInt32 {
    at += 1
    guard let scalar = peek else { throw malformed("a lone backslash") }
    at += 1
    let named: [UInt32: UInt32] = [
      0x61: 0x07, 0x66: 0x0C, 0x74: 0x09, 0x6E: 0x0A, 0x72: 0x0D, 0x76: 0x0B,
    ]
    if let control = named[scalar] { return control }
    if scalar == 0x78 { return try hexadecimal() }
    if scalar == 0x30 {
      var value: UInt32 = 0
      for _ in 0..<2 {
        guard let digit = peek, (0x30...0x37).contains(digit) else { break }
        value = value * 8 + digit - 0x30
        at += 1
      }
      return value
    }
    // Punctuation stands for itself; letters and digits mean nothing.
    guard scalar < 0x80, !RegexSet.word.contains(scalar) || scalar == 0x5F else {
      throw malformed("an unknown escape")
    }
    return scalar
  }

  private mutating func hexadecimal() throws(KernelFault) -> UInt32 {
    let isBraced = take("{")
    var value: UInt32 = 0
    var digits = 0
    while let next = peek, digits < (isBraced ? 6 : 2), let scalar = Unicode.Scalar(next),
      let digit = Character(scalar).hexDigitValue, next < 0x80
    {
      value = value * 16 + UInt32(digit)
      digits += 1
      at += 1
    }
    guard isBraced ? digits > 0 && take("}") : digits == 2, value <= RegexSet.last else {
      throw malformed("a hexadecimal code")
    }
    return value
  }

  /// `[…]`.
  private mutating func bracket() throws(KernelFault) -> RegexSet {
    at += 1
    let isNegated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    var isFirst = true
    while true {
      guard let next = peek else { throw malformed("an unmatched [") }
      if next == 0x5D && !isFirst { break }
      isFirst = false
      if isNext("[:") {
        ranges += try namedClass()
        continue
      }
      if next == 0x5C, let list = try classEscape() {
        ranges += list
        continue
      }
      let low = try bracketCharacter()
      var high = low
      if isNext("-"), at + 1 < scalars.count, scalars[at + 1] != 0x5D {
        at += 1
        high = try bracketCharacter()
      }
      guard low <= high else { throw malformed("a range that runs backwards") }
      ranges.append(low...high)
    }
    at += 1
    var set = RegexSet(ranges)
    set.ignoresCase = flags.ignoresCase
    set.isNegated = isNegated
    return set
  }

  private mutating func bracketCharacter() throws(KernelFault) -> UInt32 {
    guard let next = peek else { throw malformed("an unmatched [") }
    if next == 0x5C { return try characterEscape() }
    at += 1
    return next
  }

  /// `[:alpha:]` and its kin, ASCII only as in RE2.
  private mutating func namedClass() throws(KernelFault) -> [ClosedRange<UInt32>] {
    let classes: [String: [ClosedRange<UInt32>]] = [
      "alnum": [0x30...0x39, 0x41...0x5A, 0x61...0x7A], "alpha": [0x41...0x5A, 0x61...0x7A],
      "ascii": [0...0x7F], "blank": [0x09...0x09, 0x20...0x20], "cntrl": [0...0x1F, 0x7F...0x7F],
      "digit": [0x30...0x39], "graph": [0x21...0x7E], "lower": [0x61...0x7A],
      "print": [0x20...0x7E], "punct": [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E],
      "space": [0x09...0x0D, 0x20...0x20], "upper": [0x41...0x5A], "word": RegexSet.word.ranges,
      "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
    ]
    for (name, ranges) in classes {
      if take("[:\(name):]") { return ranges }
      if take("[:^\(name):]") { return RegexSet(ranges).complement }
    }
    throw malformed("an unknown class")
  }
}
