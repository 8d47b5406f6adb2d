import Control
import Core

/// An earlier generation of an endpoint whose split can be given back.
public struct GenerationView: Sendable, Codable, Hashable {
  /// The generation.
  public var generation: Int
  /// What made it, in words.
  public var summary: String
  /// Who made it.
  public var actor: ActorID
  /// The split after it.
  public var split: Split

  /// Puts them together.
  public init(generation: Int, summary: String, actor: ActorID, split: Split) {
    self.generation = generation
    self.summary = summary
    self.actor = actor
    self.split = split
  }

  /// The generations that are kept, newest first.
  static func all(of endpoint: EndpointState) -> [GenerationView] {
    endpoint.recent.compactMap { change in
      change.split.map {
        GenerationView(
          generation: change.generation, summary: change.summary, actor: change.actor, split: $0)
      }
    }
  }
}
