import Control
import Core

extension NodeRequest {
  /// The same request with the person that it names replaced by who the kernel says is asking: a
  /// client cannot approve, or do anything else, in another user's name.
  ///
  /// A guard or a runbook keeps its name; those never count as persons.
  func signed(by login: String) -> NodeRequest {
    func real(_ actor: ActorID) -> ActorID {
      actor.kind == .person ? ActorID(kind: .person, name: login) : actor
    }
    switch self {
    case .perform(let order):
      return .perform(
        Order(
          command: order.command, actor: real(order.actor),
          expectedGeneration: order.expectedGeneration, freezeOverride: order.freezeOverride))
    case .runbook(let name, let endpoint, let dryRun, let actor):
      return .runbook(name: name, endpoint: endpoint, dryRun: dryRun, actor: real(actor))
    case .shutdown(let actor): return .shutdown(actor: real(actor))
    case .retraining(let question, let actor): return .retraining(question, actor: real(actor))
    case .savePlan(let plan, let replaces, let actor):
      return .savePlan(plan, replaces: replaces, actor: real(actor))
    default: return self
    }
  }
}
