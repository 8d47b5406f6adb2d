import Control
import Core
import Node

@testable import Console

/// Drives a model as a person does, and keeps what it asked for.
struct Driver {
  var model: ConsoleModel
  var effects: [Effect] = []
  var milliseconds = 0
  var keyCount = 0

  init(
    columns: Int = 120, rows: Int = 40, glyphs: GlyphSet = .braille, snapshot: NodeSnapshot? = nil,
    settings change: (inout ConsoleSettings) -> Void = { _ in }
  ) {
    var settings = ConsoleSettings(actor: Sample.ana, glyphs: glyphs)
    change(&settings)
    model = ConsoleModel(
      settings: settings, columns: columns, rows: rows,
      moment: Moment(milliseconds: 0, wall: Sample.start))
    if let snapshot {
      tell(.tick)
      answerLive(snapshot)
      effects = []
    }
  }

  var moment: Moment {
    Moment(
      milliseconds: milliseconds,
      wall: Sample.start + TimeSpan(microseconds: Int64(milliseconds) * 1000))
  }

  mutating func wait(_ span: Int) { milliseconds += span }

  mutating func tell(_ message: Message) {
    effects += model.receive(message, at: moment)
  }

  mutating func press(_ keys: InputEvent.Key...) {
    for key in keys {
      keyCount += 1
      tell(.input(.key(key)))
    }
  }

  /// Presses printable keys, one for each character.
  mutating func type(_ text: String) {
    for character in text { press(.character(character)) }
  }

  mutating func click(_ x: Int, _ y: Int) {
    tell(.input(.mouse(.init(action: .press(.left), x: x, y: y))))
    tell(.input(.mouse(.init(action: .release(.left), x: x, y: y))))
  }

  /// Clicks the first place that has this meaning.
  mutating func click(_ wanted: Hit) -> Bool {
    let hits = render(model).hits
    guard let region = hits.regions.last(where: { $0.hit == wanted }) else { return false }
    click(region.rect.x, region.rect.y)
    return true
  }

  /// The last question of this kind that was asked.
  func ticket(_ isWanted: (Ticket.Purpose) -> Bool) -> Ticket? {
    for effect in effects.reversed() {
      if case .send(let ticket, _, _) = effect, isWanted(ticket.purpose) { return ticket }
    }
    return nil
  }

  mutating func answerLive(_ snapshot: NodeSnapshot) {
    let ticket = ticket { $0 == .live } ?? Ticket(.live, number: 0)
    tell(.reply(ticket, .snapshot(snapshot)))
  }

  /// The orders sent so far.
  var orders: [Order] {
    effects.compactMap {
      if case .send(_, .perform(let order), _) = $0 { order } else { nil }
    }
  }

  /// Effects in words, for exact comparison.
  var effectNames: [String] { effects.map(Driver.name) }

  static func name(_ effect: Effect) -> String {
    switch effect {
    case .send(_, let request, let lane): "send \(name(request)) on \(lane)"
    case .copy(let text): "copy \(text)"
    case .bell: "bell"
    case .setMouse(let on): "mouse \(on)"
    case .export(let name, _): "export \(name)"
    case .quit(let stop): "quit stop:\(stop)"
    case .detach: "detach"
    case .suspend: "suspend"
    }
  }

  static func name(_ request: NodeRequest) -> String {
    switch request {
    case .ping: "ping"
    case .retraining: "retraining"
    case .snapshot(let asked): asked.at == nil ? "live" : "past"
    case .perform(let order): "order" + (order.expectedGeneration.map { "@\($0)" } ?? "")
    case .previewRamp(_, let version, let plan, _): "preview \(version) \(plan.name)"
    case .runbook(let name, _, let dryRun, _): "runbook \(name) dry:\(dryRun)"
    case .journal: "journal"
    case .verifyJournal: "verify"
    case .version(let version): "version \(version)"
    case .why(_, let key, _, _): "why \(key ?? "")"
    case .tryRequest(let endpoint, _, _, _, _): "try \(endpoint)"
    case .verdict(let endpoint): "verdict \(endpoint)"
    case .shutdown: "shutdown"
    case .recording(let endpoint): "recording \(endpoint)"
    case .registry(let question): "registry \(question)"
    case .rehearse(let order): "rehearse \(order.candidate)"
    case .asOf(_, let endpoint): "as-of \(endpoint?.text ?? "all")"
    case .registryPage(let offset, let limit): "registry \(offset)+\(limit)"
    case .previewSupersede(_, let version, let plan, _): "supersede \(version) \(plan.name)"
    case .savePlan(let plan, let replaces, _): "save \(plan.name) replaces:\(replaces)"
    }
  }

  var text: String { render(model).buffer.text }
}
