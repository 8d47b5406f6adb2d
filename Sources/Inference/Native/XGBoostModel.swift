import Core
import Glibc

/// Makes sense of an XGBoost file: objective, base score, which trees count.
///
/// The semantics are those of XGBoost's own `predict`: a value goes left when it is below the
/// threshold, both 32 bits wide; NaN takes the default side; a category in the set goes right;
/// leaves add up in 32 bits, in the order of the trees, starting from the base score.
struct XGBoostModel {
  private let file: XGBoostFile
  private var model = NativeModel()

  static func build(_ file: XGBoostFile) throws(InferenceError) -> NativeModel {
    var builder = XGBoostModel(file: file)
    try builder.build()
    return builder.model
  }

  private init(file: XGBoostFile) { self.file = file }

  private func fault(_ field: String, _ what: String) -> InferenceError {
    InferenceError(
      .malformed, "the model file is damaged: learner.\(field): \(what); save or copy it again")
  }

  private mutating func build() throws(InferenceError) {
    guard file.featureCount > 0 else {
      throw fault(
        "learner_model_param.num_feature", "a model without features (was it trained?)")
    }
    let version = file.version.prefix(3).map(String.init).joined(separator: ".")
    model.producer = version.isEmpty ? "XGBoost" : "XGBoost \(version)"
    model.featureCount = file.featureCount
    if file.featureNames.count == file.featureCount { model.featureNames = file.featureNames }
    model.groups = max(file.classCount, file.targetCount, 1)
    try readObjective()
    try readBaseScore()
    switch file.booster {
    case "gbtree", "dart": try takeTrees()
    case "gblinear": try takeWeights()
    default:
      throw InferenceError(
        .unsupported, "the XGBoost booster \"\(printable(file.booster, limit: 40))\" is unknown",
        operatorName: "XGBoost booster")
    }
    model.operatorName = "XGBoost \(file.booster)"
  }

  private mutating func readObjective() throws(InferenceError) {
    switch file.objective {
    case "reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror",
      "reg:absoluteerror", "reg:quantileerror":
      break
    case "reg:logistic": model.transform = .logistic(slope: 1)
    case "reg:gamma", "reg:tweedie", "count:poisson", "survival:cox", "survival:aft":
      model.transform = .exponential
    case "binary:logistic":
      model.transform = .logistic(slope: 1)
      model.answer = model.groups == 1 ? .classes : .labels
    case "binary:logitraw": model.answer = .numbers(name: "score")
    case "binary:hinge":
      model.transform = .step
      model.answer = .classes
    case "multi:softprob", "multi:softmax":
      guard model.groups >= 2 else {
        throw fault("learner_model_param.num_class", "\(model.groups) for \(file.objective)")
      }
      model.transform = .softmax
      model.answer = .classes
      model.takesClassFromRawScores = file.objective == "multi:softmax"
    case let name where name.hasPrefix("rank:"):
      guard ["rank:pairwise", "rank:ndcg", "rank:map"].contains(name) else { throw unknown() }
      model.answer = .numbers(name: "score")
    default: throw unknown()
    }
  }

  private func unknown() -> InferenceError {
    InferenceError(
      .unsupported,
      "the XGBoost objective \"\(printable(file.objective, limit: 60))\" is not supported, as "
        + "its transform of scores is not known; train with one of XGBoost's own objectives, or "
        + "set the objective's name to reg:squarederror for raw scores",
      operatorName: "XGBoost objective")
  }

  /// A number, or since 3.1 a list in brackets with one for each output.
  private mutating func readBaseScore() throws(InferenceError) {
    var text = file.baseScore[...]
    if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
    var values: [Float] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let value = Float(part), value.isFinite else {
        throw fault(
          "learner_model_param.base_score",
          "\"\(printable(file.baseScore, limit: 40))\" is no number or list of numbers")
      }
      values.append(value)
    }
    if values.count == 1 { values = Array(repeating: values[0], count: model.groups) }
    guard values.count == model.groups else {
      throw fault(
        "learner_model_param.base_score", "\(values.count) values for \(model.groups) outputs")
    }
    for value in values { model.base.append(try margin(value)) }
  }

  /// The base score, which files keep as predictions are, on the scale of leaves.
  private func margin(_ score: Float) throws(InferenceError) -> Float {
    switch file.objective {
    case "reg:logistic", "binary:logistic": return try logit(score)
    case "binary:logitraw":
      // Before 1.4 it was a probability here too.
      let isOld = file.version.count >= 2 && (file.version[0], file.version[1]) < (1, 4)
      return isOld ? try logit(score) : score
    case "reg:gamma", "reg:tweedie", "count:poisson", "survival:cox", "survival:aft":
      let value = logf(score)
      guard value.isFinite else {
        throw fault("learner_model_param.base_score", "\(score) for \(file.objective)")
      }
      return value
    default: return score
    }
  }

  private func logit(_ score: Float) throws(InferenceError) -> Float {
    guard score >= 0, score <= 1 else {
      throw fault("learner_model_param.base_score", "\(score) where a probability is expected")
    }
    // The bounds that XGBoost sets (kRtEps).
    let inside = min(max(score, 1e-6), 1 - 1e-6)
    return -logf(1 / inside - 1)
  }

  private mutating func takeTrees() throws(InferenceError) {
    var trees = file.trees
    let count = trees.roots.count
    let path = "gradient_booster.model"
    guard let info = file.treeInfo, info.count == count else {
      throw fault("\(path).tree_info", "\(file.treeInfo?.count ?? 0) elements for \(count) trees")
    }
    if let declared = file.treeCountDeclared, declared != count {
      throw fault("\(path).trees", "\(count) trees where num_trees is \(declared)")
    }
    for (i, group) in info.enumerated() {
      guard group >= 0, group < model.groups else {
        throw fault("\(path).tree_info[\(i)]", "output \(group) of \(model.groups)")
      }
    }
    guard !trees.hasLeafVectors || trees.leafVectorSize == model.groups else {
      throw fault(
        "\(path).trees", "leaves with \(trees.leafVectorSize) values for \(model.groups) outputs")
    }
    for node in trees.nodes where !node.isLeaf && node.feature >= Int32(file.featureCount) {
      throw fault(
        "\(path).trees", "a split reads feature \(node.feature) of \(file.featureCount)")
    }
    trees.groups = info
    if file.booster == "dart" {
      // XGBoost itself does not train such models.
      guard !trees.hasLeafVectors else {
        throw fault("\(path).trees", "leaves with several values in a DART model")
      }
      guard file.weightDrop.count == count else {
        throw fault(
          "gradient_booster.weight_drop", "\(file.weightDrop.count) weights for \(count) trees")
      }
      guard file.weightDrop.allSatisfy(\.isFinite) else {
        throw fault("gradient_booster.weight_drop", "a weight is not finite")
      }
      trees.weights = file.weightDrop
    }
    try keepBest(&trees)
    model.body = .trees(trees)
  }

  /// The scikit-learn wrapper answers with the trees up to the best iteration of early stopping,
  /// `Booster.predict` with all; the file says which of the two saved it.
  private func keepBest(_ trees: inout BoostedTrees) throws(InferenceError) {
    guard file.isFromScikitLearn, let best = file.bestIteration else { return }
    let count = trees.roots.count
    let starts = file.iterationStarts
    if !starts.isEmpty {
      guard starts.allSatisfy({ $0 >= 0 && $0 <= count }) else {
        throw fault("gradient_booster.model.iteration_indptr", "a start beyond the \(count) trees")
      }
      if best + 1 < starts.count { trees.keepFirst(Int(starts[best + 1])) }
      return
    }
    let perIteration = max(file.treesPerIteration, 1)
      .multipliedReportingOverflow(by: trees.hasLeafVectors ? 1 : model.groups)
    let kept = (min(best, count) + 1).multipliedReportingOverflow(by: perIteration.partialValue)
    if !perIteration.overflow, !kept.overflow { trees.keepFirst(min(kept.partialValue, count)) }
  }

  private mutating func takeWeights() throws(InferenceError) {
    let expected = (file.featureCount + 1) * model.groups
    guard let weights = file.weights, weights.count == expected else {
      throw fault(
        "gradient_booster.model.weights",
        "\(file.weights?.count ?? 0) weights where \(file.featureCount) features and a bias for "
          + "\(model.groups) outputs take \(expected)")
    }
    if let bad = weights.firstIndex(where: { !$0.isFinite }) {
      throw fault("gradient_booster.model.weights[\(bad)]", "the weight is \(weights[bad])")
    }
    // A linear booster begins every output with the first score.
    model.base = Array(repeating: model.base[0], count: model.groups)
    model.body = .linear(LinearBooster(weights: weights))
  }
}
