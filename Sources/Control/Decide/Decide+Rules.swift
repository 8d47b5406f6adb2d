import Core

extension Decision {
  /// Adds a rule by hand: it may name only versions that may have traffic.
  func addRule(
    _ name: Name, _ rule: RouteRule, _ reason: String?
  ) throws(ControlError) -> Event {
    let endpoint = try current(name)
    do { try rule.rule.validate() } catch { throw ControlError(.badInput, error.message) }
    guard !endpoint.rules.contains(where: { $0.name == rule.name }) else {
      throw ControlError(
        .refused,
        "\(name) has a rule \"\(rule.name)\" already: remove it first with \"sluice rule remove "
          + "\(name) \(rule.name)\"")
    }
    guard endpoint.rules.count < ControlLimits.rulesMax else {
      throw ControlError(
        .refused,
        "\(name) has \(ControlLimits.rulesMax) rules, the most allowed: remove one with \"sluice "
          + "rule remove \(name) NAME\"")
    }
    guard endpoint.split != nil else {
      throw ControlError(
        .refused, "\(name) serves nothing yet: deploy a version on it first")
    }
    for version in rule.split.versions { try checkMayHaveWeight(version, endpoint) }
    return change(
      endpoint,
      .ruleAdded(
        RouteRule(
          name: rule.name, rule: rule.rule, split: rule.split, by: context.actor,
          since: context.now)), reason: reason)
  }

  /// Ends a rule by hand.
  func removeRule(
    _ name: Name, _ rule: Name, _ reason: String?
  ) throws(ControlError) -> Event {
    let endpoint = try current(name)
    guard let found = endpoint.rules.first(where: { $0.name == rule }) else {
      let names = endpoint.rules.prefix(8).map(\.name.text).joined(separator: ", ")
      throw ControlError(
        .unknown,
        "\(name) has no rule \"\(rule)\" "
          + "(\(names.isEmpty ? "there is none" : "there are: " + names))"
      )
    }
    return change(endpoint, .ruleRemoved(found), reason: reason)
  }
}
