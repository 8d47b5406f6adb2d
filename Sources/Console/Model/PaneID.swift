/// The panes, by the number that focuses them.
public enum PaneID: Int, Sendable, Hashable, CaseIterable {
  case traffic = 1, versions, canary, drift, events, runbooks

  /// The title on the pane's frame.
  public var title: String {
    switch self {
    case .traffic: "Traffic"
    case .versions: "Versions"
    case .canary: "Canary"
    case .drift: "Drift"
    case .events: "Events & audit"
    case .runbooks: "Runbooks"
    }
  }

  /// The title where room is short.
  public var shortTitle: String { self == .events ? "Events" : title }
}

/// Which panes get the room; `L` goes through them.
public enum LayoutStyle: String, Sendable, Hashable, CaseIterable {
  /// Everything, evenly.
  case overview
  /// Versions and Canary first: for the time of a ramp.
  case release
  /// Traffic and Drift first: for quiet watching.
  case watch

  /// The style that `L` goes to.
  public var next: LayoutStyle {
    switch self {
    case .overview: .release
    case .release: .watch
    case .watch: .overview
    }
  }
}
