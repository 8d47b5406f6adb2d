import Control
import Core
import Glibc
import Node
import Testing

@testable import Console

/// Whole screens of the settled model, compared with files.
///
/// `SLUICE_UPDATE_GOLDENS=1` writes them.
@Suite struct GoldenTests {
  static let sizes = [(80, 24), (120, 40), (200, 60)]

  @Test(arguments: sizes, [GlyphSet.braille, .ascii])
  func mainScreen(size: (Int, Int), glyphs: GlyphSet) {
    let driver = Driver(
      columns: size.0, rows: size.1, glyphs: glyphs, snapshot: Sample.snapshot())
    check(driver, "main-\(size.0)x\(size.1)-\(glyphs.charts)")
  }

  @Test(arguments: [
    "rollback", "ramp", "ramp-dry-run", "abort", "help", "palette", "feature",
    "event", "version", "diff", "deploy", "runbook", "quit", "registry", "verdict", "plan-editor",
    "plan-editor-more", "plan-editor-judge", "plan-editor-typing", "plan-editor-save",
    "freezes", "generations", "who", "stop-the-line",
  ])
  func cards(name: String) {
    var driver = Driver(columns: 80, rows: 24, snapshot: Sample.snapshot()) { $0.inProcess = true }
    open(name, &driver)
    check(driver, "card-\(name)")
  }

  private func open(_ name: String, _ driver: inout Driver) {
    switch name {
    case "rollback": driver.press(.character("R"))
    case "ramp", "ramp-dry-run":
      driver.answerLive(Sample.snapshot(seconds: 1, rollout: nil))
      driver.press(.character("c"))
      if let ticket = driver.ticket({ $0 == .rampPreview }) {
        driver.tell(
          .reply(ticket, .rampPreview(Sample.preview(Sample.version(4), Sample.standard))))
      }
      if name == "ramp-dry-run" { driver.press(.enter) }
    case "abort": driver.press(.character("x"))
    case "registry": driver.press(.character("b"))
    case "freezes", "generations":
      var snapshot = Sample.snapshot(seconds: 1, rollout: nil)
      snapshot.freezes = [FreezeView(Sample.freeze, at: Sample.start)]
      snapshot.detail?.history = Sample.history()
      driver.answerLive(snapshot)
      driver.press(.character(name == "freezes" ? "F" : "U"))
    case "who":
      var snapshot = Sample.snapshot(seconds: 1)
      snapshot.attached = [
        AttachedView(user: "ana", processID: 4242, since: Sample.start, isInNode: true),
        AttachedView(
          user: "li", processID: 977, since: Sample.start + .minutes(-61), isInNode: false),
      ]
      driver.answerLive(snapshot)
      driver.press(.character("O"))
    case "stop-the-line": driver.press(.character("X"))
    case "verdict":
      driver.press(.character("v"))
      if let ticket = driver.ticket({ $0 == .verdict }) {
        driver.tell(.reply(ticket, .verdict(Sample.verdict)))
      }
    case let name where name.hasPrefix("plan-editor"):
      openPlanEditor(name, &driver)
    case "help": driver.press(.character("?"))
    case "palette":
      driver.press(.character(":"))
      driver.type("ro")
    case "feature": driver.press(.character("4"), .enter)
    case "event": driver.press(.character("5"), .enter)
    case "version":
      driver.press(.character("2"), .enter)
      if let ticket = driver.ticket({ $0 == .versionCard }) {
        driver.tell(
          .reply(
            ticket,
            .version(
              VersionDetail(
                registered: Sample.registered(2),
                signature: Signature(
                  inputs: [TensorSpec(name: "carrier", elementType: .text, shape: [nil, 1])],
                  outputs: [
                    TensorSpec(name: "probability", elementType: .float32, shape: [nil, 2])
                  ]), card: "# Flight delay\n\nPredicts a late arrival.", hasReference: true,
                damage: nil))))
      }
    case "diff": driver.press(.character("2"), .character("d"))
    case "deploy": driver.press(.character("o"))
    case "runbook":
      driver.press(.character("6"), .enter)
      if let ticket = driver.ticket({ $0 == .runbook(dryRun: true) }) {
        driver.tell(
          .reply(
            ticket,
            .runbookRun(
              RunbookRunView(
                name: "high-latency", endpoint: Sample.endpoint, dryRun: true,
                steps: [
                  .init(
                    text: "p99 of the stable is normal", result: "pass",
                    detail: "1.44 ms of 2.50 ms"),
                  .init(text: "pause the rollout", result: "would do", detail: "@2 stays at 25%"),
                ], outcome: "It would pause the rollout of flight-delay@2."))))
      }
    default: driver.press(.character("q"))
    }
  }

  private func openPlanEditor(_ name: String, _ driver: inout Driver) {
    var snapshot = Sample.snapshot(seconds: 1, rollout: nil)
    if name == "plan-editor-judge" { snapshot.plans = [Self.strict] }
    driver.answerLive(snapshot)
    driver.press(.character("P"))
    switch name {
    case "plan-editor-more": driver.press(.character("o"))
    case "plan-editor-judge":
      driver.press(.character("o"))
      for _ in 0..<8 { driver.press(.down) }
    case "plan-editor-typing":
      for _ in 0..<5 { driver.press(.tab) }
      driver.press(.enter)
      driver.type("carrier=AA|UA origin")
    case "plan-editor-save":
      driver.press(.character("2"), .enter)
    default: break
    }
    if let ticket = driver.ticket({ $0 == .planPreview }) {
      driver.tell(
        .reply(ticket, .rampPreview(Sample.preview(Sample.version(4), Sample.standard))))
    }
    if name == "plan-editor-save" { driver.press(.character("s")) }
  }

  /// With something in each part.
  private static let strict = Plan(
    name: "strict", summary: "a preview, a shadow, some carriers, then everyone",
    steps: [
      PlanStep(weight: 0, hold: .minutes(10), needsApproval: true, strategy: .preview),
      PlanStep(
        weight: 5000, hold: .minutes(60), minRequests: 1000, strategy: .shadow),
      PlanStep(
        weight: 500, hold: .minutes(60), minRequests: 1000, approvals: 2,
        rule: RequestRule([.input("carrier", anyOf: ["AA", "UA"])])),
      PlanStep(weight: 2500, hold: .minutes(1440), strategy: .abTest),
      PlanStep(weight: 10_000, hold: .zero),
    ],
    metrics: [
      JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 0.8),
      JudgedMetric(metric: .disagreement, tolerance: 1, riskShare: 0.2, limit: 0.05),
    ], soak: .minutes(1440), holdDeadline: .minutes(720),
    approvals: ApprovalRule(count: 2, from: ["alice", "bob", "carol"]),
    blast: BlastCap(requests: 5000, errors: 50), promotion: PromotionRule(),
    holdPolicy: HoldPolicy(weight: .floor, then: .escalate),
    segments: PlanSegments(by: "carrier", values: ["AA", "UA"]),
    judge: ComparisonRule(judge: .argo(limit: 0.02, failureLimit: 3, window: 5)),
    after: [Sample.name("carriers")], requirements: [.gates, .checklist])

  @Test(
    arguments: [(120, 40), (200, 60)], ["verdict", "plan-editor", "plan-editor-judge", "registry"])
  func fullScreens(size: (Int, Int), name: String) {
    var driver = Driver(columns: size.0, rows: size.1, snapshot: Sample.snapshot())
    open(name, &driver)
    check(driver, "card-\(name)-\(size.0)x\(size.1)")
  }

  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func zoomedCanary(columns: Int, rows: Int) {
    var rollout = Sample.rollout(
      phase: "held", cause: "suspect: more wrong answers than tolerated", worst: 24)
    rollout.facts?.approvals = .init(
      step: 2, wanted: 2, given: ["bob"], awaited: ["carol"], plan: Sample.digest(9))
    rollout.facts?.isUnverified = true
    rollout.facts?.warmUp = .init(used: 120, limit: 200)
    rollout.facts?.missing = ["step 3 has seen 2m46s of 5m", "before 100%: errors not yet certain"]
    var snapshot = Sample.snapshot(rollout: rollout)
    snapshot.freezes = [FreezeView(Sample.freeze, at: Sample.start)]
    var driver = Driver(columns: columns, rows: rows, snapshot: snapshot)
    driver.press(.character("3"), .character("z"))
    check(driver, "canary-zoomed-\(columns)x\(rows)")
  }

  @Test func homeList() {
    var snapshot = Sample.snapshot()
    snapshot.endpoints = [
      Sample.summary(), Sample.summary(Sample.name("fraud-score"), severity: .ok),
      Sample.summary(Sample.name("churn"), severity: .bad),
    ]
    check(Driver(columns: 100, rows: 24, snapshot: snapshot), "home-100x24")
  }

  @Test func staleAndHeld() {
    var driver = Driver(
      columns: 120, rows: 40,
      snapshot: Sample.snapshot(
        rollout: Sample.rollout(phase: "held", cause: "errors: evidence 24 is over 20", worst: 24)))
    driver.press(.character("3"))
    driver.wait(7_000)
    driver.tell(.tick)
    if let ticket = driver.ticket({ $0 == .live }) {
      driver.tell(.failed(ticket, NodeFailure(sentence: "no node answers at /run/sluice.sock")))
    }
    check(driver, "stale-held-120x40")
  }

  @Test(arguments: [(80, 24), (120, 40)])
  func endedRollout(columns: Int, rows: Int) {
    let cause =
      "flight-delay: @2 25% -> 0%, @1 75% -> 100%: wrong answers, E 131 at 214 labels"
    var snapshot = Sample.snapshot(
      rollout: Sample.rollout(phase: "rolled back", cause: cause, worst: 131))
    snapshot.detail?.split = Split(all: Sample.version(1))
    let driver = Driver(columns: columns, rows: rows, snapshot: snapshot)
    let text = driver.text
    #expect(text.contains("rolled back"))
    // The whole cause, and at least the line that decided.
    #expect(text.contains("E 131 at") && text.contains("labels"))
    #expect(text.contains("errors  E   131"))
    check(driver, "ended-\(columns)x\(rows)")
  }

  // MARK: Comparing

  func check(_ driver: Driver, _ name: String) {
    Golden.check(driver, name)
  }
}

/// Golden files: the characters of a screen, then the role and emphasis of every cell.
enum Golden {
  static let folder =
    #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    + "/Fixtures/ConsoleScreens"

  /// One letter for each role, in the order of the roles.
  private static let letters = Array(".dtbBhPiksowxSTCrcaDI")

  /// Compares a screen with its file, or writes it.
  static func check(_ driver: Driver, _ name: String) {
    let frame = render(driver.model)
    let text = Golden.write(frame.buffer)
    let path = Golden.folder + "/\(name).txt"
    if getenv("SLUICE_UPDATE_GOLDENS") != nil {
      Golden.save(text, to: path)
      return
    }
    guard let expected = Golden.load(path) else {
      Issue.record("no golden \(path): SLUICE_UPDATE_GOLDENS=1 swift test writes it")
      return
    }
    if expected != text {
      Issue.record("\(name) differs:\n\(Golden.difference(expected, text))")
    }
  }

  static func write(_ buffer: CellBuffer) -> String {
    var text = buffer.text + "\n=== roles; capitals of emphasis: * bold, ~ other\n"
    for y in 0..<buffer.height {
      var line = ""
      for x in 0..<buffer.width {
        let cell = buffer[x, y]
        line.append(cell == .blank ? " " : letters[Int(cell.role.rawValue)])
      }
      while line.last == " " { line.removeLast() }
      var emphasis = ""
      for x in 0..<buffer.width {
        let e = buffer[x, y].emphasis
        emphasis.append(e.isEmpty ? " " : e == .bold ? "*" : "~")
      }
      while emphasis.last == " " { emphasis.removeLast() }
      text += line + "\n"
      if !emphasis.isEmpty { text += "\u{21B3}" + emphasis + "\n" }
    }
    return text
  }

  static func load(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { break }
      bytes += chunk[0..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func save(_ text: String, to path: String) {
    mkdir(folder, 0o755)
    guard let file = fopen(path, "w") else {
      Issue.record("cannot write \(path)")
      return
    }
    defer { fclose(file) }
    let bytes = Array(text.utf8)
    fwrite(bytes, 1, bytes.count, file)
  }

  /// The lines that differ, the expected one first.
  static func difference(_ expected: String, _ found: String) -> String {
    let a = expected.split(separator: "\n", omittingEmptySubsequences: false)
    let b = found.split(separator: "\n", omittingEmptySubsequences: false)
    var lines: [String] = []
    for index in 0..<max(a.count, b.count) where lines.count < 24 {
      let (x, y) = (index < a.count ? a[index] : "", index < b.count ? b[index] : "")
      if x != y {
        lines.append("\(index + 1) expected \(x)")
        lines.append("\(index + 1) found    \(y)")
      }
    }
    return lines.joined(separator: "\n")
  }
}
