import Control
import Core

/// The plans and runbooks that come with the program.
enum BuiltInLibrary {
  /// Plans, by name.
  static let plans: [Plan] = BuiltInFiles.planFiles.sorted { $0.key < $1.key }.compactMap {
    // A test parses every one of them, so none is left out in a program that passes it.
    try? PlanFile.parse(Array($0.value.utf8), file: $0.key)
  }

  /// Runbooks, by name.
  static let runbooks: [Runbook] = BuiltInFiles.runbookFiles.sorted { $0.key < $1.key }.compactMap {
    try? RunbookFile.parse(Array($0.value.utf8), file: $0.key)
  }
}
