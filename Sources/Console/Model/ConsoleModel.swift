import Control
import Core
import Node

/// Everything the console knows and shows, as a value.
///
/// ``update(_:_:at:)`` makes the next one, ``render(_:)`` draws it; neither looks at a clock, a
/// file or a terminal.
public struct ConsoleModel: Sendable {
  /// What was settled at the start.
  public internal(set) var settings: ConsoleSettings
  /// The terminal's columns.
  public internal(set) var columns: Int
  /// The terminal's rows.
  public internal(set) var rows: Int
  /// When the last message came.
  public internal(set) var moment: Moment
  /// False while the terminal's window is in the background.
  public internal(set) var hasFocus = true

  var feed = Feed()
  /// True when the list of endpoints is shown rather than one of them.
  var atHome = false
  /// The endpoint shown; nil until the first picture came.
  var endpoint: Name?
  var focus: PaneID = .versions
  var isZoomed = false
  var layout: LayoutStyle = .overview
  var look = Look()
  var selection = Selection()
  /// Cards over the panes, the top one last; it gets the keys.
  var dialogs: [Dialog] = []
  var flash: Flash?
  /// Changes under way, oldest first.
  var pending: [Ticket] = []
  /// The cards from which changes under way were confirmed, by ticket number.
  var asked: [Int: Asked] = [:]
  /// The card to put back with the next picture.
  var reopening: Reopening?
  /// A proposed version whose ramp card opens as soon as its endpoint is shown.
  var awaitedRamp: AwaitedRamp?
  var nextNumber = 1
  var notes: [LocalNote] = []
  /// What was typed in the palette, newest first.
  var history: [String] = []
  /// Symptoms that somebody saw here, by ``ConsoleModel/symptomKey(_:)``.
  var acknowledged: Set<String> = []
  /// The candidate's weight while the split bar is dragged.
  var draggedWeight: BasisPoints?
  /// True from SIGTERM or a confirmed quit on; nothing more is done.
  var isLeaving = false

  /// The console before its first picture.
  public init(settings: ConsoleSettings, columns: Int, rows: Int, moment: Moment) {
    self.settings = settings
    self.columns = max(0, columns)
    self.rows = max(0, rows)
    self.moment = moment
    endpoint = settings.endpoint
    look.isReadOnly = settings.readOnly
  }

  /// How the view is set.
  struct Look: Sendable, Hashable {
    static let windowsSeconds = [300, 900, 3600]

    var windowSeconds = 300
    var isUTC = true
    var isReadOnly = false
    var hasMouse = true
    var theme = 0
    var sort: VersionColumn = .weight
    var sortsDescending = true
    var filters: [PaneID: String] = [:]
    var homeFilter = ""
    var follows = true
  }

  /// What is selected where, by object and not by row.
  struct Selection: Sendable, Hashable {
    var endpoint: Name?
    var version: VersionID?
    var feature: String?
    var event: EventKey?
    var runbook: String?
    /// The version whose drift is shown; nil leaves it to the node.
    var driftVersion: VersionID?
  }

  /// The message line's own text.
  struct Flash: Sendable, Hashable {
    /// How long it stays when nothing else happens, milliseconds.
    static let lifetimeMilliseconds = 12_000

    var sentence: String
    var role: Role
    var shown: Moment
  }
}

extension ConsoleModel {
  /// Milliseconds between two ``Message/tick`` messages: the refresh interval, five times as long
  /// while the window is in the background.
  public var tickMilliseconds: Int {
    let interval = Int((1000 / settings.hertz).rounded())
    return hasFocus ? interval : interval * 5
  }

  /// How long a card that can change something takes no confirmation after it opened or changed,
  /// milliseconds, so that keys typed ahead do not confirm.
  public static let guardMilliseconds = 300

  /// The theme in use.
  public var theme: Theme { settings.themes[look.theme % settings.themes.count] }

  /// What the panes draw.
  var shown: NodeSnapshot? { feed.shown }
  /// The shown endpoint, as it is drawn; nil while its picture is on its way.
  var detail: EndpointDetail? {
    guard let detail = shown?.detail, endpoint == nil || detail.name == endpoint else {
      return nil
    }
    return detail
  }
  /// The shown endpoint, as it is now; what actions look at.
  var liveDetail: EndpointDetail? {
    guard let detail = feed.live?.detail, endpoint == nil || detail.name == endpoint else {
      return nil
    }
    return detail
  }

  /// `prod` or `dev`.
  var profile: String { settings.profile ?? feed.live?.node.profile ?? "dev" }
  var isProduction: Bool { profile == "prod" }
  var isFrozen: Bool { feed.frozen != nil }

  /// Milliseconds since the picture came when it is old, else nil.
  var staleMilliseconds: Int? {
    guard let arrived = feed.arrived else { return nil }
    let age = moment.since(arrived)
    if feed.failure != nil { return age }
    return age > Feed.staleAfter(intervalMilliseconds: tickMilliseconds) ? age : nil
  }

  /// The candidate of a rollout that still runs.
  var runningRollout: RolloutView? {
    guard let rollout = liveDetail?.rollout, rollout.isRunning else { return nil }
    return rollout
  }

  /// Symptoms that nobody acknowledged here, worst first.
  var openSymptoms: [Symptom] {
    (shown?.symptoms ?? []).filter { !acknowledged.contains(ConsoleModel.symptomKey($0)) }
  }

  /// A symptom that gets worse, or comes back later, counts as a new one.
  static func symptomKey(_ symptom: Symptom) -> String {
    "\(symptom.kind)/\(symptom.endpoint?.text ?? "")/\(symptom.severity.rawValue)/"
      + "\(symptom.since.microseconds)"
  }

  mutating func say(_ sentence: String, _ role: Role = .text) {
    flash = Flash(sentence: sentence, role: role, shown: moment)
  }

  /// Says it on the message line and keeps it in the events pane.
  mutating func note(_ sentence: String, _ severity: Severity) {
    say(sentence, severity == .ok ? .ok : severity == .warn ? .warn : .bad)
    notes.append(
      LocalNote(number: nextNumber, time: moment.wall, sentence: sentence, severity: severity))
    nextNumber += 1
    if notes.count > LocalNote.limit { notes.removeFirst(notes.count - LocalNote.limit) }
  }

  mutating func ticket(_ purpose: Ticket.Purpose) -> Ticket {
    defer { nextNumber += 1 }
    return Ticket(purpose, number: nextNumber)
  }
}

/// A change under way: what was ordered, and the card to put back when it was seen too late.
struct Asked: Sendable {
  let order: Order
  let what: String
  let card: Reopening?
  /// The card that comes back when the node refuses.
  var kept: Dialog?
}

/// A ramp that was asked for on an endpoint whose picture is on its way.
struct AwaitedRamp: Sendable, Hashable {
  let endpoint: Name
  let version: VersionID
  /// The name of the plan that is chosen first.
  let plan: String
}

/// A card that is put back when its change was refused as seen too late.
enum Reopening: Sendable, Hashable {
  case rollback(endpoint: Name, target: VersionID, over: TimeSpan?)
  case change(Change)
}

extension RolloutView {
  /// True until the rollout has ended one way or the other.
  var isRunning: Bool {
    !["completed", "rolled back", "aborted", "superseded"].contains(phase)
  }
  var isHeld: Bool { ["held", "scheduled", "warming", "stuck"].contains(phase) }
  /// True when evidence against the candidate has reached a metric's hold line.
  var isSuspect: Bool { evidence.contains { $0.eValue >= $0.holdAt } }
  /// Everything that is moved to, the leading one first.
  var candidates: [VersionID] { [candidate] + (facts?.rivals ?? []).map(\.version) }
  /// The metric with the most evidence, which comes first wherever there is room for one only.
  var worstEvidence: Evidence? { evidence.max { $0.eValue < $1.eValue } }
}
