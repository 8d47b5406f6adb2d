import Control
import Core

/// A drawn screen: the cells, where the cursor stands, and what a click would do where.
public struct Frame: Sendable {
  /// What is shown.
  public internal(set) var buffer: CellBuffer
  /// Where text is typed; nil when nowhere.
  public internal(set) var cursor: CursorPlace?
  var hits = HitMap()
}

/// What a click, a drag or the wheel means at a place.
enum Hit: Sendable, Hashable {
  case pane(PaneID)
  case endpoint(Name)
  case version(VersionID)
  case feature(String)
  case event(EventKey)
  case runbook(String)
  case sort(VersionColumn)
  case action(Action)
  /// A button of a card: acts as its key.
  case key(InputEvent.Key)
  /// A line of a card's list, by its number.
  case entry(Int)
  /// A cell of the plan editor's form.
  case planCell(PlanCell)
  /// The candidate's bar, from column `x` over `width` columns.
  case splitBar(x: Int, width: Int)
  /// A chart, where the wheel moves through time.
  case chart
  /// A card's own area: clicks there do not reach what lies under it.
  case card
}

/// Which rectangle means what; later ones lie on top.
struct HitMap: Sendable {
  private(set) var regions: [(rect: Rect, hit: Hit)] = []

  mutating func add(_ rect: Rect, _ hit: Hit) {
    if rect.width > 0 && rect.height > 0 { regions.append((rect, hit)) }
  }

  /// Everything at a place, the top one first, down to the card that covers the rest.
  func hits(x: Int, y: Int) -> [Hit] {
    var found: [Hit] = []
    for region in regions.reversed() where region.rect.contains(x: x, y: y) {
      found.append(region.hit)
      if region.hit == .card { break }
    }
    return found
  }
}
