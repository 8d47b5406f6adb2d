import Control
import Core
import Node

/// A few lines that are typed in, and the change that they describe.
///
/// It stays, with what was typed, until the node has done what it describes.
struct OrderForm: Sendable {
  /// What it describes.
  enum Purpose: Sendable, Hashable {
    /// A rule by hand.
    case rule
    /// One caller's version.
    case pin
    /// What is recorded.
    case recording
  }

  /// A line that is typed in.
  struct Line: Sendable {
    let label: String
    /// What could stand there, while nothing does.
    let hint: String
    var field: TextField

    init(_ label: String, _ text: String = "", hint: String) {
      self.label = label
      self.hint = hint
      field = TextField(text)
    }
  }

  let purpose: Purpose
  let endpoint: Name
  private(set) var lines: [Line]
  /// The line that is typed in.
  private(set) var place = 0
  var notice: String?
  /// The number of the order under way that it described.
  var waitsFor: Int?

  /// A rule that is being written.
  static func rule(on endpoint: Name) -> OrderForm {
    OrderForm(
      purpose: .rule, endpoint: endpoint,
      lines: [
        Line("name", hint: "beta-testers"),
        Line("requests", hint: "carrier=AA|UA header:x-beta=1"),
        Line("go to", hint: "@3=100%, or @2=50% @1=50%"), Line("reason", hint: "may be left out"),
      ])
  }

  /// A caller's pin that is being written.
  static func pin(on endpoint: Name, to version: VersionID?) -> OrderForm {
    OrderForm(
      purpose: .pin, endpoint: endpoint,
      lines: [
        Line("key", hint: "the key that the caller sends"),
        Line("version", version?.description ?? "", hint: "@3"),
        Line("reason", hint: "may be left out"),
      ])
  }

  /// What is recorded, as it is now or as it is proposed.
  static func recording(on endpoint: Name, _ now: RecordingPolicy?) -> OrderForm {
    let policy = now ?? RecordingPolicy()
    return OrderForm(
      purpose: .recording, endpoint: endpoint,
      lines: [
        Line("share", percentText(policy.share), hint: "10%"),
        Line("keep", byteText(policy.keepBytes).filter { $0 != " " }, hint: "1GiB"),
        Line("max age", policy.maxAge.description, hint: "30d"),
        Line("without", policy.withheld.joined(separator: ","), hint: "no input is kept out"),
      ])
  }

  private init(purpose: Purpose, endpoint: Name, lines: [Line]) {
    self.purpose = purpose
    self.endpoint = endpoint
    self.lines = lines
  }

  /// True on the last line.
  var isAtEnd: Bool { place == lines.count - 1 }

  mutating func move(by step: Int) { go(to: place + step) }

  mutating func go(to wanted: Int) { place = max(0, min(lines.count - 1, wanted)) }

  /// Edits the chosen line.
  mutating func edit(_ key: InputEvent.Key) {
    if lines[place].field.edit(key) { notice = nil }
  }

  mutating func insert(_ text: String) {
    lines[place].field.insert(text)
    notice = nil
  }

  /// Says what is wrong, at the line that is.
  mutating func complain(_ fault: Fault) {
    place = max(0, min(lines.count - 1, fault.line))
    notice = fault.sentence
  }

  /// What is wrong, and in which line.
  struct Fault: Error {
    let line: Int
    let sentence: String
  }

  /// The text of a line.
  private func text(_ line: Int) -> String { lines[line].field.text.trimmed }

  /// Reads a line; a fault names it.
  private func read<Value>(
    _ line: Int, _ parse: (String) throws(InvalidValue) -> Value
  ) throws(Fault) -> Value {
    guard !text(line).isEmpty else {
      throw Fault(line: line, sentence: "\(lines[line].label) is missing: \(lines[line].hint)")
    }
    do { return try parse(text(line)) } catch {
      throw Fault(line: line, sentence: "\(lines[line].label): \(error.message)")
    }
  }

  private func reason(_ line: Int) -> String? { text(line).isEmpty ? nil : text(line) }

  /// The change that it describes.
  /// - Parameter version: reads a version, `@3` being one of the endpoint's model.
  func change(
    version: (String) throws(InvalidValue) -> VersionID
  ) throws(Fault) -> Change {
    switch purpose {
    case .rule:
      let name = try read(0) { (text) throws(InvalidValue) in try Name(text) }
      let rule = try read(1) { (text) throws(InvalidValue) in try RequestRule(text) }
      let split = try read(2) { (text) throws(InvalidValue) in
        var shares: [Split.Share] = []
        for word in text.split(whereSeparator: { $0 == " " || $0 == "," }) {
          shares.append(try Split.Share(written: String(word), version: version))
        }
        return try Split(shares)
      }
      return .addRule(RouteRule(name: name, rule: rule, split: split), reason: reason(3))
    case .pin:
      let rule = try read(0) { (text) throws(InvalidValue) in
        let rule = RequestRule([.key(anyOf: [text])])
        try rule.validate()
        return text
      }
      let target = try read(1, version)
      return .addRule(.pin(rule, to: target), reason: reason(2))
    case .recording:
      let share = try read(0, parsePercent)
      guard share > 0 else {
        throw Fault(line: 0, sentence: "share: from 0.01% to 100%; x on the card turns it off")
      }
      let keep = try read(1) { (text) throws(InvalidValue) in
        let bytes = try parseBytes(text)
        guard RecordingPolicy.keepBytesRange.contains(bytes) else {
          throw InvalidValue("a recording keeps from 16 MiB to 16 TiB, got \(byteText(bytes))")
        }
        return bytes
      }
      let age = try read(2) { (text) throws(InvalidValue) in
        let span = try TimeSpan(text)
        guard RecordingPolicy.maxAgeRange.contains(span) else {
          throw InvalidValue("recorded requests are kept from 1m to 366d, got \(span)")
        }
        return span
      }
      let withheld = text(3).split(separator: ",").map { String($0).trimmed }
      return .record(
        RecordingPolicy(share: share, keepBytes: keep, maxAge: age, withheld: withheld))
    }
  }
}

extension OrderForm {
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: title)
    content.width = 76
    for (index, line) in lines.enumerated() {
      let isOn = index == place
      let text = line.field.text
      content.lines.append(
        CardLine(
          [
            Span(isOn ? "> " : "  ", .title, .bold),
            Span(SafeText.fitted(line.label, to: 10), isOn ? .text : .dim, isOn ? .bold : []),
            Span(text.isEmpty ? line.hint : text, text.isEmpty ? .dim : .text, isOn ? .bold : []),
          ], hit: .entry(index), isSelected: isOn))
    }
    content.lines += [.blank] + help(model).map { CardLine($0, .dim) }
    content.notice = waitsFor == nil ? notice : "Waiting for the node..."
    content.field = (lines[place].label, lines[place].field)
    content.buttons = [
      .init("Enter", isAtEnd ? "look at it" : "next", .key(.enter)),
      .init("Tab", "next line", .key(.tab)), .init("Esc", "cancel", .key(.escape)),
    ]
    return content
  }

  private var title: String {
    switch purpose {
    case .rule: "Add a rule on \(endpoint)"
    case .pin: "Pin a caller on \(endpoint)"
    case .recording: "Record requests on \(endpoint)"
    }
  }

  private func help(_ model: ConsoleModel) -> [String] {
    switch purpose {
    case .rule:
      [
        "All conditions must hold: INPUT=VALUE, header:NAME=VALUE or key=KEY, with bars between "
          + "values. The shares sum to 100%. The first rule that matches wins.",
        loaded(model),
      ]
    case .pin: ["It is a rule with that key as its condition.", loaded(model)]
    case .recording:
      [
        "Share of the callers; the most bytes on disk; the greatest age; inputs to keep out, with "
          + "commas between. The oldest requests go first."
      ]
    }
  }

  /// `Loaded: @3, @2, @1`, what a rule may name.
  private func loaded(_ model: ConsoleModel) -> String {
    let names = (model.liveDetail?.versions ?? [])
      .filter { ["live", "canary", "standby"].contains($0.state) }
      .map { $0.version.short }.prefix(12)
    return names.isEmpty ? "No version is loaded." : "Loaded: \(names.joined(separator: ", "))."
  }
}

extension ConsoleModel {
  mutating func press(_ key: InputEvent.Key, in form: OrderForm) -> [Effect] {
    var form = form
    switch key {
    case .escape:
      pop()
      return []
    case .control("c"): return perform(.quit)
    case .tab, .down: form.move(by: 1)
    case .backTab, .up: form.move(by: -1)
    case .enter where !form.isAtEnd: form.move(by: 1)
    case .enter:
      guard form.waitsFor == nil else { return [] }
      do throws(OrderForm.Fault) {
        let change = try form.change { (text) throws(InvalidValue) in try readVersion(text) }
        form.notice = nil
        replaceTop(.form(form))
        if case .refuse(let sentence) = proposal(for: change) {
          form.notice = sentence
          break
        }
        // The form stays beneath the card, so that Esc there leads back to it.
        return propose(change)
      } catch {
        form.complain(error)
      }
    default: form.edit(key)
    }
    replaceTop(.form(form))
    return []
  }

  // MARK: The order that a form described

  /// Takes the top card off; the form beneath stays until its order is answered, others close.
  mutating func closeForOrder() {
    pop()
    if case .form? = dialogs.last { return }
    dialogs.removeAll()
  }

  /// The form on top waits for an order that was just sent.
  mutating func awaitInForm(_ ticket: Ticket) {
    guard case .form(var form)? = dialogs.last else { return }
    form.waitsFor = ticket.number
    form.notice = nil
    replaceTop(.form(form))
  }

  /// Closes the form whose order was carried out.
  mutating func closeForm(_ ticket: Ticket) {
    dialogs.removeAll { dialog in
      if case .form(let form) = dialog { form.waitsFor == ticket.number } else { false }
    }
  }

  /// Tells the form why its order was refused; true when there is one, and it is on top.
  mutating func answerForm(_ ticket: Ticket, _ sentence: String) -> Bool {
    for index in dialogs.indices {
      guard case .form(var form) = dialogs[index], form.waitsFor == ticket.number else { continue }
      form.waitsFor = nil
      form.notice = "Refused: \(sentence)"
      dialogs[index] = .form(form)
      return index == dialogs.count - 1
    }
    return false
  }
}
