import Core
import Glibc

/// Answers in a file that appears whole or not at all, and that an interrupted run leaves in a
/// state from which it can be continued.
///
/// Until the end they are in `F.partial`, and `F.partial.record` says how much of it is safe. Both
/// stay when the run is killed, stopped or the disk is full; both go when the input is at fault.
final class AnswerFile: AnswerTarget {
  let begun: BatchCheckpoint?

  private let path: String
  private let descriptor: Int32
  private let record: ResumeRecord?
  private var hasMark: Bool
  private var lastMark = BatchPredict.monotonicSeconds()
  private var markEverySeconds = AnswerFile.markEverySecondsMin
  private static let markEverySecondsMin = 0.25
  /// A mark waits for the disk; so many times that long passes before the next.
  private static let pausePerCost = 20.0

  private var partial: String { AnswerFile.partial(path) }
  private static func partial(_ path: String) -> String { "\(path).partial" }
  private static func recordPath(_ path: String) -> String { "\(path).partial.record" }

  /// Opens a file for answers; a pipe or device is written directly.
  ///
  /// - Parameter resume: goes on with what an interrupted run left, when there is something.
  /// - Throws: ``NodeError``: the system refuses, another run is writing the same file, or the run
  ///   that is to be continued is not this one.
  static func open(
    _ path: String, _ identity: RunIdentity, resume: Bool, tell: (BatchEvent) throws -> Void
  ) throws -> any AnswerTarget {
    var status = stat()
    let exists = stat(path, &status) == 0
    if exists, status.st_mode & S_IFMT == S_IFDIR {
      throw NodeError(.badInput, "\(printable(path)) is a folder: a file is needed to write to")
    }
    let isFile = !exists || status.st_mode & S_IFMT == S_IFREG
    if resume, !isFile || identity.input.sizeBytes == nil {
      throw NodeError(
        .badInput,
        "--resume needs an input and an output that are files: a stream cannot be read again")
    }
    guard isFile else { return try DeviceTarget(path) }
    let descriptor = try lockedPartial(path)
    do {
      return try AnswerFile(path, descriptor, identity, resume: resume, tell: tell)
    } catch {
      close(descriptor)
      throw error
    }
  }

  private init(
    _ path: String, _ descriptor: Int32, _ identity: RunIdentity, resume: Bool,
    tell: (BatchEvent) throws -> Void
  ) throws {
    let recordPath = AnswerFile.recordPath(path)
    let left = ResumeRecord.read(recordPath)
    if resume, let left, let last = left.last {
      if let difference = identity.difference(from: left.identity) {
        throw NodeError(
          .badInput,
          "\(printable(path)) cannot be continued: \(difference); without --resume it begins anew")
      }
      try AnswerFile.cut(descriptor, path, to: last)
      record = try ResumeRecord.goOn(recordPath, after: left)
      begun = last
    } else {
      if resume { try tell(.note("there is nothing to continue: the run begins anew")) }
      if !resume, let rows = left?.last?.rows {
        try tell(
          .note("an interrupted run of \(rows) rows is thrown away (--resume would continue it)"))
      }
      guard ftruncate(descriptor, 0) == 0 else { throw AnswerFile.failure(path) }
      unlink(recordPath)
      record =
        identity.input.sizeBytes == nil ? nil : try ResumeRecord.begin(recordPath, identity)
      begun = nil
      try AnswerFile.syncFolder(of: path)
    }
    hasMark = begun != nil
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Opens the unfinished file and locks it against other runs.
  private static func lockedPartial(_ path: String) throws -> Int32 {
    for _ in 0..<3 {
      let descriptor = Glibc.open(partial(path), O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { throw failure(path) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        let number = errno
        close(descriptor)
        guard number == EWOULDBLOCK else { throw failure(path, number) }
        throw NodeError(.refused, "another run is writing \(printable(path)) just now")
      }
      // A run that just ended may have given the file its name before it was locked here.
      var mine = stat()
      var named = stat()
      if fstat(descriptor, &mine) == 0, stat(partial(path), &named) == 0,
        mine.st_ino == named.st_ino
      {
        return descriptor
      }
      close(descriptor)
    }
    throw NodeError(.refused, "other runs are writing \(printable(path)) just now")
  }

  /// Takes away what lies behind the last mark.
  private static func cut(_ descriptor: Int32, _ path: String, to mark: BatchCheckpoint) throws {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path) }
    guard Int(status.st_size) >= mark.outputBytes else {
      throw NodeError(
        .badInput,
        "\(printable(partial(path))) has \(status.st_size) bytes, its record says "
          + "\(mark.outputBytes): it was changed; without --resume the run begins anew")
    }
    guard ftruncate(descriptor, mark.outputBytes) == 0,
      lseek(descriptor, 0, SEEK_END) == mark.outputBytes
    else { throw failure(path) }
  }

  // MARK: Writing

  func write(_ bytes: UnsafeBufferPointer<UInt8>) throws {
    var sent = 0
    while sent < bytes.count {
      let count = Glibc.write(
        descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent)
      if count >= 0 {
        sent += count
      } else if errno != EINTR {
        throw AnswerFile.failure(path)
      }
    }
  }

  func mark(_ checkpoint: BatchCheckpoint) throws {
    guard record != nil else { return }
    let now = BatchPredict.monotonicSeconds()
    guard now - lastMark >= markEverySeconds else { return }
    try markNow(checkpoint)
    lastMark = BatchPredict.monotonicSeconds()
    markEverySeconds = max(
      AnswerFile.markEverySecondsMin, AnswerFile.pausePerCost * (lastMark - now))
  }

  /// Waits until the answers are safe, then says so in the record: never the other way round.
  private func markNow(_ checkpoint: BatchCheckpoint) throws {
    guard fdatasync(descriptor) == 0 else { throw AnswerFile.failure(path) }
    try record?.append(checkpoint)
    hasMark = true
  }

  func finish() throws {
    guard fsync(descriptor) == 0, rename(partial, path) == 0 else {
      throw AnswerFile.failure(path)
    }
    if let record { unlink(record.path) }
    try AnswerFile.syncFolder(of: path)
  }

  func suspend(_ checkpoint: BatchCheckpoint?) throws -> Bool {
    guard record != nil, let checkpoint else {
      if !hasMark { remove() }
      return hasMark
    }
    try markNow(checkpoint)
    return true
  }

  func giveUp(after error: any Error) -> any Error {
    let isSystem = (error as? any Failure)?.exitCode == .system
    guard isSystem, hasMark else {
      remove()
      return error
    }
    let message = (error as? any Failure)?.message ?? "\(error)"
    return NodeError(.system, "\(message); the rows so far are kept: --resume continues the run")
  }

  private func remove() {
    unlink(partial)
    if let record { unlink(record.path) }
  }

  private static func syncFolder(of path: String) throws {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    let folder = parts.count == 1 ? "." : parts.dropLast().joined(separator: "/") + "/"
    let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    // Some file systems cannot sync a folder; its entries are safe there at once.
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw failure(path) }
  }

  static func failure(_ path: String, _ number: Int32 = errno) -> NodeError {
    NodeError(.system, "\(printable(path)) cannot be written: \(systemMessage(number))")
  }
}

/// A pipe or device that has a name.
private final class DeviceTarget: AnswerTarget {
  let begun: BatchCheckpoint? = nil
  private let descriptor: Int32
  private let stream: StreamTarget

  init(_ path: String) throws {
    descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw AnswerFile.failure(path) }
    stream = StreamTarget(ByteSink(descriptor: descriptor, name: printable(path)))
  }

  deinit { close(descriptor) }

  func write(_ bytes: UnsafeBufferPointer<UInt8>) throws { try stream.write(bytes) }
  func mark(_ checkpoint: BatchCheckpoint) {}
  func finish() throws { try stream.finish() }
  func suspend(_ checkpoint: BatchCheckpoint?) throws -> Bool { try stream.suspend(checkpoint) }
  func giveUp(after error: any Error) -> any Error { stream.giveUp(after: error) }
}
