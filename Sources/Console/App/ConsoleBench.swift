import Control
import Core
import Glibc
import Node

/// How long the console takes for a picture and a frame of a large node: `sluice bench console`.
public enum ConsoleBench {
  /// One screen's figures.
  public struct Figure: Sendable, Encodable {
    /// What was drawn.
    public let screen: String
    /// Columns and rows.
    public let size: String
    /// The median of a frame, milliseconds.
    public let medianMilliseconds: Double
    /// 99 of 100 frames took at most this long, milliseconds.
    public let p99Milliseconds: Double
    /// The longest frame, milliseconds.
    public let worstMilliseconds: Double
  }

  /// All figures of a run.
  public struct Report: Sendable, Encodable {
    /// Endpoints of the node that was drawn.
    public let endpoints: Int
    /// Registered versions.
    public let versions: Int
    /// A frame of each screen: the state after a key, laid out and drawn into cells.
    public let frames: [Figure]
    /// Taking a picture in: what happens once a second beside the frames.
    public let picture: Figure
    /// The picture's bytes on the control socket.
    public let pictureBytes: Int
    /// The whole registry's bytes there, in pages, once after each change of it.
    public let registryBytes: Int
    /// A letter typed into the registry's filter, with its frame.
    public let filter: Figure
  }

  /// Draws a made-up node of so many endpoints and versions.
  public static func run(
    endpoints: Int, versions: Int, columns: Int = 200, rows: Int = 60, frames: Int = 200
  ) -> Report {
    let world = BenchWorld(endpoints: endpoints, versions: versions)
    var model = ConsoleModel(
      settings: ConsoleSettings(actor: ActorID(kind: .person, name: "ana")), columns: columns,
      rows: rows, moment: Moment(milliseconds: 0, wall: world.time))
    model.feed.registry.replace(with: world.registry, revision: 1)
    let size = "\(columns)x\(rows)"
    var number = 0
    func deliver() {
      number += 1
      model.endpoint = world.names[0]
      _ = model.receive(
        .reply(Ticket(.live, number: number), .snapshot(world.picture(number))),
        at: Moment(milliseconds: number * 1000, wall: world.time + .seconds(number)))
    }
    deliver()
    let picture = measure("picture", size, frames) { deliver() }
    model.atHome = true
    var figures = [
      measure("endpoints", size, frames) {
        step(&model, .down)
        draw(model)
      }
    ]
    model.atHome = false
    // The list's selection took the shown endpoint along.
    deliver()
    precondition(model.liveDetail != nil, "an endpoint is shown")
    figures.append(
      measure("endpoint", size, frames) {
        step(&model, .down)
        draw(model)
      })
    for (name, key) in [
      ("registry", InputEvent.Key.character("b")), ("deploy list", .character("o")),
      ("plan editor", .character("P")), ("palette", .character(":")), ("ramp", .character("c")),
    ] {
      _ = model.receive(.input(.key(key)), at: model.moment)
      precondition(!model.dialogs.isEmpty, "\(name) is open")
      figures.append(
        measure(name, size, frames) {
          step(&model, .down)
          draw(model)
        })
      model.dialogs = []
    }
    figures += retraining(&model, size, frames)
    _ = model.receive(.input(.key(.character("b"))), at: model.moment)
    _ = model.receive(.input(.key(.character("/"))), at: model.moment)
    var letters = 0
    let filter = measure("filter", size, frames) {
      letters += 1
      step(&model, letters % 8 < 4 ? .character("e") : .backspace)
      draw(model)
    }
    return Report(
      endpoints: endpoints, versions: versions, frames: figures, picture: picture,
      pictureBytes: (try? CanonicalJSON.encode(world.picture(1)).count) ?? 0,
      registryBytes: (try? CanonicalJSON.encode(world.registry).count) ?? 0, filter: filter)
  }

  static func step(_ model: inout ConsoleModel, _ key: InputEvent.Key) {
    _ = model.receive(.input(.key(key)), at: model.moment)
  }

  static func draw(_ model: ConsoleModel) {
    let frame = render(model)
    precondition(frame.buffer.width == model.columns, "a frame is as wide as its screen")
  }

  static func measure(
    _ screen: String, _ size: String, _ count: Int, _ work: () -> Void
  ) -> Figure {
    var times: [Double] = []
    for _ in 0..<max(1, count) {
      let begin = nanoseconds()
      work()
      times.append(Double(nanoseconds() - begin) / 1e6)
    }
    times.sort()
    return Figure(
      screen: screen, size: size, medianMilliseconds: times[times.count / 2],
      p99Milliseconds: times[min(times.count - 1, times.count * 99 / 100)],
      worstMilliseconds: times[times.count - 1])
  }

  private static func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// A made-up node: models with many versions, endpoints that each serve one of them.
private struct BenchWorld {
  let time = Timestamp(microseconds: 1_773_496_951_000_000)
  let names: [Name]
  let registry: [RegisteredVersionView]
  private let summaries: [EndpointSummary]
  private let detail: EndpointDetail
  private let events: [JournalRow]

  init(endpoints: Int, versions: Int) {
    let count = max(1, endpoints)
    let names = (0..<count).compactMap { try? Name("endpoint-\($0)") }
    precondition(names.count == count, "the names are legal")
    let each = max(1, versions / count)
    let time = time
    let actor = ActorID(kind: .person, name: "ana")
    func version(_ place: Int, _ number: Int) -> VersionID {
      VersionID(model: names[place], number: number)
    }
    let digest = BenchWorld.digest
    var registry: [RegisteredVersionView] = []
    for place in names.indices {
      for number in 1...each {
        let isLive = number == each
        var view = RegisteredVersionView(
          version: version(place, number), digest: digest, bytes: 900_000 + number * 1_013,
          registered: time + .seconds(-number * 3_600),
          summary: "gradient-boosted trees, trained on week \(number)",
          metrics: ["accuracy": 0.8, "roc_auc": 0.74, "log_loss": 0.41],
          loadedOn: isLive ? [names[place]] : [])
        view.traits = VersionTraits(
          hasCard: true, hasReference: true, hasGolden: number % 2 == 0,
          parent: number > 1 ? version(place, number - 1) : nil, by: actor,
          places: isLive ? [.init(endpoint: names[place], role: "live", weight: 10_000)] : [])
        registry.append(view)
      }
    }
    self.names = names
    self.registry = registry.sorted { $0.version < $1.version }
    summaries = names.enumerated().map { place, name in
      EndpointSummary(
        name: name, status: "serving", generation: 7, stable: version(place, each),
        candidate: place % 5 == 0 ? version(place, 1) : nil,
        candidateWeight: place % 5 == 0 ? 500 : 0, requestsPerSecond: Double(100 + place),
        p99Milliseconds: 1.7, errorRate: 0.001,
        rollout: place % 5 == 0 ? "step 1 of 5" : nil, severity: .ok)
    }
    detail = BenchWorld.detail(names[0], each, time, digest)
    events = (0..<100).map { number in
      JournalRow(
        sequence: 1_000 - number, time: time + .seconds(-number * 60), actor: actor, kind: "step",
        endpoint: names[0], summary: "endpoint-0: @2 5% to 25%", generation: 7, reason: nil,
        severity: .ok, commandLine: "sluice step endpoint-0")
    }
  }

  private static var digest: Digest {
    guard let digest = try? Digest(bytes: [UInt8](repeating: 7, count: 32)) else {
      preconditionFailure("32 bytes are a digest")
    }
    return digest
  }

  private static func detail(
    _ name: Name, _ count: Int, _ time: Timestamp, _ digest: Digest
  ) -> EndpointDetail {
    let rows = (1...count).map { number in
      let isLive = number == count
      return VersionRow(
        version: VersionID(model: name, number: number), state: isLive ? "live" : "registered",
        weight: isLive ? 10_000 : 0, requestsPerSecond: isLive ? 100 : nil,
        p50Milliseconds: isLive ? 0.4 : nil, p99Milliseconds: isLive ? 1.7 : nil,
        errorRate: isLive ? 0.001 : nil, wrongRate: nil, labels: 0, driftScore: nil,
        registered: time + .seconds(-number * 3_600), summary: "trained on week \(number)",
        digest: digest)
    }
    let values = (0..<150).map { Optional(100 + Double($0 * 7919 % 37)) }
    let series = TrafficView.Series(
      version: nil, requestsPerSecond: values, p50Milliseconds: values, p90Milliseconds: values,
      p99Milliseconds: values, errorRate: values.map { $0.map { $0 / 1e5 } }, wrongRate: values)
    return EndpointDetail(
      name: name, status: "serving", generation: 7,
      split: Split(all: VersionID(model: name, number: count)), versions: rows,
      traffic: TrafficView(
        end: time, secondsPerPoint: 2, series: [series], totalRequests: 1_000_000, totalFailed: 9,
        droppedTaps: 0, totalLabels: 5_000), rollout: nil, drift: nil, rollback: nil, undo: nil)
  }

  func picture(_ number: Int) -> NodeSnapshot {
    let now = time + .seconds(number)
    let node = NodeInfo(
      program: "bench", pid: 1, started: time, stateDirectory: "/", profile: "dev", processors: 1,
      residentBytes: 1 << 28, trafficSource: "", sequence: number, durable: true)
    var picture = NodeSnapshot(
      time: now, node: node, endpoints: summaries, detail: detail, registry: [], events: events,
      symptoms: [], runbooks: [],
      plans: [
        Plan(
          name: "standard-launch", summary: "bench",
          steps: [1_000, 5_000, 10_000].map { PlanStep(weight: $0, hold: .minutes(5)) },
          metrics: [JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 1)])
      ])
    picture.registryRevision = 1
    return picture
  }
}
