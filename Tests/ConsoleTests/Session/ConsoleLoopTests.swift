import Control
import Core
import Glibc
import Node
import Synchronization
import Testing

@testable import Console

/// A node in memory: answers with the sample, keeps what it was asked.
final class FakeNode: NodeClient {
  private struct State {
    var orders: [Order] = []
    var generation = 118
    var time = 0
    var failure: NodeError?
  }

  private let state = Mutex(State())

  var orders: [Order] { state.withLock { $0.orders } }

  func fail(with error: NodeError?) { state.withLock { $0.failure = error } }

  func send(_ request: NodeRequest) throws -> NodeReply {
    if let failure = state.withLock({ $0.failure }) { throw failure }
    switch request {
    case .snapshot:
      return state.withLock { state in
        state.time += 1
        return .snapshot(
          Sample.snapshot(generation: state.generation, seconds: state.time, rollout: nil))
      }
    case .perform(let order):
      return state.withLock { state in
        state.orders.append(order)
        state.generation += 1
        return .outcome(
          Outcome(
            summary: "done", generation: state.generation, sequence: 119,
            durableMicroseconds: 5000))
      }
    case .previewRamp(_, let version, let plan, _):
      return .rampPreview(Sample.preview(version, plan))
    default: throw NodeError(.unknown, "not known here")
    }
  }
}

/// A screen in memory that also counts what a terminal is asked for beside frames.
final class FakeScreen: TerminalScreen {
  let memory: MemoryScreen
  var isMouseOn = true
  var copied: [String] = []

  init(columns: Int, rows: Int) { memory = MemoryScreen(columns: columns, rows: rows) }

  var size: ScreenSize { memory.size }
  var depth: ColourDepth { memory.depth }
  var glyphs: GlyphSet { memory.glyphs }
  var statistics: ScreenStatistics { memory.statistics }
  func draw(_ frame: CellBuffer, theme: Theme, cursor: CursorPlace?) -> FrameOutcome {
    memory.draw(frame, theme: theme, cursor: cursor)
  }
  func copy(_ text: String) -> Bool {
    copied.append(text)
    return true
  }
  func ring() {}
  func resized() -> ScreenSize { memory.size }
  func repaint() {}
  func flush() {}
  func leave() {}
  func resume() {}
}

/// Input by script: each step waits until the screen or the node is as it should be, then types.
final class ScriptedInput: TerminalInput {
  struct Step {
    let isReady: () -> Bool
    let batch: InputBatch
  }

  /// How long a step is waited for before the test fails, milliseconds.
  static let patience = 5_000

  var steps: [Step] = []
  private(set) var isStuck = false

  func add(_ key: InputEvent.Key, when isReady: @escaping () -> Bool = { true }) {
    var batch = InputBatch()
    batch.events = [.key(key)]
    steps.append(Step(isReady: isReady, batch: batch))
  }

  func add(_ signal: TerminalSignal, when isReady: @escaping () -> Bool = { true }) {
    var batch = InputBatch()
    batch.signals = [signal]
    steps.append(Step(isReady: isReady, batch: batch))
  }

  private var waited = 0

  func next(deadlineMicros: Int64?, untilWritable: Bool) -> InputBatch {
    usleep(1000)
    waited += 1
    if waited > ScriptedInput.patience {
      isStuck = true
      var batch = InputBatch()
      batch.isHungUp = true
      return batch
    }
    guard let step = steps.first, step.isReady() else { return InputBatch() }
    waited = 0
    steps.removeFirst()
    return step.batch
  }
}

@Suite struct ConsoleLoopTests {
  private struct Rig {
    let node = FakeNode()
    let screen = FakeScreen(columns: 120, rows: 40)
    let input = ScriptedInput()
    let requests: RequestRunner
    let loop: ConsoleLoop

    init(inProcess: Bool = false) {
      requests = RequestRunner(client: node, mailbox: Mailbox {}, exportFolder: "/tmp")
      var settings = ConsoleSettings(actor: Sample.ana, hertz: 10)
      settings.inProcess = inProcess
      loop = ConsoleLoop(
        model: ConsoleModel(
          settings: settings, columns: 120, rows: 40,
          moment: Moment(
            milliseconds: Int(InputSource.monotonicMicros() / 1000), wall: Sample.start)),
        screen: screen, input: input, requests: requests, reloadThemes: { [] })
    }

    func shows(_ text: String) -> () -> Bool {
      let screen = screen
      return { screen.memory.text.contains(text) }
    }

    func run() -> ConsoleExit {
      let exit = loop.run()
      requests.finish(untilMicros: InputSource.monotonicMicros() + 1_000_000)
      return exit
    }
  }

  @Test func rampAndRollbackOverThreads() {
    let rig = Rig()
    rig.input.add(.character("c"), when: rig.shows("2 Versions"))
    rig.input.add(.enter, when: rig.shows("5 steps over"))
    let opened = InputSource.monotonicMicros
    var ready: Int64?
    rig.input.add(
      .character("y"),
      when: {
        ready = ready ?? opened() + 350_000
        return opened() >= ready ?? 0
      })
    rig.input.add(.character("R"), when: rig.shows("generation 119"))
    rig.input.add(.character("2"), when: rig.shows("Roll back flight-delay"))
    var second: Int64?
    rig.input.add(
      .character("y"),
      when: {
        second = second ?? opened() + 350_000
        return opened() >= second ?? 0
      })
    rig.input.add(.character("q"), when: rig.shows("generation 120"))
    #expect(rig.run() == .quit(stopNode: false))
    #expect(!rig.input.isStuck)
    #expect(rig.node.orders.count == 2)
    guard case .startRamp? = rig.node.orders.first?.command,
      case .rollBack? = rig.node.orders.last?.command
    else {
      Issue.record("orders: \(rig.node.orders.map(\.command))")
      return
    }
  }

  @Test func endsAsTheTerminalAndSignalsSay() {
    let signals: [(TerminalSignal, ConsoleExit)] = [
      (.terminate, .quit(stopNode: true)), (.hangUp, .terminalLost),
    ]
    for (signal, wanted) in signals {
      let rig = Rig(inProcess: true)
      rig.input.add(signal)
      #expect(rig.run() == wanted)
    }
    let asked = Rig(inProcess: true)
    asked.input.add(.interrupt, when: asked.shows("2 Versions"))
    asked.input.add(.character("d"), when: asked.shows("Leave sluice"))
    #expect(asked.run() == .detached)
    #expect(!asked.input.isStuck)
  }

  @Test func goesOnWithoutTheNode() {
    let rig = Rig()
    rig.node.fail(with: NodeError(.unreachable, "no node answers"))
    rig.input.add(.character("?"), when: rig.shows("no node answers"))
    rig.input.add(.escape, when: rig.shows("search"))
    rig.input.add(.character("q"))
    #expect(rig.run() == .quit(stopNode: false))
    #expect(!rig.input.isStuck)
  }

  @Test func aWorkerRefusesMoreThanItsLimit() {
    var refused = false
    let busy = NodeWorker()
    for _ in 0..<(NodeWorker.jobLimit + 4) where !busy.submit({ usleep(20_000) }) {
      refused = true
    }
    #expect(refused)
    busy.end()
    #expect(!busy.submit {})
  }

  @Test func exportWritesAFileOnce() {
    let mailbox = Mailbox {}
    let requests = RequestRunner(client: FakeNode(), mailbox: mailbox, exportFolder: "/tmp")
    let name = "sluice-test-\(getpid())-\(InputSource.monotonicMicros()).txt"
    defer { unlink("/tmp/\(name)") }
    requests.export(name: name, text: "panes\n")
    requests.export(name: name, text: "again\n")
    requests.finish(untilMicros: InputSource.monotonicMicros() + 2_000_000)
    let failures = mailbox.take().map { message in
      if case .exported(_, let failure) = message { failure != nil } else { true }
    }
    #expect(failures == [false, true])
    #expect(Golden.load("/tmp/\(name)") == "panes\n")
  }
}
