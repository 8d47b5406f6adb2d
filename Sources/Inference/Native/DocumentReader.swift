import Core

/// What the next value of a document is.
enum DocumentValueKind: String {
  case object = "an object"
  case array = "an array"
  case text = "a text"
  case number = "a number"
  case truth = "true or false"
  case null = "null"
}

/// Reads a tree of objects, arrays and values step by step, without building it.
///
/// Two formats have this form: JSON and UBJSON. The reader knows at any time where in the
/// document it is, so that errors can say so; it charges the memory of all lists it fills to one
/// ``AllocationBudget``, and refuses documents nested deeper than its limit.
protocol DocumentReader {
  /// Where the reader is, for errors.
  var place: DocumentPlace { get set }
  var budget: AllocationBudget { get set }

  /// The kind of the value that comes next.
  mutating func kind() throws(InferenceError) -> DocumentValueKind
  /// Begins the object that comes next.
  mutating func beginObject() throws(InferenceError)
  /// The next key of the innermost object, or `nil` when it is over (and left).
  mutating func nextKey() throws(InferenceError) -> String?
  /// Begins the array that comes next.
  mutating func beginArray() throws(InferenceError)
  /// Moves to the next element of the innermost array; `false` when it is over (and left).
  mutating func nextElement() throws(InferenceError) -> Bool
  /// The text that comes next.
  mutating func text() throws(InferenceError) -> String
  /// The integer or truth value (0 or 1) that comes next.
  mutating func integer() throws(InferenceError) -> Int64
  /// The number that comes next, rounded to 32 bits.
  mutating func float() throws(InferenceError) -> Float
  /// Replaces `list` by the array of 32-bit integers or truth values that comes next.
  mutating func integers(_ list: inout [Int32]) throws(InferenceError)
  /// Replaces `list` by the array of numbers that comes next, rounded to 32 bits.
  mutating func floats(_ list: inout [Float]) throws(InferenceError)
  /// Passes over the value that comes next, checking that it is well formed.
  mutating func skip() throws(InferenceError)
  /// Checks that nothing follows the document.
  mutating func finish() throws(InferenceError)
  /// An error at the present place.
  func fault(_ what: String) -> InferenceError
}

/// A place in a document: `learner.gradient_booster.model.trees[3]`.
struct DocumentPlace {
  struct Level {
    let isObject: Bool
    /// The present key of an object.
    var key = ""
    /// The present element of an array.
    var index = -1
    /// For UBJSON: how many elements are left, -1 when the end is marked instead.
    var left = -1
    /// For UBJSON: the type that all elements have, 0 when each says its own.
    var type: UInt8 = 0
  }

  private(set) var levels: [Level] = []
  let depthMax: Int

  init(depthMax: Int) { self.depthMax = depthMax }

  /// The innermost object or array.
  var top: Level {
    get { levels[levels.count - 1] }
    set { levels[levels.count - 1] = newValue }
  }

  mutating func enter(_ level: Level) throws(InferenceError) {
    guard levels.count < depthMax else {
      throw InferenceError(
        .limit, "the model file nests values more than \(depthMax) deep (at \(text))")
    }
    levels.append(level)
  }

  mutating func leave() { levels.removeLast() }

  /// As errors write it.
  var text: String {
    var result = ""
    for level in levels {
      if level.isObject {
        if !level.key.isEmpty {
          result += (result.isEmpty ? "" : ".") + printable(level.key, limit: 60)
        }
      } else if level.index >= 0 {
        result += "[\(level.index)]"
      }
    }
    return result.isEmpty ? "the document" : result
  }
}

extension DocumentReader {
  /// Adds to a list that grows by doubling, within the budget.
  @inline(__always)
  mutating func append<T>(_ value: T, to list: inout [T]) throws(InferenceError) {
    if list.count == list.capacity {
      let capacity = max(list.capacity * 2, 32)
      try budget.charge(capacity, stride: MemoryLayout<T>.stride)
      list.reserveCapacity(capacity)
    }
    list.append(value)
  }

  /// An error about the number of elements or the content of a list beside the present place.
  func fault(_ field: String, _ what: String) -> InferenceError {
    InferenceError(
      .malformed,
      "the model file is damaged: \(place.text).\(field): \(what); save or copy it again")
  }
}
