import Core

/// One kind of rewriting that ``ModelOptimizer`` can do.
public enum OptimizationPass: String, Sendable, Codable, CaseIterable {
  /// Computes what does not depend on the inputs and removes what nothing reads; the outputs stay
  /// the same bit for bit.
  case fold
  /// Turns dense layers into 8-bit integers: weights by output column, inputs at run time.
  case quantize
  /// Moves scalers into the thresholds of trees (bit for bit) and into the weights of linear and
  /// dense layers (within rounding).
  case merge
  /// Removes branches of trees that no input can reach, and branches whose sides are equal; the
  /// outputs stay the same bit for bit.
  case prune

  /// The passes that change outputs by rounding at most.
  public static let standard: [OptimizationPass] = [.fold, .merge, .prune]
}

/// What one pass did.
public struct OptimizationStep: Sendable, Equatable, Codable {
  /// The pass.
  public let pass: OptimizationPass
  /// How many things it changed: nodes folded, scalers merged, tree nodes pruned, layers quantised.
  public let changes: Int
  /// What it found worth telling, one sentence each.
  public let notes: [String]
}

/// A model file that was rewritten.
public struct OptimizedModel: Sendable {
  /// The new file, a standard ONNX model.
  public let file: [UInt8]
  /// What was done, in order.
  public let steps: [OptimizationStep]
  /// Whether the file is another than before.
  public let isChanged: Bool
}

/// Rewrites ONNX files so that they are smaller and faster.
///
/// ```swift
/// let result = try ModelOptimizer.optimize(file, passes: OptimizationPass.standard)
/// ```
/// The result takes and gives what the original does. How much its answers differ is for the
/// caller to measure: passes say what they keep, data says what it comes to.
public enum ModelOptimizer {
  /// Applies passes in the order fold, quantize, merge, prune, whatever their order in `passes`.
  ///
  /// Layers are quantised while their inputs are still scaled: 8 bits hold columns of one size.
  ///
  /// - Throws: ``InferenceError`` when the file is no ONNX model that this engine can run.
  public static func optimize(
    _ file: [UInt8], passes: [OptimizationPass], limits: ModelLimits = .standard
  ) throws(InferenceError) -> OptimizedModel {
    var current = file
    var steps: [OptimizationStep] = []
    var isChanged = false
    for pass in OptimizationPass.allCases where passes.contains(pass) {
      var site = try OptimizationSite(current, limits: limits)
      if site.draft.holdsGraphs && pass != .prune {
        site.notes.append("the model has branches or loops, which are left as they are")
      } else {
        switch pass {
        case .fold: FoldPass.apply(to: &site)
        case .merge: try MergePass.apply(to: &site, limits: limits)
        case .prune: try PrunePass.apply(to: &site)
        case .quantize: try QuantizePass.apply(to: &site)
        }
      }
      steps.append(OptimizationStep(pass: pass, changes: site.changes, notes: site.notes))
      guard site.changes > 0 || site.isRepacked else { continue }
      isChanged = true
      current = site.draft.encoded()
    }
    return OptimizedModel(file: current, steps: steps, isChanged: isChanged)
  }
}
