import Core
import Glibc
import Synchronization

/// Buffered writing to a file descriptor, with every failure told: a full disk must not end in a
/// file that looks complete.
public final class ByteSink: Sendable {
  /// Where it writes.
  public let descriptor: Int32
  private let name: String
  private let buffer: Mutex<[UInt8]>
  private static let capacityBytes = 64 * 1024

  /// Writes to an open descriptor; `name` is what errors call it.
  ///
  /// The descriptor stays open.
  public init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
    buffer = Mutex([])
  }

  /// Adds text; it may stay in the buffer until ``flush()``.
  /// - Throws: ``NodeError`` (`system`) when the system refuses it, ``ReaderGone`` when the reader
  ///   of a pipe has gone.
  public func write(_ text: String) throws { try write(Array(text.utf8)) }

  /// Adds bytes; they may stay in the buffer until ``flush()``.
  /// - Throws: as ``write(_:)-(String)``.
  public func write(_ bytes: [UInt8]) throws {
    try buffer.withLock { buffer in
      buffer.append(contentsOf: bytes)
      if buffer.count >= ByteSink.capacityBytes { try drain(&buffer) }
    }
  }

  /// Adds bytes; they may stay in the buffer until ``flush()``.
  /// - Throws: as ``write(_:)-(String)``.
  func write(_ bytes: UnsafeBufferPointer<UInt8>) throws {
    try buffer.withLock { buffer in
      buffer.append(contentsOf: bytes)
      if buffer.count >= ByteSink.capacityBytes { try drain(&buffer) }
    }
  }

  /// Hands everything to the system.
  /// - Throws: as ``write(_:)-(String)``.
  public func flush() throws { try buffer.withLock { try drain(&$0) } }

  /// Takes back what was not handed to the system yet.
  public func discard() { buffer.withLock { $0.removeAll() } }

  private func drain(_ buffer: inout [UInt8]) throws {
    var sent = 0
    // What could not be written is given up: it would only fail again.
    defer { buffer.removeAll(keepingCapacity: true) }
    while sent < buffer.count {
      let count = buffer.withUnsafeBytes { bytes in
        Glibc.write(descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent)
      }
      if count >= 0 {
        sent += count
      } else if errno == EPIPE {
        throw ReaderGone()
      } else if errno == EAGAIN {
        try waitUntilWritable()
      } else if errno != EINTR {
        throw NodeError(.system, "\(name) cannot be written: \(systemMessage(errno))")
      }
    }
  }

  private func waitUntilWritable() throws {
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    if poll(&entry, 1, -1) < 0, errno != EINTR {
      throw NodeError(.system, "\(name) cannot be written: \(systemMessage(errno))")
    }
  }
}

/// The reader of a pipe has seen enough and has gone, as `head` does.
///
/// Nobody is left to be told.
public struct ReaderGone: Failure {
  /// One sentence.
  public let message = "the reader of the output has gone"
  /// It is the reader's wish that there is no more.
  public let exitCode = ExitCode.done

  /// Makes the error.
  public init() {}
}

/// What the system says of an error number, `No space left on device`.
public func systemMessage(_ number: Int32) -> String {
  var text = [CChar](repeating: 0, count: 256)
  guard strerror_r(number, &text, text.count) == 0 else { return "error \(number)" }
  let found = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
  return found.isEmpty ? "error \(number)" : String(decoding: found, as: UTF8.self)
}
