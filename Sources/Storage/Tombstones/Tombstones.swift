import Core
import Glibc
import Synchronization

/// The fences of rollbacks that could not be committed, in a file whose space was taken beforehand.
///
/// A rollback must work on a full disk and while the node hangs. So this file is written once, with
/// zeros, when the state directory is prepared; a fence overwrites one slot in place and is flushed
/// (`fdatasync`), which needs no new block on a file system that writes in place (ext4, XFS). It
/// has a lock of its own, so that `rollback --force` can write while another process, the node,
/// holds the directory. Recovery reads it before the journal; once the journal has the event, the
/// fence is cleared.
public final class Tombstones: Sendable {
  /// How many fences can be pending.
  public static let slotCount = 64
  private static let headerMagic = Array("SLUCETMB".utf8)
  private static let fileBytes = (slotCount + 1) * TombstoneCodec.slotBytes
  /// How long another process may keep the file locked before a call gives up.
  private static let lockPatienceMilliseconds = 2_000

  // One user at a time inside this process; `flock` sees to the other processes.
  private let file: Mutex<File>
  private let path: String

  /// Opens the file of a state directory that a node has prepared.
  /// - Throws: ``StorageError`` with code `notFound` when there is none.
  public convenience init(_ directory: StateDirectory) throws(StorageError) {
    guard access(directory.tombstonesPath, F_OK) == 0 else {
      throw StorageError(
        .notFound,
        "\(printable(directory.path)) holds no tombstone file: start a node there once, or check "
          + "--state"
      )
    }
    try self.init(path: directory.tombstonesPath, create: false)
  }

  /// Opens the file of a locked state directory, and makes it when it is missing or too short.
  public convenience init(_ lock: DirectoryLock) throws(StorageError) {
    try self.init(path: lock.directory.tombstonesPath, create: true)
  }

  private init(path: String, create: Bool) throws(StorageError) {
    let flags = create ? O_RDWR | O_CREAT | O_NOFOLLOW : O_RDWR | O_NOFOLLOW
    let opened = try OpenFile(path, flags, doing: "open the tombstone file")
    if Int(try opened.status().st_size) < Tombstones.fileBytes {
      guard create else {
        throw StorageError(
          .damaged, "\(printable(path)) is too short: restart the node, which prepares it anew")
      }
      try Tombstones.preallocate(opened)
    }
    self.path = path
    file = Mutex(File(opened))
  }

  /// Writes zeros up to the full length, so that every block is there before it is needed.
  private static func preallocate(_ file: borrowing OpenFile) throws(StorageError) {
    let size = Int(try file.status().st_size) / TombstoneCodec.slotBytes * TombstoneCodec.slotBytes
    let zeros = [UInt8](repeating: 0, count: TombstoneCodec.slotBytes)
    for offset in stride(from: size, to: fileBytes, by: TombstoneCodec.slotBytes) {
      try file.write(zeros, at: offset)
    }
    try file.synchronize()
    try FileSystem.synchronizeDirectory(
      String(file.path[..<(file.path.lastIndex(of: "/") ?? file.path.startIndex)]))
  }

  /// Writes a fence; on return it survives a crash of the machine.
  /// - Throws: ``StorageError`` with code `full` when ``slotCount`` fences are pending.
  @discardableResult
  public func record(_ fence: Fence) throws(StorageError) -> Tombstone {
    try locked { (file) throws(StorageError) in
      let slots = try Tombstones.slots(file)
      // A torn slot may be overwritten: its fence was never acknowledged.
      guard let free = slots.firstIndex(where: { TombstoneCodec.decode($0) == nil }) else {
        throw StorageError(
          .full,
          "all \(Tombstones.slotCount) tombstones are pending: free disk space, so that the node "
            + "can write them to its journal")
      }
      let last = slots.compactMap { TombstoneCodec.decode($0)?.sequence }.max() ?? 0
      let sequence = max(last, try Tombstones.generation(file)) + 1
      let tombstone = Tombstone(sequence: sequence, fence: fence)
      try file.write(
        try TombstoneCodec.encode(tombstone), at: (free + 1) * TombstoneCodec.slotBytes)
      try file.synchronizeData()
      try Tombstones.announce(sequence, file)
      return tombstone
    }
  }

  /// The fences that the journal does not have yet, oldest first.
  public func pending() throws(StorageError) -> [Tombstone] {
    try locked { (file) throws(StorageError) in
      try Tombstones.slots(file).compactMap { TombstoneCodec.decode($0) }
    }.sorted { $0.sequence < $1.sequence }
  }

  /// Clears fences whose events the journal has; unknown sequences are passed over.
  public func clear(_ sequences: Set<UInt64>) throws(StorageError) {
    if sequences.isEmpty { return }
    try locked { (file) throws(StorageError) in
      let zeros = [UInt8](repeating: 0, count: TombstoneCodec.slotBytes)
      let slots = try Tombstones.slots(file)
      let last = slots.compactMap { TombstoneCodec.decode($0)?.sequence }.max() ?? 0
      for (index, slot) in slots.enumerated() {
        guard let found = TombstoneCodec.decode(slot), sequences.contains(found.sequence) else {
          continue
        }
        try file.write(zeros, at: (index + 1) * TombstoneCodec.slotBytes)
      }
      // Sequences go on rising after a clear, so the header must be durable with it.
      try Tombstones.announce(max(last, try Tombstones.generation(file)) + 1, file)
      try file.synchronizeData()
    }
  }

  /// A number that changes with every fence written or cleared, by whichever process.
  ///
  /// It costs one read of 16 cached bytes and no lock, so a node can ask ten times a second.
  public func generation() throws(StorageError) -> UInt64 {
    try file.withLock { (file) throws(StorageError) in try Tombstones.generation(file.opened) }
  }

  private static func generation(_ file: borrowing OpenFile) throws(StorageError) -> UInt64 {
    let header = try file.read(count: 16, at: 0)
    guard header.count == 16, Array(header[..<8]) == headerMagic else { return 0 }
    return TombstoneCodec.word(header, 8)
  }

  private static func announce(
    _ generation: UInt64, _ file: borrowing OpenFile
  ) throws(StorageError) {
    var header = headerMagic
    TombstoneCodec.append(generation, to: &header)
    try file.write(header, at: 0)
  }

  private static func slots(_ file: borrowing OpenFile) throws(StorageError) -> [[UInt8]] {
    let size = TombstoneCodec.slotBytes
    let bytes = try file.read(count: slotCount * size, at: size)
    return stride(from: 0, to: bytes.count, by: size).map {
      Array(bytes[$0..<min($0 + size, bytes.count)])
    }
  }

  /// Runs `body` while no other thread and no other process uses the file.
  private func locked<Result: Sendable>(
    _ body: (borrowing OpenFile) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try file.withLock { (file) throws(StorageError) in
      try Tombstones.lock(file.opened.descriptor, path)
      defer { flock(file.opened.descriptor, LOCK_UN) }
      return try body(file.opened)
    }
  }

  private static func lock(_ descriptor: Int32, _ path: String) throws(StorageError) {
    for _ in 0..<lockPatienceMilliseconds {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
      let number = errno
      guard number == EWOULDBLOCK || number == EINTR else {
        throw StorageError.system("lock", path, number)
      }
      usleep(1_000)
    }
    throw StorageError(
      .locked,
      "another process keeps \(printable(path)) locked: end it (kill -9 helps when it hangs) and "
        + "try again"
    )
  }

  /// Holds the open file: a mutex takes no borrowed parts of a noncopyable value.
  private final class File {
    let opened: OpenFile
    init(_ opened: consuming OpenFile) { self.opened = opened }
  }
}
