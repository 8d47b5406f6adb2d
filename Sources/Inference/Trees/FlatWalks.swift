/// Where the trees of ``FlatTrees`` lie: in pieces small enough that what is computed of one still
/// lies in the first cache when its trees are walked.
struct FlatPlaces {
  /// Treelets a piece, about: one byte each for every row, and eight bytes of ``FlatWalks``.
  private static let pieceTreelets = 960

  /// Groups of eight treelets in all, padding included: a multiple of eight.
  private(set) var groups = 0
  /// The trees in the order of their places; padded to eight with numbers there are no trees for.
  private(set) var order: [Int] = []
  /// For each tree the number of its first treelet.
  private(set) var firstTreelet: [Int] = []
  /// Where the groups and the places of each piece begin, and one more.
  private(set) var pieceGroups: [UInt32] = [0]
  private(set) var piecePlaces: [UInt32] = [0]

  var pieceGroupsMax: Int {
    zip(pieceGroups, pieceGroups.dropFirst()).reduce(0) { max($0, Int($1.1 - $1.0)) }
  }

  init(oneGroupEach trees: Int) {
    groups = (trees + 7) & ~7
  }

  /// Trees with equally long paths lie together, because eight are walked at a time.
  init(_ layout: TreeletLayout) {
    let trees = layout.steps.count
    order = (0..<trees).sorted { (layout.steps[$0], $1) > (layout.steps[$1], $0) }
    firstTreelet = [Int](repeating: 0, count: trees)
    order += trees..<((trees + 7) & ~7)
    var treelets = 0
    for place in order.indices {
      let tree = order[place]
      if tree < trees {
        firstTreelet[tree] = treelets
        treelets += layout.firstTreelet[tree + 1] - layout.firstTreelet[tree]
      }
      let isEnd = place == order.count - 1
      guard place % 8 == 7, isEnd || treelets - groups * 8 >= FlatPlaces.pieceTreelets else {
        continue
      }
      treelets = (treelets + 63) & ~63
      groups = treelets / 8
      pieceGroups.append(UInt32(groups))
      piecePlaces.append(UInt32(place + 1))
    }
  }
}

/// What the walks over exits read.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class FlatWalks: @unchecked Sendable {
  let order: UnsafeMutablePointer<UInt32>
  let roots: UnsafeMutablePointer<UInt32>
  let firstLeaf: UnsafeMutablePointer<UInt32>
  let steps: UnsafeMutablePointer<UInt8>
  let next: UnsafeMutablePointer<Int8>
  let pieces: Int
  let pieceGroups: UnsafeMutablePointer<UInt32>
  let piecePlaces: UnsafeMutablePointer<UInt32>

  init(_ layout: TreeletLayout, _ places: FlatPlaces) {
    let trees = layout.steps.count
    let count = places.order.count
    order = FlatWalks.copy(places.order.map { UInt32($0) })
    firstLeaf = FlatWalks.copy(
      places.order.map { $0 < trees ? UInt32(layout.firstLeaf[$0]) : 0 })
    steps = FlatWalks.copy(
      stride(from: 0, to: count, by: 8).map { UInt8(layout.steps[places.order[$0]]) })
    pieces = places.pieceGroups.count - 1
    pieceGroups = FlatWalks.copy(places.pieceGroups)
    piecePlaces = FlatWalks.copy(places.piecePlaces)
    var roots = [UInt32](repeating: 0, count: count)
    for piece in 0..<pieces {
      for place in Int(places.piecePlaces[piece])..<Int(places.piecePlaces[piece + 1]) {
        let tree = places.order[place]
        // What fills up the last eight walks through any tree of its piece.
        roots[place] =
          tree < trees ? UInt32(places.firstTreelet[tree]) : places.pieceGroups[piece] * 8
      }
    }
    self.roots = FlatWalks.copy(roots)
    let bytes = UnsafeMutableRawPointer.allocate(
      byteCount: max(places.groups * 64, 64), alignment: 64)
    next = bytes.bindMemory(to: Int8.self, capacity: max(places.groups * 64, 64))
    next.initialize(repeating: 0, count: max(places.groups * 64, 64))
    for tree in 0..<trees {
      let from = layout.firstTreelet[tree]
      for treelet in from..<layout.firstTreelet[tree + 1] {
        let at = places.firstTreelet[tree] + treelet - from
        for exit in 0..<8 {
          let to = Int(layout.exits[treelet * 8 + exit])
          next[at * 8 + exit] = Int8(to >= 0 ? to - (treelet - from) : -128 + (-1 - to))
        }
      }
    }
  }

  deinit {
    order.deallocate()
    roots.deallocate()
    firstLeaf.deallocate()
    steps.deallocate()
    next.deallocate()
    pieceGroups.deallocate()
    piecePlaces.deallocate()
  }

  private static func copy<T>(_ list: [T]) -> UnsafeMutablePointer<T> {
    let memory = UnsafeMutablePointer<T>.allocate(capacity: max(list.count, 1))
    memory.initialize(from: list, count: list.count)
    return memory
  }
}
