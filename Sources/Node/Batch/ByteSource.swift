import Core
import Glibc

/// A file or pipe read in pieces, with the unread bytes in one place.
///
/// Not thread-safe. The memory it takes is bounded by ``pendingMax``.
final class ByteSource {
  /// The most unread bytes; a longer line or record is refused.
  static let pendingMax = 1 << 20
  private static let pieceBytes = 1 << 18

  /// What errors call it: the path, or `standard input`.
  let name: String
  /// The file's size when it has one.
  let sizeBytes: Int?
  /// Bytes read so far.
  private(set) var totalBytes = 0
  /// Whether everything was read.
  private(set) var isAtEnd = false

  private let descriptor: Int32
  private let closes: Bool
  private let memory: UnsafeMutablePointer<UInt8>
  private let capacity = ByteSource.pendingMax + ByteSource.pieceBytes
  private var first = 0
  private var end = 0

  /// Opens a file; `-` is standard input.
  /// - Throws: ``NodeError`` (`badInput` when there is no such file, else `system`).
  convenience init(path: String) throws(NodeError) {
    guard path != "-" else {
      self.init(descriptor: STDIN_FILENO, name: "standard input", closes: false)
      return
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let isMissing = errno == ENOENT || errno == ENOTDIR
      throw NodeError(
        isMissing ? .badInput : .system,
        "\(printable(path)) cannot be read: \(systemMessage(errno))")
    }
    self.init(descriptor: descriptor, name: printable(path), closes: true)
  }

  /// Reads an open descriptor.
  init(descriptor: Int32, name: String, closes: Bool) {
    self.descriptor = descriptor
    self.name = name
    self.closes = closes
    memory = .allocate(capacity: capacity)
    var status = stat()
    let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    sizeBytes = isFile ? Int(status.st_size) : nil
  }

  deinit {
    memory.deallocate()
    if closes { close(descriptor) }
  }

  /// The unread bytes; valid until the next ``fill()``.
  var pending: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: memory + first, count: end - first)
  }

  /// Marks `count` bytes as read.
  func consume(_ count: Int) { first = min(end, first + count) }

  /// Whether ``fill()`` would give bytes (or the end) without waiting.
  var isReady: Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) != 0
  }

  /// Reads one more piece behind the unread bytes, or finds the end.
  /// - Returns: false when there are ``pendingMax`` unread bytes already.
  /// - Throws: ``NodeError`` (`system`) when the system refuses.
  func fill() throws(NodeError) -> Bool {
    guard end - first < ByteSource.pendingMax else { return false }
    if first > 0 {
      memory.update(from: memory + first, count: end - first)
      end -= first
      first = 0
    }
    while true {
      let count = read(descriptor, memory + end, min(ByteSource.pieceBytes, capacity - end))
      if count > 0 {
        end += count
        totalBytes += count
        return true
      }
      if count == 0 {
        isAtEnd = true
        return true
      }
      guard errno == EINTR else {
        let code: NodeError.Code = errno == EISDIR ? .badInput : .system
        throw NodeError(code, "\(name) cannot be read: \(systemMessage(errno))")
      }
    }
  }
}
