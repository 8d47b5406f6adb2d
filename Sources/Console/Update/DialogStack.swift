import Core
import Node

/// A card's state that lives in one case of ``Dialog``.
protocol DialogCard {
  init?(_ dialog: Dialog)
  var dialog: Dialog { get }
}

extension RollbackCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .rollback(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .rollback(self) }
}

extension RampCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .ramp(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .ramp(self) }
}

extension RunbookCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .runbook(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .runbook(self) }
}

extension VersionCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .version(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .version(self) }
}

extension VerdictCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .verdict(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .verdict(self) }
}

extension RegistryCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .registry(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .registry(self) }
}

extension WhyCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .why(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .why(self) }
}

extension PlanEditor: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .planEditor(let editor) = dialog else { return nil }
    self = editor
  }
  var dialog: Dialog { .planEditor(self) }
}

extension TryCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .tryOut(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .tryOut(self) }
}

extension StandingCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .standing(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .standing(self) }
}

extension RecordingCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .recording(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .recording(self) }
}

extension RetrainingCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .retraining(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .retraining(self) }
}

extension RetrainingLogCard: DialogCard {
  init?(_ dialog: Dialog) {
    guard case .retrainingLog(let card) = dialog else { return nil }
    self = card
  }
  var dialog: Dialog { .retrainingLog(self) }
}

extension ConsoleModel {
  /// Opens a card over the others.
  mutating func push(_ dialog: Dialog) {
    dialogs.append(dialog)
    if dialogs.count > Dialog.depthLimit { dialogs.removeFirst(dialogs.count - Dialog.depthLimit) }
  }

  /// Puts another state in place of the top card.
  mutating func replaceTop(_ dialog: Dialog) {
    if dialogs.isEmpty { dialogs = [dialog] } else { dialogs[dialogs.count - 1] = dialog }
  }

  /// Closes the top card.
  mutating func pop() {
    if !dialogs.isEmpty { dialogs.removeLast() }
  }

  /// Changes the topmost card of a kind, wherever it stands in the stack.
  mutating func changeTop<Card: DialogCard>(_ change: (inout Card) -> Void) {
    for index in dialogs.indices.reversed() {
      if var card = Card(dialogs[index]) {
        change(&card)
        dialogs[index] = card.dialog
        return
      }
    }
  }

  /// True when a card opened so recently that a key may have been typed before it was read.
  func isGuarded(since opened: Moment) -> Bool {
    moment.since(opened) < ConsoleModel.guardMilliseconds
  }
}
