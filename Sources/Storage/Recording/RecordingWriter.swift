import Core
import Glibc

/// How much of a recording is kept.
public struct RecordingLimits: Sendable, Hashable {
  /// The most bytes of all files together.
  public var keepBytes: Int
  /// The greatest age of a request.
  public var maxAge: TimeSpan

  /// The least that can be kept: sixteen files that each hold a full buffer.
  public static let keepBytesMin = 16 << 20

  /// Puts the two together; less than ``keepBytesMin`` is raised to it.
  public init(keepBytes: Int, maxAge: TimeSpan) {
    self.keepBytes = max(keepBytes, RecordingLimits.keepBytesMin)
    self.maxAge = maxAge
  }

  /// A file's greatest length: a sixteenth, so that little is lost when the oldest goes.
  var fileBytes: Int { min(keepBytes / 16, 64 << 20) }
  /// How long a file is written to: an eighth of the age, a day at most.
  var fileAge: TimeSpan {
    TimeSpan(microseconds: min(max(maxAge.microseconds / 8, 1_000_000), 86_400_000_000))
  }
}

/// Writes the recording of one endpoint: into memory until ``flush(now:)``, then into the newest
/// file; a full or old file is followed by a new one, the oldest are removed.
///
/// Nothing is flushed to the disk but a finished file: a power loss costs the last seconds of a
/// sample, and no request waits. Used by one thread; the state directory's lock keeps other
/// processes away.
public final class RecordingWriter {
  /// What was written since the writer was made.
  public struct Counts: Sendable, Hashable {
    /// Requests written to a file.
    public var requests = 0
    /// Labels written to a file.
    public var labels = 0
    /// Requests and labels lost because the file system refused them.
    public var lost = 0
    /// Files removed because of the limits.
    public var filesRemoved = 0

    /// Nothing written.
    public init() {}
  }

  /// A file that is being written.
  private final class Current {
    let file: OpenFile
    let created: Timestamp
    var bytes: Int
    init(_ file: consuming OpenFile, created: Timestamp, bytes: Int) {
      self.file = file
      self.created = created
      self.bytes = bytes
    }
  }

  /// The most bytes held in memory.
  public static let bufferBytesMax = 896 << 10

  /// What was written.
  public private(set) var counts = Counts()
  private let folder: String
  private let directory: StateDirectory
  private let limits: RecordingLimits
  private let makeHeader: (Timestamp) -> RecordingHeader
  private var buffer: [UInt8] = []
  private var pending = (requests: 0, labels: 0)
  private var current: Current?
  /// For tests: the `errno` that the next write fails with after half of its bytes.
  var writeFault: (() -> Int32?)?

  /// A writer for an endpoint; nothing is made on disk before the first flush.
  /// - Parameter header: what each new file says of itself, given the time of its making.
  public init(
    _ directory: StateDirectory, endpoint: Name, limits: RecordingLimits,
    header: @escaping (Timestamp) -> RecordingHeader
  ) {
    self.directory = directory
    folder = Recording.folder(of: endpoint, in: directory)
    self.limits = limits
    makeHeader = header
    buffer.reserveCapacity(1 << 17)
  }

  deinit { try? close() }

  /// Bytes that wait for ``flush(now:)``.
  public var bufferedBytes: Int { buffer.count }

  /// Adds a request; lost and counted when nobody flushed for long.
  public func append(_ request: RecordedRequest) {
    guard hasRoom else { return }
    RecordingFrame.append(request, to: &buffer)
    pending.requests += 1
  }

  /// Adds a label.
  public func append(_ label: RecordedLabel) {
    guard hasRoom else { return }
    RecordingFrame.append(label, to: &buffer)
    pending.labels += 1
  }

  /// Notes that so many requests were to be recorded and were not.
  public func append(loss count: Int, time: Timestamp) {
    guard count > 0, buffer.count < RecordingWriter.bufferBytesMax else { return }
    RecordingFrame.append(loss: count, time: time, to: &buffer)
  }

  private var hasRoom: Bool {
    if buffer.count < RecordingWriter.bufferBytesMax { return true }
    counts.lost += 1
    return false
  }

  /// Writes what waits.
  ///
  /// When the file system refuses it, what waits is lost and counted, the file is cut back to its
  /// last whole frame and left; the next flush tries a new one.
  /// - Throws: ``StorageError``.
  public func flush(now: Timestamp) throws(StorageError) {
    defer {
      buffer.removeAll(keepingCapacity: true)
      pending = (0, 0)
    }
    do throws(StorageError) {
      if let current, current.bytes + buffer.count > limits.fileBytes || isOld(current, now) {
        try close()
      }
      try removeOld(now)
      guard !buffer.isEmpty else { return }
      if current == nil { current = try begin(now) }
      if let current { try write(buffer, to: current) }
    } catch {
      counts.lost += pending.requests + pending.labels
      abandon()
      throw error
    }
    counts.requests += pending.requests
    counts.labels += pending.labels
  }

  /// Ends the newest file; what waits in memory is not written.
  public func close() throws(StorageError) {
    guard let ending = current else { return }
    current = nil
    try ending.file.synchronizeData()
  }

  private func isOld(_ current: Current, _ now: Timestamp) -> Bool {
    now - current.created >= limits.fileAge || now < current.created
  }

  private func begin(_ now: Timestamp) throws(StorageError) -> Current {
    try FileSystem.makeDirectory(directory.recordingsPath)
    try FileSystem.makeDirectory(folder)
    let number = (try Recording.files(in: folder).last?.number ?? 0) + 1
    let path = "\(folder)/\(Recording.fileName(number))"
    let file = try OpenFile(
      path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, doing: "begin the recording")
    let made = Current(file, created: now, bytes: 0)
    current = made
    try write(try RecordingFrame.file(makeHeader(now)), to: made)
    return made
  }

  private func write(_ bytes: [UInt8], to target: Current) throws(StorageError) {
    let fault = writeFault?()
    try target.file.write(
      fault == nil ? bytes : Array(bytes.prefix(bytes.count / 2)), at: target.bytes)
    if let fault { throw StorageError.system("write", target.file.path, fault) }
    target.bytes += bytes.count
  }

  /// Leaves a file that could not be written; a reader tolerates it even when it cannot be cut.
  private func abandon() {
    guard let bad = current else { return }
    current = nil
    if bad.bytes == 0 {
      unlink(bad.file.path)
    } else {
      ftruncate(bad.file.descriptor, off_t(bad.bytes))
    }
  }

  /// Removes the oldest files until what is left, and the file that is being written at its full
  /// length, is within the limits.
  private func removeOld(_ now: Timestamp) throws(StorageError) {
    var files = try Recording.files(in: folder)
    let own = current?.file.path
    var total = files.reduce(0) { $0 + $1.bytes } - (current?.bytes ?? 0)
    while let first = files.first, first.path != own {
      // All requests of a file are older than its last change.
      let isOld = now - first.changed > limits.maxAge
      guard total + limits.fileBytes > limits.keepBytes || isOld else { return }
      guard unlink(first.path) == 0 || errno == ENOENT else {
        throw StorageError.system("remove the old recording", first.path, errno)
      }
      counts.filesRemoved += 1
      total -= first.bytes
      files.removeFirst()
    }
  }
}
