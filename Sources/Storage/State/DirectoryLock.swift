import Core
import Glibc
import Synchronization

/// The right to write a state directory, held by one process at a time.
///
/// An advisory lock (`flock`) on the file `lock`: the system gives it up when the process ends, however
/// it ends, so that a `kill -9` leaves nothing to clean. The file keeps the holder's process number for
/// the sentence that a second process is refused with; it is never trusted for more.
public final class DirectoryLock: Sendable {
  /// The directory that is held.
  public let directory: StateDirectory
  private let descriptor: Mutex<Int32>

  /// Takes the lock at once or says who has it.
  init(_ directory: StateDirectory) throws(StorageError) {
    let path = directory.path + "/lock"
    let opened = retryingInterrupts { open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600) }
    guard opened >= 0 else { throw StorageError.system("open the lock", path, errno) }
    if retryingInterrupts({ flock(opened, LOCK_EX | LOCK_NB) }) != 0 {
      let number = errno
      let holder = DirectoryLock.holder(opened)
      close(opened)
      guard number == EWOULDBLOCK else { throw StorageError.system("lock", path, number) }
      throw StorageError(
        .locked,
        "the state \(printable(directory.path)) is in use by \(holder): attach to that node, stop it, "
          + "or choose another directory with --state", detail: number)
    }
    DirectoryLock.writeHolder(opened)
    self.directory = directory
    descriptor = Mutex(opened)
  }

  deinit { release() }

  /// Gives the right up, so that another process can take it; the holder must not write any more.
  public func release() {
    descriptor.withLock { descriptor in
      if descriptor >= 0 { close(descriptor) }
      descriptor = -1
    }
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
