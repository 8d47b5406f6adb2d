import Control
import Core
import Node
import Testing

@testable import Console

/// Random sizes, keys, clicks, pictures and failures: nothing may trap, and no change is ever sent
/// without the keys that it takes.
@Suite struct FuzzTests {
  static let keys: [InputEvent.Key] =
    Array("1234567890crRx><+-pudoyYnNsS[]{}wtf/:?qzLeamT! hjklgGvb@WOAXFPCUeiK").map {
      .character($0)
    } + [
      .enter, .escape, .tab, .backTab, .up, .down, .left, .right, .home, .end, .pageUp, .pageDown,
      .backspace, .delete, .insert, .function(1), .control("c"), .control("z"), .control("u"),
      .control("w"),
    ]

  @Test(arguments: 0..<10)
  func anything(seed: Int) {
    var random = SplitMix64(seed: UInt64(seed) &* 7919)
    var driver = Driver(
      columns: Int.random(in: 1...210, using: &random),
      rows: Int.random(in: 1...70, using: &random),
      glyphs: seed % 2 == 0 ? .braille : .ascii, snapshot: Sample.snapshot()
    ) { $0.inProcess = seed % 3 == 0 }
    for step in 0..<120 {
      driver.wait(Int.random(in: 0...800, using: &random))
      act(&driver, step, &random)
      driver.model.isLeaving = false
      #expect(driver.model.dialogs.count <= Dialog.depthLimit)
      guard step % 2 == 0 else { continue }
      let frame = render(driver.model)
      #expect(frame.buffer.width == driver.model.columns)
      if let cursor = frame.cursor {
        #expect(cursor.x < max(1, frame.buffer.width) && cursor.y < max(1, frame.buffer.height))
      }
    }
  }

  private func act(_ driver: inout Driver, _ step: Int, _ random: inout SplitMix64) {
    switch Int.random(in: 0..<12, using: &random) {
    case 0:
      driver.tell(
        .input(
          .resize(
            columns: Int.random(in: 0...300, using: &random),
            rows: Int.random(in: 0...100, using: &random))))
    case 1: driver.tell(.tick)
    case 2: driver.answerLive(picture(step, &random))
    case 3, 4: mouse(&driver, &random)
    case 5:
      if let ticket = driver.ticket({ $0 != .live }) {
        driver.tell(
          .failed(
            ticket,
            NodeFailure(
              sentence: [
                "no", "x is frozen: y; to go on all the same give --override-freeze \"R\"",
                "needs a reason, --reason \"...\": gap",
              ][Int.random(in: 0..<3, using: &random)], isStale: Bool.random(using: &random))))
      }
    case 6: driver.tell(.input(.paste("x\u{1B}[A漢")))
    case 7: open(&driver, &random)
    default:
      driver.press(Self.keys[Int.random(in: 0..<Self.keys.count, using: &random)])
    }
  }

  /// Opens what no key opens, and answers what it asks.
  private func open(_ driver: inout Driver, _ random: inout SplitMix64) {
    switch Int.random(in: 0..<4, using: &random) {
    case 0:
      driver.openRetraining(
        Sample.retraining(
          isRunning: Bool.random(using: &random),
          endpoint: Bool.random(using: &random) ? "flight-delay" : "carriers"))
    case 1: driver.openRecording(Bool.random(using: &random) ? RecordingPolicy() : nil)
    case 2: driver.command("rules")
    default:
      if let ticket = driver.ticket({ $0 == .retraining }) {
        driver.tell(.reply(ticket, .retraining(.log(Sample.retrainingLog))))
      }
      driver.answerRamp()
    }
  }

  private func mouse(_ driver: inout Driver, _ random: inout SplitMix64) {
    let x = Int.random(in: -2...300, using: &random)
    let y = Int.random(in: -2...100, using: &random)
    let actions: [InputEvent.Mouse.Action] = [
      .press(.left), .release(.left), .drag(.left), .press(.right), .wheelUp, .wheelDown,
      .press(.middle),
    ]
    let action = actions[Int.random(in: 0..<actions.count, using: &random)]
    driver.tell(.input(.mouse(.init(action: action, x: x, y: y))))
  }

  private func picture(_ step: Int, _ random: inout SplitMix64) -> NodeSnapshot {
    var snapshot = Sample.snapshot(
      generation: 118 + step / 10, seconds: step,
      rollout: Bool.random(using: &random) ? Sample.rollout() : nil)
    switch Int.random(in: 0..<8, using: &random) {
    case 0: snapshot.detail = nil
    case 1: snapshot.detail?.versions = []
    case 2:
      snapshot.detail?.split = nil
      snapshot.detail?.rollback = nil
    case 3: snapshot.detail?.drift = nil
    case 4: snapshot.detail?.traffic.series = []
    case 5: snapshot.plans = []
    case 6:
      snapshot.endpoints = []
      snapshot.events = []
      snapshot.registry = []
      snapshot.runbooks = []
    default:
      snapshot.detail?.traffic.secondsPerPoint = 0
      snapshot.detail?.rollout?.step = 99
      snapshot.detail?.rollout?.evidence = [
        .init(
          metric: .errors, eValue: .nan, holdAt: 0, rollbackAt: -1, candidateBad: -1, stableBad: 0,
          candidateTotal: 0, stableTotal: 0, tolerance: 1, requestsToVerdict: -5)
      ]
    }
    return snapshot
  }
}
