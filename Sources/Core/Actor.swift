/// Who does something: a person, the guard, a runbook or the program itself.
public struct ActorID: Sendable, Hashable, CustomStringConvertible {
  /// What kind of actor it is.
  public enum Kind: String, Sendable, Codable {
    /// A person at the console or the command line.
    case person
    /// The judge acting by itself on evidence.
    case `guard`
    /// A runbook, started by a person.
    case runbook
    /// The program: recovery, plan steps whose time has come.
    case system
  }

  /// What kind of actor it is.
  public let kind: Kind
  /// The person's login name, the runbook's name, or a part of the program.
  public let name: String

  /// Puts the two together.
  public init(kind: Kind, name: String) {
    self.kind = kind
    self.name = name
  }

  /// The judge.
  public static let `guard` = ActorID(kind: .guard, name: "guard")
  /// The program itself.
  public static let system = ActorID(kind: .system, name: "sluice")

  /// The name, made harmless for the screen.
  public var description: String { printable(name, limit: 40) }
}
