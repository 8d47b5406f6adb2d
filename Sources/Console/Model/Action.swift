/// Everything a person can do in the console.
///
/// Keys, mouse, hints, the palette, the help and the key reference all come from this one list (see
/// ``ActionSpec/all``).
public enum Action: String, Sendable, Hashable, CaseIterable {
  // Move.
  case paneTraffic, paneVersions, paneCanary, paneDrift, paneEvents, paneRunbooks
  case nextPane, previousPane, up, down, left, right, top, bottom, pageUp, pageDown
  case open, back, zoom, nextLayout
  // Look.
  case filter, findNext, findPrevious, sortColumn, sortDirection, freeze
  case scrubBack, scrubForward, previousEvent, nextEvent, live
  case window, timeZone, diff, follow
  // Act.
  case ramp, stepNext, stepPrevious, weightUp, weightDown, setWeight, pauseResume, abort, promote
  case rollBack, undo, deploy, unload, drain, enable, annotate, acknowledge, runbook
  // Tools.
  case palette, help, copy, copyPane, export, mouse, readOnly, theme, verifyJournal, quit, suspend
  // Look closer.
  case verdict, registry, asOf, why, attached, tryRequest, checklist, recording, rules
  case retraining
  // Release control.
  case approve, supersede, retry, undoTo, editPlan, stopTheLine, freezes, pick, drop

  /// The pane that the action focuses, when it is one of those.
  var pane: PaneID? {
    switch self {
    case .paneTraffic: .traffic
    case .paneVersions: .versions
    case .paneCanary: .canary
    case .paneDrift: .drift
    case .paneEvents: .events
    case .paneRunbooks: .runbooks
    default: nil
    }
  }

  /// What is known of it.
  var spec: ActionSpec { ActionSpec.byAction[self] ?? ActionSpec.unknown(self) }
}

/// What an action can do to the service, which decides how much is asked before it.
public enum Risk: String, Sendable, Hashable {
  /// Changes nothing but the view.
  case look
  /// Goes back to safety or changes no traffic: at most one confirmation.
  case safe
  /// Gives more traffic to something less proven: shown first, then confirmed.
  case risk
  /// Hard to take back in production: the version's name is typed there.
  case destructive
}

/// What may follow the action's word in the palette.
public enum ActionArgument: Sendable, Hashable {
  /// Nothing.
  case none
  /// A registered version, `flight-delay@3`.
  case version
  /// A version to roll back to.
  case target
  /// A share of traffic, `25%`.
  case weight
  /// Free text.
  case text
  /// The name of a theme.
  case theme
  /// The name of a runbook.
  case runbook
  /// The name of a layout.
  case layout
  /// A past time, `2h ago`.
  case time
  /// A caller's key.
  case key
  /// An endpoint's earlier generation.
  case generation
  /// A reason, which may be left out.
  case reason
  /// One of the running rollout's candidates.
  case candidate

  /// How it is written in help and palette; empty for ``none``.
  var placeholder: String {
    switch self {
    case .none: ""
    case .version, .target, .candidate: "MODEL@N"
    case .weight: "PERCENT"
    case .text: "TEXT"
    case .theme: "NAME"
    case .runbook: "RUNBOOK"
    case .layout: "LAYOUT"
    case .time: "TIME"
    case .key: "KEY"
    case .generation: "GENERATION"
    case .reason: "REASON"
    }
  }
}

/// One line of the action table.
public struct ActionSpec: Sendable {
  /// The part of the help and of the key reference where it stands.
  public enum Group: String, Sendable, CaseIterable {
    case move = "Move"
    case look = "Look"
    case act = "Act"
    case tools = "Tools"
  }

  /// Which action it is.
  public let action: Action
  /// Where the help lists it.
  public let group: Group
  /// The keys that start it; the first is the one shown.
  public let keys: [InputEvent.Key]
  /// The word in the palette: `ramp`.
  public let word: String
  /// What it is called in hints and menus.
  public let name: String
  /// One sentence for the help.
  public let explanation: String
  /// How much is asked before it.
  public let risk: Risk
  /// What may follow the word in the palette.
  public let argument: ActionArgument
  /// Other words under which the palette finds it.
  public let synonyms: [String]

  init(
    _ action: Action, _ group: Group, _ keys: [InputEvent.Key], _ word: String, _ name: String,
    _ explanation: String, risk: Risk = .look, argument: ActionArgument = .none,
    synonyms: [String] = []
  ) {
    self.action = action
    self.group = group
    self.keys = keys
    self.word = word
    self.name = name
    self.explanation = explanation
    self.risk = risk
    self.argument = argument
    self.synonyms = synonyms
  }

  /// The table, in the order of the help.
  public static let all: [ActionSpec] =
    moving + looking + lookingCloser + acting + releasing + tools

  static let byAction: [Action: ActionSpec] = Dictionary(
    all.map { ($0.action, $0) }, uniquingKeysWith: { first, _ in first })

  /// Which action a key starts when no dialog is open.
  static let byKey: [InputEvent.Key: Action] = Dictionary(
    all.flatMap { spec in spec.keys.map { ($0, spec.action) } },
    uniquingKeysWith: { first, _ in first })

  /// The keys as people read them: `Tab`, `S-Tab`, `Space`, `>`.
  public var keyText: String { keys.map(KeyText.of).joined(separator: " ") }

  static func unknown(_ action: Action) -> ActionSpec {
    ActionSpec(action, .tools, [], action.rawValue, action.rawValue, "")
  }
}
