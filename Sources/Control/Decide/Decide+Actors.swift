import Core

extension Decision {
  /// Erases a person's name.
  ///
  /// Not while a rollout depends on who they are: whoever comes back after it is somebody new, and
  /// could approve what they began.
  func forgetActor(
    _ name: String, _ pseudonym: String?, _ reason: String?
  ) throws(ControlError) -> Event {
    let shown = printable(name, limit: 40)
    guard isGiven(reason) else {
      throw ControlError(.badInput, "erasing a name needs a reason, --reason \"...\"")
    }
    guard let pseudonym else {
      throw ControlError(
        .unknown, "the journal has nobody called \(shown): \"sluice actor list\" shows who acted")
    }
    guard !state.isForgotten(pseudonym) else {
      throw ControlError(.refused, "the name behind \(shown) is erased already")
    }
    let person = ActorID(kind: .person, name: name)
    for endpoint in state.endpoints {
      guard let rollout = endpoint.rollout,
        rollout.startedBy == person || rollout.approvals.contains(where: { $0.by == person })
      else { continue }
      throw ControlError(
        .refused,
        "\(shown) began or approved the ramp of \(rollout.candidate) on \(endpoint.name), and who "
          + "may approve depends on it: erase the name when the ramp has ended")
    }
    return Event(
      body: .actorForgotten(ForgottenActor(pseudonym: pseudonym)), endpoint: nil,
      actor: context.actor,
      time: context.now, reason: reason.map { clipped($0) })
  }
}
