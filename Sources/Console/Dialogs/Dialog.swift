import Control
import Core
import Node

/// A layer over the panes; the top one gets the keys.
enum Dialog: Sendable {
  case rollback(RollbackCard)
  case ramp(RampCard)
  case confirm(ConfirmCard)
  case runbook(RunbookCard)
  case version(VersionCard)
  case diff(VersionID, VersionID)
  case feature(String)
  case event(EventKey)
  case picker(VersionPicker)
  case palette(Palette)
  case help(HelpSheet)
  case filter(FilterLine)
  case menu(ActionMenu)
  case quit(QuitCard)
  case journalCheck(JournalCheck)
  case verdict(VerdictCard)
  case registry(RegistryCard)
  case generations(GenerationPicker)
  case freezes(FreezeList)
  case freezeForm(FreezeForm)
  case why(WhyCard)
  case attached
  case reason(ReasonCard)
  case planEditor(PlanEditor)
  case tryOut(TryCard)
  case standing(StandingCard)
  case recording(RecordingCard)
  case rules(RuleList)
  case form(OrderForm)
  case retraining(RetrainingCard)
  case retrainingLog(RetrainingLogCard)

  /// True when letters are text and no commands.
  var takesText: Bool {
    switch self {
    case .palette, .help, .filter: true
    case .freezeForm, .reason, .form: true
    case .rollback(let card): card.field != nil
    case .ramp(let card): card.entry != nil
    case .why(let card): card.answer == nil
    case .registry(let card): card.isTyping
    case .planEditor(let editor): editor.field != nil || editor.saving != nil
    case .tryOut(let card): card.field != nil
    case .confirm(let card): card.demand != nil
    default: false
    }
  }

  /// True when it sits on the message line instead of over the panes.
  var isLine: Bool { if case .filter = self { true } else { false } }

  /// What may stand over what: more cards than this are never open.
  static let depthLimit = 4
}

/// The line in which a filter is typed.
struct FilterLine: Sendable {
  /// The pane; nil is the home list.
  let pane: PaneID?
  /// What the filter was before, for Esc.
  let before: String
  var field: TextField
}

/// The menu of actions on an object, opened with the right mouse button.
struct ActionMenu: Sendable {
  let title: String
  let actions: [Action]
  var selected = 0
}

/// Asks before the console leaves a node that runs in its process.
struct QuitCard: Sendable {
  let opened: Moment
}

/// A version's card and figures.
struct VersionCard: Sendable {
  let version: VersionID
  var ticket: Ticket?
  var detail: VersionDetail?
  var failure: String?
  var scroll = 0
}

/// A list of registered versions to choose one from.
struct VersionPicker: Sendable {
  /// What is done with the chosen one.
  enum Purpose: Sendable, Hashable {
    case deploy, unload
  }

  let purpose: Purpose
  var selected: VersionID?
}

/// What a runbook would do, is doing, or did.
struct RunbookCard: Sendable {
  let name: String
  let endpoint: Name
  var ticket: Ticket
  var opened: Moment
  var run: RunbookRunView?
  var failure: String?
  /// True from `y` until the result is there.
  var isRunning = false
  var notice: String?
  var scroll = 0
}
