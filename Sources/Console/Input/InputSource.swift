import Glibc

/// What one wait for input gave.
public struct InputBatch: Sendable, Hashable {
  /// Keys, mouse, paste, focus, in order; a new window size last, once.
  public var events: [InputEvent] = []
  /// Signals that came, but for a new window size.
  public var signals: [TerminalSignal] = []
  /// Somebody called ``WakeUp/signal()``.
  public var isWoken = false
  /// The terminal takes bytes again (asked for by `untilWritable`).
  public var isWritable = false
  /// The terminal is gone: no more input will come.
  public var isHungUp = false

  /// Nothing.
  public init() {}
}

/// Waits for the terminal, for signals and for other threads, all at once.
///
/// Only the console's thread uses it.
public final class InputSource {
  /// The most bytes taken in one wait; the rest comes with the next.
  public static let readBytesMax = 16 * 1024

  private let device: TerminalDevice
  private let inbox: SignalInbox
  private let wakeUp: WakeUp
  private let clock: () -> Int64
  private var decoder: InputDecoder
  private var buffer = [UInt8](repeating: 0, count: readBytesMax)
  private var isHungUp = false

  /// Puts the sources together.
  /// - Parameters:
  ///   - escapeDelayMicros: see ``InputDecoder/escapeDelayMicros``.
  ///   - clock: a monotonic clock in microseconds; the system's by default.
  public init(
    device: TerminalDevice, inbox: SignalInbox, wakeUp: WakeUp,
    escapeDelayMicros: Int64 = 25_000, clock: @escaping () -> Int64 = InputSource.monotonicMicros
  ) {
    self.device = device
    self.inbox = inbox
    self.wakeUp = wakeUp
    self.clock = clock
    decoder = InputDecoder(escapeDelayMicros: escapeDelayMicros)
  }

  /// Waits until something comes, at most until a time on the clock; nil waits for ever.
  ///
  /// - Parameter untilWritable: also return when the terminal takes bytes again.
  public func next(deadlineMicros: Int64?, untilWritable: Bool = false) -> InputBatch {
    var batch = InputBatch()
    let deadline = [deadlineMicros, decoder.deadlineMicros].compactMap(\.self).min()
    let readable = wait(until: deadline, untilWritable: untilWritable, into: &batch)
    if readable { read(into: &batch) }
    batch.events.append(contentsOf: decoder.expire(now: clock()))
    takeSignals(into: &batch)
    batch.isHungUp = isHungUp
    return batch
  }

  /// CLOCK_MONOTONIC in microseconds.
  public static func monotonicMicros() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }

  /// Returns whether the terminal has bytes.
  private func wait(
    until deadline: Int64?, untilWritable: Bool, into batch: inout InputBatch
  ) -> Bool {
    var requests = [
      pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
      // A negative descriptor is not looked at: a terminal that is gone would be ready for ever.
      pollfd(fd: isHungUp ? -1 : device.inputDescriptor, events: Int16(POLLIN), revents: 0),
      pollfd(
        fd: untilWritable && !isHungUp ? device.outputDescriptor : -1, events: Int16(POLLOUT),
        revents: 0),
    ]
    let count = poll(&requests, nfds_t(requests.count), timeout(until: deadline))
    guard count > 0 else { return false }
    if requests[1].revents != 0 { batch.isWoken = wakeUp.take() }
    batch.isWritable = requests[3].revents & Int16(POLLOUT) != 0
    return requests[2].revents != 0
  }

  /// Milliseconds for `poll`, rounded up so that it does not return just before the time.
  private func timeout(until deadline: Int64?) -> Int32 {
    guard let deadline else { return -1 }
    let left = max(0, deadline - clock())
    return Int32(min((left + 999) / 1000, 60_000))
  }

  private func read(into batch: inout InputBatch) {
    let count = buffer.withUnsafeMutableBytes { bytes in
      Glibc.read(device.inputDescriptor, bytes.baseAddress, bytes.count)
    }
    if count > 0 {
      batch.events = decoder.feed(buffer[..<count], now: clock())
    } else if count == 0 || (errno != EINTR && errno != EAGAIN) {
      isHungUp = true
    }
  }

  private func takeSignals(into batch: inout InputBatch) {
    for signal in inbox.take() {
      if signal == .windowChanged {
        let size = device.size
        batch.events.append(.resize(columns: size.columns, rows: size.rows))
      } else {
        batch.signals.append(signal)
      }
    }
  }
}
