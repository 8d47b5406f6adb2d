import Core
import Glibc

/// Reads LightGBM's text format (`Booster.save_model`), versions 2 to 4.
///
/// The file is a head of `key=value` lines, then one block a tree, then `end of trees`; what
/// follows (importances, parameters) does not matter here.
/// Source of the format: LightGBM's src/boosting/gbdt_model_text.cpp and src/io/tree.cpp.
struct LightGBMDecoder {
  private let bytes: UnsafeRawBufferPointer
  private let limits: ModelLimits
  var budget: AllocationBudget
  private var offset = 0
  private var line = 0
  private(set) var file = LightGBMFile()
  private var tree = LightGBMTree()

  /// - Parameter readsCovers: whether to read what explanations need.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, limits: ModelLimits, readsCovers: Bool = false
  ) throws(InferenceError) -> (LightGBMFile, AllocationBudget) {
    var decoder = LightGBMDecoder(bytes: bytes, limits: limits)
    decoder.file.readsCovers = readsCovers
    try decoder.readHead()
    try decoder.readTrees()
    return (decoder.file, decoder.budget)
  }

  private init(bytes: UnsafeRawBufferPointer, limits: ModelLimits) {
    self.bytes = bytes
    self.limits = limits
    budget = AllocationBudget(fileBytes: bytes.count)
  }

  private func fault(_ what: String) -> InferenceError {
    InferenceError(
      .malformed, "the model file is damaged at line \(line): \(what); save or copy it again")
  }

  /// The next line without its end, or `nil` after the last.
  private mutating func nextLine() -> Range<Int>? {
    guard offset < bytes.count else { return nil }
    let start = offset
    var length = bytes.count - start
    if let base = bytes.baseAddress, let found = memchr(base + start, 0x0A, length) {
      length = UnsafeRawPointer(found) - (base + start)
    }
    offset = min(start + length + 1, bytes.count)
    line += 1
    let hasReturn = length > 0 && bytes[start + length - 1] == 0x0D
    return start..<(start + length - (hasReturn ? 1 : 0))
  }

  private func text(_ range: Range<Int>, limit: Int = 200) -> String {
    String(decoding: UnsafeRawBufferPointer(rebasing: bytes[range.prefix(limit)]), as: UTF8.self)
  }

  private func isLine(_ range: Range<Int>, _ word: StaticString) -> Bool {
    range.count == word.utf8CodeUnitCount && hasPrefix(range, word)
  }

  private func hasPrefix(_ range: Range<Int>, _ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard range.count >= count, let base = bytes.baseAddress else { return false }
    return memcmp(base + range.lowerBound, word.utf8Start, count) == 0
  }

  /// The key and the range of the value.
  private func split(_ range: Range<Int>) -> (key: String, value: Range<Int>)? {
    guard let base = bytes.baseAddress,
      let found = memchr(base + range.lowerBound, 0x3D, min(64, range.count))
    else { return nil }
    let equals = UnsafeRawPointer(found) - base
    return (text(range.lowerBound..<equals), (equals + 1)..<range.upperBound)
  }

  private func number(
    _ value: Range<Int>, _ bounds: ClosedRange<Int>, _ key: String
  ) throws(InferenceError) -> Int {
    let word = text(value, limit: 24)
    guard let number = Int(word), bounds.contains(number) else {
      throw fault(
        "\(key): \"\(printable(word, limit: 24))\" where \(bounds.lowerBound) to "
          + "\(bounds.upperBound) is expected")
    }
    return number
  }

  private mutating func readHead() throws(InferenceError) {
    guard let first = nextLine(), isLine(first, "tree") else {
      throw fault("a model begins with the line \"tree\"")
    }
    var seen: Set<String> = []
    while let range = nextLine() {
      if range.isEmpty { continue }
      if hasPrefix(range, "Tree=") || isLine(range, "end of trees") {
        // Read again as the first tree, or as their end.
        offset = range.lowerBound
        line -= 1
        break
      }
      if isLine(range, "average_output") {
        file.isAverage = true
        continue
      }
      guard let (key, value) = split(range) else { continue }
      guard seen.count < 64, seen.insert(key).inserted else {
        throw fault("\(printable(key, limit: 40)) comes twice")
      }
      try readHeadLine(key, value)
    }
    for key in ["num_class", "max_feature_idx"] where !seen.contains(key) {
      throw fault("the head of the file has no \(key)")
    }
    if !seen.contains("num_tree_per_iteration") { file.treesPerIteration = file.classCount }
  }

  private mutating func readHeadLine(_ key: String, _ value: Range<Int>) throws(InferenceError) {
    switch key {
    case "version":
      file.version = text(value, limit: 8)
      guard ["v2", "v3", "v4"].contains(file.version) else {
        throw InferenceError(
          .unsupported,
          "LightGBM's format \(printable(file.version, limit: 8)) is not known (v2 to v4 are); "
            + "save the model with a LightGBM of version 2 to 4",
          operatorName: "LightGBM format")
      }
    case "num_class": file.classCount = try number(value, 1...NativeLimits.groupsMax, key)
    case "num_tree_per_iteration":
      file.treesPerIteration = try number(value, 1...NativeLimits.groupsMax, key)
    case "max_feature_idx":
      file.featureCount = try number(value, 0...(NativeLimits.featuresMax - 1), key) + 1
    case "objective": file.objective = text(value)
    case "feature_names":
      try readFeatureNames(value)
    default: break
    }
  }

  /// Names separated by spaces; with more or fewer than there are features they name nothing.
  private mutating func readFeatureNames(_ value: Range<Int>) throws(InferenceError) {
    var lengths = 0
    var count = 0
    var place = value.lowerBound
    while let word = nextWord(&place, value.upperBound) {
      count += 1
      // Up to 15 bytes lie in the string itself.
      if word.count > 15 { lengths += word.count + AllocationBudget.headerBytes }
    }
    guard count == file.featureCount else { return }
    try budget.charge(lengths, stride: 1)
    try budget.chargeArray(count, stride: MemoryLayout<String>.stride)
    file.featureNames.reserveCapacity(count)
    place = value.lowerBound
    while let word = nextWord(&place, value.upperBound) {
      file.featureNames.append(text(word, limit: word.count))
    }
  }

  /// The next run of bytes without spaces; `place` moves behind it.
  private func nextWord(_ place: inout Int, _ end: Int) -> Range<Int>? {
    while place < end, bytes[place] == 0x20 { place += 1 }
    let start = place
    while place < end, bytes[place] != 0x20 { place += 1 }
    return start < place ? start..<place : nil
  }

  private mutating func readTrees() throws(InferenceError) {
    while let range = nextLine() {
      if range.isEmpty { continue }
      if isLine(range, "end of trees") {
        guard file.trees.roots.count % file.treesPerIteration == 0 else {
          throw fault(
            "\(file.trees.roots.count) trees, but \(file.treesPerIteration) make an iteration")
        }
        return
      }
      guard hasPrefix(range, "Tree=") else { throw fault("a tree or their end is expected") }
      let index = file.trees.roots.count
      guard index < NativeLimits.treesMax else {
        throw InferenceError(.limit, "the model has more than \(NativeLimits.treesMax) trees")
      }
      try readTree(index)
    }
    throw fault("the file ends before \"end of trees\"")
  }

  private mutating func readTree(_ index: Int) throws(InferenceError) {
    let first = line
    tree.reset()
    while let range = nextLine(), !range.isEmpty {
      guard let (key, value) = split(range) else { throw fault("Tree=\(index): a line without =") }
      guard tree.note(key, value, line: line) else {
        throw fault("Tree=\(index): \(printable(key, limit: 40)) comes twice")
      }
    }
    do throws(LightGBMTree.Fault) {
      try tree.add(to: &file, bytes, limits, &budget)
    } catch {
      if let limit = error.limit { throw limit }
      line = error.line ?? first
      throw fault("Tree=\(index), \(error.message)")
    }
  }
}

/// What a LightGBM file says.
struct LightGBMFile {
  var version = ""
  var classCount = 1
  var treesPerIteration = 1
  var featureCount = 0
  /// The objective's name and parameters; empty for one of the user's own.
  var objective = ""
  var isAverage = false
  var featureNames: [String] = []
  var trees = BoostedTrees()
  var readsCovers = false
}
