import Core
import Node

/// The command palette: a line of text and what fits it.
struct Palette: Sendable {
  /// One proposal.
  struct Entry: Sendable, Hashable {
    let action: Action
    /// What follows the word; nil while it is still to be typed or there is none.
    let argument: String?
    /// As it would be typed in full.
    var text: String {
      let word = action.spec.word
      return argument.map { "\(word) \($0)" } ?? word
    }
  }

  /// The most lines that are proposed.
  static let entryLimit = 100

  var field = TextField()
  var selected = 0
  /// Which line of the history is shown; nil while new text is typed.
  var historyIndex: Int?
  var notice: String?

  /// What fits the text typed so far, best first.
  func entries(in model: ConsoleModel) -> [Entry] {
    let text = field.text.trimmed
    if let (spec, rest) = Palette.word(of: field.text), spec.argument != .none {
      let arguments = model.arguments(for: spec.argument, action: spec.action)
      // Thousands of versions: no more are looked at than are shown.
      let fitting = Array(
        arguments.lazy.filter { Fuzzy.score(rest, in: $0) != nil }.prefix(Palette.entryLimit))
      // What was typed of a time or a number stands first: it is rarely one of the proposals.
      let own = [.time, .generation].contains(spec.argument) && !rest.isEmpty ? [rest] : []
      if !fitting.isEmpty {
        return (own + fitting.filter { !own.contains($0) }).map {
          Entry(action: spec.action, argument: $0)
        }
      }
      return [Entry(action: spec.action, argument: rest.isEmpty ? nil : rest)]
    }
    let ranked = ActionSpec.all.enumerated().compactMap { index, spec -> (Int, Int, Entry)? in
      let score = Fuzzy.best(text, names: [spec.word, spec.name] + spec.synonyms)
      return score.map { ($0, index, Entry(action: spec.action, argument: nil)) }
    }
    return ranked.sorted { a, b in a.0 != b.0 ? a.0 > b.0 : a.1 < b.1 }
      .prefix(Palette.entryLimit).map(\.2)
  }

  /// The command word that the text begins with, once a blank follows it, and what follows.
  static func word(of text: String) -> (ActionSpec, String)? {
    guard let blank = text.firstIndex(of: " ") else { return nil }
    let word = text[..<blank]
    guard let spec = ActionSpec.all.first(where: { $0.word == word }) else { return nil }
    return (spec, String(text[blank...]).trimmed)
  }
}

extension ConsoleModel {
  /// What may follow a word in the palette; empty when anything may.
  func arguments(for kind: ActionArgument, action: Action) -> [String] {
    switch kind {
    case .none, .text, .key, .reason: return []
    case .time: return ["10m ago", "1h ago", "6h ago", "1d ago", "7d ago"]
    case .candidate: return (runningRollout?.candidates ?? []).map(\.description)
    case .generation: return generationChoices.map { String($0.generation) }
    case .weight: return ["1%", "5%", "10%", "25%", "50%", "75%", "90%"]
    case .theme: return settings.themes.map(\.name)
    case .layout: return LayoutStyle.allCases.map(\.rawValue)
    case .runbook: return (feed.live?.runbooks ?? []).map(\.name)
    case .target:
      guard let rollback = liveDetail?.rollback else { return [] }
      return ([rollback.target] + rollback.alternatives).map(\.description)
    case .version:
      switch action {
      case .unload: return pickable(for: .unload).map(\.description)
      case .ramp, .supersede: return rampCandidates.map(\.description)
      case .checklist: return feed.registry.versions.reversed().map(\.version.description)
      default: return pickable(for: .deploy).map(\.description)
      }
    }
  }

  /// Versions that can be deployed on, or unloaded from, the shown endpoint, newest first.
  func pickable(for purpose: VersionPicker.Purpose) -> [VersionID] {
    guard let detail = liveDetail else { return [] }
    let loaded = Set(
      detail.versions.filter { ["live", "canary", "standby"].contains($0.state) }.map(\.version))
    switch purpose {
    case .unload:
      return detail.versions.filter { $0.weight == 0 && loaded.contains($0.version) }
        .map(\.version).sorted(by: >)
    case .deploy:
      let known = feed.registry.versions.map(\.version) + detail.versions.map(\.version)
      return Set(known).subtracting(loaded).sorted(by: >)
    }
  }

  /// Versions that a ramp could bring forward, the likeliest first: the standing-by and the
  /// undeployed ones, newest first, then those that were closed or failed before.
  var rampCandidates: [VersionID] {
    guard let detail = liveDetail, let split = detail.split else { return [] }
    let stable = split.shares.max { $0.weight < $1.weight }?.version
    var fresh: [VersionID] = []
    var burnt: [VersionID] = []
    for row in detail.versions where row.version != stable {
      switch VersionState(row.state) {
      case .closed, .failed: burnt.append(row.version)
      default: fresh.append(row.version)
      }
    }
    let seen = Set(detail.versions.map(\.version))
    let models = Set(detail.versions.map(\.version.model))
    for entry in feed.registry.versions
    where !seen.contains(entry.version) && models.contains(entry.version.model) {
      fresh.append(entry.version)
    }
    return fresh.sorted(by: >) + burnt.sorted(by: >)
  }

  /// Whether ``rampCandidates`` holds any other than one; asked in every frame, so it makes no list.
  func hasRampCandidate(besides excluded: VersionID?) -> Bool {
    guard let detail = liveDetail, let split = detail.split else { return false }
    let stable = split.shares.max { $0.weight < $1.weight }?.version
    if detail.versions.contains(where: { $0.version != stable && $0.version != excluded }) {
      return true
    }
    let models = Set(detail.versions.map(\.version.model))
    return feed.registry.versions.contains {
      $0.version != stable && $0.version != excluded && models.contains($0.version.model)
    }
  }
}

/// The help: every action, searchable; Enter runs the selected one.
struct HelpSheet: Sendable {
  var field = TextField()
  var selected = 0

  /// The lines that fit what is typed: by key, word, name or sentence.
  var specs: [ActionSpec] {
    let query = field.text.trimmed
    guard !query.isEmpty else { return ActionSpec.all }
    return ActionSpec.all.filter { spec in
      spec.keys.contains { KeyText.of($0) == query }
        || ConsoleModel.matches(
          "\(spec.word) \(spec.name) \(spec.explanation) \(spec.synonyms.joined(separator: " "))",
          query)
    }
  }
}
