import Core
import Glibc
import Node

/// A file that appears whole or not at all.
enum OutputFile {
  /// Lets `body` write, then gives the file its name.
  ///
  /// When it fails, nothing is left and a file that was there before stays as it was. A pipe or
  /// device is written directly. - Throws: ``NodeError`` (`system`) when the system refuses it, and
  /// what `body` throws.
  static func write<Result>(to path: String, _ body: (ByteSink) throws -> Result) throws -> Result {
    var status = stat()
    let exists = stat(path, &status) == 0
    if exists, status.st_mode & S_IFMT == S_IFDIR {
      throw NodeError(.badInput, "\(printable(path)) is a folder: a file is needed to write to")
    }
    if exists, status.st_mode & S_IFMT != S_IFREG { return try directly(to: path, body) }
    let partial = "\(path).partial-\(getpid())"
    let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure(path) }
    do {
      let result = try run(descriptor, path, body)
      guard rename(partial, path) == 0 else { throw failure(path) }
      return result
    } catch {
      unlink(partial)
      throw error
    }
  }

  private static func directly<Result>(
    to path: String, _ body: (ByteSink) throws -> Result
  ) throws -> Result {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    return try run(descriptor, path, body)
  }

  private static func run<Result>(
    _ descriptor: Int32, _ path: String, _ body: (ByteSink) throws -> Result
  ) throws -> Result {
    let sink = ByteSink(descriptor: descriptor, name: printable(path))
    do {
      let result = try body(sink)
      try sink.flush()
      // Some file systems tell of a full disk only here.
      guard close(descriptor) == 0 else { throw failure(path) }
      return result
    } catch {
      close(descriptor)
      throw error
    }
  }

  private static func failure(_ path: String) -> NodeError {
    NodeError(.system, "\(printable(path)) cannot be written: \(systemMessage(errno))")
  }
}
