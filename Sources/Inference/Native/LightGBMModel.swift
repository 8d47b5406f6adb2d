import Core

/// Makes sense of a LightGBM file: the objective and its parameters.
///
/// The semantics are those of `Booster.predict` on dense rows: values and thresholds are 64 bits
/// wide, a value goes left when it is not above the threshold; a value within 1e-35 of zero is
/// zero; leaves (which carry shrinkage and DART's weights already) add up in 64 bits.
enum LightGBMModel {
  static func build(_ file: LightGBMFile) throws(InferenceError) -> NativeModel {
    var model = NativeModel()
    model.operatorName = "LightGBM trees"
    model.producer = "LightGBM \(file.version)"
    model.isSinglePrecision = false
    model.truncatesCategories = true
    model.featureCount = file.featureCount
    if file.featureNames.count == file.featureCount { model.featureNames = file.featureNames }
    model.groups = file.treesPerIteration
    model.base = Array(repeating: 0, count: model.groups)
    if file.isAverage {
      model.divisor = max(1, Double(file.trees.roots.count / file.treesPerIteration))
    }
    try readObjective(file, &model)
    model.body = .trees(file.trees)
    return model
  }

  private static func readObjective(
    _ file: LightGBMFile, _ model: inout NativeModel
  ) throws(InferenceError) {
    let words = file.objective.split(separator: " ").map(String.init)
    var groups = 1
    switch words.first ?? "custom" {
    case "regression", "regression_l2", "regression_l1", "huber", "fair", "quantile", "mape":
      if words.contains("sqrt") { model.transform = .signedSquare }
    case "poisson", "gamma", "tweedie": model.transform = .exponential
    case "binary":
      model.transform = .logistic(slope: try slope(words))
      model.answer = .classes
    case "multiclass", "softmax":
      model.transform = .softmax
      model.answer = .classes
      groups = try classes(words)
    case "multiclassova":
      model.transform = .logistic(slope: try slope(words))
      model.answer = .classes
      groups = try classes(words)
    case "cross_entropy", "xentropy": model.transform = .logistic(slope: 1)
    case "cross_entropy_lambda", "xentlambda": model.transform = .logOnePlusExponential
    case "lambdarank", "rank_xendcg": model.answer = .numbers(name: "score")
    case "custom", "none", "null", "na":
      model.answer = .numbers(name: "score")
      groups = file.treesPerIteration
    case let name:
      throw InferenceError(
        .unsupported,
        "the LightGBM objective \"\(printable(name, limit: 60))\" is not supported, as its "
          + "transform of scores is not known", operatorName: "LightGBM objective")
    }
    guard groups == file.treesPerIteration else {
      throw InferenceError(
        .malformed,
        "the model file is damaged: the objective \(printable(file.objective, limit: 60)) has "
          + "\(groups) outputs where num_tree_per_iteration is \(file.treesPerIteration); save or "
          + "copy it again")
    }
  }

  /// The value of `name:value` among the objective's words.
  private static func parameter(_ name: String, _ words: [String]) -> String? {
    words.first { $0.hasPrefix(name + ":") }.map { String($0.dropFirst(name.count + 1)) }
  }

  private static func slope(_ words: [String]) throws(InferenceError) -> Double {
    guard let text = parameter("sigmoid", words) else { return 1 }
    guard let value = Double(text), value > 0, value.isFinite else {
      throw wrong("sigmoid", text)
    }
    return value
  }

  private static func classes(_ words: [String]) throws(InferenceError) -> Int {
    let text = parameter("num_class", words) ?? ""
    guard let value = Int(text), (2...NativeLimits.groupsMax).contains(value) else {
      throw wrong("num_class", text)
    }
    return value
  }

  private static func wrong(_ name: String, _ text: String) -> InferenceError {
    InferenceError(
      .malformed,
      "the model file is damaged: objective: \(name):\(printable(text, limit: 24)); save or copy "
        + "it again")
  }
}
