import Core
import Node

/// The console as lines that are only ever added to: for screen readers, simple terminals and logs.
///
/// It says what changed since it last spoke, and reads one command a line.
struct LinearView: Sendable {
  private var flash: ConsoleModel.Flash?
  private var card: [String] = []
  private var sequence: Int?
  private var symptoms: Set<String> = []
  private var state = ""
  private var failure: String?
  private var past: [String] = []

  /// The commands that are told at the start.
  static let greeting = [
    "sluice, line by line. Commands: R roll back, c ramp, x abort, p pause or resume, > next step,",
    "o deploy, u undo, a acknowledge, s state, :command, ? list of commands, q quit.",
    "A card says what it takes; an empty line is Enter, n is cancel.",
  ]

  /// What is new, one sentence a line.
  mutating func lines(_ model: ConsoleModel) -> [String] {
    var lines: [String] = []
    if model.feed.failure != failure {
      failure = model.feed.failure
      lines.append(failure.map { "no answer: \($0)" } ?? "the node answers again")
    }
    lines += newEvents(model) + newSymptoms(model)
    let state = LinearView.stateLine(model)
    if state != self.state {
      self.state = state
      if !state.isEmpty { lines.append(state) }
    }
    if model.flash != flash {
      flash = model.flash
      if let flash, !(flash.sentence.hasSuffix("...")) { lines.append(flash.sentence) }
    }
    let past = LinearView.pastLines(model)
    if past != self.past {
      self.past = past
      lines += past
    }
    let card = LinearView.cardLines(model)
    if card != self.card {
      self.card = card
      lines += card
    }
    return lines.map { printable($0, limit: 1000) }
  }

  private mutating func newEvents(_ model: ConsoleModel) -> [String] {
    guard let live = model.feed.live else { return [] }
    let last = sequence
    sequence = live.events.map(\.sequence).max() ?? last ?? 0
    guard let last else { return [] }
    return live.events.filter { $0.sequence > last }.reversed().map { event in
      "\(model.clock(event.time)) \(event.actor) \(event.kind): \(event.summary)"
        + (event.severity == .ok ? "" : " (\(event.severity.rawValue))")
    }
  }

  private mutating func newSymptoms(_ model: ConsoleModel) -> [String] {
    guard let live = model.feed.live else { return [] }
    let keys = Set(live.symptoms.map(ConsoleModel.symptomKey))
    var lines = live.symptoms.filter { !symptoms.contains(ConsoleModel.symptomKey($0)) }
      .map { "\($0.severity.rawValue): \($0.sentence)" }
    if keys.isEmpty && !symptoms.isEmpty { lines.append("nothing is wrong any more") }
    symptoms = keys
    return lines
  }

  /// What is said when it changes: split and rollout, not figures that move every second.
  static func stateLine(_ model: ConsoleModel) -> String {
    guard let detail = model.liveDetail else { return "" }
    var parts = ["\(detail.name) \(detail.status)"]
    if let split = detail.split { parts.append(split.description) }
    if let rollout = detail.rollout, rollout.isRunning {
      parts.append(
        "rollout of \(rollout.candidate) step \(rollout.step + 1) of "
          + "\(rollout.plan.steps.count) \(rollout.phase)")
      if !rollout.cause.isEmpty { parts.append(rollout.cause) }
      if let facts = rollout.facts {
        if let ends = facts.holdEnds { parts.append("rolled back at \(model.clock(ends)) unless it goes on") }
        if let approvals = facts.approvals, !approvals.isComplete {
          parts.append(ConsoleModel.words(approvals))
        }
        if facts.warmUp != nil { parts.append("warming up, not judged yet") }
        if facts.isUnverified { parts.append("unverified") }
      }
    }
    parts += model.freezeSentences(on: detail.name)
    return parts.joined(separator: ", ")
  }

  /// What was decided by the past time that is looked at, one line an endpoint.
  static func pastLines(_ model: ConsoleModel) -> [String] {
    guard model.feed.past != nil, let answer = model.feed.asOf else { return [] }
    return ["-- as of \(model.dayAndClock(answer.time)); 0 goes back to the present"]
      + answer.endpoints.map { then in
        var parts = ["\(then.endpoint) \(then.status.rawValue)"]
        if let split = then.split { parts.append(split.description) }
        if let rollout = then.rollout {
          parts.append(
            "ramp to \(rollout.candidate) by \(rollout.plan) step \(rollout.step) of "
              + "\(rollout.steps) \(rollout.phase)")
        }
        parts.append(
          "since \(model.dayAndClock(then.from)) by \(then.change.actor)")
        parts.append(then.until.map { "until \(model.dayAndClock($0))" } ?? "still so")
        return parts.joined(separator: ", ")
      }
  }

  /// The top card as sentences, with what it takes.
  static func cardLines(_ model: ConsoleModel) -> [String] {
    guard let dialog = model.dialogs.last else { return [] }
    let canvas = Canvas(columns: 0, rows: 0, glyphs: .ascii, theme: model.theme)
    guard let content = CardView.content(of: dialog, model, canvas) else { return [] }
    var lines = ["-- \(content.title)"]
    for line in content.lines.prefix(60) {
      let text = line.spans.map(\.text).joined().trimmed
      if !text.isEmpty { lines.append(text) }
    }
    if let notice = content.notice { lines.append(notice) }
    if let field = content.field { lines.append("type: \(field.label)") }
    let keys = content.buttons.filter(\.isEnabled).map { "\($0.key) \($0.label)" }
    if !keys.isEmpty { lines.append("? " + keys.joined(separator: ", ")) }
    return lines
  }

  /// The keys that a typed line stands for.
  static func keys(_ line: String, _ model: ConsoleModel) -> [InputEvent.Key] {
    let text = line.trimmed
    if let dialog = model.dialogs.last, dialog.takesText {
      if ["esc", "cancel"].contains(text.lowercased()) { return [.escape] }
      return text.map { .character($0) } + [.enter]
    }
    if text.isEmpty { return model.dialogs.isEmpty ? [] : [.enter] }
    let words: [String: InputEvent.Key] = [
      "esc": .escape, "cancel": .escape, "enter": .enter, "up": .up, "down": .down, "left": .left,
      "right": .right, "tab": .tab, "space": .character(" "),
    ]
    if let key = words[text.lowercased()] { return [key] }
    if text.lowercased() == "n" && !model.dialogs.isEmpty { return [.escape] }
    if text.hasPrefix(":") && text.count > 1 && model.dialogs.isEmpty {
      return text.map { .character($0) } + [.enter]
    }
    // One letter a line: a word typed by mistake must not act letter by letter.
    return text.count == 1 ? text.map { .character($0) } : []
  }
}
