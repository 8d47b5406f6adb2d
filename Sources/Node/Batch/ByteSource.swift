import Core
import Glibc

/// A file or pipe read in pieces, with the unread bytes in one place.
///
/// Not thread-safe. The memory it takes is bounded by ``pendingMax``.
final class ByteSource {
  /// The most bytes of one line or record; a longer one is refused.
  static let pendingMax = 1 << 20
  private static let pieceBytes = 1 << 18

  /// What errors call it: the path, or `standard input`.
  let name: String
  /// The file's size when it has one.
  let sizeBytes: Int?
  /// When the file was last changed, nanoseconds since 1970; nil when it is no file.
  let changedNanoseconds: Int?
  /// The place of the first unread byte.
  private(set) var offset = 0
  /// Whether the system has no more bytes; some may be pending.
  private(set) var isAtEnd = false

  private let descriptor: Int32
  private let closes: Bool
  private let memory: UnsafeMutablePointer<UInt8>
  private let capacity: Int
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
    capacity = ByteSource.pendingMax + ByteSource.pieceBytes
    memory = .allocate(capacity: capacity)
    var status = stat()
    let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    // Standard input may be a file that somebody has read a part of.
    let isWhole = isFile && lseek(descriptor, 0, SEEK_CUR) == 0
    sizeBytes = isWhole ? Int(status.st_size) : nil
    changedNanoseconds =
      isWhole ? status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec : nil
  }

  /// Reads bytes in memory, at most ``pendingMax`` of them, as if they were a file.
  init(bytes: [UInt8]) {
    precondition(bytes.count <= ByteSource.pendingMax, "more bytes than can be pending")
    descriptor = -1
    name = "the input"
    closes = false
    sizeBytes = bytes.count
    changedNanoseconds = nil
    // Nothing ever comes behind them.
    capacity = bytes.count
    memory = .allocate(capacity: max(1, capacity))
    bytes.withUnsafeBufferPointer { all in
      if let base = all.baseAddress { memory.initialize(from: base, count: all.count) }
    }
    end = bytes.count
    isAtEnd = true
  }

  deinit {
    memory.deallocate()
    if closes { close(descriptor) }
  }

  /// The unread bytes in memory; valid until the next call that reads.
  var pending: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: memory + first, count: end - first)
  }

  /// Marks `count` pending bytes as read.
  func consume(_ count: Int) {
    let taken = min(end - first, count)
    first += taken
    offset += taken
  }

  /// Whether reading would give bytes (or the end) without waiting longer.
  func isReady(waitMilliseconds: Int32 = 0) -> Bool {
    guard descriptor >= 0 else { return true }
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, waitMilliseconds) > 0
  }

  /// Reads one more piece behind the pending bytes, or finds the end.
  /// - Returns: false when there are ``pendingMax`` pending bytes already.
  /// - Throws: ``NodeError`` (`system`) when the system refuses.
  func fill() throws(NodeError) -> Bool {
    guard end - first < ByteSource.pendingMax else { return false }
    if first > 0 {
      memory.update(from: memory + first, count: end - first)
      end -= first
      first = 0
    }
    end += try system(memory + end, min(ByteSource.pieceBytes, capacity - end))
    return true
  }

  /// Moves bytes to `target`: the pending ones, or when there are none some from the system.
  /// - Returns: how many; 0 at the end.
  /// - Throws: as ``fill()``.
  func read(into target: UnsafeMutablePointer<UInt8>, count: Int) throws(NodeError) -> Int {
    guard first == end else {
      let taken = min(count, end - first)
      target.update(from: memory + first, count: taken)
      consume(taken)
      return taken
    }
    let taken = try system(target, count)
    offset += taken
    return taken
  }

  /// Gives bytes back that were read last with ``read(into:count:)``; they are pending again.
  /// - Precondition: they are at most ``pendingMax`` and a piece.
  func giveBack(_ bytes: UnsafeBufferPointer<UInt8>) {
    precondition(bytes.count <= capacity, "bytes that are read again have no room")
    offset -= bytes.count
    if first < end {
      // The system is asked only when nothing is pending, so these stand before what is pending.
      first -= bytes.count
      return
    }
    (first, end) = (0, bytes.count)
    if let base = bytes.baseAddress { memory.update(from: base, count: bytes.count) }
  }

  /// Goes to a place of a file; nothing is pending then.
  /// - Throws: ``NodeError`` (`system`) when the system refuses.
  func seek(to place: Int) throws(NodeError) {
    if let sizeBytes, descriptor < 0 {
      (first, end, offset) = (min(place, sizeBytes), sizeBytes, place)
      return
    }
    guard lseek(descriptor, place, SEEK_SET) == place else { throw failure() }
    (first, end, offset, isAtEnd) = (0, 0, place, false)
  }

  /// Reads `count` bytes at a place of a file, without moving.
  /// - Returns: how many there were.
  /// - Throws: as ``fill()``.
  func read(at place: Int, into target: UnsafeMutablePointer<UInt8>, count: Int) throws(NodeError)
    -> Int
  {
    if let sizeBytes, descriptor < 0 {
      let some = max(0, min(count, sizeBytes - place))
      if some > 0 { target.update(from: memory + place, count: some) }
      return some
    }
    var taken = 0
    while taken < count {
      let found = pread(descriptor, target + taken, count - taken, place + taken)
      if found == 0 { break }
      if found > 0 {
        taken += found
      } else if errno != EINTR {
        throw failure()
      }
    }
    return taken
  }

  private func system(
    _ target: UnsafeMutablePointer<UInt8>, _ count: Int
  ) throws(NodeError) -> Int {
    // Bytes in memory have nothing behind them.
    guard descriptor >= 0 else { return 0 }
    while true {
      let found = Glibc.read(descriptor, target, count)
      if found >= 0 {
        isAtEnd = found == 0
        return found
      }
      guard errno == EINTR else { throw failure() }
    }
  }

  private func failure() -> NodeError {
    let code: NodeError.Code = errno == EISDIR ? .badInput : .system
    return NodeError(code, "\(name) cannot be read: \(systemMessage(errno))")
  }
}
