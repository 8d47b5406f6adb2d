import Core
import Testing

@testable import Storage

/// A saved state is believed only when all of it is what this state's own key signed.
@Suite struct SavedStateTests {
  private let key = SigningKey(seed: [UInt8](repeating: 3, count: 32))

  private func refusal(_ saved: SavedState, _ journal: Journal) throws -> String? {
    try journal.reader.refusal(of: saved, program: "tests", key: key.publicKey)
  }

  @Test func whatWasSavedIsBelieved() throws {
    let state = try TemporaryState()
    do {
      let journal = try state.journal()
      try journal.append((1...5).map { sampleEntry($0) })
      try journal.saveState(sampleSaved(journal, key))
      try journal.append([sampleEntry(6)])
    }
    let journal = try state.journal()
    #expect(try checkSavedStates(journal.reader, key) == [5])
    #expect(try journal.reader.verify(after: journal.reader.savedState(at: 5)?.head).count == 6)
  }

  @Test func everyMemberIsSigned() throws {
    let state = try TemporaryState()
    let journal = try state.journal()
    try journal.append((1...5).map { sampleEntry($0) })
    let good = sampleSaved(journal, key)
    #expect(try refusal(good, journal) == nil)
    let other = SigningKey(seed: [UInt8](repeating: 4, count: 32))
    func changed(
      sequence: Int? = nil, hash: Digest? = nil, program: String? = nil, body: [UInt8]? = nil,
      key: PublicKey? = nil, signature: [UInt8]? = nil
    ) -> SavedState {
      SavedState(
        head: JournalHead(
          sequence: sequence ?? good.head.sequence, hash: hash ?? good.head.hash),
        program: program ?? good.program, body: body ?? good.body, key: key ?? good.key,
        signature: signature ?? good.signature)
    }
    let earlier = try #require(try journal.reader.hash(at: 4))
    for wrong in [
      changed(sequence: 4), changed(sequence: 4, hash: earlier), changed(hash: earlier),
      changed(program: "tests2"), changed(program: ""), changed(body: good.body.dropLast()),
      changed(body: []), changed(body: good.body + [0]), changed(key: other.publicKey),
      changed(signature: good.signature.reversed()), changed(signature: []),
      changed(signature: good.signature.dropLast()),
    ] { #expect(try refusal(wrong, journal) != nil) }
    // Properly signed, but by another key, for another program, row, journal or end.
    let reader = journal.reader
    let foreign = SavedState(
      good.head, of: reader.beginning, program: "tests", body: good.body, key: other)
    #expect(try refusal(foreign, journal) == "another key signed it")
    let newer = SavedState(
      good.head, of: reader.beginning, program: "newer", body: good.body, key: key)
    #expect(try refusal(newer, journal) == "another program made it")
    let elsewhere = SavedState(
      good.head, of: earlier, program: "tests", body: good.body, key: key)
    #expect(try refusal(elsewhere, journal)?.contains("signature") == true)
    for head in [JournalHead(sequence: 5, hash: earlier), JournalHead(sequence: 6, hash: earlier)] {
      let misplaced = sampleSaved(head, reader.beginning, key)
      #expect(try refusal(misplaced, journal)?.contains("row \(head.sequence)") == true)
    }
  }

  @Test func aFileThatSomebodyChangedGivesNone() throws {
    for sql in [
      "UPDATE saved_states SET hash = x'00'", "UPDATE saved_states SET key = 'zz'",
      "DELETE FROM saved_states",
    ] {
      let state = try TemporaryState()
      let journal = try state.journal()
      try journal.append([sampleEntry(1)])
      try journal.saveState(sampleSaved(journal, key))
      try state.tamper(sql)
      #expect(try JournalReader(state.directory).savedState(at: 1) == nil, "\(sql)")
    }
  }

  @Test func tooLargeAStateIsRefused() throws {
    let state = try TemporaryState()
    let journal = try state.journal()
    try journal.append([sampleEntry(1)])
    let large = sampleSaved(journal, key, bodyBytes: SavedState.bodyLimitBytes)
    #expect(storageError { try journal.saveState(large) }?.code == .unacceptable)
    #expect(try journal.reader.savedSequences() == [])
  }

  /// However long a journal grows and however irregularly states are saved, few are kept, the
  /// newest two among them, and a moment of the past is never far from one.
  @Test func fewAreKeptAndNoMomentIsFarFromOne() {
    var random = SplitMix64(seed: 12)
    var kept: [Int] = []
    var last = 0
    while last < 3_000_000 {
      last += 1 + Int(random.next() % 1_000)
      kept.append(last)
      let removed = SavedStateRetention.superfluous(kept, bodyBytes: 50_000)
      #expect(Set(removed).isSubset(of: kept.dropLast(2)))
      kept.removeAll { removed.contains($0) }
      #expect(kept.count <= 35)
      let gaps = zip([0] + kept, kept).map { $1 - $0 }
      #expect((gaps.max() ?? 0) <= max(3_000, last / 5), "\(last): \(kept)")
    }
    #expect(SavedStateRetention.superfluous([], bodyBytes: 1) == [])
    let large = Array(stride(from: 1_000, through: 50_000, by: 1_000))
    let removed = SavedStateRetention.superfluous(large, bodyBytes: 30 << 20)
    #expect(large.count - removed.count <= 5)
  }

  @Test func aWalkCanEndEarlyAndAtARow() throws {
    let state = try TemporaryState()
    let journal = try state.journal()
    try journal.append((1...900).map { sampleEntry($0) })
    let reader = journal.reader
    #expect(try reader.verify(until: 600).head.sequence == 600)
    #expect(try reader.verify(until: 600).head.hash == reader.hash(at: 600))
    #expect(try reader.verify(until: 901).fault == "row 901 is missing")
    #expect(try reader.verify(isCancelled: { true }).head.sequence == 0)
    try state.tamper("UPDATE journal SET kind = 'other' WHERE sequence = 700")
    #expect(try reader.verify(until: 600).fault == nil)
    #expect(try reader.verify(until: 800).fault == "row 700 was edited")
  }
}
