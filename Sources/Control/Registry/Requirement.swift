import Core

/// What a version must show before it gets traffic, by a plan or an endpoint's policy.
public enum Requirement: String, Sendable, Hashable, Codable, CaseIterable {
  /// Its newest run of the gates passed, against the endpoint's stable if against any.
  case gates
  /// A person has approved it.
  case approved
  /// Every item of its checklist is signed off.
  case checklist
}

extension ControlState {
  /// What a version lacks of what is required, each as a clause that says what to do; empty when
  /// nothing is missing.
  /// - Parameter stable: what the version would be compared with; nil while nothing serves.
  public func missing(
    _ requirements: [Requirement], of version: VersionID, stable: VersionID?
  ) -> [String] {
    let record = registry.record(of: version)
    return Requirement.allCases.filter(requirements.contains).compactMap { requirement in
      switch requirement {
      case .gates: missingGates(record, stable)
      case .approved:
        record.status == .approved
          ? nil
          : "approval (it is \(record.status.rawValue); \"sluice model approve \(version)\" gives "
            + "it)"
      case .checklist: missingSignOffs(record)
      }
    }
  }

  private func missingGates(_ record: VersionRecord, _ stable: VersionID?) -> String? {
    let version = record.version
    guard let last = record.gates.first else {
      return "gates (none were run; \"sluice model gate \(version)\" runs them)"
    }
    let name = printable(last.run.gates, limit: 63)
    if !last.run.passed {
      let failed = last.run.failed.prefix(5).map { printable($0, limit: 60) }
      return "gates (\(name) failed on \(last.time): \(failed.joined(separator: ", ")))"
    }
    if let against = last.run.against, let stable, against != stable {
      return "gates (\(name) passed against \(against), the stable is \(stable) now: run them "
        + "again)"
    }
    return nil
  }

  private func missingSignOffs(_ record: VersionRecord) -> String? {
    let unsigned = record.unsigned
    guard !unsigned.isEmpty else { return nil }
    let names = unsigned.prefix(5).map { printable($0, limit: 60) }.joined(separator: ", ")
    return "checklist (\(unsigned.count) of \(record.items.count) not signed: \(names); \"sluice "
      + "checklist sign \(record.version) ITEM\")"
  }
}

extension Decision {
  /// Refuses a version that lacks what the plan or the endpoint requires, or that people ruled out.
  func checkRequirements(
    _ plan: Plan?, _ version: VersionID, _ endpoint: EndpointState
  ) throws(ControlError) {
    let record = state.registry.record(of: version)
    if record.status.forbidsTraffic, let approval = record.approval {
      let reason = approval.reason.map { " (\(printable($0, limit: 200)))" } ?? ""
      throw ControlError(
        .refused,
        "\(version) was \(approval.status.rawValue) by \(approval.by)\(reason): it gets no traffic "
          + "until somebody approves it with \"sluice model approve \(version)\"")
    }
    let required = state.registry.requirements(of: endpoint.name) + (plan?.requirements ?? [])
    let missing = state.missing(required, of: version, stable: endpoint.stable)
    guard !missing.isEmpty else { return }
    let source = (plan?.requirements ?? []).isEmpty ? "the endpoint" : "the plan"
    throw ControlError(
      .refused,
      "\(version) may not get traffic on \(endpoint.name) yet, \(source) requires what is missing: "
        + missing.joined(separator: "; "))
  }
}
