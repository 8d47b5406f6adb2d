import Core

/// Which values a feature can have at a place in a tree: an interval of floats, and whether it can
/// be missing.
struct FeatureBounds: Equatable {
  /// The least value; greater than ``high`` when there is none.
  var low = -Float.infinity
  /// The greatest value.
  var high = Float.infinity
  /// Whether the value can be NaN.
  var canBeMissing = true

  /// Anything.
  static let any = FeatureBounds()

  /// Whether a value that is not missing can be there.
  var hasValues: Bool { low <= high }
  /// Whether anything can be there.
  var isPossible: Bool { hasValues || canBeMissing }

  private static let none: (low: Float, high: Float) = (.infinity, -.infinity)

  private func above(_ limit: Float) -> FeatureBounds {
    var bounds = self
    if limit == .infinity {
      (bounds.low, bounds.high) = FeatureBounds.none
    } else {
      bounds.low = max(low, limit.nextUp)
    }
    return bounds
  }

  private func below(_ limit: Float) -> FeatureBounds {
    var bounds = self
    if limit == -.infinity {
      (bounds.low, bounds.high) = FeatureBounds.none
    } else {
      bounds.high = min(high, limit.nextDown)
    }
    return bounds
  }

  private func atMost(_ limit: Float) -> FeatureBounds {
    var bounds = self
    bounds.high = min(high, limit)
    return bounds
  }

  private func atLeast(_ limit: Float) -> FeatureBounds {
    var bounds = self
    bounds.low = max(low, limit)
    return bounds
  }

  /// What is left on the two sides of a comparison.
  ///
  /// A test for equality cuts nothing off: the values left on its false side are no interval.
  func split(_ node: TreeSource.Node) -> (whenTrue: FeatureBounds, whenFalse: FeatureBounds) {
    let limit = Float(node.threshold)
    var yes: FeatureBounds
    var no: FeatureBounds
    switch node.mode {
    case .lessOrEqual: (yes, no) = (atMost(limit), above(limit))
    case .less: (yes, no) = (below(limit), atLeast(limit))
    case .greaterOrEqual: (yes, no) = (atLeast(limit), below(limit))
    case .greater: (yes, no) = (above(limit), atMost(limit))
    case .equal, .notEqual, .member, .leaf: return (self, self)
    }
    yes.canBeMissing = canBeMissing && node.missingIsTrue
    no.canBeMissing = canBeMissing && !node.missingIsTrue
    return (yes, no)
  }
}

/// What the pipeline before a tree says of its features.
struct FeatureKnowledge {
  /// Bounds of the features that are not ``FeatureBounds/any``.
  private(set) var bounds: [Int: FeatureBounds] = [:]
  /// For each column of a one-hot block the block's first column.
  private(set) var blockOf: [Int: Int] = [:]

  /// Nothing is known.
  init() {}

  /// Follows the columns of a table back to the model's inputs.
  init(_ columns: Columns) {
    var place = 0
    for segment in columns.segments {
      switch segment.kind {
      case .oneHot(_, let width, _):
        for column in place..<(place + width) {
          bounds[column] = FeatureBounds(low: 0, high: 1, canBeMissing: false)
          blockOf[column] = place
        }
      case .codes(_, let values, _):
        if values.allSatisfy(\.isFinite), let low = values.min(), let high = values.max() {
          bounds[place] = FeatureBounds(low: low, high: high, canBeMissing: false)
        }
      case .numbers(_, let list):
        for (offset, number) in list.enumerated() where FeatureKnowledge.isNeverMissing(number) {
          bounds[place + offset] = FeatureBounds(canBeMissing: false)
        }
      }
      place += segment.width
    }
  }

  /// Whether an imputer has put a number wherever one was missing, and no scaling undoes that.
  private static func isNeverMissing(_ number: Columns.Number) -> Bool {
    guard let (replaced, fill) = number.imputation, replaced.isNaN, !fill.isNaN else {
      return false
    }
    guard let (offset, scale) = number.scaling else { return true }
    // Infinity times 0 would be missing again.
    return offset.isFinite && scale.isFinite && scale != 0
  }
}
