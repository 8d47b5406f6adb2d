import Core
import Glibc
import Node

/// A screen with what the console asks of a terminal beside frames.
protocol TerminalScreen: Screen {
  var isMouseOn: Bool { get set }
  func copy(_ text: String) -> Bool
  func ring()
  func resized() -> ScreenSize
  func repaint()
  func flush()
  func leave()
  func resume()
}

extension NcursesScreen: TerminalScreen {}

/// Where a loop's input comes from.
protocol TerminalInput: AnyObject {
  func next(deadlineMicros: Int64?, untilWritable: Bool) -> InputBatch
}

extension InputSource: TerminalInput {}

/// Runs a model: takes input, signals and answers, hands them to the reducer, carries out what it
/// asks, draws.
///
/// The only thread that touches the screen is the one that calls ``run()``.
final class ConsoleLoop {
  private(set) var model: ConsoleModel
  private let screen: any TerminalScreen
  private let input: any TerminalInput
  private let requests: RequestRunner
  private let reloadThemes: () -> [Theme]
  private let clock: () -> Int64
  private var exit: ConsoleExit?
  private var lastTick: Int64
  private var isSkipped = false
  private var drawn: Passing?

  init(
    model: ConsoleModel, screen: any TerminalScreen, input: any TerminalInput,
    requests: RequestRunner, reloadThemes: @escaping () -> [Theme],
    clock: @escaping () -> Int64 = InputSource.monotonicMicros
  ) {
    self.model = model
    self.screen = screen
    self.input = input
    self.requests = requests
    self.reloadThemes = reloadThemes
    self.clock = clock
    lastTick = clock()
  }

  /// Goes on until the person leaves, the program is asked to end or the terminal is lost.
  func run() -> ConsoleExit {
    deliver(.tick)
    draw()
    while true {
      let deadline = lastTick + Int64(model.tickMilliseconds) * 1000
      let batch = input.next(deadlineMicros: deadline, untilWritable: isSkipped)
      let isMoved = take(batch)
      if let exit { return exit }
      if isMoved || isSkipped || passing != drawn { draw() }
    }
  }

  /// What a tick alone can change on the screen.
  private struct Passing: Equatable {
    let second: Int64
    let staleSeconds: Int?
    let hasFlash: Bool
  }

  private var passing: Passing {
    Passing(
      second: model.moment.wall.microseconds / 1_000_000,
      staleSeconds: model.staleMilliseconds.map { $0 / 1000 }, hasFlash: model.flash != nil)
  }

  /// Hands on what came; false when it was nothing but time going by.
  private func take(_ batch: InputBatch) -> Bool {
    if batch.isWritable { screen.flush() }
    for event in batch.events { take(event) }
    for signal in batch.signals { take(signal) }
    let messages = requests.mailbox.take()
    for message in messages { deliver(message) }
    let now = clock()
    if now >= lastTick + Int64(model.tickMilliseconds) * 1000 {
      lastTick = now
      deliver(.tick)
    }
    if batch.isHungUp && exit == nil { exit = .terminalLost }
    return !messages.isEmpty || !batch.events.isEmpty || !batch.signals.isEmpty
  }

  private func take(_ event: InputEvent) {
    guard case .resize = event else {
      deliver(.input(event))
      return
    }
    let size = screen.resized()
    deliver(.input(.resize(columns: size.columns, rows: size.rows)))
  }

  private func take(_ signal: TerminalSignal) {
    switch signal {
    case .terminate: deliver(.terminate)
    case .hangUp: if exit == nil { exit = .terminalLost }
    // From outside they mean what the keys mean.
    case .interrupt: deliver(.input(.key(.control("c"))))
    case .suspend: deliver(.input(.key(.control("z"))))
    case .resume: screen.repaint()
    case .user1: deliver(.themes(reloadThemes()))
    case .windowChanged, .user2: break
    }
  }

  private func deliver(_ message: Message) {
    let moment = Moment(milliseconds: Int(clock() / 1000), wall: requests.wallClock())
    for effect in model.receive(message, at: moment) { carryOut(effect) }
  }

  private func carryOut(_ effect: Effect) {
    switch effect {
    case .send(let ticket, let request, let lane): requests.send(ticket, request, lane)
    case .copy(let text):
      if !screen.copy(text) { screen.ring() }
    case .bell: screen.ring()
    case .setMouse(let isOn): screen.isMouseOn = isOn
    case .export(let name, let text): requests.export(name: name, text: text)
    case .quit(let stopNode): exit = exit ?? .quit(stopNode: stopNode)
    case .detach: exit = exit ?? .detached
    case .suspend:
      screen.leave()
      kill(getpid(), SIGSTOP)
      screen.resume()
    }
  }

  private func draw() {
    let frame = render(model)
    drawn = passing
    isSkipped = screen.draw(frame.buffer, theme: model.theme, cursor: frame.cursor) == .skipped
  }
}

/// Makes the node calls on threads of their own and posts the answers.
final class RequestRunner: Sendable {
  let mailbox: Mailbox
  let wallClock: @Sendable () -> Timestamp
  private let client: any NodeClient
  private let exportFolder: String
  private let workers: [Lane: NodeWorker]

  init(
    client: any NodeClient, mailbox: Mailbox, exportFolder: String,
    wallClock: @escaping @Sendable () -> Timestamp = RequestRunner.systemTime
  ) {
    self.client = client
    self.mailbox = mailbox
    self.exportFolder = exportFolder
    self.wallClock = wallClock
    workers = Dictionary(
      uniqueKeysWithValues: Lane.allCases.map { ($0, NodeWorker()) })
  }

  /// Sends a request; its answer comes to the mailbox, always.
  func send(_ ticket: Ticket, _ request: NodeRequest, _ lane: Lane) {
    let (client, mailbox) = (client, mailbox)
    let taken = workers[lane]?.submit {
      do {
        mailbox.post(.reply(ticket, try client.send(request)))
      } catch {
        mailbox.post(.failed(ticket, NodeFailure(error)))
      }
    }
    if taken != true {
      mailbox.post(
        .failed(ticket, NodeFailure(sentence: "too many requests wait for the node already")))
    }
  }

  /// Writes a file into the export folder; a file that is there is not touched.
  func export(name: String, text: String) {
    let (mailbox, path) = (mailbox, "\(exportFolder)/\(name)")
    let taken = workers[.orders]?.submit {
      mailbox.post(.exported(path: path, failure: RequestRunner.write(text, to: path)))
    }
    if taken != true {
      mailbox.post(.exported(path: path, failure: "too many requests wait already"))
    }
  }

  /// Waits for changes that are under way, then lets the threads end.
  func finish(untilMicros deadline: Int64) {
    for lane in [Lane.urgent, .orders] { workers[lane]?.drain(untilMicros: deadline) }
    for worker in workers.values { worker.end() }
  }

  private static func write(_ text: String, to path: String) -> String? {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return "\(path): \(String(cString: strerror(errno)))" }
    defer { close(descriptor) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return "\(path): \(String(cString: strerror(errno)))" }
      rest = rest.dropFirst(count)
    }
    return nil
  }

  /// The system's clock.
  static let systemTime: @Sendable () -> Timestamp = {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }
}
