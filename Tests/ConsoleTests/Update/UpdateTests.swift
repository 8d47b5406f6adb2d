import Control
import Core
import Node
import Testing

@testable import Console

/// What each message changes and asks for, stated exactly.
@Suite struct UpdateTests {
  @Test func firstTickAsksForThePictureOnce() {
    var driver = Driver()
    driver.tell(.tick)
    #expect(driver.effectNames == ["send live on snapshots"])
    driver.tell(.tick)
    driver.tell(.tick)
    #expect(driver.effects.count == 1, "one question is under way at a time")
    driver.answerLive(Sample.snapshot())
    driver.tell(.tick)
    #expect(driver.effects.count == 2)
  }

  @Test func oneEndpointIsOpenedSeveralAreListed() {
    let one = Driver(snapshot: Sample.snapshot())
    #expect(!one.model.atHome)
    #expect(one.model.endpoint == Sample.endpoint)
    var snapshot = Sample.snapshot()
    snapshot.endpoints.append(Sample.summary(Sample.name("churn")))
    var two = Driver(snapshot: snapshot)
    #expect(two.model.atHome)
    two.press(.down, .enter)
    #expect(two.model.endpoint == Sample.name("churn"))
    #expect(!two.model.atHome)
    two.press(.escape)
    #expect(two.model.atHome)
  }

  @Test func failureMarksStaleAndDims() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.wait(7_000)
    driver.tell(.tick)
    let ticket = try #require(driver.ticket { $0 == .live })
    driver.tell(.failed(ticket, NodeFailure(sentence: "no node answers")))
    #expect(driver.model.staleMilliseconds == 7_000)
    #expect(driver.text.contains("stale 7 s"))
    #expect(driver.text.contains("no node answers"))
    let frame = render(driver.model)
    let pane = try #require(ScreenLayout(driver.model).panes.first)
    #expect(frame.buffer[pane.rect.x + 3, pane.rect.y + 2].emphasis.contains(.faint))
    driver.tell(.tick)
    driver.answerLive(Sample.snapshot(seconds: 8))
    #expect(driver.model.staleMilliseconds == nil)
  }

  @Test func silenceAloneMarksStale() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.wait(3_000)
    driver.tell(.tick)
    #expect(driver.model.staleMilliseconds == nil)
    driver.wait(1)
    #expect(driver.model.staleMilliseconds == nil)
    driver.tell(.tick)
    #expect(driver.model.staleMilliseconds == 3_001)
  }

  @Test func anOlderAnswerDoesNotReplaceANewerOne() {
    var driver = Driver(snapshot: Sample.snapshot(seconds: 10))
    driver.answerLive(Sample.snapshot(generation: 1, seconds: 5))
    #expect(driver.model.liveDetail?.generation == 118)
  }

  @Test func frozenViewDrawsTheSameCellsWhateverHappens() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character(" "))
    let before = render(driver.model)
    for second in 1...60 {
      driver.wait(1000)
      driver.tell(.tick)
      var snapshot = Sample.snapshot(generation: 118, seconds: second, symptoms: [])
      snapshot.node.processors = Double(second)
      driver.answerLive(snapshot)
    }
    #expect(render(driver.model).buffer == before.buffer)
    var news = Sample.snapshot(seconds: 61)
    news.node.sequence = 121
    driver.answerLive(news)
    #expect(driver.text.contains("3 new events"))
    driver.press(.character(" "))
    #expect(!driver.model.isFrozen)
  }

  @Test func onlyTheClockChangesWhenNothingElseDoes() {
    var driver = Driver(snapshot: Sample.snapshot())
    let before = render(driver.model).buffer
    driver.wait(1000)
    driver.tell(.tick)
    let after = render(driver.model).buffer
    let changed = zip(before.cells, after.cells).count { $0 != $1 }
    #expect((1...2).contains(changed))
  }

  @Test func scrubAsksForThePastAndLiveGoesBack() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("["))
    #expect(driver.effectNames == ["send past on snapshots", "send as-of all on reading"])
    #expect(driver.model.feed.pastAt == Sample.start + .seconds(-150))
    driver.press(.character("]"))
    #expect(driver.model.feed.pastAt == nil)
    driver.press(.character("["), .character("0"))
    #expect(driver.model.feed.pastAt == nil)
    driver.press(.character("{"))
    #expect(driver.model.feed.pastAt == Sample.events[0].time)
    driver.press(.character("{"))
    #expect(driver.model.feed.pastAt == Sample.events[1].time)
    driver.press(.character("}"))
    #expect(driver.model.feed.pastAt == Sample.events[0].time)
  }

  @Test func aLatePastAnswerAfterLiveIsForgotten() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("["))
    let ticket = try #require(driver.ticket { $0 == .past })
    driver.press(.character("0"))
    driver.tell(.reply(ticket, .snapshot(Sample.snapshot(seconds: -150))))
    #expect(driver.model.feed.past == nil)
  }

  @Test func pasteNeverActs() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.tell(.input(.paste("Ryx\rq:promote\n>+")))
    #expect(driver.effects.isEmpty)
    #expect(driver.model.dialogs.isEmpty)
    for open in ["R", "x", "c", "q", "u", "o"] {
      var other = Driver(snapshot: Sample.snapshot())
      other.press(.character(Character(open)))
      let asked = other.effects.count
      let cards = other.model.dialogs.count
      other.wait(1000)
      other.tell(.input(.paste("y\n")))
      #expect(other.effects.count == asked)
      #expect(other.model.dialogs.count == cards)
    }
    driver.press(.character(":"))
    driver.tell(.input(.paste("prom\note\u{1B}[31m")))
    guard case .palette(let palette)? = driver.model.dialogs.last else {
      Issue.record("no palette")
      return
    }
    #expect(palette.field.text.hasPrefix("prom ote"))
    #expect(driver.effects.isEmpty)
  }

  @Test func noControlKeyMutates() {
    for letter in "abcdefghijklmnopqrstuvwxyz" {
      var driver = Driver(snapshot: Sample.snapshot())
      driver.press(.control(letter), .alt(letter))
      #expect(driver.orders.isEmpty)
    }
    for spec in ActionSpec.all where spec.risk != .look {
      for case .control in spec.keys { Issue.record("\(spec.word) is on a control key") }
      for case .alt in spec.keys { Issue.record("\(spec.word) is on an alt key") }
    }
  }

  @Test func readOnlyRefusesEveryChangeWithASentence() {
    for spec in ActionSpec.all where spec.risk != .look && spec.action != .acknowledge {
      var driver = Driver(snapshot: Sample.snapshot()) { $0.readOnly = true }
      _ = driver.model.perform(spec.action)
      driver.wait(1000)
      driver.press(.character("y"), .enter)
      #expect(driver.orders.isEmpty, "\(spec.word)")
      let isRunbookRun = driver.effectNames.contains { $0.contains("dry:false") }
      #expect(!isRunbookRun)
    }
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("!"), .character(">"))
    #expect(driver.orders.isEmpty)
    #expect(driver.model.flash?.sentence.hasPrefix("Read-only") == true)
    driver.press(.character("!"), .character(">"))
    #expect(driver.orders.count == 1)
  }

  @Test func quittingAsksOnlyWhereItMatters() {
    var attached = Driver(snapshot: Sample.snapshot())
    attached.press(.character("q"))
    #expect(attached.effectNames == ["quit stop:false"])
    for (key, wanted) in [("s", "quit stop:true"), ("d", "detach")] {
      var driver = Driver(snapshot: Sample.snapshot()) { $0.inProcess = true }
      driver.press(.control("c"))
      #expect(driver.effects.isEmpty)
      #expect(driver.text.contains("The engine runs in this process"))
      driver.press(.character(Character(key)))
      #expect(driver.effectNames == [wanted])
      driver.press(.character("q"), .character(">"))
      #expect(driver.effects.count == 1, "nothing is done once it leaves")
    }
    var cancelled = Driver(snapshot: Sample.snapshot()) { $0.inProcess = true }
    cancelled.press(.character("q"), .escape)
    #expect(cancelled.effects.isEmpty && cancelled.model.dialogs.isEmpty)
    var terminated = Driver(snapshot: Sample.snapshot()) { $0.inProcess = true }
    terminated.tell(.terminate)
    #expect(terminated.effectNames == ["quit stop:true"])
  }

  @Test func suspendingIsRefusedWithTheEngineInside() {
    var inside = Driver(snapshot: Sample.snapshot()) { $0.inProcess = true }
    inside.press(.control("z"))
    #expect(inside.effects.isEmpty)
    #expect(inside.model.flash?.sentence.contains("the engine runs in this process") == true)
    var attached = Driver(snapshot: Sample.snapshot())
    attached.press(.control("z"))
    #expect(attached.effectNames == ["suspend"])
  }

  @Test func acknowledgeIsNotedAndTakesTheSymptomAway() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("a"))
    #expect(
      driver.orders.map(\.command) == [
        .annotate(
          endpoint: Sample.endpoint,
          text: "acknowledged high-latency: \(Sample.symptom.sentence)")
      ])
    #expect(driver.model.openSymptoms.isEmpty)
    var worse = Sample.symptom
    worse.severity = .bad
    driver.answerLive(Sample.snapshot(seconds: 1, symptoms: [worse]))
    #expect(driver.model.openSymptoms.count == 1, "a symptom that gets worse is a new one")
    #expect(driver.effectNames.last == "bell")
  }

  @Test func refusalsStayInTheEvents() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character(">"))
    let ticket = try #require(
      driver.ticket { if case .order = $0 { true } else { false } })
    driver.tell(.failed(ticket, NodeFailure(sentence: "the journal is full")))
    #expect(driver.model.pending.isEmpty)
    #expect(driver.model.flash?.sentence == "Refused, next step: the journal is full")
    #expect(driver.model.eventLines.first?.summary == "Refused, next step: the journal is full")
    for number in 0..<200 { driver.model.note("note \(number)", .warn) }
    #expect(driver.model.notes.count == LocalNote.limit)
  }

  @Test func selectionFollowsTheObject() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("2"), .down)
    let chosen = driver.model.selectedVersion?.version
    driver.press(.character("S"), .character("s"))
    #expect(driver.model.selectedVersion?.version == chosen)
    driver.press(.character("5"), .down, .down)
    let event = driver.model.selectedEvent?.key
    var snapshot = Sample.snapshot(seconds: 1)
    snapshot.events.insert(Sample.event(119, -1, .system, "step", "new"), at: 0)
    driver.answerLive(snapshot)
    #expect(driver.model.selectedEvent?.key == event)
    driver.press(.character("g"))
    #expect(driver.model.look.follows)
  }

  @Test func unfocusedWindowRefreshesFiveTimesSlower() {
    var driver = Driver(snapshot: Sample.snapshot()) { $0.hertz = 10 }
    #expect(driver.model.tickMilliseconds == 100)
    driver.tell(.input(.focus(false)))
    #expect(driver.model.tickMilliseconds == 500)
    driver.tell(.input(.focus(true)))
    #expect(driver.effectNames == ["send live on snapshots"])
    #expect(ConsoleSettings(actor: Sample.ana, hertz: 1000).hertz == 10)
    #expect(ConsoleSettings(actor: Sample.ana, hertz: .nan).hertz == 1)
  }

  @Test func filterNarrowsAndEscapeGivesBack() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("5"), .character("/"))
    driver.type("guard")
    #expect(driver.model.eventLines.count == 3)
    driver.press(.enter, .character("n"))
    #expect(driver.model.eventLines.count == 3)
    driver.press(.character("/"), .escape)
    #expect(driver.model.filter(for: .events) == "guard")
    driver.press(.escape)
    #expect(driver.model.filter(for: .events).isEmpty)
  }

  @Test func runbookIsDryRunFirst() throws {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("6"), .enter)
    #expect(driver.effectNames == ["send runbook high-latency dry:true on orders"])
    driver.wait(400)
    driver.press(.character("y"))
    #expect(driver.effects.count == 1, "nothing runs before the dry run came")
    let ticket = try #require(driver.ticket { $0 == .runbook(dryRun: true) })
    let run = RunbookRunView(
      name: "high-latency", endpoint: Sample.endpoint, dryRun: true, steps: [], outcome: "would")
    driver.tell(.reply(ticket, .runbookRun(run)))
    driver.press(.character("y"))
    #expect(driver.effects.count == 1, "the guard counts from the answer")
    driver.wait(400)
    driver.press(.character("y"), .character("y"))
    #expect(driver.effectNames.dropFirst() == ["send runbook high-latency dry:false on orders"])
  }

  @Test func copyGivesTheCommandLineOfAnEvent() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("5"), .character("y"), .enter, .character("y"))
    #expect(
      driver.effectNames == ["copy sluice step flight-delay", "copy sluice step flight-delay"])
  }

  @Test func exportAndCopyPaneGiveThePanesText() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("2"), .character("e"), .character("Y"))
    #expect(driver.effectNames.first == "export sluice-versions-20260314140231.txt")
    guard case .copy(let text)? = driver.effects.last else {
      Issue.record("nothing copied")
      return
    }
    #expect(text.contains("canary") && text.contains("Versions") && !text.contains("Runbooks"))
    driver.tell(.exported(path: "/tmp/x.txt", failure: nil))
    #expect(driver.model.flash?.sentence == "Written to /tmp/x.txt")
  }

  @Test func resizeChangesNothingElse() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("R"))
    driver.tell(.input(.resize(columns: 80, rows: 24)))
    #expect(driver.model.columns == 80 && driver.model.dialogs.count == 1)
    #expect(driver.effects.isEmpty)
  }

  @Test func mouseOffLeavesTheMouseToTheTerminal() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("m"))
    #expect(driver.effectNames == ["mouse false"])
    let didClick = driver.click(.action(.rollBack))
    #expect(didClick && driver.model.dialogs.isEmpty)
  }
}
