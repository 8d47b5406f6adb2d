import Control
import Core
import Gateway
import Glibc

extension Node {
  /// How long after its last look a console in this process counts as gone.
  private static let lookLifetime = TimeSpan.seconds(60)
  /// Connections younger than this are commands that come and go.
  private static let shortest = TimeSpan.seconds(2)

  /// Notes that a console in this process looks: it asks for charts, a command does not.
  func noteLook(_ request: SnapshotRequest) {
    guard request.points > 1 else { return }
    let now = SystemClock.now()
    looks.withLock { looks in
      let isNew = looks.map { now - $0.last > Node.lookLifetime } ?? true
      looks = (first: isNew ? now : looks?.first ?? now, last: now)
    }
  }

  /// Who looks at the node, longest first: one entry a process, however many connections it has.
  func attached(at now: Timestamp) -> [AttachedView] {
    var views: [Int: AttachedView] = [:]
    if let looks = looks.withLock({ $0 }), now - looks.last <= Node.lookLifetime {
      views[Int(getpid())] = AttachedView(
        user: ActorID.currentPerson().name, processID: Int(getpid()), since: looks.first,
        isInNode: true)
    }
    for peer in peers {
      let since = peer.since
      guard now - since >= Node.shortest else { continue }
      let process = Int(peer.credentials.processID)
      if let known = views[process], known.since <= since { continue }
      views[process] = AttachedView(
        user: peer.credentials.userName, processID: process, since: since, isInNode: false)
    }
    return views.values.sorted { ($0.since, $0.processID) < ($1.since, $1.processID) }
  }
}
