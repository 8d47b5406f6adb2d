import Core
import Glibc
import Testing

@testable import Storage

@Suite struct TombstoneTests {
  private func fence(_ number: Int, closed: Int = 1) throws -> Fence {
    Fence(
      endpoint: try Name("flights"),
      closed: try (0..<closed).map { try VersionID("flight-delay@\(number + $0 + 2)") },
      fallback: try VersionID("flight-delay@1"), actor: ActorID(kind: .person, name: "ann"),
      time: Timestamp(microseconds: 1_700_000_000_000_000 + Int64(number)))
  }

  @Test func fencesComeBackInOrderAndAreCleared() throws {
    let state = try TemporaryState()
    #expect(storageError { _ = try Tombstones(state.directory) }?.code == .notFound)
    let tombstones = try Tombstones(try state.directory.acquireLock())
    #expect(try tombstones.pending() == [])
    let written = try (1...5).map { try tombstones.record(try fence($0, closed: $0)) }
    #expect(written.map(\.sequence) == [1, 2, 3, 4, 5])
    #expect(try tombstones.pending() == written)
    #expect(try Tombstones(state.directory).pending() == written)
    try tombstones.clear([2, 4, 77])
    #expect(try tombstones.pending().map(\.sequence) == [1, 3, 5])
    // A cleared slot is used again, and numbers go on rising.
    let next = try tombstones.record(try fence(9))
    #expect(next.sequence > 5)
    #expect(try tombstones.pending().last == next)
  }

  @Test func aRunningNodeNoticesAnotherProcessFence() throws {
    let state = try TemporaryState()
    let node = try Tombstones(try state.directory.acquireLock())
    let before = try node.generation()
    let commandLine = try Tombstones(state.directory)
    try commandLine.record(try fence(1))
    let after = try node.generation()
    #expect(after != before)
    try node.clear([1])
    #expect(try node.generation() != after)
    #expect(try commandLine.pending() == [])
  }

  @Test func writingTakesNoNewSpace() throws {
    let state = try TemporaryState()
    let tombstones = try Tombstones(try state.directory.acquireLock())
    let before = try #require(try FileSystem.status(ofLinkAt: state.directory.tombstonesPath))
    #expect(Int(before.st_blocks) * 512 >= Int(before.st_size))
    for number in 0..<Tombstones.slotCount { try tombstones.record(try fence(number, closed: 40)) }
    let after = try #require(try FileSystem.status(ofLinkAt: state.directory.tombstonesPath))
    #expect(after.st_blocks == before.st_blocks && after.st_size == before.st_size)
    #expect(storageError { try tombstones.record(try fence(99)) }?.code == .full)
    try tombstones.clear(Set(try tombstones.pending().map(\.sequence)))
    try tombstones.record(try fence(99))
  }

  @Test func aFenceThatDoesNotFitIsRefusedWhole() throws {
    let state = try TemporaryState()
    let tombstones = try Tombstones(try state.directory.acquireLock())
    #expect(storageError { try tombstones.record(try fence(0, closed: 0)) }?.code == .unacceptable)
    #expect(
      storageError { try tombstones.record(try fence(0, closed: 400)) }?.code == .unacceptable)
    #expect(try tombstones.pending() == [])
    let longName = Fence(
      endpoint: try Name("e"), closed: [try VersionID("m@2")], fallback: try VersionID("m@1"),
      actor: ActorID(kind: .person, name: String(repeating: "n", count: 9_000)),
      time: Timestamp(microseconds: 0))
    #expect(try tombstones.record(longName).sequence == 1)
    #expect(try tombstones.pending().first?.fence.actor.name.utf8.count == 128)
  }

  @Test func tornAndAlteredSlotsAreNotFences() throws {
    let good = try TombstoneCodec.encode(Tombstone(sequence: 3, fence: try fence(1, closed: 3)))
    #expect(TombstoneCodec.decode(good)?.fence == (try fence(1, closed: 3)))
    for length in stride(from: 0, to: good.count, by: 512) {
      let torn = Array(good[..<length]) + [UInt8](repeating: 0, count: good.count - length)
      #expect(TombstoneCodec.decode(torn) == nil)
    }
    var random = SplitMix64(seed: 2)
    for _ in 0..<500 {
      var altered = good
      altered[Int(random.next() % UInt64(good.count))] ^= 1 << UInt8(random.next() % 8)
      #expect(TombstoneCodec.decode(altered) == nil)
    }
  }

  /// Fields that lie about their lengths, under a checksum that fits.
  @Test func hostileSlotsDecodeToNothing() throws {
    var random = SplitMix64(seed: 8)
    let good = try TombstoneCodec.encode(Tombstone(sequence: 3, fence: try fence(1, closed: 3)))
    let end = TombstoneCodec.slotBytes - 32
    var decoded = 0
    for round in 0..<2_000 {
      var body = Array(good[..<end])
      let offset = round % 2 == 0 ? 24 + Int(random.next() % 8) : 40 + Int(random.next() % 60)
      body[offset] = UInt8(truncatingIfNeeded: random.next())
      if TombstoneCodec.decode(body + SHA256.digest(of: body).bytes) != nil { decoded += 1 }
    }
    #expect(decoded < 1_000)
  }

  @Test func aShortFileIsPreparedAnewByTheHolderOnly() throws {
    let state = try TemporaryState()
    do { try Tombstones(try state.directory.acquireLock()).record(try fence(1)) }
    truncate(state.directory.tombstonesPath, 9_000)
    #expect(storageError { _ = try Tombstones(state.directory) }?.code == .damaged)
    let tombstones = try Tombstones(try state.directory.acquireLock())
    #expect(try tombstones.pending().count == 1)
    try tombstones.record(try fence(2))
    #expect(try tombstones.pending().count == 2)
  }

  @Test func aLockedFileIsGivenUpInTime() throws {
    let state = try TemporaryState()
    let tombstones = try Tombstones(try state.directory.acquireLock())
    let other = try OpenFile(state.directory.tombstonesPath, O_RDWR, doing: "lock")
    #expect(flock(other.descriptor, LOCK_EX) == 0)
    let started = ContinuousClock.now
    #expect(storageError { try tombstones.record(try fence(1)) }?.code == .locked)
    #expect(ContinuousClock.now - started < .seconds(4))
  }
}
