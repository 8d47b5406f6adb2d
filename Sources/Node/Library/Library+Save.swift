import Control
import Core
import Storage

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
      let path = "\(directories[0])/plans/\(plan.name).yaml"
      try checkPlace(of: plan, path, replaces: replaces)
      // Names that begin with a dot are no plans.
      do throws(StorageError) {
        try WholeFile.replace(path, with: Array(text.utf8), what: "plan")
      } catch {
        throw NodeError(.system, "\(printable(path)) cannot be saved: \(error.message)")
      }
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
