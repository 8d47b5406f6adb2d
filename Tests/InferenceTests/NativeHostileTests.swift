import Core
import Testing

@testable import Inference

/// Damaged and malicious native files end in an error that names the place, never in a crash.
struct NativeHostileTests {
  private static let tight = ModelLimits(scratchBytesMax: 1 << 22)

  private func refusal(_ text: String) -> InferenceError? { refusal(Array(text.utf8)) }

  private func refusal(_ file: [UInt8]) -> InferenceError? {
    do throws(InferenceError) {
      _ = try CompiledModel.load(file)
      return nil
    } catch {
      return error
    }
  }

  private func attempt(_ file: [UInt8], _ inputs: [Tensor]) {
    guard let model = try? CompiledModel.load(file, limits: NativeHostileTests.tight) else {
      return
    }
    // A changed number of features would ask for rows of any width.
    guard (model.signature.inputs.first?.shape.last ?? nil) ?? 0 <= 64 else { return }
    _ = try? model.makeSession(maxRows: 1).run(tensors: inputs)
  }

  @Test func mutatedModelsNeverCrash() throws {
    let seeds = try NativeModelTests.cases()
    var random = SplitMix64(seed: 2_026)
    for round in 0..<2_500 {
      let seed = seeds[round % seeds.count]
      var file = seed.model
      for _ in 0...(random.next() % 4) where !file.isEmpty {
        let at = Int(random.next() % UInt64(file.count))
        switch random.next() % 6 {
        case 0: file[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: file[at] ^= 1 << (random.next() % 8)
        case 2: file[at] = random.next() % 2 == 0 ? 0 : 0xFF
        case 3: file[at] = UInt8(ascii: "0") + UInt8(random.next() % 10)
        case 4:
          // Another piece of the same file, so that values stay well formed.
          let from = Int(random.next() % UInt64(file.count))
          let piece = Array(file[from..<min(file.count, from + Int(random.next() % 40))])
          file.replaceSubrange(at..<min(file.count, at + piece.count), with: piece)
        default: file.removeSubrange(at..<min(file.count, at + Int(random.next() % 9)))
        }
      }
      attempt(file, seed.inputs)
    }
  }

  @Test func cutOffModelsAreRefused() throws {
    for example in try NativeModelTests.cases().enumerated().filter({ $0.offset % 7 == 0 }) {
      let file = example.element.model
      let isText = example.element.name.hasPrefix("lightgbm")
      for count in stride(from: 1, to: file.count - 1, by: 61) {
        let part = Array(file.prefix(count))
        // What follows the trees of a LightGBM file is not read.
        if isText && String(decoding: part, as: UTF8.self).contains("end of trees") { continue }
        #expect(refusal(part) != nil, "\(example.element.name), \(count) bytes")
      }
    }
  }

  /// A model of one tree, with parts to be replaced.
  private func tree(
    left: String = "[1,-1,-1]", right: String = "[2,-1,-1]", features: String = "[0,0,0]",
    conditions: String = "[5E-1,1,2]", defaults: String = "[0,0,0]", extra: String = "",
    info: String = "[0]", base: String = "\"5E-1\"", objective: String = "reg:squarederror",
    count: String = "\"3\""
  ) -> String {
    """
    {"learner":{"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":\
    {"num_trees":"1"},"tree_info":\(info),"trees":[{"left_children":\(left),\
    "right_children":\(right),"split_indices":\(features),"split_conditions":\(conditions),\
    "default_left":\(defaults)\(extra),"tree_param":{"num_nodes":\(count),"num_deleted":"0",\
    "size_leaf_vector":"1"}}]}},"learner_model_param":{"base_score":\(base),"num_class":"0",\
    "num_feature":"2"},"objective":{"name":"\(objective)"}},"version":[2,1,0]}
    """
  }

  @Test func theModelThatIsDamagedBelowIsFine() throws {
    #expect(refusal(tree()) == nil)
    let session = try CompiledModel.load(Array(tree().utf8)).makeSession(maxRows: 1)
    let answer = try session.run(tensors: [Tensor(floats: [0.25, 0], shape: [1, 2])])
    #expect(answer[0].number(0) == 1.5)
  }

  @Test func errorsNameThePlace() {
    let trees = "learner.gradient_booster.model.trees[0]"
    let cases: [(String, String)] = [
      (tree(left: "[1,-1,7]"), "\(trees).left_children[2]: 7 of a tree of 3 nodes"),
      (tree(left: "[1,0,-1]", right: "[2,2,-1]"), "is nobody's child"),
      (tree(left: "[1,2,-1]", right: "[2,2,-1]"), "reached on two ways"),
      (tree(left: "[-1,-1,-1]", right: "[-1,-1,-1]"), "node 1 is not reached from the root"),
      (tree(right: "[2,1,-1]"), "\(trees).right_children[1]"),
      (tree(left: "[1,-1]"), "tree_param.num_nodes is 3"),
      (tree(features: "[0,0]"), "\(trees).split_indices: 2 elements for 3 nodes"),
      (tree(features: "[-2,0,0]"), "\(trees).split_indices[0]: feature -2"),
      (tree(features: "[2,0,0]"), "feature 2 of 2"),
      (tree(conditions: "[5E-1,NaN,1]"), "\(trees).split_conditions[1]: the leaf's value is nan"),
      (tree(conditions: "[NaN,1,1]"), "the threshold is NaN"),
      (tree(conditions: "[5E-1,1e39,1]"), "the leaf's value is inf"),
      (tree(conditions: "[5E-1,\"1\",1]"), "\(trees).split_conditions[1]"),
      (tree(left: "[1.5,-1,-1]"), "\(trees).left_children[0]: an integer is expected"),
      (tree(left: "[1,-1,-1],\"left_children\":[]"), "\(trees).left_children: the key comes twice"),
      (tree(extra: ",\"split_type\":[1,0,0]"), "node 0 is categorical but has no set"),
      (tree(extra: ",\"split_type\":[2,0,0]"), "\(trees).split_type[0]"),
      (
        tree(
          extra: ",\"categories\":[1],\"categories_nodes\":[0],\"categories_segments\":[0],"
            + "\"categories_sizes\":[2],\"split_type\":[1,0,0]"),
        "\(trees).categories_sizes[0]: 2 from 0 on, of 1 categories"
      ),
      (tree(info: "[1]"), "learner.gradient_booster.model.tree_info[0]: output 1 of 1"),
      (tree(info: "[]"), "tree_info: 0 elements for 1 trees"),
      (tree(base: "\"much\""), "learner.learner_model_param.base_score"),
      (tree(base: "\"[1,2]\""), "2 values for 1 outputs"),
      (tree(base: "\"2\"", objective: "binary:logistic"), "where a probability is expected"),
      (tree(objective: "mine"), "objective \"mine\" is not supported"),
      (tree(count: "\"-1\""), "\(trees).tree_param.num_nodes"),
      (tree() + "x", "the end of the file is expected"),
      (String(tree().dropLast(3)), "the file ends"),
      ("{\"x\":[\"learner\"]}", "there is no \"learner\""),
      (
        "{\"learner\":" + String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
          + "}",
        "an object is expected"
      ),
      (
        "{\"learner\":{\"x\":" + String(repeating: "[", count: 100_000), "more than 16 deep"
      ),
    ]
    for (file, words) in cases {
      let error = refusal(file)
      #expect(error?.message.contains(words) == true, "\(error?.message ?? "accepted") / \(words)")
    }
  }

  /// A LightGBM model of one tree, with a line replaced.
  private func light(_ key: String = "", _ line: String = "") -> String {
    let lines = [
      "tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0",
      "max_feature_idx=1", "objective=binary sigmoid:1", "feature_names=a b",
      "feature_infos=[0:1] [0:1]", "", "Tree=0", "num_leaves=3", "num_cat=1", "split_feature=0 1",
      "threshold=0.5 0", "decision_type=2 1", "left_child=1 -1", "right_child=-2 -3",
      "leaf_value=1 2 3", "cat_boundaries=0 1", "cat_threshold=6", "is_linear=0", "shrinkage=1",
      "", "end of trees", "",
    ]
    return lines.map { $0.hasPrefix(key + "=") && !key.isEmpty ? line : $0 }
      .joined(separator: "\n")
  }

  @Test func lightGBMErrorsNameTheLine() {
    #expect(refusal(light()) == nil)
    let cases: [(String, String, String)] = [
      ("version", "version=v9", "LightGBM's format v9 is not known"),
      ("num_class", "num_class=0", "line 3: num_class"),
      ("max_feature_idx", "max_feature_idx=99999999999", "line 6: max_feature_idx"),
      ("objective", "objective=binary sigmoid:-1", "sigmoid:-1"),
      ("objective", "objective=multiclass num_class:3", "3 outputs where num_tree_per_iteration"),
      ("objective", "objective=strange", "\"strange\" is not supported"),
      ("num_leaves", "num_leaves=4", "Tree=0, split_feature[2]: the list ends"),
      ("num_leaves", "num_leaves=2", "Tree=0"),
      ("num_leaves", "num_leaves=900000000", "Tree=0"),
      ("split_feature", "split_feature=0 2", "line 14: Tree=0, split_feature[1]: feature 2 of 2"),
      ("threshold", "threshold=0.5", "line 15: Tree=0, threshold[1]: the list ends"),
      ("threshold", "threshold=0.5 x", "threshold[1]: no number"),
      ("threshold", "threshold=0.5 1", "threshold[1]: set 1.0 of 1"),
      ("decision_type", "decision_type=2 99", "decision_type[1]: 99 is not known"),
      ("left_child", "left_child=1 -9", "line 17: Tree=0, left_child[1]"),
      ("left_child", "left_child=0 -1", "the root is nobody's child"),
      ("left_child", "left_child=1 1", "reached on two ways"),
      ("leaf_value", "leaf_value=1 2 nan", "leaf_value[2]: the leaf's value is nan"),
      ("leaf_value", "leaf_value=1 2 3 4", "the list is longer"),
      ("leaf_value", "x=1", "leaf_value is missing"),
      ("cat_boundaries", "cat_boundaries=0 99999999", "cat_boundaries[1]"),
      ("cat_boundaries", "cat_boundaries=0 2", "cat_threshold[1]: the list ends"),
      ("cat_threshold", "cat_threshold=4294967296", "no word of 32 bits"),
      ("is_linear", "is_linear=1", "leaf_const is missing"),
      ("shrinkage", "leaf_value=1 2 3", "leaf_value comes twice"),
    ]
    for (key, line, words) in cases {
      let error = refusal(light(key, line))
      #expect(error?.message.contains(words) == true, "\(error?.message ?? "accepted") / \(words)")
    }
    let cut = light().replacing("end of trees", with: "")
    #expect(refusal(cut)?.message.contains("before \"end of trees\"") == true)
  }

  /// Small files that announce much are refused before memory is taken.
  @Test func announcedSizesAreChecked() {
    func ubj(_ body: [UInt8]) -> [UInt8] {
      Array("{L".utf8) + [0, 0, 0, 0, 0, 0, 0, 7] + Array("learner".utf8) + body
    }
    let huge: [UInt8] = [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
    for body in [
      Array("{L".utf8) + huge, Array("[$d#L".utf8) + huge, Array("{#L".utf8) + huge,
      Array("SL".utf8) + huge, Array("{i".utf8) + [0xFF], Array("[$T#i".utf8) + [3, 3],
      Array("{$d#i".utf8) + [1],
    ] {
      #expect(refusal(ubj(body)) != nil)
    }
    #expect(refusal(tree(count: "\"99999999999\"")) != nil)
    let wide = tree().replacing("\"num_feature\":\"2\"", with: "\"num_feature\":\"999999999\"")
    #expect(refusal(wide)?.message.contains("num_feature") == true)
    let many = tree().replacing("\"num_class\":\"0\"", with: "\"num_class\":\"999999999\"")
    #expect(refusal(many)?.message.contains("num_class") == true)
  }

  /// The bytes that decoding charges stay within four times the file, so nothing real is refused:
  /// the budget is that bound and its fixed base.
  @Test func decodingTakesAtMostFourTimesTheFile() throws {
    for example in try NativeModelTests.cases() {
      let bytes = example.model.count
      let left: Int = try example.model.withUnsafeBytes { raw in
        if example.name.hasPrefix("lightgbm") {
          return try LightGBMDecoder.decode(raw, limits: .standard).1.leftBytes
        }
        if example.model.prefix(2).contains(UInt8(ascii: "L")) {
          return try XGBoostDecoder.decode(
            UBJSONReader(raw, limits: .standard), limits: .standard
          ).1.leftBytes
        }
        return try XGBoostDecoder.decode(
          JSONReader(raw, limits: .standard), limits: .standard
        ).1.leftBytes
      }
      let taken = 4 * bytes + AllocationBudget.baseBytes - left
      #expect(taken > 0 && taken <= 4 * bytes + 8_192, "\(example.name): \(taken) of \(bytes)")
    }
  }

  @Test(
    arguments: [
      ("______LightGBM_Binary_File_Token______\n", "training data"), ("CBM1....", "CatBoost"),
      ("booster[0]:\n0:[f0<1]", "dump"), ("{\"name\":\"tree\",\"version\":\"v4\"}", "dump"),
      ("{\"oblivious_trees\":[]}", "CatBoost"), ("{\"a\":1}", "JSON"), ("binf0000", "old binary"),
    ])
  func otherFormatsAreRefusedByContent(file: String, word: String) {
    let error = refusal(file)
    #expect(error?.code == .notONNX, "\(error?.message ?? "accepted")")
    #expect(error?.message.contains(word) == true, "\(error?.message ?? "accepted")")
  }

  @Test func oldXGBoostBinariesAreKnownByTheirNames() {
    var file = [UInt8](repeating: 0, count: 136)
    file[3] = 0x3F
    for name in ["reg:squarederror", "gbtree"] {
      file += [UInt8(name.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(name.utf8)
    }
    file += [UInt8](repeating: 0, count: 200)
    #expect(refusal(file)?.message.contains("old binary format") == true)
  }
}
