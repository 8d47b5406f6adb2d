import Control
import Core
import Glibc

extension Library {
  /// Writes a plan into the folder of the state directory, under its name, and reads the folders
  /// again.
  /// - Parameter replaces: whether it may take the place of a plan of the same name.
  /// - Returns: the file's path.
  /// - Throws: a ``Failure``: the plan is not one that a file can hold, there is one of its name
  ///   already, or the file cannot be written.
  func save(_ plan: Plan, replaces: Bool) throws -> String {
    let text: String
    do { text = try PlanFile.text(of: plan) } catch {
      throw NodeError(.badInput, error.message)
    }
    return try saving.withLock { _ in
      let folder = directories[0] + "/plans"
      let path = "\(folder)/\(plan.name).yaml"
      try checkPlace(of: plan, path, replaces: replaces)
      try Library.write(Array(text.utf8), to: path, in: folder)
      try reload()
      return path
    }
  }

  /// A name has one file: two would take each other's place by the order of their names.
  private func checkPlace(of plan: Plan, _ path: String, replaces: Bool) throws {
    for directory in directories {
      for file in TextFile.yamlFiles(in: directory + "/plans") where file != path {
        guard let other = try? PlanFile.load(path: file), other.name == plan.name else { continue }
        throw NodeError(
          .badInput,
          "the plan \(plan.name) is in \(printable(file)): change it there, or choose another name")
      }
    }
    guard replaces || !plans.contains(where: { $0.name == plan.name }) else {
      throw NodeError(
        .badInput, "there is a plan \(plan.name) already: replace it, or choose another name")
    }
  }

  /// All of it or nothing, and on the disk when it returns.
  private static func write(_ bytes: [UInt8], to path: String, in folder: String) throws(NodeError)
  {
    func failure() -> NodeError {
      NodeError(.system, "cannot write \(printable(path)): \(String(cString: strerror(errno)))")
    }
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw failure() }
    // Names that begin with a dot are no plans.
    let partial = "\(folder)/.saving-\(getpid())"
    unlink(partial)
    let file = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure() }
    defer { close(file) }
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(file, buffer.baseAddress?.advanced(by: written), bytes.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let error = failure()
        unlink(partial)
        throw error
      }
      written += count
    }
    guard fsync(file) == 0, rename(partial, path) == 0 else {
      let error = failure()
      unlink(partial)
      throw error
    }
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw failure() }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw failure() }
  }
}

extension Node {
  /// Keeps a plan in the library, and notes that in the journal.
  func savePlan(_ plan: Plan, replaces: Bool, actor: ActorID) throws -> String {
    let path = try library.save(plan, replaces: replaces)
    _ = try perform(
      Order(
        command: .annotate(endpoint: nil, text: "plan \(plan.name) saved as \(printable(path))"),
        actor: actor))
    return path
  }
}
