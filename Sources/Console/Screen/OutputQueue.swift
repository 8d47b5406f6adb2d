import Glibc

/// Bytes on their way to the terminal: at most one frame waits, the one cut off half-way.
struct OutputQueue {
  private let descriptor: Int32
  private var waiting: [UInt8] = []
  private var sent = 0

  /// Writes to a descriptor that should not block.
  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Whether everything went out.
  var isEmpty: Bool { sent == waiting.count }

  /// Whether a frame may be sent now: nothing waits and the terminal takes bytes.
  mutating func isReady() -> Bool {
    flush()
    return isEmpty && OutputQueue.isWritable(descriptor, withinMilliseconds: 0)
  }

  /// The most bytes that wait: a full repaint of a large screen, twice.
  static let waitingBytesMax = 1 << 20

  /// Writes what it can of `bytes` and keeps the rest; returns false when too much waits already,
  /// and then drops them.
  @discardableResult
  mutating func write(_ bytes: [UInt8]) -> Bool {
    if isEmpty {
      waiting = bytes
      sent = 0
    } else if waiting.count - sent + bytes.count <= OutputQueue.waitingBytesMax {
      waiting.append(contentsOf: bytes)
    } else {
      return false
    }
    flush()
    return true
  }

  /// Writes what it can of what waits.
  mutating func flush() {
    while sent < waiting.count {
      let count = waiting.withUnsafeBytes { buffer in
        Glibc.write(
          descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent)
      }
      if count > 0 {
        sent += count
      } else if count < 0 && errno == EINTR {
        continue
      } else {
        // A closed terminal is noticed by whoever reads it; a full one becomes writable later.
        return
      }
    }
  }

  /// Writes what waits, giving a slow terminal so long and no longer.
  mutating func drain(milliseconds: Int32) {
    var left = milliseconds
    flush()
    while !isEmpty && left > 0 {
      let step = min(left, 20)
      _ = OutputQueue.isWritable(descriptor, withinMilliseconds: step)
      left -= step
      flush()
    }
  }

  private static func isWritable(_ descriptor: Int32, withinMilliseconds limit: Int32) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return poll(&request, 1, limit) == 1 && request.revents & Int16(POLLOUT) != 0
  }
}
