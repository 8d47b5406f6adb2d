import Control
import Core

/// What the registry's list tells of a version beside its name and figures.
public struct VersionTraits: Sendable, Codable, Hashable {
  /// Where a version is, and what it does there.
  public struct Place: Sendable, Codable, Hashable {
    /// The endpoint.
    public var endpoint: Name
    /// `live`, `canary`, `standby` or `closed`.
    public var role: String
    /// Its part of the traffic there.
    public var weight: BasisPoints

    /// Puts the three together.
    public init(endpoint: Name, role: String, weight: BasisPoints) {
      self.endpoint = endpoint
      self.role = role
      self.weight = weight
    }
  }

  /// Whether it has a model card.
  public var hasCard: Bool
  /// Whether drift can be measured against its training data.
  public var hasReference: Bool
  /// Whether it has golden rows.
  public var hasGolden: Bool
  /// The version it was made from.
  public var parent: VersionID?
  /// Who registered it.
  public var by: ActorID
  /// Where it is.
  public var places: [Place]

  /// Puts them together.
  public init(
    hasCard: Bool, hasReference: Bool, hasGolden: Bool, parent: VersionID?, by: ActorID,
    places: [Place]
  ) {
    self.hasCard = hasCard
    self.hasReference = hasReference
    self.hasGolden = hasGolden
    self.parent = parent
    self.by = by
    self.places = places
  }
}

/// A part of the registry: thousands of versions do not fit into every picture.
public struct RegistryPage: Sendable, Codable {
  /// The most versions in a page.
  public static let limitMax = 1_000

  /// Names the registry's state; pages of different states do not belong together.
  public var revision: Int
  /// How many versions there are.
  public var total: Int
  /// The place of the first one here.
  public var offset: Int
  /// The versions, by model and number.
  public var versions: [RegisteredVersionView]

  /// Puts them together.
  public init(revision: Int, total: Int, offset: Int, versions: [RegisteredVersionView]) {
    self.revision = revision
    self.total = total
    self.offset = offset
    self.versions = versions
  }

  /// A part of the registry of `state`.
  init(_ state: ControlState, offset: Int, limit: Int) {
    let versions = state.usableVersions
    let first = max(0, min(offset, versions.count))
    let last = min(versions.count, first + max(0, min(limit, RegistryPage.limitMax)))
    self.init(
      revision: state.registryRevision, total: versions.count, offset: first,
      versions: RegistryPage.views(versions[first..<last], in: state))
  }

  /// Versions as screens list them; where they are is looked up once for all of them.
  static func views(
    _ versions: ArraySlice<RegisteredVersion>, in state: ControlState
  ) -> [RegisteredVersionView] {
    var places: [VersionID: [VersionTraits.Place]] = [:]
    for endpoint in state.endpoints {
      for deployment in endpoint.deployed {
        places[deployment.version, default: []].append(
          VersionTraits.Place(
            endpoint: endpoint.name, role: endpoint.role(of: deployment.version),
            weight: endpoint.split?.weight(of: deployment.version) ?? 0))
      }
    }
    return versions.map { registered in
      var view = RegisteredVersionView(registered, at: places[registered.version] ?? [])
      view.standing = state.standing(of: registered.version)
      return view
    }
  }
}

extension ControlState {
  /// Changes with everything that a page of the registry tells; compared only while the node runs.
  var registryRevision: Int {
    var hasher = Hasher()
    hasher.combine(versions.count)
    hasher.combine(registry)
    for endpoint in endpoints {
      hasher.combine(endpoint.name)
      hasher.combine(endpoint.split)
      hasher.combine(endpoint.rollout?.candidate)
      hasher.combine(endpoint.closed)
      for deployment in endpoint.deployed { hasher.combine(deployment.version) }
    }
    return hasher.finalize()
  }
}
