import Core
import Node

/// The lines of each list as they stand on the screen: filtered, sorted.
extension ConsoleModel {
  func filter(for pane: PaneID) -> String { look.filters[pane] ?? "" }

  /// Whether `text` contains `filter`, letter case aside.
  static func matches(_ text: @autoclosure () -> String, _ filter: String) -> Bool {
    filter.isEmpty || text().lowercased().contains(filter.lowercased())
  }

  /// The home list.
  var endpointLines: [EndpointSummary] {
    (shown?.endpoints ?? []).filter { Self.matches($0.name.text, look.homeFilter) }
  }

  /// The versions table.
  var versionLines: [VersionRow] {
    let filter = filter(for: .versions)
    let rows = (detail?.versions ?? []).filter {
      Self.matches("\($0.version) \($0.state) \($0.summary)", filter)
    }
    let descending = look.sortsDescending
    return rows.sorted { a, b in
      let (x, y) = (sortValue(a), sortValue(b))
      if x != y {
        // Rows without a value stand last, whichever way the rest goes.
        guard let x else { return false }
        guard let y else { return true }
        return descending ? x > y : x < y
      }
      return descending ? a.version > b.version : a.version < b.version
    }
  }

  private func sortValue(_ row: VersionRow) -> Double? {
    switch look.sort {
    case .version: 0
    case .state: Double(VersionState(row.state).rank)
    case .weight: Double(row.weight)
    case .rate: row.requestsPerSecond
    case .p50: row.p50Milliseconds
    case .p99: row.p99Milliseconds
    case .errors: row.errorRate
    case .wrong: row.wrongRate
    case .drift: row.driftScore
    case .age: -Double(row.registered.microseconds)
    }
  }

  /// The drift ranking.
  var featureLines: [DriftView.Feature] {
    let filter = filter(for: .drift)
    return (detail?.drift?.features ?? []).filter { Self.matches($0.name, filter) }
  }

  /// The events, newest first; this console's own notes stand among the journal's rows.
  ///
  /// While the view stands still, its notes do too.
  var eventLines: [EventLine] {
    let filter = filter(for: .events)
    let end = feed.frozen?.time ?? feed.pastAt
    var lines = (shown?.events ?? []).map { EventLine($0, news: news) }
    lines += notes.filter { note in end.map { note.time <= $0 } ?? true }.map { EventLine($0) }
    lines = lines.filter { Self.matches($0.searchText, filter) }
    let isOrdered = zip(lines, lines.dropFirst()).allSatisfy { $0.time >= $1.time }
    guard !isOrdered else { return lines }
    return lines.enumerated()
      .sorted { a, b in
        a.element.time != b.element.time
          ? a.element.time > b.element.time : a.offset < b.offset
      }
      .map(\.element)
  }

  /// The runbooks, proposed ones first.
  var runbookLines: [RunbookView] {
    let filter = filter(for: .runbooks)
    let all = (shown?.runbooks ?? []).filter {
      Self.matches("\($0.name) \($0.title) \($0.symptom)", filter)
    }
    return all.filter(\.proposed) + all.filter { !$0.proposed }
  }

  // What is selected; when the object is not there any more, the line that stands for it.

  var selectedEndpoint: EndpointSummary? {
    endpointLines.first { $0.name == selection.endpoint } ?? endpointLines.first
  }
  var selectedVersion: VersionRow? {
    let lines = versionLines
    return lines.first { $0.version == selection.version }
      ?? lines.first { $0.version == detail?.rollout?.candidate } ?? lines.first
  }
  var selectedFeature: DriftView.Feature? {
    featureLines.first { $0.name == selection.feature } ?? featureLines.first
  }
  var selectedEvent: EventLine? {
    let lines = eventLines
    return look.follows ? lines.first : lines.first { $0.key == selection.event } ?? lines.first
  }
  var selectedRunbook: RunbookView? {
    runbookLines.first { $0.name == selection.runbook } ?? runbookLines.first
  }

  /// Moves the selection of the focused list by `count` lines, stopping at its ends.
  mutating func moveSelection(by count: Int) {
    if atHome {
      selection.endpoint = Self.moved(endpointLines, \.name, selectedEndpoint?.name, by: count)
      return
    }
    switch focus {
    case .versions, .canary:
      selection.version = Self.moved(versionLines, \.version, selectedVersion?.version, by: count)
    case .drift:
      selection.feature = Self.moved(featureLines, \.name, selectedFeature?.name, by: count)
    case .events:
      let lines = eventLines
      selection.event = Self.moved(lines, \.key, selectedEvent?.key, by: count)
      look.follows = selection.event == lines.first?.key
    case .runbooks:
      selection.runbook = Self.moved(runbookLines, \.name, selectedRunbook?.name, by: count)
    case .traffic: break
    }
  }

  private static func moved<Line, Key: Equatable>(
    _ lines: [Line], _ key: (Line) -> Key, _ current: Key?, by count: Int
  ) -> Key? {
    guard !lines.isEmpty else { return nil }
    let index = lines.firstIndex { key($0) == current } ?? 0
    // A move to an end is asked for with a huge count, so add without overflow.
    let (sum, overflow) = index.addingReportingOverflow(count)
    let place = overflow ? (count < 0 ? 0 : lines.count - 1) : sum
    return key(lines[max(0, min(lines.count - 1, place))])
  }
}

/// The state of a version on an endpoint, with its order in the table.
enum VersionState: Hashable {
  case live, canary, standby, closed, failed, registered, idle, other

  init(_ word: String) {
    switch word {
    case "live": self = .live
    case "canary", "shadow", "preview": self = .canary
    case "standby": self = .standby
    case "closed": self = .closed
    case "failed": self = .failed
    case "registered": self = .registered
    case "idle": self = .idle
    default: self = .other
    }
  }

  var rank: Int {
    switch self {
    case .live: 6
    case .canary: 5
    case .standby: 4
    case .closed: 3
    case .failed: 2
    case .registered, .idle: 1
    case .other: 0
    }
  }
}
