import Core
import Storage

/// A person who acted, as `sluice actor` shows them.
public struct ActorView: Sendable, Codable {
  /// The name, or what is shown in its place.
  public let name: String
  /// What the journal has in place of the name.
  public let pseudonym: String
  /// When the person first acted; nil when the file of names does not say.
  public let since: Timestamp?
  /// When the name was erased; nil when it was not.
  public let forgotten: Timestamp?
}

/// The persons behind a journal, read from the files of a state, beside a node or without one.
public enum Actors {
  /// Everybody who acted, in the order in which they first did.
  /// - Throws: a ``Failure`` when the state cannot be read.
  public static func list(stateDirectory: String) throws -> [ActorView] {
    let people = try People(readingFrom: StateDirectory(stateDirectory, create: false))
    return people.all.map { person in
      ActorView(
        name: people.name(of: person.pseudonym), pseudonym: person.pseudonym, since: person.since,
        forgotten: person.forgotten)
    }
  }

  /// One person, by name, by what is shown in its place, or by pseudonym.
  /// - Throws: a ``Failure`` when there is none.
  public static func show(_ name: String, stateDirectory: String) throws -> ActorView {
    let all = try list(stateDirectory: stateDirectory)
    guard let found = all.first(where: { $0.name == name || $0.pseudonym == name }) else {
      throw NodeError(
        .unknown,
        "nobody called \(printable(name, limit: 40)) has acted here: \"sluice actor list\" shows "
          + "who has")
    }
    return found
  }

  /// The pseudonyms that a journal says are erased.
  static func forgotten(in reader: JournalReader) throws -> [String] {
    try reader.records(ofKind: "actor-forgotten", limit: JournalReader.pageLimit)
      .compactMap { record in
        guard case .actorForgotten(let actor) = try Recovery.event(of: record).body else {
          return nil
        }
        return actor.pseudonym
      }
  }
}
