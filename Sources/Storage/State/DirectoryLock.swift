import Core
import Glibc
import Synchronization

/// The right to write a state directory, held by one process at a time.
///
/// An advisory lock (`flock`) on the file `lock`: the system gives it up when the process ends,
/// however it ends, so that a `kill -9` leaves nothing to clean. The file keeps the holder's
/// process number for the sentence that a second process is refused with; it is never trusted for
/// more.
public final class DirectoryLock: Sendable {
  /// The directory that is held.
  public let directory: StateDirectory
  private static let attemptLimit = 10
  private let descriptor: Mutex<Int32>

  /// Takes the lock at once or says who has it.
  init(_ directory: StateDirectory) throws(StorageError) {
    let path = directory.path + "/lock"
    let opened = retryingInterrupts { open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600) }
    guard opened >= 0 else { throw StorageError.system("open the lock", path, errno) }
    if let number = DirectoryLock.take(opened) {
      let holder = DirectoryLock.holder(opened)
      close(opened)
      guard number == EWOULDBLOCK else { throw StorageError.system("lock", path, number) }
      throw StorageError(
        .locked,
        "the state \(printable(directory.path)) is in use by \(holder): attach to that node, stop "
          + "it, or choose another directory with --state", detail: number)
    }
    DirectoryLock.writeHolder(opened)
    self.directory = directory
    descriptor = Mutex(opened)
  }

  deinit { release() }

  /// Gives the right up, so that another process can take it; the holder must not write any more.
  public func release() {
    descriptor.withLock { descriptor in
      guard descriptor >= 0 else { return }
      // Unlocked by name: a child that is just being started may hold a copy of the descriptor
      // until its program begins, and a lock lasts until the last copy is closed.
      flock(descriptor, LOCK_UN)
      close(descriptor)
      descriptor = -1
    }
  }

  /// Locks the open file.
  ///
  /// Tries for a short time, because a process that was killed while it started a child leaves a
  /// copy of its descriptor for that long.
  /// - Returns: nil, or the `errno` of the last try.
  private static func take(_ descriptor: Int32) -> Int32? {
    for attempt in 1...attemptLimit {
      if retryingInterrupts({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 { return nil }
      let number = errno
      if number != EWOULDBLOCK || attempt == attemptLimit { return number }
      usleep(10_000)
    }
    return EWOULDBLOCK
  }

  /// Says who holds the lock, in words.
  private static func holder(_ descriptor: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &buffer, buffer.count, 0)
    let digits = buffer.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }
    let text = String(decoding: digits, as: UTF8.self)
    return text.isEmpty ? "another process" : "process \(text)"
  }

  /// Leaves our process number; that it could not be written (a full disk) does not matter.
  private static func writeHolder(_ descriptor: Int32) {
    let text = Array("\(getpid())\n".utf8)
    if pwrite(descriptor, text, text.count, 0) == text.count {
      ftruncate(descriptor, off_t(text.count))
    }
  }
}
