import Control
import Core

extension Node {
  /// Tries again to load what endpoints have and what could not be loaded: a file that was mended
  /// serves again without anyone asking.
  func loadMissing() {
    let state = core.state
    let wanted = Set(state.endpoints.flatMap { $0.deployed.map(\.version) })
    for version in wanted.sorted() where shelf.loaded(version) == nil {
      guard let registered = state.version(version) else { continue }
      shelf.reserve(version)
      if (try? shelf.prepare(registered)) == true { routeAgain(version) }
      shelf.letGo(version)
      releaseVersions()
    }
  }

  /// Routes every endpoint that has a version, which was loaded just now, as its state says; what
  /// stood in for it does so no longer.
  func routeAgain(_ version: VersionID) {
    guard isServing else { return }
    core.inTurn { state in
      for endpoint in state.endpoints where endpoint.isDeployed(version) { plane.follow(endpoint) }
    }
  }
}
