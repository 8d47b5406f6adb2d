import Core
import Node

/// What the node said last, and what of it is on the screen.
struct Feed: Sendable {
  /// The present picture, kept up to date even while the view is frozen; actions look only here.
  var live: NodeSnapshot?
  /// When the present picture came.
  var arrived: Moment?
  /// Why the last request for it failed; nil when it did not.
  var failure: String?
  /// When the request under way was sent; nil without one.
  var asked: Moment?

  /// All registered versions, fetched in pages when they change.
  var registry = RegistryBook()

  /// The picture of a past time, while one is looked at.
  var past: NodeSnapshot?
  /// That picture before it is known what was decided then; it is not shown yet.
  var unsettledPast: NodeSnapshot?
  /// What the journal says was decided by the past time.
  var asOf: AsOf?
  /// The past time that was asked for; nil when the present is shown.
  var pastAt: Timestamp?

  /// The picture that stands still, while the view is frozen.
  var frozen: NodeSnapshot?

  /// What the panes draw.
  var shown: NodeSnapshot? { frozen ?? past ?? live }

  /// Milliseconds after which a picture that was not renewed counts as old, for a refresh every
  /// `interval` milliseconds.
  static func staleAfter(intervalMilliseconds interval: Int) -> Int { max(3_000, interval * 3) }

  /// Events that came while the view stood still.
  var eventsSinceFreeze: Int {
    guard let frozen, let live else { return 0 }
    return max(0, live.node.sequence - frozen.node.sequence)
  }
}
