import Core
import Glibc
import Node

/// Runs the linear mode on standard input and output.
final class LinearLoop {
  /// The longest line that is read; the rest of a longer one is dropped.
  static let lineBytesMax = 4096

  private var model: ConsoleModel
  private var view = LinearView()
  private let inbox: SignalInbox
  private let wakeUp: WakeUp
  private let requests: RequestRunner
  private let clock: () -> Int64
  private var exit: ConsoleExit?
  private var pending: [UInt8] = []
  private var hasInputEnded = false

  init(
    settings: ConsoleSettings, inbox: SignalInbox, wakeUp: WakeUp, requests: RequestRunner,
    clock: @escaping () -> Int64 = InputSource.monotonicMicros
  ) {
    self.inbox = inbox
    self.wakeUp = wakeUp
    self.requests = requests
    self.clock = clock
    model = ConsoleModel(
      settings: settings, columns: 100, rows: 40,
      moment: Moment(milliseconds: Int(clock() / 1000), wall: requests.wallClock()))
  }

  func run() -> ConsoleExit {
    write(LinearView.greeting)
    deliver(.tick)
    var lastTick = clock()
    while exit == nil {
      wait(until: lastTick + Int64(model.tickMilliseconds) * 1000)
      for message in requests.mailbox.take() { deliver(message) }
      if clock() >= lastTick + Int64(model.tickMilliseconds) * 1000 {
        lastTick = clock()
        deliver(.tick)
      }
      // A script's end: what it asked for is still waited for.
      if hasInputEnded && model.pending.isEmpty { exit = exit ?? .terminalLost }
    }
    return exit ?? .quit(stopNode: false)
  }

  private func wait(until deadline: Int64) {
    // Commands make sense from the first picture on.
    let isReady = model.feed.live != nil || model.feed.failure != nil
    var sources = [isReady && !hasInputEnded ? 0 : -1, inbox.descriptor, wakeUp.descriptor].map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    let left = max(0, deadline - clock())
    guard poll(&sources, nfds_t(sources.count), Int32(min((left + 999) / 1000, 60_000))) > 0 else {
      return
    }
    if sources[2].revents != 0 { _ = wakeUp.take() }
    for signal in inbox.take() { take(signal) }
    if sources[0].revents != 0 { read() }
  }

  private func take(_ signal: TerminalSignal) {
    switch signal {
    case .terminate: deliver(.terminate)
    case .hangUp: exit = exit ?? .terminalLost
    case .interrupt: deliver(.input(.key(.control("c"))))
    default: break
    }
  }

  private func read() {
    var chunk = [UInt8](repeating: 0, count: LinearLoop.lineBytesMax)
    let count = Glibc.read(0, &chunk, chunk.count)
    if count < 0 && (errno == EINTR || errno == EAGAIN) { return }
    guard count > 0 else {
      hasInputEnded = true
      return
    }
    for byte in chunk[..<count] {
      if byte == 0x0A {
        command(String(decoding: pending, as: UTF8.self))
        pending = []
      } else if pending.count < LinearLoop.lineBytesMax && byte != 0x0D {
        pending.append(byte)
      }
    }
  }

  private func command(_ line: String) {
    guard exit == nil else { return }
    if model.dialogs.isEmpty, ["s", "state", "status"].contains(line.trimmed.lowercased()) {
      if let live = model.feed.live { write(TopView.lines(live)) }
      return
    }
    if model.dialogs.isEmpty, line.trimmed == "?" {
      write(
        ActionSpec.all.filter { $0.group == .act || $0.group == .tools }.map { spec in
          "\(spec.keys.first.map(KeyText.of) ?? ":" + spec.word)  \(spec.name): \(spec.explanation)"
        })
      return
    }
    let keys = LinearView.keys(line, model)
    if keys.isEmpty && !line.trimmed.isEmpty {
      write(["\(printable(line.trimmed, limit: 60)) is no command: ? lists them"])
    }
    // A typed line is told of once: what each of its letters would narrow down is noise.
    for (index, key) in keys.enumerated() {
      deliver(.input(.key(key)), isTold: index == keys.count - 1)
    }
  }

  private func deliver(_ message: Message, isTold: Bool = true) {
    let moment = Moment(milliseconds: Int(clock() / 1000), wall: requests.wallClock())
    for effect in model.receive(message, at: moment) {
      switch effect {
      case .send(let ticket, let request, let lane): requests.send(ticket, request, lane)
      case .export(let name, let text): requests.export(name: name, text: text)
      case .copy(let text): write([printable(text, limit: 4000)])
      case .quit(let stopNode): exit = exit ?? .quit(stopNode: stopNode)
      case .detach: exit = exit ?? .detached
      case .bell: write(["attention:"])
      case .setMouse, .suspend: break
      }
    }
    if isTold { write(view.lines(model)) }
  }

  private func write(_ lines: [String]) {
    guard !lines.isEmpty else { return }
    var rest = Array((lines.joined(separator: "\n") + "\n").utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        exit = exit ?? .terminalLost
        return
      }
      rest = rest.dropFirst(count)
    }
  }
}
