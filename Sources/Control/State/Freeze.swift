import Core

/// A time in which nothing moves forward: no ramp starts or steps, no version gains traffic.
///
/// What takes risk away is never bound by it: rollback, abort, pause, lowering a weight.
public struct Freeze: Sendable, Hashable, Codable {
  /// Its number on the node, from 1.
  public let id: Int
  /// Where it holds; nil is everywhere.
  public let endpoint: Name?
  /// When it holds.
  public let window: FreezeWindow
  /// Why, as typed.
  public let reason: String
  /// Who made it.
  public let by: ActorID
  /// When it was made.
  public let since: Timestamp

  /// Whether it is a stop of the line.
  public var isLineStop: Bool { window == .untilReleased }

  /// The freeze with the end of its present period, when it holds at `now`.
  public func active(at now: Timestamp) -> ActiveFreeze? {
    window.period(at: now).map { ActiveFreeze(freeze: self, until: $0.until) }
  }
}

/// A freeze that holds now.
public struct ActiveFreeze: Sendable, Hashable {
  /// Which one.
  public let freeze: Freeze
  /// When it ends; nil when a person has to end it.
  public let until: Timestamp?

  /// What an override names.
  var reference: FreezeReference { FreezeReference(freeze: freeze.id, until: until) }

  /// Who froze, why, until when; harmless for a terminal.
  public var sentence: String {
    let why = printable(freeze.reason, limit: 120)
    guard let until else {
      return "\(freeze.by) stopped the line at \(FreezeWindow.text(freeze.since))Z (\(why)), "
        + "until it is released"
    }
    return "freeze \(freeze.id) by \(freeze.by) (\(why)) holds until "
      + "\(FreezeWindow.text(until))Z"
  }
}

/// One period of a freeze: an override is for this one, not for next week's.
public struct FreezeReference: Sendable, Hashable, Codable {
  /// The freeze's number.
  public let freeze: Int
  /// When the period ends; nil when a person has to end it.
  public let until: Timestamp?
}

/// That a person went past freezes, and why.
public struct FreezeOverride: Sendable, Hashable, Codable {
  /// What held.
  public let freezes: [FreezeReference]
  /// Why it was overridden, as typed.
  public let reason: String
}

extension ControlState {
  /// The freezes that bind an endpoint now, oldest first.
  public func activeFreezes(on endpoint: Name, at now: Timestamp) -> [ActiveFreeze] {
    freezes.compactMap { freeze in
      guard freeze.endpoint == nil || freeze.endpoint == endpoint else { return nil }
      return freeze.active(at: now)
    }
  }

  /// The freezes that hold an endpoint's running rollout: those that nobody let it past.
  func freezesHolding(_ endpoint: EndpointState, at now: Timestamp) -> [ActiveFreeze] {
    let passed = endpoint.rollout?.freezesPassed ?? []
    return activeFreezes(on: endpoint.name, at: now).filter { !passed.contains($0.reference) }
  }

  /// The stop of the line; nil while it runs.
  public var lineStop: Freeze? { freezes.first(where: \.isLineStop) }
}
