import Core

/// A person whose name was erased: the journal keeps the pseudonym that it always had, and
/// nothing stands behind it any more.
public struct ForgottenActor: Sendable, Hashable, Codable {
  /// What the journal has in place of the name: 16 hexadecimal digits.
  public let pseudonym: String

  /// Keeps the pseudonym.
  public init(pseudonym: String) { self.pseudonym = pseudonym }
}

extension ControlState {
  /// Whether a person's name was erased.
  public func isForgotten(_ pseudonym: String) -> Bool {
    forgotten?.contains(pseudonym) ?? false
  }

  mutating func fold(_ actor: ForgottenActor) {
    if !isForgotten(actor.pseudonym) { forgotten = (forgotten ?? []) + [actor.pseudonym] }
  }
}
