import Control
import Core
import Node

/// A ramp before it starts: candidates, plan and start are chosen, then its dry run is read, then
/// `y`.
struct RampCard: Sendable {
  /// Which of the two looks it has.
  enum Stage: Sendable, Hashable {
    /// Candidates, plan and start are chosen.
    case choose
    /// Every step is spelled out; `y` starts it.
    case dryRun
  }

  /// What is typed about the start.
  enum Entry: Sendable, Hashable {
    /// When it begins.
    case at
    /// Whose ramps have to complete first.
    case after
  }

  let endpoint: Name
  let candidates: [VersionID]
  let plans: [Plan]
  /// The running candidate that is rolled back first; nil when none runs.
  let replaces: VersionID?
  private(set) var generation: Int
  private(set) var candidateIndex: Int
  private(set) var planIndex: Int
  /// Versions that are ramped together, in the order in which they were marked; when none is, the
  /// chosen line is the candidate.
  private(set) var marked: [VersionID] = []
  /// When it begins; nil is at once.
  private(set) var at: Timestamp?
  /// Endpoints whose running ramps have to complete first; nil leaves it to the plan.
  private(set) var after: [Name]?
  /// What is typed now, and into which field; nil while nothing is.
  var entry: (kind: Entry, field: TextField)?
  var stage: Stage = .choose
  /// The question whose answer is waited for.
  var ticket: Ticket?
  /// What the node says the chosen ramp would do.
  var preview: RampPreview?
  /// Why the node could not say.
  var failure: String?
  private(set) var opened: Moment
  var notice: String?
  var scroll = 0

  /// - Precondition: both lists hold something.
  init(
    endpoint: Name, candidates: [VersionID], plans: [Plan], candidate: VersionID?,
    plan: String? = nil, generation: Int, opened: Moment, replaces: VersionID? = nil
  ) {
    precondition(!candidates.isEmpty && !plans.isEmpty, "a ramp needs a candidate and a plan")
    self.endpoint = endpoint
    self.candidates = candidates
    self.plans = plans
    self.replaces = replaces
    self.generation = generation
    self.opened = opened
    candidateIndex = candidate.flatMap(candidates.firstIndex(of:)) ?? 0
    planIndex = plans.firstIndex { $0.name == plan } ?? 0
  }

  /// The leading candidate.
  var candidate: VersionID { marked.first ?? candidates[candidateIndex] }
  /// All candidates, the leading one first.
  var versions: [VersionID] { marked.isEmpty ? [candidate] : marked }
  /// The plan, with what it waits for.
  var plan: Plan { after.map(plans[planIndex].following) ?? plans[planIndex] }
  /// What it begins with beside version and plan; nil when that is nothing.
  var options: RampOptions? {
    marked.count < 2 && at == nil
      ? nil : RampOptions(rivals: Array(versions.dropFirst()), at: at)
  }

  /// Goes to another plan, round the ends; false when there is only one.
  mutating func movePlan(by count: Int) -> Bool {
    guard plans.count > 1 else { return false }
    planIndex = (planIndex + count + plans.count) % plans.count
    forgetPreview()
    return true
  }

  /// Goes to another line, stopping at the ends; false when the candidates stay.
  mutating func moveCandidate(by count: Int) -> Bool {
    let next = max(0, min(candidates.count - 1, candidateIndex + count))
    guard next != candidateIndex else { return false }
    candidateIndex = next
    guard marked.isEmpty else { return false }
    forgetPreview()
    return true
  }

  /// Marks the chosen line as one of the candidates, or no longer; false when there are enough.
  mutating func toggleMark() -> Bool {
    let version = candidates[candidateIndex]
    if marked.contains(version) {
      marked.removeAll { $0 == version }
    } else {
      guard marked.count < ControlLimits.candidatesMax else {
        notice = "a ramp has at most \(ControlLimits.candidatesMax) candidates"
        return false
      }
      marked.append(version)
    }
    forgetPreview()
    return true
  }

  /// Opens the field for the start or for what it waits for.
  mutating func begin(_ kind: Entry) {
    let text =
      switch kind {
      case .at: at.map { $0.description } ?? ""
      case .after: (plan.after ?? []).map(\.text).joined(separator: ",")
      }
    entry = (kind, TextField(text))
    notice = nil
  }

  /// Takes what was typed; when it is wrong it says so and keeps the text.
  mutating func submit(now: Timestamp, endpoints: [Name]) -> Bool {
    guard let entry else { return false }
    let text = entry.field.text.trimmed
    do throws(InvalidValue) {
      switch entry.kind {
      case .at: at = text.isEmpty ? nil : try Timestamp(start: text, now: now)
      case .after:
        let names = text.isEmpty ? [] : try parseNames(text)
        try check(names, endpoints)
        after = names == plans[planIndex].after ?? [] ? nil : names
      }
    } catch {
      notice = error.message
      return false
    }
    self.entry = nil
    forgetPreview()
    return true
  }

  private func check(_ names: [Name], _ endpoints: [Name]) throws(InvalidValue) {
    guard names.count <= ControlLimits.dependenciesMax else {
      throw InvalidValue("a ramp waits for at most \(ControlLimits.dependenciesMax) endpoints")
    }
    if names.contains(endpoint) { throw InvalidValue("a ramp cannot wait for itself") }
    if let unknown = names.first(where: { !endpoints.contains($0) }) {
      let others = endpoints.filter { $0 != endpoint }.prefix(8).map(\.text)
      throw InvalidValue(
        "there is no endpoint \(unknown): "
          + (others.isEmpty ? "\(endpoint) is the only one" : others.joined(separator: ", ")))
    }
  }

  private mutating func forgetPreview() {
    preview = nil
    failure = nil
    notice = nil
    ticket = nil
    stage = .choose
    scroll = 0
  }

  /// Goes back to choosing because the endpoint changed.
  mutating func endpointChanged(to generation: Int, at moment: Moment) {
    let old = self.generation
    self.generation = generation
    forgetPreview()
    opened = moment
    notice = "The endpoint changed (generation \(old) to \(generation)): look again"
  }

  /// Comes back because the node refused it.
  mutating func comeBack(_ sentence: String, at moment: Moment) {
    forgetPreview()
    opened = moment
    notice = "Not started: \(sentence)"
  }

  /// The question that tells what it would do.
  var previewRequest: NodeRequest {
    replaces == nil
      ? .previewRamp(endpoint: endpoint, version: candidate, plan: plan, options: options)
      : .previewSupersede(endpoint: endpoint, version: candidate, plan: plan, options: options)
  }

  /// The order that `y` gives.
  func order(by actor: ActorID) -> Order {
    Order(
      command: replaces == nil
        ? .startRamp(endpoint: endpoint, version: candidate, plan: plan, options: options)
        : .supersede(
          endpoint: endpoint, version: candidate, plan: plan, reason: nil, options: options),
      actor: actor, expectedGeneration: generation)
  }
}
