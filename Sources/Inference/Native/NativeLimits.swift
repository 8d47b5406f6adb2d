/// Bounds of what a native model may ask for, besides ``ModelLimits``.
enum NativeLimits {
  /// The most columns a row may have.
  static let featuresMax = 1 << 20
  /// The most outputs.
  static let groupsMax = 1 << 16
  /// The most trees.
  static let treesMax = 1 << 20
}
