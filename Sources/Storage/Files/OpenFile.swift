import Core
import Glibc

/// An open file that is closed when the value goes away, with whole reads and writes.
///
/// Interrupted and partial calls are continued; every failure names what was tried on which file.
struct OpenFile: ~Copyable {
  /// The descriptor; valid as long as the value lives.
  let descriptor: Int32
  /// For sentences only.
  let path: String

  /// Opens `path`; the descriptor is never inherited by a child.
  /// - Parameter doing: what it is opened for, as `read the artifact`.
  init(
    _ path: String, _ flags: Int32, mode: mode_t = 0o600, doing: String
  ) throws(StorageError) {
    let opened = retryingInterrupts { open(path, flags | O_CLOEXEC, mode) }
    guard opened >= 0 else { throw StorageError.system(doing, path, errno) }
    descriptor = opened
    self.path = path
  }

  deinit { close(descriptor) }

  /// The file's kind, size and owner.
  func status() throws(StorageError) -> stat {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw StorageError.system("examine", path, errno)
    }
    return status
  }

  /// Fills `buffer` from the current position until it is full or the file ends.
  /// - Returns: the number of bytes read.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    var filled = 0
    while filled < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      let count = retryingInterrupts { Glibc.read(descriptor, rest.baseAddress, rest.count) }
      guard count >= 0 else { throw StorageError.system("read", path, errno) }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// Reads `count` bytes at `offset`; fewer when the file ends before.
  func read(count: Int, at offset: Int) throws(StorageError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        retryingInterrupts {
          pread(descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, offset + filled)
        }
      }
      guard got >= 0 else { throw StorageError.system("read", path, errno) }
      if got == 0 { break }
      filled += got
    }
    bytes.removeLast(count - filled)
    return bytes
  }

  /// Writes all of `bytes` at the current position.
  func write(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    var written = 0
    while written < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
      let count = retryingInterrupts { Glibc.write(descriptor, rest.baseAddress, rest.count) }
      guard count > 0 else { throw StorageError.system("write", path, count == 0 ? EIO : errno) }
      written += count
    }
  }

  /// Writes all of `bytes` at `offset`, leaving the current position alone.
  func write(_ bytes: [UInt8], at offset: Int) throws(StorageError) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        retryingInterrupts {
          pwrite(
            descriptor, buffer.baseAddress.map { $0 + written }, bytes.count - written,
            offset + written)
        }
      }
      guard count > 0 else { throw StorageError.system("write", path, count == 0 ? EIO : errno) }
      written += count
    }
  }

  /// Returns when data and metadata are on the disk.
  func synchronize() throws(StorageError) {
    guard retryingInterrupts({ fsync(descriptor) }) == 0 else {
      throw StorageError.system("flush", path, errno)
    }
  }

  /// Returns when the data is on the disk; enough for a file whose size does not change.
  func synchronizeData() throws(StorageError) {
    guard retryingInterrupts({ fdatasync(descriptor) }) == 0 else {
      throw StorageError.system("flush", path, errno)
    }
  }
}

/// Calls `body` again as long as a signal interrupts it.
func retryingInterrupts<Count: SignedInteger>(_ body: () -> Count) -> Count {
  while true {
    let result = body()
    if result != -1 || errno != EINTR { return result }
  }
}

/// What the file system is asked beside reading and writing one file.
enum FileSystem {
  /// Makes the directory's entries durable: a rename or a new file survives a power loss.
  static func synchronizeDirectory(_ path: String) throws(StorageError) {
    let directory = try OpenFile(path, O_RDONLY | O_DIRECTORY, doing: "open the directory")
    try directory.synchronize()
  }

  /// Makes a directory of mode 0700 unless there is one.
  /// - Returns: whether it was made now.
  @discardableResult
  static func makeDirectory(_ path: String) throws(StorageError) -> Bool {
    if mkdir(path, 0o700) == 0 { return true }
    let number = errno
    guard number == EEXIST else {
      throw StorageError.system("create the directory", path, number)
    }
    return false
  }

  /// The kind, size and owner of what `path` names itself, or nil when there is nothing.
  static func status(ofLinkAt path: String) throws(StorageError) -> stat? {
    var status = stat()
    if lstat(path, &status) == 0 { return status }
    let number = errno
    if number == ENOENT { return nil }
    throw StorageError.system("examine", path, number)
  }

  /// The names in a directory without `.` and `..`, in no order; empty when there is none.
  static func names(in path: String) throws(StorageError) -> [String] {
    guard let stream = opendir(path) else {
      let number = errno
      if number == ENOENT { return [] }
      throw StorageError.system("list the directory", path, number)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
        field.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: field.pointee))
        {
          String(cString: $0)
        }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}

extension stat {
  /// Whether it is a directory.
  var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
  /// Whether it is an ordinary file.
  var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
}
