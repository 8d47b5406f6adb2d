/// A node's comparison in the one form that every layout starts from: left when
/// `x <= threshold`, right otherwise; or, for equality and sets, right when they hold.
///
/// The comparison of 32-bit features is exactly that of the file: `<` takes the next smaller
/// float, `>` and `>=` swap the sides.
struct TreeSplit {
  enum Kind {
    case ordered
    /// Right when `x == threshold`.
    case equal
    /// Right when `x` is in the node's set.
    case member
  }

  let kind: Kind
  /// NaN when nothing is `<=` to it or equal to it.
  let threshold: Float
  let left: Int
  let right: Int
  let missingGoesLeft: Bool
  /// Whether the file's threshold is a 32-bit float.
  let isExact: Bool

  /// - Throws: when a missing value should go left where nothing else can.
  init(_ node: TreeSource.Node) throws(KernelFault) {
    let upper = roundedDown(node.threshold)
    isExact = Double(upper) == node.threshold || node.threshold.isNaN
    let strict = isExact ? below(upper) : upper
    switch node.mode {
    case .lessOrEqual, .leaf:
      (kind, threshold) = (.ordered, upper)
      (left, right, missingGoesLeft) = (node.whenTrue, node.whenFalse, node.missingIsTrue)
    case .less:
      (kind, threshold) = (.ordered, strict)
      (left, right, missingGoesLeft) = (node.whenTrue, node.whenFalse, node.missingIsTrue)
    case .greater:
      (kind, threshold) = (.ordered, upper)
      (left, right, missingGoesLeft) = (node.whenFalse, node.whenTrue, !node.missingIsTrue)
    case .greaterOrEqual:
      (kind, threshold) = (.ordered, strict)
      (left, right, missingGoesLeft) = (node.whenFalse, node.whenTrue, !node.missingIsTrue)
    case .equal:
      (kind, threshold) = (.equal, isExact ? upper : .nan)
      (left, right, missingGoesLeft) = (node.whenFalse, node.whenTrue, !node.missingIsTrue)
    case .notEqual:
      // A missing value is unlike any number, whatever the flag says.
      (kind, threshold) = (.equal, isExact ? upper : .nan)
      (left, right, missingGoesLeft) = (node.whenTrue, node.whenFalse, true)
    case .member:
      (kind, threshold) = (.member, 0)
      (left, right, missingGoesLeft) = (node.whenFalse, node.whenTrue, !node.missingIsTrue)
    }
    guard !(kind == .ordered && missingGoesLeft && threshold.isNaN) else {
      throw KernelFault(.unsupported, "a tree threshold that nothing can be compared with")
    }
  }
}

/// The largest float that is not above `x`: for floats, `f <= x` and `f <= roundedDown(x)` agree.
func roundedDown(_ x: Double) -> Float {
  let nearest = Float(x)
  return Double(nearest) > x ? nearest.nextDown : nearest
}

/// The smallest float that is not below `x`.
func roundedUp(_ x: Double) -> Float {
  let nearest = Float(x)
  return Double(nearest) < x ? nearest.nextUp : nearest
}

/// The next smaller float; below -infinity there is none, so nothing compares as `<=` to it.
func below(_ x: Float) -> Float { x == -.infinity ? .nan : x.nextDown }
