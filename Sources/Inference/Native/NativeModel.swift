import Core

/// A model read from a tree library's own file.
struct NativeModel {
  /// What computes the scores.
  enum Body {
    case trees(BoostedTrees)
    case linear(LinearBooster)
  }

  /// What a model answers.
  enum Answer {
    /// One number for each output, under a name.
    case numbers(name: String)
    /// A class and the probability of each.
    case classes
    /// For each output by itself whether it holds, and the probability.
    case labels
  }

  /// How operators call it: `XGBoost gbtree`.
  var operatorName = ""
  /// The program that wrote the file, with its version.
  var producer = ""
  var body = Body.trees(BoostedTrees())
  var featureCount = 0
  /// The columns' names, where the file has them for every column.
  var featureNames: [String] = []
  /// How many scores a row has.
  var groups = 1
  /// What scores begin with, one a group.
  var base: [Float] = []
  var transform = ScoreTransform.identity
  var answer = Answer.numbers(name: "variable")
  /// Whether the class is that of the largest raw score, before the transform rounds.
  var takesClassFromRawScores = false
  /// XGBoost rounds inputs to 32 bits and adds in 32 bits; LightGBM does both in 64.
  var isSinglePrecision = true
  /// Whether a negative fraction counts as category 0, as truncating towards zero makes it.
  var truncatesCategories = false
  /// What sums are divided by (LightGBM's random forests).
  var divisor = 1.0
}

/// Coefficients of XGBoost's gblinear.
struct LinearBooster {
  /// `weights[feature * groups + group]`, then one bias a group.
  var weights: [Float] = []
}
