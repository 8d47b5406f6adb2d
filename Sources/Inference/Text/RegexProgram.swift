/// A compiled pattern: a nondeterministic automaton walked with a set of states (Thompson 1968,
/// Pike 1987), so that the time is at most the text's length times the program's.
final class RegexProgram: Sendable {
  enum Instruction: Sendable {
    /// One character of a set.
    case character(RegexSet)
    /// To both, the first preferred.
    case split(Int, Int)
    case jump(Int)
    case assertion(RegexAssertion)
    case match
  }

  let instructions: [Instruction]

  init(_ instructions: [Instruction]) { self.instructions = instructions }

  /// How many integers ``matchesWhole(_:_:)`` needs room for.
  var scratchCount: Int { instructions.count * 6 + 8 }

  /// Whether the text from its first to its last character matches.
  /// - Parameter room: ``scratchCount`` integers, whatever is in them.
  func matchesWhole(_ text: TextRef, _ room: UnsafeMutablePointer<Int32>) -> Bool {
    let count = instructions.count
    var current = StateSet(members: room, places: room + count)
    var next = StateSet(members: room + 2 * count, places: room + 3 * count)
    let stack = room + 4 * count
    // Places are looked at before they are written; any content will do but must be set.
    room.update(repeating: 0, count: 6 * count)
    var reader = ScalarReader(text)
    var before: UInt32?
    var character = reader.next()
    add(0, &current, stack, before, character)
    while let now = character {
      if current.count == 0 { return false }
      let after = reader.next()
      next.count = 0
      for i in 0..<current.count {
        let at = Int(current.members[i])
        if case .character(let set) = instructions[at], set.contains(now) {
          add(at + 1, &next, stack, now, after)
        }
      }
      swap(&current, &next)
      before = now
      character = after
    }
    for i in 0..<current.count {
      if case .match = instructions[Int(current.members[i])] { return true }
    }
    return false
  }

  /// Where the preferred match that starts at `reader` ends, in bytes of the whole text, or `nil`.
  ///
  /// Preferred as Perl and RE2 mean it: the first branch, the longer repetition.
  func end(
    from reader: ScalarReader, before: UInt32?, _ room: UnsafeMutablePointer<Int32>
  ) -> Int? {
    let count = instructions.count
    var current = StateSet(members: room, places: room + count)
    var next = StateSet(members: room + 2 * count, places: room + 3 * count)
    let stack = room + 4 * count
    room.update(repeating: 0, count: 6 * count)
    var reader = reader
    var before = before
    var found: Int?
    var position = reader.at
    var character = reader.next()
    add(0, &current, stack, before, character)
    while current.count > 0 {
      let place = reader.at
      let after = character == nil ? nil : reader.next()
      next.count = 0
      for i in 0..<current.count {
        let at = Int(current.members[i])
        if case .match = instructions[at] {
          // What comes later is less preferred.
          found = position
          break
        }
        if let character, case .character(let set) = instructions[at], set.contains(character) {
          add(at + 1, &next, stack, character, after)
        }
      }
      swap(&current, &next)
      position = place
      before = character
      character = after
    }
    return found
  }

  /// States without doubles, in the order they came (Briggs & Torczon 1993): cleared by forgetting
  /// the count.
  private struct StateSet {
    let members: UnsafeMutablePointer<Int32>
    let places: UnsafeMutablePointer<Int32>
    var count = 0

    @inline(__always)
    mutating func insert(_ state: Int) -> Bool {
      let place = Int(places[state])
      if place < count && members[place] == Int32(state) { return false }
      places[state] = Int32(count)
      members[count] = Int32(state)
      count += 1
      return true
    }
  }

  /// Adds a state and all that follow without reading a character.
  private func add(
    _ start: Int, _ set: inout StateSet, _ stack: UnsafeMutablePointer<Int32>, _ before: UInt32?,
    _ after: UInt32?
  ) {
    // A state is pushed at most once from each of the (at most two) ways to it, and only while
    // it is not in the set: the stack never holds more than two entries a state.
    stack[0] = Int32(start)
    var depth = 1
    while depth > 0 {
      depth -= 1
      let state = Int(stack[depth])
      guard set.insert(state) else { continue }
      switch instructions[state] {
      case .jump(let to):
        stack[depth] = Int32(to)
        depth += 1
      case .split(let a, let b):
        // The preferred one on top: states come into the set in the order of preference.
        stack[depth] = Int32(b)
        stack[depth + 1] = Int32(a)
        depth += 2
      case .assertion(let assertion):
        if assertion.holds(before, after) {
          stack[depth] = Int32(state + 1)
          depth += 1
        }
      case .character, .match: continue
      }
    }
  }
}

/// A condition between two characters; `nil` is the start or the end of the text.
enum RegexAssertion: Sendable {
  case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary

  func holds(_ before: UInt32?, _ after: UInt32?) -> Bool {
    switch self {
    case .textStart: before == nil
    case .textEnd: after == nil
    case .lineStart: before == nil || before == 0x0A
    case .lineEnd: after == nil || after == 0x0A
    case .wordBoundary: isWord(before) != isWord(after)
    case .noWordBoundary: isWord(before) == isWord(after)
    }
  }

  private func isWord(_ scalar: UInt32?) -> Bool {
    guard let scalar else { return false }
    return RegexSet.word.contains(scalar)
  }
}

/// A set of characters as sorted ranges of code points.
struct RegexSet: Sendable {
  private(set) var ranges: [ClosedRange<UInt32>]
  /// Whether letters match in either case.
  var ignoresCase = false
  var isNegated = false

  static let last: UInt32 = 0x10_FFFF
  static let digit = RegexSet([0x30...0x39])
  static let word = RegexSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  static let space = RegexSet([0x09...0x0A, 0x0C...0x0D, 0x20...0x20])

  /// In any order, overlapping or not.
  init(_ list: [ClosedRange<UInt32>]) {
    ranges = []
    for range in list.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let top = ranges.last, range.lowerBound <= top.upperBound &+ 1 {
        ranges[ranges.count - 1] = top.lowerBound...max(top.upperBound, range.upperBound)
      } else {
        ranges.append(range)
      }
    }
  }

  /// Everything else.
  var complement: [ClosedRange<UInt32>] {
    var result: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
    }
    if next <= RegexSet.last { result.append(next...RegexSet.last) }
    return result
  }

  /// Whether the character belongs; bytes that are no UTF-8 belong to no set.
  func contains(_ scalar: UInt32) -> Bool {
    if scalar > RegexSet.last { return false }
    var isIn = holds(scalar)
    if !isIn && ignoresCase { isIn = otherCases(scalar).contains(where: holds) }
    return isIn != isNegated
  }

  private func holds(_ scalar: UInt32) -> Bool {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].lowerBound <= scalar
  }

  private func otherCases(_ scalar: UInt32) -> [UInt32] {
    if scalar < 0x80 {
      switch scalar {
      // The long s and the Kelvin sign fold to ASCII letters.
      case 0x53, 0x73: return [scalar ^ 0x20, 0x17F]
      case 0x4B, 0x6B: return [scalar ^ 0x20, 0x212A]
      case 0x41...0x5A, 0x61...0x7A: return [scalar ^ 0x20]
      default: return []
      }
    }
    guard let character = Unicode.Scalar(scalar) else { return [] }
    let upper = character.properties.uppercaseMapping.unicodeScalars
    let lower = character.properties.lowercaseMapping.unicodeScalars
    return [upper, lower].compactMap { $0.count == 1 ? $0.first?.value : nil }
  }
}

/// Reads code points; a byte that is not part of one comes out as a number beyond all of them.
struct ScalarReader {
  private let bytes: UnsafePointer<UInt8>?
  private let count: Int
  /// The bytes read so far.
  private(set) var at = 0

  init(_ text: TextRef) {
    bytes = text.bytes
    count = text.count
  }

  /// The next code point, or `nil` at the end.
  mutating func next() -> UInt32? {
    guard let bytes, at < count else { return nil }
    let first = bytes[at]
    at += 1
    if first < 0x80 { return UInt32(first) }
    let length = first >= 0xF0 && first < 0xF5 ? 3 : first >= 0xE0 ? 2 : first >= 0xC2 ? 1 : 0
    let bad = RegexSet.last + 1 + UInt32(first)
    guard length > 0, first < 0xF5, at + length <= count else { return bad }
    var value = UInt32(first) & (0x3F >> UInt32(length))
    for i in 0..<length {
      let byte = bytes[at + i]
      guard byte & 0xC0 == 0x80 else { return bad }
      value = value << 6 | UInt32(byte & 0x3F)
    }
    // Overlong forms and surrogates are not UTF-8.
    let least: UInt32 = length == 1 ? 0x80 : length == 2 ? 0x800 : 0x1_0000
    guard value >= least, value <= RegexSet.last, !(0xD800...0xDFFF).contains(value) else {
      return bad
    }
    at += length
    return value
  }
}
