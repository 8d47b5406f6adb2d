import Control
import Core

/// What a screen wants to see.
public struct SnapshotRequest: Sendable, Codable {
  /// The endpoint shown in detail; nil shows the first.
  public var endpoint: Name?
  /// How far back charts reach, seconds.
  public var windowSeconds: Int
  /// How many points a chart has at most; the node merges seconds into them.
  public var points: Int
  /// Shows the series as they stood at this time, nil is now.
  public var at: Timestamp?
  /// The version whose drift is shown; nil shows the rollout's candidate, else the stable.
  public var driftVersion: VersionID?
  /// How many journal rows to send at most, newest first.
  public var eventLimit: Int
  /// Whether the histograms of each feature are sent with the drift table.
  public var driftHistograms: Bool

  /// The live view of the first endpoint over five minutes.
  public init(
    endpoint: Name? = nil, windowSeconds: Int = 300, points: Int = 120, at: Timestamp? = nil,
    driftVersion: VersionID? = nil, eventLimit: Int = 100, driftHistograms: Bool = false
  ) {
    self.endpoint = endpoint
    self.windowSeconds = windowSeconds
    self.points = points
    self.at = at
    self.driftVersion = driftVersion
    self.eventLimit = eventLimit
    self.driftHistograms = driftHistograms
  }
}

/// One consistent picture of a node.
public struct NodeSnapshot: Sendable, Codable {
  /// When it was taken.
  public var time: Timestamp
  /// The node itself.
  public var node: NodeInfo
  /// Every endpoint, by name.
  public var endpoints: [EndpointSummary]
  /// The endpoint asked for.
  public var detail: EndpointDetail?
  /// Registered versions, by model and number.
  public var registry: [RegisteredVersionView]
  /// Newest journal rows first.
  public var events: [JournalRow]
  /// What is wrong now, worst first.
  public var symptoms: [Symptom]
  /// The runbooks that are known, those proposed for a present symptom first.
  public var runbooks: [RunbookView]
  /// The plans that are known.
  public var plans: [Plan]

  /// Puts them together.
  public init(
    time: Timestamp, node: NodeInfo, endpoints: [EndpointSummary], detail: EndpointDetail?,
    registry: [RegisteredVersionView], events: [JournalRow], symptoms: [Symptom],
    runbooks: [RunbookView], plans: [Plan]
  ) {
    self.time = time
    self.node = node
    self.endpoints = endpoints
    self.detail = detail
    self.registry = registry
    self.events = events
    self.symptoms = symptoms
    self.runbooks = runbooks
    self.plans = plans
  }
}

/// The running process.
public struct NodeInfo: Sendable, Codable {
  /// The program's version.
  public var program: String
  /// Process id.
  public var pid: Int
  /// When it began.
  public var started: Timestamp
  /// Where its state is.
  public var stateDirectory: String
  /// `dev` or `prod`: how much is asked before a risky action.
  public var profile: String
  /// Processor time of the whole process, in processors (1.0 is one busy core).
  public var processors: Double
  /// Resident memory in bytes.
  public var residentBytes: Int
  /// What feeds traffic, for the header: `replay 500/s, loop 2`; empty when nothing does.
  public var trafficSource: String
  /// Journal head.
  public var sequence: Int
  /// False when the journal cannot be written; forward moves are then refused.
  public var durable: Bool

  /// Puts them together.
  public init(
    program: String, pid: Int, started: Timestamp, stateDirectory: String, profile: String,
    processors: Double, residentBytes: Int, trafficSource: String, sequence: Int, durable: Bool
  ) {
    self.program = program
    self.pid = pid
    self.started = started
    self.stateDirectory = stateDirectory
    self.profile = profile
    self.processors = processors
    self.residentBytes = residentBytes
    self.trafficSource = trafficSource
    self.sequence = sequence
    self.durable = durable
  }
}

/// One line of the home list.
public struct EndpointSummary: Sendable, Codable {
  /// Its name.
  public var name: Name
  /// `serving`, `drained` or `empty`.
  public var status: String
  /// The endpoint's generation.
  public var generation: Int
  /// The version that callers get; nil before the first deploy.
  public var stable: VersionID?
  /// The version under test; nil without a rollout.
  public var candidate: VersionID?
  /// The candidate's part of the traffic, 0 without a rollout.
  public var candidateWeight: BasisPoints
  /// Over the last 10 seconds.
  public var requestsPerSecond: Double
  /// 99 % of answers took at most this long; nil without answers.
  public var p99Milliseconds: Double?
  /// Failed answers, 0 to 1, over the last 10 seconds; nil without requests.
  public var errorRate: Double?
  /// The rollout's state in words; nil without one.
  public var rollout: String?
  /// The worst present symptom.
  public var severity: Severity

  /// Puts them together.
  public init(
    name: Name, status: String, generation: Int, stable: VersionID?, candidate: VersionID?,
    candidateWeight: BasisPoints, requestsPerSecond: Double, p99Milliseconds: Double?,
    errorRate: Double?, rollout: String?, severity: Severity
  ) {
    self.name = name
    self.status = status
    self.generation = generation
    self.stable = stable
    self.candidate = candidate
    self.candidateWeight = candidateWeight
    self.requestsPerSecond = requestsPerSecond
    self.p99Milliseconds = p99Milliseconds
    self.errorRate = errorRate
    self.rollout = rollout
    self.severity = severity
  }
}

/// How bad something is; each has a glyph and a word on the screen.
public enum Severity: String, Sendable, Codable, Comparable, CaseIterable {
  case ok, warn, bad
  /// Orders from `ok` to `bad`.
  public static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
  private var rank: Int { self == .ok ? 0 : self == .warn ? 1 : 2 }
}

/// Everything about one endpoint.
public struct EndpointDetail: Sendable, Codable {
  /// Its name.
  public var name: Name
  /// `serving`, `drained` or `empty`.
  public var status: String
  /// The endpoint's generation.
  public var generation: Int
  /// What each version gets; nil before the first deploy.
  public var split: Split?
  /// Its versions, and those that could be deployed.
  public var versions: [VersionRow]
  /// Its traffic over the asked window.
  public var traffic: TrafficView
  /// The running rollout, or the one that ended last.
  public var rollout: RolloutView?
  /// Drift of the asked version; nil without a reference.
  public var drift: DriftView?
  /// What `R` would do now; nil when there is nothing to roll back to.
  public var rollback: RollbackPreview?
  /// The last change that `u` can take back: when, and the split it would give.
  public var undo: UndoView?

  /// Puts them together.
  public init(
    name: Name, status: String, generation: Int, split: Split?, versions: [VersionRow],
    traffic: TrafficView, rollout: RolloutView?, drift: DriftView?, rollback: RollbackPreview?,
    undo: UndoView?
  ) {
    self.name = name
    self.status = status
    self.generation = generation
    self.split = split
    self.versions = versions
    self.traffic = traffic
    self.rollout = rollout
    self.drift = drift
    self.rollback = rollback
    self.undo = undo
  }
}

/// One version on the endpoint (or registered and not deployed).
public struct VersionRow: Sendable, Codable {
  /// The version.
  public var version: VersionID
  /// `live`, `canary`, `standby`, `closed` (rolled back), `failed`, `registered` (not deployed).
  public var state: String
  /// Its part of the traffic.
  public var weight: BasisPoints
  /// Over the shown window's last 10 seconds; nil without requests.
  public var requestsPerSecond: Double?
  /// Half of its answers took at most this long; nil without requests.
  public var p50Milliseconds: Double?
  /// 99 % of its answers took at most this long; nil without requests.
  public var p99Milliseconds: Double?
  /// Failed answers, 0 to 1; nil without requests.
  public var errorRate: Double?
  /// Wrong answers by late label, 0 to 1, over the last minute of labels; nil without labels.
  public var wrongRate: Double?
  /// Labels behind `wrongRate`.
  public var labels: Int
  /// The largest PSI of its features and outputs; nil before there are enough rows.
  public var driftScore: Double?
  /// When it was registered.
  public var registered: Timestamp
  /// One sentence about it, from its card.
  public var summary: String
  /// SHA-256 of its model file.
  public var digest: Digest

  /// Puts them together.
  public init(
    version: VersionID, state: String, weight: BasisPoints, requestsPerSecond: Double?,
    p50Milliseconds: Double?, p99Milliseconds: Double?, errorRate: Double?, wrongRate: Double?,
    labels: Int, driftScore: Double?, registered: Timestamp, summary: String, digest: Digest
  ) {
    self.version = version
    self.state = state
    self.weight = weight
    self.requestsPerSecond = requestsPerSecond
    self.p50Milliseconds = p50Milliseconds
    self.p99Milliseconds = p99Milliseconds
    self.errorRate = errorRate
    self.wrongRate = wrongRate
    self.labels = labels
    self.driftScore = driftScore
    self.registered = registered
    self.summary = summary
    self.digest = digest
  }
}

/// Traffic over the asked window, oldest point first.
public struct TrafficView: Sendable, Codable {
  /// One line of a chart; `nil` points had no data.
  public struct Series: Sendable, Codable {
    /// The version; nil is the whole endpoint.
    public var version: VersionID?
    /// Requests a second.
    public var requestsPerSecond: [Double?]
    /// Half of the answers took at most this long.
    public var p50Milliseconds: [Double?]
    /// 90 % of answers took at most this long.
    public var p90Milliseconds: [Double?]
    /// 99 % of answers took at most this long; nil without answers.
    public var p99Milliseconds: [Double?]
    /// 0 to 1.
    public var errorRate: [Double?]
    /// Wrong answers by late label, 0 to 1.
    public var wrongRate: [Double?]

    /// Puts them together.
    public init(
      version: VersionID?, requestsPerSecond: [Double?], p50Milliseconds: [Double?],
      p90Milliseconds: [Double?], p99Milliseconds: [Double?], errorRate: [Double?],
      wrongRate: [Double?]
    ) {
      self.version = version
      self.requestsPerSecond = requestsPerSecond
      self.p50Milliseconds = p50Milliseconds
      self.p90Milliseconds = p90Milliseconds
      self.p99Milliseconds = p99Milliseconds
      self.errorRate = errorRate
      self.wrongRate = wrongRate
    }
  }

  /// The time of the last point's end.
  public var end: Timestamp
  /// Seconds that each point stands for.
  public var secondsPerPoint: Int
  /// The endpoint first, then each version with traffic in the window.
  public var series: [Series]
  /// Requests since the node began.
  public var totalRequests: Int
  /// Failed answers since the node began.
  public var totalFailed: Int
  /// Requests whose telemetry was dropped because the analyst was behind.
  public var droppedTaps: Int
  /// Late labels since the node began.
  public var totalLabels: Int
  /// Requests routed to a version after its fence since the node began; the promise is 0.
  public var routedAfterFence: Int

  /// Puts them together.
  public init(
    end: Timestamp, secondsPerPoint: Int, series: [Series], totalRequests: Int, totalFailed: Int,
    droppedTaps: Int, totalLabels: Int, routedAfterFence: Int = 0
  ) {
    self.end = end
    self.secondsPerPoint = secondsPerPoint
    self.series = series
    self.totalRequests = totalRequests
    self.totalFailed = totalFailed
    self.droppedTaps = droppedTaps
    self.totalLabels = totalLabels
    self.routedAfterFence = routedAfterFence
  }
}

/// A rollout as the Canary pane shows it.
public struct RolloutView: Sendable, Codable {
  /// One judged metric's evidence.
  public struct Evidence: Sendable, Codable {
    /// What is judged.
    public var metric: Metric
    /// The e-value now.
    public var eValue: Double
    /// The e-value's hold and rollback lines for this metric.
    public var holdAt: Double
    /// The e-value at which the guard rolls back.
    public var rollbackAt: Double
    /// The candidate's bad events.
    public var candidateBad: Int
    /// The stable's bad events.
    public var stableBad: Int
    /// The candidate's events, good and bad.
    public var candidateTotal: Int
    /// The stable's events, good and bad.
    public var stableTotal: Int
    /// Tolerated ratio.
    public var tolerance: Double
    /// About how many more candidate requests a verdict on twice the tolerated rate takes.
    public var requestsToVerdict: Int?

    /// Puts them together.
    public init(
      metric: Metric, eValue: Double, holdAt: Double, rollbackAt: Double, candidateBad: Int,
      stableBad: Int, candidateTotal: Int, stableTotal: Int, tolerance: Double,
      requestsToVerdict: Int?
    ) {
      self.metric = metric
      self.eValue = eValue
      self.holdAt = holdAt
      self.rollbackAt = rollbackAt
      self.candidateBad = candidateBad
      self.stableBad = stableBad
      self.candidateTotal = candidateTotal
      self.stableTotal = stableTotal
      self.tolerance = tolerance
      self.requestsToVerdict = requestsToVerdict
    }
  }

  /// Its number on the endpoint, from 1.
  public var identifier: Int
  /// The version under test.
  public var candidate: VersionID
  /// The version that a rollback gives the traffic to.
  public var fallback: VersionID
  /// The plan it follows.
  public var plan: Plan
  /// `baking`, `held`, `soaking`, `completed`, `rolled back`, `aborted`, `superseded`.
  public var phase: String
  /// Why it is held, or why it ended; empty otherwise.
  public var cause: String
  /// Index into the plan's steps.
  public var step: Int
  /// The candidate's part of the traffic.
  public var candidateWeight: BasisPoints
  /// Observed time in this step.
  public var observed: TimeSpan
  /// What is left of the step's time; nil when something other than time is waited for.
  public var remaining: TimeSpan?
  /// Candidate requests answered in this step.
  public var stepRequests: Int
  /// Candidate requests answered in the whole rollout.
  public var candidateRequests: Int
  /// What is judged, in the plan's order.
  public var evidence: [Evidence]
  /// When it began.
  public var started: Timestamp
  /// Who began it.
  public var startedBy: ActorID

  /// Puts them together.
  public init(
    identifier: Int, candidate: VersionID, fallback: VersionID, plan: Plan, phase: String,
    cause: String, step: Int, candidateWeight: BasisPoints, observed: TimeSpan,
    remaining: TimeSpan?, stepRequests: Int, candidateRequests: Int, evidence: [Evidence],
    started: Timestamp, startedBy: ActorID
  ) {
    self.identifier = identifier
    self.candidate = candidate
    self.fallback = fallback
    self.plan = plan
    self.phase = phase
    self.cause = cause
    self.step = step
    self.candidateWeight = candidateWeight
    self.observed = observed
    self.remaining = remaining
    self.stepRequests = stepRequests
    self.candidateRequests = candidateRequests
    self.evidence = evidence
    self.started = started
    self.startedBy = startedBy
  }
}

/// What a rollback would do, shown before it is confirmed.
public struct RollbackPreview: Sendable, Codable {
  /// The split now.
  public var from: Split
  /// The version that would get all traffic.
  public var target: VersionID
  /// Older targets that can be chosen instead, newest first.
  public var alternatives: [VersionID]
  /// How long the target has been (or was) live.
  public var targetLive: TimeSpan?
  /// 99 % of its last answers took at most this long; nil without answers.
  public var targetP99Milliseconds: Double?
  /// Failed answers among its last, 0 to 1; nil without answers.
  public var targetErrorRate: Double?
  /// True when the target is loaded and answers now.
  public var targetReady: Bool
  /// The generation that it was computed for.
  public var generation: Int
  /// What on the screen speaks for it; recorded with the rollback.
  public var symptom: String?

  /// Puts them together.
  public init(
    from: Split, target: VersionID, alternatives: [VersionID], targetLive: TimeSpan?,
    targetP99Milliseconds: Double?, targetErrorRate: Double?, targetReady: Bool, generation: Int,
    symptom: String?
  ) {
    self.from = from
    self.target = target
    self.alternatives = alternatives
    self.targetLive = targetLive
    self.targetP99Milliseconds = targetP99Milliseconds
    self.targetErrorRate = targetErrorRate
    self.targetReady = targetReady
    self.generation = generation
    self.symptom = symptom
  }
}

/// What undo would give back.
public struct UndoView: Sendable, Codable {
  /// When the change was made that it takes back.
  public var changed: Timestamp
  /// What that change was, in words.
  public var change: String
  /// The split that it gives.
  public var split: Split

  /// Puts them together.
  public init(changed: Timestamp, change: String, split: Split) {
    self.changed = changed
    self.change = change
    self.split = split
  }
}

/// Drift of one version's inputs and outputs against its training reference.
public struct DriftView: Sendable, Codable {
  /// One feature or output.
  public struct Feature: Sendable, Codable {
    /// Its name.
    public var name: String
    /// `numeric` or `categorical`.
    public var kind: String
    /// Whether it is the model's answer and not a feature.
    public var isOutput: Bool
    /// The population stability index against the reference.
    public var psi: Double
    /// The Kolmogorov-Smirnov distance lies between these two; nil for categories.
    public var ksLow: Double?
    /// The upper end of that interval.
    public var ksHigh: Double?
    /// The p-value of "PSI is at most the tolerated effect", after Benjamini-Hochberg.
    public var qValue: Double?
    /// Missing values in the reference, 0 to 1.
    public var missingReference: Double
    /// Missing values in the window, 0 to 1.
    public var missingCurrent: Double
    /// Share of rows with a category that the reference never had.
    public var unseen: Double
    /// How bad it is.
    public var severity: Severity
    /// PSI of past windows, oldest first.
    public var history: [Double?]
    /// About 32 merged bins for the overlay; empty unless asked for.
    public var bins: [Bin]

    /// Puts them together.
    public init(
      name: String, kind: String, isOutput: Bool, psi: Double, ksLow: Double?, ksHigh: Double?,
      qValue: Double?, missingReference: Double, missingCurrent: Double, unseen: Double,
      severity: Severity, history: [Double?], bins: [Bin]
    ) {
      self.name = name
      self.kind = kind
      self.isOutput = isOutput
      self.psi = psi
      self.ksLow = ksLow
      self.ksHigh = ksHigh
      self.qValue = qValue
      self.missingReference = missingReference
      self.missingCurrent = missingCurrent
      self.unseen = unseen
      self.severity = severity
      self.history = history
      self.bins = bins
    }
  }

  /// One column of the overlay histogram.
  public struct Bin: Sendable, Codable {
    /// `12.5 to 14`, `UA`, `missing`.
    public var label: String
    /// The reference's part in this bin, 0 to 1.
    public var reference: Double
    /// The window's part in this bin, 0 to 1.
    public var current: Double
    /// This bin's part of the PSI, 0 to 1.
    public var contribution: Double

    /// Puts them together.
    public init(label: String, reference: Double, current: Double, contribution: Double) {
      self.label = label
      self.reference = reference
      self.current = current
      self.contribution = contribution
    }
  }

  /// The version that is compared with its reference.
  public var version: VersionID
  /// Rows in the current window.
  public var rows: Int
  /// Rows in the reference.
  public var referenceRows: Int
  /// How many rows the window can hold.
  public var windowRows: Int
  /// Worst first.
  public var features: [Feature]
  /// False until enough rows have come for a verdict.
  public var enough: Bool

  /// Puts them together.
  public init(
    version: VersionID, rows: Int, referenceRows: Int, windowRows: Int, features: [Feature],
    enough: Bool
  ) {
    self.version = version
    self.rows = rows
    self.referenceRows = referenceRows
    self.windowRows = windowRows
    self.features = features
    self.enough = enough
  }
}

/// One registered version, for the list of what can be deployed.
public struct RegisteredVersionView: Sendable, Codable {
  /// The version.
  public var version: VersionID
  /// SHA-256 of its model file.
  public var digest: Digest
  /// Size of the model file.
  public var bytes: Int
  /// When it was registered.
  public var registered: Timestamp
  /// One sentence about it, from its card.
  public var summary: String
  /// Its evaluation, by metric name.
  public var metrics: [String: Double]
  /// Endpoints where it is loaded.
  public var loadedOn: [Name]

  /// Puts them together.
  public init(
    version: VersionID, digest: Digest, bytes: Int, registered: Timestamp, summary: String,
    metrics: [String: Double], loadedOn: [Name]
  ) {
    self.version = version
    self.digest = digest
    self.bytes = bytes
    self.registered = registered
    self.summary = summary
    self.metrics = metrics
    self.loadedOn = loadedOn
  }
}

/// A registered version with its card.
public struct VersionDetail: Sendable, Codable {
  /// The version as the registry lists it.
  public var registered: RegisteredVersionView
  /// Its inputs and outputs.
  public var signature: Signature
  /// The card's Markdown; empty when there is none.
  public var card: String
  /// Whether drift can be measured against its training data.
  public var hasReference: Bool
  /// Nil when the artifact's bytes still match the digest, else what is wrong.
  public var damage: String?

  /// Puts them together.
  public init(
    registered: RegisteredVersionView, signature: Signature, card: String, hasReference: Bool,
    damage: String?
  ) {
    self.registered = registered
    self.signature = signature
    self.card = card
    self.hasReference = hasReference
    self.damage = damage
  }
}

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

/// What a ramp would do.
public struct RampPreview: Sendable, Codable {
  /// The endpoint concerned.
  public var endpoint: Name
  /// The version under test.
  public var candidate: VersionID
  /// The version that a rollback gives the traffic to.
  public var fallback: VersionID
  /// The plan it follows.
  public var plan: Plan
  /// One sentence a step, with expected requests at the present rate.
  public var steps: [String]
  /// The whole of it in a sentence.
  public var summary: String
  /// Nil when it can start, else why it would be refused.
  public var refusal: String?

  /// Puts them together.
  public init(
    endpoint: Name, candidate: VersionID, fallback: VersionID, plan: Plan, steps: [String],
    summary: String, refusal: String?
  ) {
    self.endpoint = endpoint
    self.candidate = candidate
    self.fallback = fallback
    self.plan = plan
    self.steps = steps
    self.summary = summary
    self.refusal = refusal
  }
}

/// One journal event as people read it.
public struct JournalRow: Sendable, Codable {
  /// Its number in the journal, from 1.
  public var sequence: Int
  /// When it was decided.
  public var time: Timestamp
  /// Who decided it.
  public var actor: ActorID
  /// `deploy`, `split`, `ramp`, `step`, `hold`, `rollback`, ...
  public var kind: String
  /// The endpoint it changed; nil when it concerns none.
  public var endpoint: Name?
  /// One sentence.
  public var summary: String
  /// The endpoint's generation afterwards.
  public var generation: Int?
  /// Why, as its author gave it; nil when none was given.
  public var reason: String?
  /// How it is marked on the screen.
  public var severity: Severity
  /// The command line that does the same.
  public var commandLine: String?

  /// Puts them together.
  public init(
    sequence: Int, time: Timestamp, actor: ActorID, kind: String, endpoint: Name?, summary: String,
    generation: Int?, reason: String?, severity: Severity, commandLine: String?
  ) {
    self.sequence = sequence
    self.time = time
    self.actor = actor
    self.kind = kind
    self.endpoint = endpoint
    self.summary = summary
    self.generation = generation
    self.reason = reason
    self.severity = severity
    self.commandLine = commandLine
  }
}

/// What checking the journal's chain found.
public struct JournalCheck: Sendable, Codable {
  /// Rows that were checked.
  public var events: Int
  /// The hash of the newest row; nil in an empty journal.
  public var head: Digest?
  /// The first broken row and what is wrong with it; nil when the chain holds.
  public var fault: String?

  /// Puts them together.
  public init(events: Int, head: Digest?, fault: String?) {
    self.events = events
    self.head = head
    self.fault = fault
  }
}
