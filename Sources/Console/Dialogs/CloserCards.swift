import Control
import Core
import Node

/// Which version a caller's key gets: the key is typed, then the answer is read.
struct WhyCard: Sendable {
  let endpoint: Name
  var field: TextField
  var ticket: Ticket?
  var answer: RouteExplanation?
  var notice: String?

  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Why on \(endpoint)")
    content.width = 72
    content.notice = notice
    guard let answer else {
      content.lines = [CardLine("Which version a caller gets, and by which rule.", .dim)]
      content.field = ("key", field)
      content.buttons = [
        .init("Enter", ticket == nil ? "ask" : "asking...", .key(.enter)),
        .init("Esc", "close", .key(.escape)),
      ]
      return content
    }
    let version = answer.version
    content.lines = [
      CardLine([Span("key      ", .dim), Span(answer.key, .text, .bold)]),
      CardLine([
        Span("version  ", .dim),
        Span(
          version?.description ?? "none: 503", version.map(model.role(of:)) ?? .bad, .bold),
      ]),
      CardLine([
        Span("bucket   ", .dim), Span(Format.count(answer.bucket)),
        Span(
          " of 10,000, in the range \(Format.count(answer.rangeFirst)) to "
            + "\(Format.count(answer.rangeLast))",
          .dim),
      ]),
      .blank, CardLine(answer.rule), .blank,
      CardLine("As of generation \(answer.generation).", .dim),
    ]
    content.buttons = [
      .init("Enter", "another key", .key(.enter)), .init("y", "copy", .key(.character("y"))),
      .init("Esc", "close", .key(.escape)),
    ]
    return content
  }
}

/// Who else looks at the node.
enum AttachedCard {
  static func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Who is attached")
    content.width = 60
    let list = model.feed.live?.attached ?? []
    let now = model.feed.live?.time
    for view in list {
      let isMe = model.isThisConsole(view)
      let age = now.map { Format.age($0 - view.since) } ?? ""
      content.lines.append(
        CardLine([
          Span(
            SafeText.fitted(view.user, to: 16, ellipsis: canvas.glyphs.ellipsis), .text, .bold),
          Span("  process \(view.processID)", .dim), Span("  for \(age)", .dim),
          Span(isMe ? "  this console" : view.isInNode ? "  in the node's process" : "", .ok),
        ]))
    }
    if list.isEmpty { content.lines = [CardLine("The node does not say who is attached.", .dim)] }
    content.lines += [
      .blank,
      CardLine(
        "Two operators cannot overwrite each other: a change made on an older generation is "
          + "refused with what changed.", .dim),
    ]
    content.buttons = [.init("Esc", "close", .key(.escape))]
    return content
  }
}

/// Asks for the reason without which an order was refused, and sends it again.
struct ReasonCard: Sendable {
  /// What kind of reason the node wants.
  enum Kind: Sendable, Hashable {
    case freezeOverride, reason
  }

  let kind: Kind
  let order: Order
  let what: String
  /// Why it was refused, without the command line's advice.
  let sentence: String
  var field = TextField()
  var notice: String?

  /// - Returns: nil when the refusal is about something else than a reason.
  init?(_ asked: Asked, refusedBecause refusal: String) {
    let order = asked.order
    if order.freezeOverride == nil, let end = refusal.firstRange(ofASCII: "; to go on all the same")
    {
      kind = .freezeOverride
      sentence = String(refusal[..<end])
    } else if refusal.firstRange(ofASCII: "--override-freeze") == nil,
      let end = refusal.firstRange(ofASCII: "--reason \"...\""),
      order.command.giving(reason: "x") != order.command.giving(reason: "y"),
      !order.command.hasReason
    {
      kind = .reason
      let head = String(refusal[..<end])
      let tail = refusal[refusal.index(end, offsetBy: "--reason \"...\"".count)...]
      sentence = (head.hasSuffix(", ") ? String(head.dropLast(2)) : head) + tail
    } else {
      return nil
    }
    self.order = order
    what = asked.what
  }

  /// The same order with what was typed.
  var answered: Order {
    let text = field.text.trimmed
    return Order(
      command: kind == .reason ? order.command.giving(reason: text) : order.command,
      actor: order.actor, expectedGeneration: order.expectedGeneration,
      freezeOverride: kind == .freezeOverride ? text : order.freezeOverride)
  }

  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(
      title: kind == .freezeOverride ? "Frozen: \(what)" : "A reason for: \(what)")
    content.width = 72
    content.lines = [
      CardLine(sentence.prefix(1).uppercased() + sentence.dropFirst() + "."), .blank,
      CardLine(
        kind == .freezeOverride
          ? "Going past the freeze this once takes a reason; it is recorded in the journal."
          : "Give a reason; it is recorded in the journal.", .warn),
      CardLine([Span("by ", .dim), Span(order.actor.name, .text, .bold)]),
    ]
    content.notice = notice
    content.field = ("reason", field)
    content.buttons = [
      .init("Enter", "do it", .key(.enter)), .init("Esc", "leave it", .key(.escape)),
    ]
    return content
  }
}

extension Command {
  /// Whether a reason is given with it already.
  var hasReason: Bool {
    switch self {
    case .resume(_, let reason), .step(_, _, let reason), .setCandidateWeight(_, _, let reason),
      .abort(_, let reason), .promote(_, let reason, _), .supersede(_, _, _, let reason, _),
      .approve(_, _, let reason), .addFreeze(_, _, let reason), .removeFreeze(_, let reason),
      .drop(_, _, let reason), .removeRule(_, _, let reason), .addRule(_, _, let reason),
      .retraining(.decline(_, _, let reason)),
      .registry(.unsign(_, _, let reason)), .registry(.decideApproval(_, _, let reason)):
      reason?.trimmed.isEmpty == false
    default: false
    }
  }
}

extension String {
  /// Where a text of plain ASCII occurs first; nil when it does not.
  func firstRange(ofASCII wanted: String) -> String.Index? {
    let pattern = Array(wanted.utf8)
    let bytes = utf8
    guard !pattern.isEmpty, bytes.count >= pattern.count else { return nil }
    var place = bytes.startIndex
    for _ in 0...(bytes.count - pattern.count) {
      if bytes[place...].starts(with: pattern) { return place }
      place = bytes.index(after: place)
    }
    return nil
  }
}

/// A list of the generations whose split can be given back.
struct GenerationPicker: Sendable {
  /// The chosen generation; another one when it is no longer kept.
  var selected: Int

  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Back to a generation")
    content.width = 84
    let choices = model.generationChoices
    let index = choices.firstIndex { $0.generation == selected } ?? 0
    for (number, choice) in choices.enumerated() {
      let isOn = number == index
      let split = choice.split.shares.sorted { $0.weight > $1.weight }
        .map { "\(model.label($0.version)) \(percentText($0.weight))" }.joined(separator: "  ")
      content.lines.append(
        CardLine(
          [
            Span(isOn ? "> " : "  ", .title, .bold),
            Span(
              SafeText.fitted("gen \(choice.generation)", to: 10), .text, isOn ? .bold : []),
            Span(SafeText.fitted(split, to: 24, ellipsis: canvas.glyphs.ellipsis), .stable),
            Span(
              "  "
                + SafeText.fitted(
                  choice.actor.name, to: 9, ellipsis: canvas.glyphs.ellipsis), .dim),
            Span(" \(model.news(choice.summary))", .dim),
          ], hit: .entry(number), isSelected: isOn))
    }
    if choices.isEmpty {
      content.lines = [CardLine("No earlier generation with another split is kept.", .dim)]
    }
    content.focusLine = 0
    content.buttons = [
      .init("Enter", "give it back", .key(.enter), isEnabled: !choices.isEmpty),
      .init("Esc", "cancel", .key(.escape)),
    ]
    return content
  }
}
