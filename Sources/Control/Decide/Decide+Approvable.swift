import Core

extension Decision {
  /// Says that a plan waits for people who may not approve: nobody approves their own ramp, so a
  /// list of names may come short once the author is left out.
  func checkApprovable(_ plan: Plan, _ name: Name) throws(ControlError) {
    guard let from = plan.approvals?.from, !from.isEmpty else { return }
    let others = from.filter { $0 != context.actor.name }
    let wanted = ([plan.approvals?.count] + plan.steps.map(\.approvals)).compactMap { $0 }.max() ?? 0
    guard wanted > others.count else { return }
    throw ControlError(
      .refused,
      "the plan \(printable(plan.name, limit: 60)) waits for \(wanted) approvals and "
        + "\(context.actor), who begins the ramp on \(name), may give none: only "
        + "\(others.count) of those it names are left; let somebody else begin it, or name more")
  }
}
