import Control
import Core
import Synchronization

/// The plans, runbooks and retraining policies that a node knows: those that come with the program
/// and those in its folders, which win by name.
final class Library: Sendable {
  /// One reading of the folders.
  struct Content: Sendable {
    var plans: [Plan]
    var runbooks: [Runbook]
    var retraining: [RetrainingPolicy]
  }

  let directories: [String]
  /// Held while a plan is saved.
  let saving = Mutex<Void>(())
  private let content: Mutex<Content>

  /// Reads `plans/*.yaml`, `runbooks/*.yaml` and `retraining/*.yaml` of each folder.
  /// - Throws: a ``Failure`` with file, line and column of the first file that is wrong.
  init(directories: [String]) throws {
    self.directories = directories
    content = Mutex(try Library.read(directories))
  }

  /// All plans, by name.
  var plans: [Plan] { content.withLock { $0.plans } }
  /// All runbooks, by name.
  var runbooks: [Runbook] { content.withLock { $0.runbooks } }
  /// All retraining policies, by name.
  var retraining: [RetrainingPolicy] { content.withLock { $0.retraining } }

  /// Reads the folders again, all or nothing.
  func reload() throws {
    let fresh = try Library.read(directories)
    content.withLock { $0 = fresh }
  }

  private static func read(_ directories: [String]) throws -> Content {
    var plans = Dictionary(uniqueKeysWithValues: BuiltInLibrary.plans.map { ($0.name, $0) })
    var runbooks = Dictionary(uniqueKeysWithValues: BuiltInLibrary.runbooks.map { ($0.name, $0) })
    for directory in directories {
      for file in TextFile.yamlFiles(in: directory + "/plans") {
        let plan = try PlanFile.load(path: file)
        plans[plan.name] = plan
      }
      for file in TextFile.yamlFiles(in: directory + "/runbooks") {
        let bytes = try TextFile.read(file, limitBytes: 1 << 20)
        let runbook = try RunbookFile.parse(bytes, file: file)
        runbooks[runbook.name] = runbook
      }
    }
    return Content(
      plans: plans.values.sorted { $0.name < $1.name },
      runbooks: runbooks.values.sorted { $0.name < $1.name },
      retraining: try readRetraining(directories, plans: Set(plans.keys)))
  }

  /// After the plans, which they name.
  private static func readRetraining(
    _ directories: [String], plans: Set<String>
  ) throws -> [RetrainingPolicy] {
    var policies: [Name: RetrainingPolicy] = [:]
    for directory in directories {
      for file in TextFile.yamlFiles(in: directory + "/retraining") {
        let bytes = try TextFile.read(file, limitBytes: 1 << 20)
        let policy = try RetrainingFile.parse(bytes, file: file, plans: plans)
        policies[policy.name] = policy
        guard policies.count <= ControlLimits.retrainingPoliciesMax else {
          throw NodeError(
            .badInput,
            "\(printable(file)): there are more than \(ControlLimits.retrainingPoliciesMax) "
              + "retraining policies")
        }
      }
    }
    return policies.values.sorted { $0.name < $1.name }
  }
}
