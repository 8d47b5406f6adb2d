import Control
import Core
import Node
import Testing

@testable import Console

/// Text from outside never reaches the cells raw, whatever field it comes in.
@Suite struct HostileTextTests {
  static let texts = [
    "\u{1B}[31mred\u{1B}]52;c;cm0=\u{07}", "a\rb\nc\td\u{08}", "\u{9B}2J\u{85}",
    "abc\u{202E}fed\u{2066}x", "z\u{200B}e\u{200D}r\u{FEFF}o", "wide 漢字 🚀 text",
    String(repeating: "long ", count: 100), String(repeating: "漢", count: 120),
    "e\u{301}\u{302}\u{303}\u{304}", "",
  ]

  static func snapshot(_ text: String) -> NodeSnapshot {
    var s = Sample.snapshot()
    s.node.trafficSource = text
    s.node.profile = text
    s.node.program = text
    s.endpoints[0].status = text
    s.endpoints[0].rollout = text
    s.events = s.events.map { row in
      var row = row
      row.summary = text
      row.reason = text
      row.kind = text
      row.commandLine = text
      row.actor = ActorID(kind: .person, name: text)
      return row
    }
    s.symptoms = [
      Symptom(kind: text, endpoint: nil, severity: .bad, sentence: text, since: Sample.start)
    ]
    s.runbooks = [
      RunbookView(
        name: text, title: text, symptom: text, proposed: true, steps: [text, text], lastRun: text)
    ]
    s.plans = [
      Plan(
        name: text, summary: text, steps: Sample.standard.steps, metrics: Sample.standard.metrics)
    ]
    s.detail?.versions = Sample.rows.map { row in
      var row = row
      row.summary = text
      row.state = row.state == "registered" ? row.state : text
      return row
    }
    s.registry = s.registry.map { entry in
      var entry = entry
      entry.summary = text
      entry.metrics = [text: 1]
      return entry
    }
    s.registry = s.registry.map { entry in
      var entry = entry
      entry.traits?.by = ActorID(kind: .person, name: text)
      return entry
    }
    s.freezes = [
      FreezeView(Sample.frozen(reason: text, by: text), at: Sample.start)
    ]
    s.attached = [
      AttachedView(user: text, processID: 7, since: Sample.start, isInNode: false)
    ]
    s.detail?.rollout?.facts?.missing = [text]
    s.detail?.rollout?.facts?.promotionGap = text
    s.detail?.rollout?.facts?.approvals = .init(
      step: 1, wanted: 2, given: [text], awaited: [text], plan: nil)
    s.detail?.history = [
      GenerationView(
        generation: 1, summary: text, actor: ActorID(kind: .person, name: text),
        split: Split(all: Sample.version(1)))
    ]
    s.detail?.rollout?.cause = text
    s.detail?.rollout?.phase = "held"
    s.detail?.rollback?.symptom = text
    s.detail?.undo?.change = text
    s.detail?.drift?.features = [
      DriftView.Feature(
        name: text, kind: text, isOutput: true, psi: 1, ksLow: nil, ksHigh: nil, qValue: nil,
        missingReference: 0, missingCurrent: 0, unseen: 0, severity: .bad, history: [],
        bins: [DriftView.Bin(label: text, reference: 1, current: 1, contribution: 1)])
    ]
    return s
  }

  @Test(arguments: texts)
  func everyScreenStaysClean(text: String) {
    for (columns, rows) in [(60, 15), (80, 24), (150, 45)] {
      let openers: [[InputEvent.Key]] = [
        [], [.character("R")], [.character("x")], [.character("u")], [.character("o")],
        [.character("5"), .enter], [.character("4"), .enter], [.character("2"), .enter],
        [.character("6"), .enter], [.character("2"), .character("d")], [.character("p")],
        [.character("b")], [.character("b"), .enter], [.character("F")], [.character("O")],
        [.character("C")], [.character("P")], [.character("A")],
        [.character("3"), .character("z")],
      ]
      for keys in openers {
        var driver = Driver(columns: columns, rows: rows, snapshot: Self.snapshot(text))
        for key in keys { driver.press(key) }
        driver.model.say(text, .bad)
        check(render(driver.model).buffer, text)
      }
    }
  }

  @Test(arguments: texts)
  func answersStayClean(text: String) {
    var driver = Driver(columns: 80, rows: 24, snapshot: Sample.snapshot())
    driver.press(.character("6"), .enter)
    if let ticket = driver.ticket({ $0 == .runbook(dryRun: true) }) {
      driver.tell(
        .reply(
          ticket,
          .runbookRun(
            RunbookRunView(
              name: text, endpoint: Sample.endpoint, dryRun: true,
              steps: [.init(text: text, result: text, detail: text)], outcome: text))))
    }
    check(render(driver.model).buffer, text)
    driver.press(.escape, .character("2"), .enter)
    if let ticket = driver.ticket({ $0 == .versionCard }) {
      driver.tell(
        .reply(
          ticket,
          .version(
            VersionDetail(
              registered: Sample.registered(2),
              signature: Signature(
                inputs: [TensorSpec(name: text, elementType: .text, shape: [])], outputs: []),
              card: text, hasReference: true, damage: text))))
    }
    check(render(driver.model).buffer, text)
    for line in LinearView.cardLines(driver.model) { _ = line }
    var view = LinearView()
    for line in view.lines(driver.model) + TopView.lines(Self.snapshot(text)) {
      #expect(!line.unicodeScalars.contains(where: HostileTextTests.isDangerous), "\(text)")
    }
  }

  @Test func asciiScreensAreASCII() {
    let openers = "RcxuopqL?:! [w1236"
    for (columns, rows) in [(60, 15), (80, 24), (200, 60), (40, 8)] {
      for key in openers {
        for then in [nil, InputEvent.Key.enter] {
          var driver = Driver(
            columns: columns, rows: rows, glyphs: .ascii,
            snapshot: Sample.snapshot(rollout: key == "c" ? nil : Sample.rollout())
          ) { $0.inProcess = true }
          driver.press(.character(key))
          if let then { driver.press(then) }
          let odd = render(driver.model).buffer.cells.first { $0.scalar > 0x7E }
          #expect(odd == nil, "after \(key) at \(columns)x\(rows)")
        }
      }
    }
  }

  func check(_ buffer: CellBuffer, _ text: String) {
    for (index, cell) in buffer.cells.enumerated() {
      if cell.scalar == 0 {
        // The right half of a wide character follows its left half in the same row.
        let isHalf =
          index % buffer.width > 0
          && Unicode.Scalar(buffer.cells[index - 1].scalar).map { CellWidth.columns(of: $0) } == 2
        if !isHalf { Issue.record("half a character for \(printable(text))") }
        continue
      }
      for value in [cell.scalar, cell.combining] where value != 0 {
        guard let scalar = Unicode.Scalar(value), !Self.isDangerous(scalar) else {
          Issue.record("U+\(String(value, radix: 16)) on the screen for \(printable(text))")
          return
        }
      }
    }
  }

  static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
    default: false
    }
  }
}
