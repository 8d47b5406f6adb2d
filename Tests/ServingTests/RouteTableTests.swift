import Core
import Testing

@testable import Serving

@Suite struct KeyHashTests {
  /// Values of the same rules in Python: tells that the hash does not change between versions, by
  /// which callers would be moved.
  @Test(
    arguments: [
      ("", 0, KeyHashTests.expected[0]), ("a", 0, KeyHashTests.expected[1]),
      ("caller-17", 42, KeyHashTests.expected[2]),
      ("sixteen bytes !!", 42, KeyHashTests.expected[3]),
      ("a key that is longer than sixteen bytes", 42, KeyHashTests.expected[4]),
    ] as [(String, UInt64, UInt64)])
  func hasFixedValues(key: String, salt: UInt64, expected: UInt64) {
    #expect(KeyHash.hash(Array(key.utf8), salt: salt) == expected)
  }

  static let expected: [UInt64] = [
    0x42BC986DC5EEC4D3, 0xDA5337AB45F13D2D, 0xEA30CA4D471524AC, 0x521A92BB8A9B420E,
    0x7DA69E0FB95CC49E,
  ]

  @Test func everyBitMatters() {
    var random = SplitMix64(seed: 1)
    var flips = 0
    let trials = 300
    for _ in 0..<trials {
      var key = (0..<Int(1 + random.next() % 40)).map { _ in
        UInt8(truncatingIfNeeded: random.next())
      }
      let before = KeyHash.hash(key, salt: 9)
      key[Int(random.next() % UInt64(key.count))] ^= 1 << UInt8(random.next() % 8)
      flips += (before ^ KeyHash.hash(key, salt: 9)).nonzeroBitCount
    }
    // 32 of 64 bits on average; one trial's standard deviation is 4.
    let mean = Double(flips) / Double(trials)
    #expect(abs(mean - 32) < 4 * 4 / Double(trials).squareRoot())
  }

  @Test func keysOfOneFormSpreadEvenlyOverBuckets() {
    var counts = [Int](repeating: 0, count: 100)
    let total = 20_000
    for i in 0..<total {
      counts[KeyHash.bucket(of: KeyHash.hash(Array("user-\(i)".utf8), salt: 3)) / 100] += 1
    }
    let expected = Double(total) / 100
    let chiSquare = counts.reduce(0.0) {
      $0 + (Double($1) - expected) * (Double($1) - expected) / expected
    }
    // 99 degrees of freedom: mean 99, standard deviation 14.
    #expect(chiSquare < 99 + 5 * 14.1)
    #expect(chiSquare > 99 - 5 * 14.1)
  }
}

@Suite struct RouteTableTests {
  private func owners(_ table: RouteTable, _ number: Int) throws -> Set<Int> {
    let version = try Fixture.version(number)
    return Set(table.buckets.indices.filter { table.arms[Int(table.buckets[$0])] == version })
  }

  @Test func weightsAreExactAndTheStableHasTheRest() throws {
    let table = try RouteTable(
      try Fixture.split([1: 8_950, 2: 1_000, 3: 50]), stable: try Fixture.version(1), salt: 1)
    #expect(table.arms.map(\.number) == [1, 2, 3])
    #expect(table.weights == [8_950, 1_000, 50])
    #expect(table.weight(of: try Fixture.version(3)) == 50)
    #expect(table.weight(of: try Fixture.version(9)) == 0)
  }

  @Test func aStableWithoutTrafficIsStillThere() throws {
    let table = try RouteTable(
      Split(all: try Fixture.version(2)), stable: try Fixture.version(1), salt: 1)
    #expect(table.stable == (try Fixture.version(1)))
    #expect(table.weights == [0, 10_000])
  }

  @Test func raisingOneCandidateOnlyAddsToIt() throws {
    var table = try RouteTable(
      Split(all: try Fixture.version(1)), stable: try Fixture.version(1), salt: 5)
    var before: Set<Int> = []
    for weight in [1, 100, 101, 1_000, 2_500, 5_000, 9_999, 10_000] {
      table = try table.changed(
        to: Split(
          stable: try Fixture.version(1), candidate: try Fixture.version(2), weight: weight),
        stable: try Fixture.version(1))
      let now = try owners(table, 2)
      #expect(now.count == weight)
      #expect(now.isSuperset(of: before))
      // With one candidate history does not matter.
      let fresh = try RouteTable(
        Split(stable: try Fixture.version(1), candidate: try Fixture.version(2), weight: weight),
        stable: try Fixture.version(1), salt: 5)
      #expect(fresh == table)
      before = now
    }
  }

  /// Over random sequences of splits with several candidates that come, grow, shrink, go, and
  /// become the stable: a version that grows keeps all it has, one that shrinks gets nothing new,
  /// so the moved share is exactly the change of its weight.
  @Test func randomSequencesMoveNoMoreThanTheWeights() throws {
    var random = SplitMix64(seed: 31)
    for _ in 0..<4 {
      var stable = 1
      var table = try RouteTable(
        Split(all: try Fixture.version(1)), stable: try Fixture.version(1), salt: random.next())
      for _ in 0..<8 {
        if random.next() % 6 == 0 { stable = Int(random.next() % 5) + 1 }
        let next = randomWeights(&random, stable: stable)
        let changed = try table.changed(
          to: try Fixture.split(next), stable: try Fixture.version(stable))
        for number in 1...5 where number != stable {
          let before = try owners(table, number)
          let after = try owners(changed, number)
          #expect(after.count == next[number, default: 0])
          if after.count >= before.count {
            #expect(after.isSuperset(of: before))
          } else {
            #expect(after.isSubset(of: before))
          }
        }
        #expect(try owners(changed, stable).count == next[stable, default: 0])
        table = changed
      }
    }
  }

  private func randomWeights(_ random: inout SplitMix64, stable: Int) -> [Int: Int] {
    var left = 10_000
    var weights: [Int: Int] = [:]
    for number in 1...5 where number != stable && random.next() % 2 == 0 {
      let weight = Int(random.next() % UInt64(left / 2 + 1))
      weights[number] = weight
      left -= weight
    }
    weights[stable] = left
    return weights.filter { $0.value > 0 }
  }

  @Test func routeAgreesWithTheBuckets() throws {
    let table = try RouteTable(
      try Fixture.split([1: 5_000, 2: 5_000]), stable: try Fixture.version(1), salt: 77)
    var candidate = 0
    for i in 0..<4_000 {
      let (version, bucket) = table.route(key: Array("k\(i)".utf8))
      #expect(table.arms[Int(table.buckets[bucket])] == version)
      candidate += version.number == 2 ? 1 : 0
    }
    #expect(abs(candidate - 2_000) < 5 * 32)
    _ = table.route(key: [])
  }

  @Test func moreVersionsThanArmsAreRefused() throws {
    var weights = [1: 10_000 - 40]
    for number in 2...41 { weights[number] = 1 }
    #expect(throws: ServingError.self) {
      try RouteTable(try Fixture.split(weights), stable: try Fixture.version(1), salt: 0)
    }
  }
}
