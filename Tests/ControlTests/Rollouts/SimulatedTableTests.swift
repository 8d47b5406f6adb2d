import Core
import Testing

@testable import Control

@Suite("The simulator's route tables")
struct SimulatedTableTests {
  private func version(_ number: Int) -> VersionID {
    VersionID(model: Name.simulated("m"), number: number)
  }

  @Test("weights are exact, and raising one version moves only what it gains")
  func changes() throws {
    var draw = Draw(seed: 1)
    var weights = [0, 0, 0]
    var table = SimulatedTable(Split(all: version(1)), stable: version(1), salt: 1)
    for _ in 0..<200 {
      let index = draw.below(3)
      weights[index] = draw.below(3_300)
      let shares = weights.enumerated().map {
        Split.Share(version: version($0.offset + 2), weight: $0.element)
      }
      let rest = Split.Share(version: version(1), weight: 10_000 - weights.reduce(0, +))
      let next = table.changed(to: try Split(shares + [rest]), stable: version(1))
      for (offset, weight) in weights.enumerated() {
        let (old, new) = (
          table.buckets(of: version(offset + 2)), next.buckets(of: version(offset + 2))
        )
        #expect(new.count == weight)
        #expect(old.count <= new.count ? old.isSubset(of: new) : new.isSubset(of: old))
      }
      var counted = [Int](repeating: 0, count: 5)
      for bucket in stride(from: 0, to: 10_000, by: 7) {
        let owner = next.owner(of: bucket)
        counted[owner.number] += 1
        #expect(next.buckets(of: owner).contains(bucket))
      }
      table = next
    }
  }

  @Test("a set of buckets keeps its size when it is turned around the circle")
  func turning() {
    let set = Buckets.all.first(9_000).turned(by: 5_500)
    #expect(set.count == 9_000 && set.contains(0) && !set.contains(5_000))
    #expect(set.turned(by: -5_500) == Buckets.all.first(9_000))
    #expect(set.without(set).count == 0 && Buckets.all.without(set).joined(set) == .all)
  }
}
