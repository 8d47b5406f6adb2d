/// Rewrites of the graph that make it faster without changing what it computes.
enum Fusion {
  static func apply(to graph: inout Graph, _ facts: Facts) {}
}
