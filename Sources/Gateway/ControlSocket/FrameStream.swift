import CSystem
import Core
import Glibc

/// The protocol's fixed parts.
///
/// Each side sends frames: four bytes of length, the most significant first, and so many bytes. The
/// client's first frame is ``hello``; the server answers it with one of the words below and then,
/// when the word was `ok`, every request frame with one response frame, in order.
enum ControlProtocol {
  /// The client's first frame; the number changes when an old client would misread a new node.
  static let hello = Array("sluice-control/1".utf8)
  /// The most bytes of a frame's content.
  static let frameLimitBytes = 16 << 20
  /// The most bytes of a hello and of its answer.
  static let helloLimitBytes = 64
  /// Admitted.
  static let ok = Array("ok".utf8)
  /// As many connections as allowed are open.
  static let busy = Array("busy".utf8)
  /// This user may not use the node.
  static let refused = Array("refused".utf8)
  /// The hello is of another version.
  static let otherVersion = Array("version sluice-control/1".utf8)
}

/// What can go wrong with one frame.
enum FrameFault: Error {
  /// The other side closed between two frames.
  case ended
  /// The other side closed, or failed, inside of a frame or while we wrote.
  case broken
  /// The deadline passed.
  case late
  /// The announced or given length is over the limit.
  case tooLong
}

/// One connected socket as a stream of frames.
///
/// One thread uses it at a time; it owns the descriptor.
struct FrameStream: ~Copyable {
  private static let chunkBytes = 64 << 10

  /// The non-blocking descriptor.
  let descriptor: Int32

  /// Takes over a non-blocking socket.
  init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Whether the other side has closed, or sent something unasked, while the stream was idle.
  var isStale: Bool {
    var byte: UInt8 = 0
    return recv(descriptor, &byte, 1, Int32(MSG_PEEK)) >= 0 || errno != EAGAIN
  }

  /// Reads one frame.
  /// - Parameters:
  ///   - limitBytes: the longest content that is accepted.
  ///   - first: how long the frame's first byte may take.
  ///   - whole: how long the rest may take after it.
  func read(limitBytes: Int, first: TimeSpan, whole: TimeSpan) throws(FrameFault) -> [UInt8] {
    var header: [UInt8] = []
    try read(1, into: &header, by: Deadline(after: first), endIsClean: true)
    let deadline = Deadline(after: whole)
    try read(3, into: &header, by: deadline, endIsClean: false)
    let length = header.reduce(0) { $0 << 8 | Int($1) }
    guard length <= limitBytes else { throw .tooLong }
    var content: [UInt8] = []
    try read(length, into: &content, by: deadline, endIsClean: false)
    return content
  }

  /// Writes one frame.
  func write(_ content: [UInt8], by deadline: Deadline) throws(FrameFault) {
    guard content.count <= ControlProtocol.frameLimitBytes else { throw .tooLong }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(content.count + 4)
    withUnsafeBytes(of: UInt32(content.count).bigEndian) { bytes.append(contentsOf: $0) }
    bytes += content
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        send(
          descriptor, buffer.baseAddress.map { $0 + written }, bytes.count - written,
          Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        written += count
      } else if errno == EAGAIN {
        try wait(POLLOUT, deadline)
      } else if errno != EINTR {
        throw .broken
      }
    }
  }

  /// Adds `count` bytes to `bytes`.
  ///
  /// Memory grows as they come, so that a length that is only announced
  /// costs nothing.
  private func read(
    _ count: Int, into bytes: inout [UInt8], by deadline: Deadline, endIsClean: Bool
  ) throws(FrameFault) {
    let target = bytes.count + count
    while bytes.count < target {
      let begin = bytes.count
      let room = min(FrameStream.chunkBytes, target - begin)
      bytes.append(contentsOf: repeatElement(0, count: room))
      let got = bytes.withUnsafeMutableBytes { buffer in
        recv(descriptor, buffer.baseAddress.map { $0 + begin }, room, 0)
      }
      let number = errno
      bytes.removeLast(room - max(0, got))
      if got == 0 { throw endIsClean ? .ended : .broken }
      if got < 0 {
        guard number == EAGAIN || number == EINTR else { throw .broken }
        try wait(POLLIN, deadline)
      }
    }
  }

  private func wait(_ events: Int32, _ deadline: Deadline) throws(FrameFault) {
    var waited = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    let left = deadline.remainingMilliseconds
    if left == 0 { throw .late }
    if poll(&waited, 1, left) == 0 { throw .late }
  }
}
