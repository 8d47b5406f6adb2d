import CAllocations
import Core
import Testing

@testable import Inference

/// Decoding a file of XGBoost or LightGBM takes at most four times its size and 1 MiB; with its
/// trees laid out for the kernels it is at most eight times and 2 MiB.
@Suite(.enabled(if: sluice_counts_allocations() != 0))
struct NativeAllocationTests {
  /// All bytes asked for, those given back meanwhile included.
  private struct Taken {
    var decoding = 0
    /// Decoding and laying out together.
    var all = 0
    var isRefused = true
  }

  private static func taken(_ file: [UInt8]) throws -> Taken {
    let format = try #require(NativeFormat(file))
    var taken = Taken()
    let before = sluice_allocated_bytes()
    func since() -> Int { Int(sluice_allocated_bytes() - before) }
    file.withUnsafeBytes { bytes in
      do throws(InferenceError) {
        let model: NativeModel
        switch format {
        case .xgboostJSON:
          model = try XGBoostModel.build(
            XGBoostDecoder.decode(JSONReader(bytes, limits: .standard), limits: .standard).0)
        case .xgboostUBJSON:
          model = try XGBoostModel.build(
            XGBoostDecoder.decode(UBJSONReader(bytes, limits: .standard), limits: .standard).0)
        case .lightGBMText:
          model = try LightGBMModel.build(LightGBMDecoder.decode(bytes, limits: .standard).0)
        }
        taken.decoding = since()
        var budget = AllocationBudget(fileBytes: file.count)
        if case .trees(let trees) = model.body {
          _ = try CodedForest(trees, isSinglePrecision: model.isSinglePrecision, &budget)
        }
        taken.isRefused = false
      } catch {
        if taken.decoding == 0 { taken.decoding = since() }
      }
      taken.all = since()
    }
    return taken
  }

  /// Unoptimised code takes memory for the frames of accessors of lists, some 50 bytes a call, so
  /// that only growth beyond all bounds would show; optimised code is held to the bounds.
  private static let slack = isOptimised ? 1 : 4
  private static let isOptimised: Bool = {
    var isOptimised = true
    // Evaluated in unoptimised builds only.
    assert(
      {
        isOptimised = false
        return true
      }())
    return isOptimised
  }()

  private static func check(_ file: [UInt8], _ what: String) throws -> Taken {
    let taken = try taken(file)
    let base = AllocationBudget.baseBytes
    let ratio = Double(taken.all) / Double(file.count)
    #expect(
      taken.decoding <= slack * (4 * file.count + base),
      "\(what): \(taken.decoding) of \(file.count)")
    #expect(
      taken.all <= slack * (8 * file.count + 2 * base),
      "\(what): \(taken.all) of \(file.count), \(ratio)")
    return taken
  }

  @Test func libraryFilesStayBelowAndAreRead() throws {
    for example in try NativeModelTests.cases() {
      let taken = try NativeAllocationTests.check(example.model, example.name)
      #expect(!taken.isRefused, "\(example.name)")
    }
  }

  /// Files like those that the libraries write, megabytes long, so that the base plays no part.
  @Test(arguments: NativeForest.Format.allCases)
  func largeForestsAreRead(format: NativeForest.Format) throws {
    let file = NativeForest(trees: 300, depth: 8, style: .asWritten).file(format)
    #expect(file.count > 2 << 20)
    let taken = try NativeAllocationTests.check(file, "\(format)")
    #expect(!taken.isRefused, "\(format)")
    let model = try CompiledModel.load(file)
    #expect(model.summary.parameterCount >= 300 * 511)
  }

  /// Numbers as short as they can be: reading or refusing is right, within the bounds.
  @Test(arguments: NativeForest.Format.allCases, [1, 6, 12])
  func compactForestsStayBelow(format: NativeForest.Format, depth: Int) throws {
    let trees = min(4_096, (1 << 16) >> depth)
    let file = NativeForest(trees: trees, depth: depth, style: .compact).file(format)
    _ = try NativeAllocationTests.check(file, "\(format), depth \(depth)")
  }

  /// Parts that are many and small.
  enum Shape: String, CaseIterable {
    case names, longNames, lightNames, versions, unknown, weights, emptyTrees
  }

  @Test(arguments: Shape.allCases)
  func madeFilesStayBelow(shape: Shape) throws {
    let count = 300_000
    func learner(_ content: String) -> [UInt8] { Array("{\"learner\":{\(content)}}".utf8) }
    func list(_ item: String, _ count: Int) -> String {
      "[" + String(repeating: item + ",", count: count - 1) + item + "]"
    }
    let booster = "\"gradient_booster\":{\"model\":"
    let file: [UInt8] =
      switch shape {
      case .names: learner("\"feature_names\":" + list("\"\"", count))
      case .longNames: learner("\"feature_names\":" + list("\"a name of many bytes\"", count / 8))
      case .lightNames:
        Array(
          ("tree\nversion=v4\nnum_class=1\nmax_feature_idx=1\nfeature_names="
            + String(repeating: "a ", count: count) + "\n\nend of trees\n").utf8)
      case .versions: learner("\"x\":0},\"version\":" + list("1", count) + ",\"y\":{\"z\":0")
      case .unknown: learner("\"x\":" + list("{\"a\":[1]}", count / 4))
      case .weights: learner(booster + "{\"weights\":" + list("1", count) + "}}")
      case .emptyTrees: learner(booster + "{\"trees\":" + list("{}", count) + "}}")
      }
    _ = try NativeAllocationTests.check(file, "\(shape)")
  }
}

/// Complete binary trees as a file of each format.
struct NativeForest {
  enum Format: String, CaseIterable, CustomStringConvertible {
    case xgboostJSON, xgboostUBJSON, lightGBM
    var description: String { rawValue }
  }

  /// With all that the library writes, or the least that is read.
  enum Style { case asWritten, compact }

  let trees: Int
  let depth: Int
  let style: Style

  private var inner: Int { (1 << depth) - 1 }
  private var count: Int { 2 * inner + 1 }

  func file(_ format: Format) -> [UInt8] {
    switch format {
    case .xgboostJSON: Array(xgboost(JSONText()).text.utf8)
    case .xgboostUBJSON: xgboost(UBJSONText()).bytes
    case .lightGBM: Array(lightGBM().utf8)
    }
  }

  private func xgboost<W: DocumentText>(_ writer: W) -> W {
    var writer = writer
    writer.open()
    writer.key("learner")
    writer.open()
    writer.key("gradient_booster")
    writer.open()
    writer.key("name")
    writer.text("gbtree")
    writer.key("model")
    writer.open()
    writer.key("tree_info")
    writer.integers([Int](repeating: 0, count: trees), bytes: 4)
    writer.key("trees")
    writer.openArray(trees)
    let tree = xgboostTree(W())
    for index in 0..<trees { writer.append(tree, isFirst: index == 0) }
    writer.closeArray()
    writer.close()
    writer.close()
    writer.key("learner_model_param")
    writer.open()
    for (key, value) in [("base_score", "5E-1"), ("num_class", "0"), ("num_feature", "2")] {
      writer.key(key)
      writer.text(value)
    }
    writer.close()
    writer.key("objective")
    writer.open()
    writer.key("name")
    writer.text("reg:squarederror")
    writer.close()
    writer.close()
    writer.close()
    return writer
  }

  private func xgboostTree<W: DocumentText>(_ writer: W) -> W {
    var writer = writer
    writer.open()
    func list(_ key: String, _ values: [Int], bytes: Int = 4) {
      writer.key(key)
      let isShort = style == .compact && values.allSatisfy { 0...255 ~= $0 }
      writer.integers(values, bytes: isShort ? 1 : bytes)
    }
    let leaves = inner..<count
    list("left_children", (0..<count).map { leaves.contains($0) ? -1 : 2 * $0 + 1 })
    list("right_children", (0..<count).map { leaves.contains($0) ? -1 : 2 * $0 + 2 })
    list("split_indices", (0..<count).map { leaves.contains($0) ? 0 : $0 % 2 })
    list("default_left", (0..<count).map { _ in 0 }, bytes: 1)
    if style == .compact {
      list("split_conditions", (0..<count).map { $0 % 8 })
    } else {
      let values = (0..<count).map { Float($0) * 1.0625 + 0.001_234_5 }
      for key in ["split_conditions", "base_weights", "loss_changes", "sum_hessian"] {
        writer.key(key)
        writer.floats(values)
      }
      list("parents", (0..<count).map { ($0 - 1) / 2 })
      list("split_type", (0..<count).map { _ in 0 }, bytes: 1)
    }
    writer.key("tree_param")
    writer.open()
    for (key, value) in [
      ("num_nodes", "\(count)"), ("num_deleted", "0"), ("size_leaf_vector", "1"),
    ] {
      writer.key(key)
      writer.text(value)
    }
    writer.close()
    writer.close()
    return writer
  }

  private func lightGBM() -> String {
    func line(_ key: String, _ count: Int, _ value: (Int) -> String) -> String {
      "\(key)=" + (0..<count).map(value).joined(separator: " ") + "\n"
    }
    let isCompact = style == .compact
    func number(_ i: Int) -> String { isCompact ? "\(i % 10)" : "\(Double(i) * 1.0625 + 0.1 / 3)" }
    func child(_ i: Int) -> String { i < inner ? "\(i)" : "\(~(i - inner))" }
    var tree = "num_leaves=\(inner + 1)\n"
    tree += line("split_feature", inner) { "\($0 % 2)" }
    tree += line("threshold", inner, number)
    tree += line("left_child", inner) { child(2 * $0 + 1) }
    tree += line("right_child", inner) { child(2 * $0 + 2) }
    tree += line("leaf_value", inner + 1, number)
    if !isCompact {
      tree += line("decision_type", inner) { _ in "2" }
      for key in ["split_gain", "internal_value", "internal_weight", "internal_count"] {
        tree += line(key, inner, number)
      }
      for key in ["leaf_weight", "leaf_count"] { tree += line(key, inner + 1, number) }
    }
    let head = "tree\nversion=v4\nnum_class=1\nmax_feature_idx=1\nobjective=regression\n\n"
    return head + (0..<trees).map { "Tree=\($0)\n\(tree)\n" }.joined() + "end of trees\n"
  }
}

/// Writes a document; both formats have the same steps.
protocol DocumentText {
  init()
  mutating func open()
  mutating func close()
  mutating func openArray(_ count: Int)
  mutating func closeArray()
  mutating func key(_ key: String)
  mutating func text(_ text: String)
  /// An array; `bytes` is the size of an element where the format has one.
  mutating func integers(_ values: [Int], bytes: Int)
  mutating func floats(_ values: [Float])
  /// Adds an element that was written by itself.
  mutating func append(_ element: Self, isFirst: Bool)
}

struct JSONText: DocumentText {
  private(set) var text = ""
  private var isFirst = true

  mutating func open() {
    text += "{"
    isFirst = true
  }
  mutating func close() {
    text += "}"
    isFirst = false
  }
  mutating func openArray(_ count: Int) { text += "[" }
  mutating func closeArray() { text += "]" }
  mutating func key(_ key: String) {
    text += (isFirst ? "" : ",") + "\"\(key)\":"
    isFirst = false
  }
  mutating func text(_ value: String) { text += "\"\(value)\"" }
  mutating func integers(_ values: [Int], bytes: Int) {
    text += "[" + values.map(String.init).joined(separator: ",") + "]"
  }
  mutating func floats(_ values: [Float]) {
    text += "[" + values.map { "\($0)" }.joined(separator: ",") + "]"
  }
  mutating func append(_ element: JSONText, isFirst: Bool) {
    text += (isFirst ? "" : ",") + element.text
  }
}

struct UBJSONText: DocumentText {
  private(set) var bytes: [UInt8] = []

  private mutating func bigEndian(_ value: some FixedWidthInteger) {
    bytes += withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }
  private mutating func length(_ count: Int) {
    bytes.append(UInt8(ascii: "L"))
    bigEndian(Int64(count))
  }
  mutating func open() { bytes.append(UInt8(ascii: "{")) }
  mutating func close() { bytes.append(UInt8(ascii: "}")) }
  mutating func openArray(_ count: Int) {
    bytes += Array("[#".utf8)
    length(count)
  }
  mutating func closeArray() {}
  mutating func key(_ key: String) {
    length(key.utf8.count)
    bytes += Array(key.utf8)
  }
  mutating func text(_ text: String) {
    bytes.append(UInt8(ascii: "S"))
    key(text)
  }
  mutating func integers(_ values: [Int], bytes size: Int) {
    bytes += Array("[$".utf8) + [UInt8(ascii: size == 1 ? "U" : "l"), UInt8(ascii: "#")]
    length(values.count)
    for value in values {
      if size == 1 { bytes.append(UInt8(value)) } else { bigEndian(Int32(value)) }
    }
  }
  mutating func floats(_ values: [Float]) {
    bytes += Array("[$d#".utf8)
    length(values.count)
    for value in values { bigEndian(value.bitPattern) }
  }
  mutating func append(_ element: UBJSONText, isFirst: Bool) { bytes += element.bytes }
}
