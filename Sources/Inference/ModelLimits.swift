/// How large a model from outside may be.
///
/// Everything is checked before memory is taken.
public struct ModelLimits: Sendable, Equatable {
  /// The most bytes of a model file.
  public var fileBytesMax: Int
  /// The most nodes of a graph.
  public var nodesMax: Int
  /// The most elements of one constant.
  public var constantElementsMax: Int
  /// The most bytes a session may hold as scratch memory, all tensors together.
  public var scratchBytesMax: Int
  /// The most bytes a constant made by folding may have.
  public var foldedBytesMax: Int
  /// How deep messages may nest in the file.
  public var nestingDepthMax: Int
  /// The most nodes over all trees of one ensemble.
  public var treeNodesMax: Int
  /// The most nodes that the bodies of Loop, Scan and If may compute in one run, all trips of all
  /// of them together.
  public var bodyStepsMax: Int

  /// Puts the limits together; each has the value of ``standard`` unless given.
  public init(
    fileBytesMax: Int = 1 << 30, nodesMax: Int = 100_000, constantElementsMax: Int = 1 << 28,
    scratchBytesMax: Int = 1 << 30, foldedBytesMax: Int = 1 << 24, nestingDepthMax: Int = 16,
    treeNodesMax: Int = 50_000_000, bodyStepsMax: Int = 10_000_000
  ) {
    self.fileBytesMax = fileBytesMax
    self.nodesMax = nodesMax
    self.constantElementsMax = constantElementsMax
    self.scratchBytesMax = scratchBytesMax
    self.foldedBytesMax = foldedBytesMax
    self.nestingDepthMax = nestingDepthMax
    self.treeNodesMax = treeNodesMax
    self.bodyStepsMax = bodyStepsMax
  }

  /// Room for any tabular model: 1 GiB files, 100,000 nodes, 1 GiB of scratch memory.
  public static let standard = ModelLimits()
}
