import Core

/// Something that is wrong now.
public struct Symptom: Sendable, Codable {
  /// `high-error-rate`, `high-latency`, `drift`, `rollout-held`, `journal`.
  public var kind: String
  /// Where; nil when it concerns the whole node.
  public var endpoint: Name?
  /// How bad it is.
  public var severity: Severity
  /// One sentence with the live values.
  public var sentence: String
  /// When it began.
  public var since: Timestamp

  /// Puts them together.
  public init(
    kind: String, endpoint: Name?, severity: Severity, sentence: String, since: Timestamp
  ) {
    self.kind = kind
    self.endpoint = endpoint
    self.severity = severity
    self.sentence = sentence
    self.since = since
  }
}

/// A runbook in the list.
public struct RunbookView: Sendable, Codable {
  /// Its name.
  public var name: String
  /// What it is for.
  public var title: String
  /// The kind of symptom that it treats.
  public var symptom: String
  /// True when its symptom is present on the shown endpoint.
  public var proposed: Bool
  /// Its steps in words, checks and actions.
  public var steps: [String]
  /// When and how it last ran here.
  public var lastRun: String?

  /// Puts them together.
  public init(
    name: String, title: String, symptom: String, proposed: Bool, steps: [String], lastRun: String?
  ) {
    self.name = name
    self.title = title
    self.symptom = symptom
    self.proposed = proposed
    self.steps = steps
    self.lastRun = lastRun
  }
}

/// What a runbook did, or would do.
public struct RunbookRunView: Sendable, Codable {
  /// One step's result.
  public struct Step: Sendable, Codable {
    /// The step in words.
    public var text: String
    /// `pass`, `fail`, `done`, `would do`, `skipped`, `refused`.
    public var result: String
    /// Live values or the command's outcome.
    public var detail: String

    /// Puts them together.
    public init(text: String, result: String, detail: String) {
      self.text = text
      self.result = result
      self.detail = detail
    }
  }

  /// The runbook's name.
  public var name: String
  /// The endpoint it ran on.
  public var endpoint: Name
  /// Whether nothing was done.
  public var dryRun: Bool
  /// What each step did, in order.
  public var steps: [Step]
  /// How it ended, in words.
  public var outcome: String

  /// Puts them together.
  public init(name: String, endpoint: Name, dryRun: Bool, steps: [Step], outcome: String) {
    self.name = name
    self.endpoint = endpoint
    self.dryRun = dryRun
    self.steps = steps
    self.outcome = outcome
  }
}
