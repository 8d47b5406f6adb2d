/// What an XGBoost file says, before objective and base score are made sense of.
struct XGBoostFile {
  var version: [Int32] = []
  var booster = ""
  var trees = BoostedTrees()
  /// Coefficients of gblinear.
  var weights: [Float]?
  var treeInfo: [Int32]?
  var iterationStarts: [Int32] = []
  var weightDrop: [Float] = []
  var treesPerIteration = 1
  var treeCountDeclared: Int?
  var baseScore = "0.5"
  var classCount = 0
  var featureCount = 0
  var targetCount = 1
  var objective = ""
  var featureNames: [String] = []
  /// Present when the scikit-learn wrapper saved the file.
  var isFromScikitLearn = false
  var bestIteration: Int?
}
