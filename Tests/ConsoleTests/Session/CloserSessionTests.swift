import Control
import Core
import Node
import Testing

@testable import Console

/// Registry, past, routing, verdict: what is only looked at.
@Suite struct CloserSessionTests {
  static func entry(_ model: String, _ number: Int, bytes: Int = 1, parent: Int? = nil)
    -> RegisteredVersionView
  {
    let version = VersionID(model: Sample.name(model), number: number)
    var view = RegisteredVersionView(
      version: version, digest: Sample.digest(3), bytes: bytes,
      registered: Sample.start + .seconds(number), summary: "trained on week \(number)",
      metrics: [:], loadedOn: [])
    view.traits = VersionTraits(
      hasCard: true, hasReference: false, hasGolden: false,
      parent: parent.map { VersionID(model: Sample.name(model), number: $0) }, by: Sample.ana,
      places: [])
    return view
  }

  // MARK: The registry

  @Test func theRegistryComesInPagesWhenItChanged() {
    var snapshot = Sample.snapshot()
    snapshot.registry = []
    snapshot.registryRevision = 7
    var driver = Driver(snapshot: nil)
    driver.tell(.tick)
    driver.answerLive(snapshot)
    #expect(driver.effectNames.last == "send registry 0+500 on reading")
    let all = (1...700).map { Self.entry("big", $0) }
    page(all, 0, revision: 7, &driver)
    #expect(driver.effectNames.last == "send registry 500+500 on reading")
    #expect(driver.model.feed.registry.versions.isEmpty, "half a registry is not shown")
    page(all, 500, revision: 7, &driver)
    #expect(driver.model.feed.registry.versions.count == 700)
    let count = driver.effects.count
    driver.answerLive(snapshot)
    #expect(driver.effects.count == count, "the same revision is not fetched again")
    snapshot.registryRevision = 8
    driver.answerLive(snapshot)
    #expect(driver.effectNames.last == "send registry 0+500 on reading")
  }

  @Test func pagesOfTwoStatesAreNotMixed() {
    var book = RegistryBook()
    let all = (1...3).map { Self.entry("m", $0) }
    func take(_ revision: Int, _ offset: Int, _ part: ArraySlice<RegisteredVersionView>) -> Bool {
      book.take(
        RegistryPage(revision: revision, total: 3, offset: offset, versions: Array(part)))
    }
    func next(_ wanted: Int) -> Int? { book.nextOffset(wanted: wanted) }
    #expect(next(1) == 0)
    #expect(next(1) == nil, "one page at a time")
    #expect(!take(1, 0, all[..<2]))
    #expect(next(2) == 0, "a newer state begins anew")
    #expect(!take(1, 2, all[2...]))
    #expect(book.versions.isEmpty)
    #expect(next(2) == 0)
    #expect(take(2, 0, all[...]))
    #expect(book.versions.count == 3 && book.revision == 2)
    #expect(book[all[1].version]?.version == all[1].version)
  }

  private func page(
    _ all: [RegisteredVersionView], _ offset: Int, revision: Int, _ driver: inout Driver
  ) {
    guard let ticket = driver.ticket({ $0 == .registry }) else {
      Issue.record("no page was asked for")
      return
    }
    let part = Array(all[offset..<min(all.count, offset + 500)])
    driver.tell(
      .reply(
        ticket,
        .registryPage(
          RegistryPage(revision: revision, total: all.count, offset: offset, versions: part))))
  }

  @Test func filterAndSortAreWhatTheySay() {
    var random = SplitMix64(seed: 11)
    var all: [RegisteredVersionView] = []
    for model in ["alpha", "beta", "gamma"] {
      all += (1...60).map { Self.entry(model, $0, bytes: Int.random(in: 1...40, using: &random)) }
    }
    var book = RegistryBook()
    book.replace(with: all, revision: 1)
    var card = RegistryCard()
    card.refresh(book)
    #expect(card.order.map { all[$0].version } == all.map(\.version).sorted(by: >))
    for character in "BETA 7" { _ = card.edit(.character(character), book) }
    // Each word somewhere in the version, its state or its summary.
    let wanted = all.filter {
      $0.version.model.text == "beta" && "\($0.version.number)".contains("7")
    }
    #expect(Set(card.order.map { all[$0].version }) == Set(wanted.map(\.version)))
    #expect(!wanted.isEmpty)
    card.clearFilter(book)
    card.sortNext(book)
    card.sortNext(book)
    #expect(card.sort == .size)
    let sizes = card.order.map { all[$0].bytes }
    #expect(sizes == sizes.sorted(by: >) && card.order.count == all.count)
    card.turnRound(book)
    #expect(card.order.map { all[$0].bytes } == sizes.sorted())
    card.selected = all[100].version
    card.move(by: Int.max / 2, book)
    #expect(card.index(in: book) == all.count - 1)
    card.move(by: Int.min / 2, book)
    #expect(card.index(in: book) == 0)
  }

  @Test func theRegistryLeadsToAPageAndToARamp() {
    var driver = Driver(columns: 120, rows: 40, snapshot: Sample.snapshot(rollout: nil))
    driver.press(.character("b"))
    #expect(driver.text.contains("Registry  4 versions"))
    driver.press(.character("/"))
    driver.type("airline")
    driver.press(.enter)
    #expect(driver.text.contains("1 of 4"))
    #expect(driver.text.contains("made from flight-delay@2"))
    driver.press(.enter)
    #expect(driver.effectNames.last == "send version flight-delay@4 on reading")
    driver.press(.escape, .character("c"))
    #expect(
      driver.effectNames.last == "send preview flight-delay@4 standard-launch on orders")
  }

  // MARK: The past

  static func past(_ time: Timestamp) -> AsOf {
    let (from, until) = (time.microseconds - 60_000_000, time.microseconds + 9_000_000)
    return Sample.decoded(
      """
      {"endpoints":[{"change":{"actor":{"kind":"person","name":"ana"},"sequence":114,\
      "summary":"flight-delay: @3 deployed","time":\(from)},"endedBy":{"actor":{"kind":"guard",\
      "name":"guard"},"reason":"errors","sequence":116,"summary":"flight-delay: rolled back",\
      "time":\(until)},"endpoint":"flight-delay","from":\(from),"rollout":{"candidate":\
      "flight-delay@3","fallback":"flight-delay@1","phase":"baking","plan":"quick","step":1,\
      "steps":2},"split":[{"version":"flight-delay@1","weight":9000},{"version":"flight-delay@3",\
      "weight":1000}],"stable":"flight-delay@1","status":"serving","until":\(until)}],\
      "misdatedEvents":0,"sequence":115,"time":\(time.microseconds)}
      """)
  }

  @Test func thePastShowsWhatWasDecidedThen() throws {
    var driver = Driver(columns: 160, rows: 45, snapshot: Sample.snapshot())
    driver.press(.character("5"), .character("@"))
    let event = try #require(driver.model.selectedEvent)
    #expect(driver.effectNames == ["send past on snapshots", "send as-of all on reading"])
    let asked = try #require(driver.ticket { $0 == .past })
    driver.tell(.reply(asked, .snapshot(Sample.snapshot())))
    // Not shown before it is known what was decided: the split would be today's.
    #expect(driver.model.feed.past == nil)
    let answer = Self.past(event.time)
    let folded = try #require(driver.ticket { $0 == .asOf })
    driver.tell(.reply(folded, .asOf(answer)))
    let detail = try #require(driver.model.detail)
    #expect(detail.split?.weight(of: Sample.version(3)) == 1000)
    #expect(detail.versions.first { $0.version == Sample.version(3) }?.state == "canary")
    #expect(detail.versions.first { $0.version == Sample.version(2) }?.state == "idle")
    #expect(detail.rollback == nil && detail.undo == nil)
    let text = driver.text
    #expect(text.contains("as of"))
    #expect(text.contains("ramp to flight-delay@3 by quick: step 1 of 2, baking"))
    #expect(text.contains("until"))
    // Orders look at the present.
    #expect(driver.model.liveDetail?.rollout?.candidate == Sample.version(2))
    driver.press(.character("0"))
    #expect(driver.model.feed.asOf == nil && driver.model.detail?.rollout != nil)
  }

  @Test func aTimeIsTypedAndAWrongOneIsExplained() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("@"))
    driver.type("1h ago")
    driver.press(.enter)
    #expect(driver.model.feed.pastAt == Sample.start + .seconds(-3600))
    var wrong = Driver(snapshot: Sample.snapshot())
    wrong.press(.character(":"))
    wrong.type("as-of yesterday")
    wrong.press(.enter)
    #expect(wrong.model.flash?.sentence.contains("2h ago") == true)
    #expect(wrong.model.feed.pastAt == nil)
  }

  // MARK: Routing, and who else is here

  @Test func aKeyIsAskedFor() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("W"))
    driver.press(.enter)
    #expect(driver.text.contains("type the key"))
    driver.type("R2-D2")
    driver.press(.enter)
    #expect(driver.effectNames == ["send why R2-D2 on reading"])
    let ticket = try #require(driver.ticket { $0 == .why })
    driver.tell(
      .reply(
        ticket,
        .why(
          Sample.decoded(
            #"{"bucket":4711,"endpoint":"flight-delay","generation":118,"key":"R2-D2","#
              + #""rangeFirst":2500,"rangeLast":9999,"rule":"@1 is the stable","#
              + #""version":"flight-delay@1"}"#))))
    #expect(driver.text.contains("4,711 of 10,000, in the range 2,500 to 9,999"))
    driver.press(.character("y"))
    #expect(driver.effectNames.last?.hasPrefix("copy flight-delay R2-D2: flight-delay@1") == true)
  }

  @Test func othersAreCountedAndListed() {
    var snapshot = Sample.snapshot()
    snapshot.attached = [
      AttachedView(user: "ana", processID: 77, since: Sample.start, isInNode: false),
      AttachedView(user: "li", processID: 78, since: Sample.start, isInNode: true),
    ]
    var driver = Driver(columns: 120, rows: 40, snapshot: snapshot) { $0.processID = 77 }
    #expect(driver.model.othersAttached == 1)
    #expect(driver.text.contains("ana +1 attached"))
    driver.press(.character("O"))
    #expect(driver.text.contains("this console") && driver.text.contains("process 78"))
  }

  // MARK: The verdict

  @Test func theVerdictIsAskedForAnewWithEachPicture() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("v"))
    #expect(driver.effectNames == ["send verdict flight-delay on reading"])
    let first = try #require(driver.ticket { $0 == .verdict })
    driver.answerLive(Sample.snapshot(seconds: 1))
    #expect(driver.ticket { $0 == .verdict } == first, "one question at a time")
    driver.tell(.failed(first, NodeFailure(sentence: "no ramp runs on flight-delay")))
    #expect(driver.text.contains("No ramp runs on flight-delay"))
    driver.answerLive(Sample.snapshot(seconds: 2))
    #expect(driver.ticket { $0 == .verdict } != first)
    driver.press(.escape)
    let count = driver.effects.count
    driver.answerLive(Sample.snapshot(seconds: 3))
    #expect(driver.effects.count == count)
  }

  @Test func anEffectBarShowsItsInterval() {
    var buffer = CellBuffer(width: 33, height: 1)
    EffectBar(ratio: 2, low: 1, high: 4, tolerance: 1.5, margin: nil)
      .draw(into: &buffer, width: 33, glyphs: .ascii)
    // A quarter to four on 33 columns: 1 stands in the middle, 2 three quarters along.
    #expect(buffer.text.hasPrefix("................1----|--o--------"))
    for ratio in [0, 0.1, 0.25, 1, 3.9, 4, 1e9, .infinity] {
      #expect((0..<33).contains(EffectBar.column(of: ratio, width: 33)))
    }
  }
}
