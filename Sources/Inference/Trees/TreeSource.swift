/// Trees as a model file describes them, before they are laid out for walking.
///
/// Every loader (ONNX now, native formats of tree libraries later) fills this in.
struct TreeSource {
  /// How a node compares the feature with the threshold.
  enum Mode: Sendable {
    case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual, leaf
    /// Whether the feature is one of ``TreeSource/members``.
    case member
  }

  /// One node; children are indices into ``nodes``.
  struct Node {
    var mode = Mode.leaf
    var feature = 0
    var threshold = 0.0
    /// Whether a missing value takes the true side.
    var missingIsTrue = false
    var whenTrue = -1
    var whenFalse = -1
  }

  /// What a leaf adds to an output.
  struct Weight {
    let node: Int
    let target: Int
    let value: Double
  }

  var nodes: [Node] = []
  /// The root of each tree.
  var roots: [Int] = []
  /// In the order of ``Weight/node``, and for equal nodes in the order of the file.
  var weights: [Weight] = []
  /// For nodes with ``Mode/member`` the values they look for, sorted.
  var members: [Int: [Double]] = [:]
  /// The number of outputs.
  var targets = 1
  /// For each node how much of the training data came by; empty when the file does not tell.
  ///
  /// A count of samples or a sum of weights or Hessians, as the library has it. Only explanations
  /// read it.
  var covers: [Double] = []
}
