import Testing

@testable import Inference

/// Trees whose branches meet again get subtrees of their own.
struct SharedNodesTests {
  private func split(_ yes: Int, _ no: Int) -> TreeSource.Node {
    TreeSource.Node(mode: .equal, whenTrue: yes, whenFalse: no)
  }

  @Test func aMeetingBranchIsCopied() throws {
    // Nodes 0 and 1 both lead to 2, which has the leaves 4 and 5.
    let source = [split(2, 1), split(2, 3), split(4, 5)] + Array(repeating: .init(), count: 3)
    #expect(SharedNodes.exist(in: source))
    let own = try SharedNodes(source, nodesMax: 100)
    #expect(own.nodes.count == 9)
    #expect(!SharedNodes.exist(in: own.nodes))
    #expect(own.copies.map(\.count) == [1, 1, 2, 1, 2, 2])
    for (old, places) in own.copies.enumerated() {
      for place in places { #expect(own.nodes[place].mode == source[old].mode) }
    }
    // Both ways end in a copy of the same leaf.
    let first = own.nodes[own.nodes[0].whenTrue].whenTrue
    let second = own.nodes[own.nodes[own.nodes[0].whenFalse].whenTrue].whenTrue
    #expect(first != second)
    #expect(own.copies[4].sorted() == [first, second].sorted())
  }

  @Test func plainTreesAreNoCase() {
    #expect(!SharedNodes.exist(in: [split(1, 2), .init(), .init()]))
  }

  @Test func cyclesEnd() {
    let fromRoot = [split(1, 3), split(2, 3), split(1, 3), .init()]
    #expect(throws: KernelFault.self) { try SharedNodes(fromRoot, nodesMax: 1_000) }
    let rootless = [split(1, 2), split(0, 2), .init(), .init()]
    #expect(throws: KernelFault.self) { try SharedNodes(rootless, nodesMax: 1_000) }
  }

  @Test func doublingIsLimited() {
    // Each level shares both branches: 2^40 paths.
    var source = (0..<40).map { split($0 + 1, $0 + 1) }
    source.append(.init())
    #expect(throws: KernelFault.self) { try SharedNodes(source, nodesMax: 1_000_000) }
  }
}
