import Control
import Core
import Foundation
import Inference
import Telemetry
import Testing

@testable import Node
@testable import Serving
@testable import Storage

/// The recorder on a real node with the sample's model.
@Suite("The recorder of a node", .serialized)
struct RecorderTests {
  private let sample: SampleFiles
  private let ana = ActorID(kind: .person, name: "ana")

  init() throws { sample = try SampleFiles.flightDelay }

  private var e: Name { sample.model }
  private func v(_ number: Int) -> VersionID { VersionID(model: sample.model, number: number) }

  private func withState(_ body: (String) throws -> Void) throws {
    let state = "/tmp/sln-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    try body(state)
  }

  /// A serving node with version 1 live.
  private func open(_ state: String) throws -> Node {
    let node = try Node.open(NodeOptions(stateDirectory: state, listens: false, serves: true))
    guard node.core.state.endpoint(e) == nil else { return node }
    _ = try ModelImporter.importModel(
      file: sample.modelPath(1), model: e, card: nil, reference: nil, stateDirectory: state,
      client: node, actor: ana)
    try perform(node, .createEndpoint(e))
    try perform(node, .deploy(endpoint: e, version: v(1)))
    return node
  }

  private func perform(_ node: Node, _ command: Command) throws {
    _ = try node.perform(Order(command: command, actor: ana))
  }

  /// Sends requests of `keys` callers, `each` of every one, with identifiers from `first` on.
  private func send(_ node: Node, keys: Int, each: Int, first: UInt64 = 1) throws {
    let runtime = try #require(node.plane.runtime(of: e))
    let worker = runtime.makeWorker(seed: 1, tapCapacity: 65_536)
    var id = first
    for round in 0..<each {
      for key in 0..<keys {
        worker.row.setNumber(try #require(worker.row.schema.column("distance")), Float(id))
        let bytes = Array("caller \(key)".utf8)
        _ = bytes.withUnsafeBufferPointer { bytes in
          worker.predict(Request(key: bytes.baseAddress, keyCount: bytes.count, id: id))
        }
        id += 1
      }
      _ = round
    }
  }

  /// Waits until the recorder has written so much.
  private func wait(_ node: Node, _ isDone: (RecorderFigures) -> Bool) throws {
    for _ in 0..<1_000 {
      if isDone(node.recorder.figures(of: e) ?? RecorderFigures()) { return }
      usleep(10_000)
    }
    Issue.record(
      "the recorder did not come to it: \(String(describing: node.recorder.figures(of: e)))")
  }

  private func all(_ state: String) throws -> [RecordedRequest] {
    let recording = try Recording(StateDirectory(state, create: false), endpoint: e)
    let reader = try recording.requests()
    var requests: [RecordedRequest] = []
    while let next = try reader.next() { requests.append(next) }
    #expect(reader.damage == RecordingReader.Damage())
    return requests
  }

  @Test("requests and their labels are recorded, through a restart, until it is turned off")
  func life() throws {
    try withState { state in
      var node = try open(state)
      try perform(
        node,
        .setRecording(
          endpoint: e, policy: RecordingPolicy(share: 10_000, withheld: ["origin"])))
      try send(node, keys: 20, each: 10)
      try wait(node) { $0.requests == 200 }
      let labels = node.analyst.labels(of: e)
      for id in 1...50 as ClosedRange<UInt64> {
        labels.add(
          LabelArrival(
            requestID: id, label: 1,
            timeNanoseconds: Int64(SystemClock.monotonicNanoseconds())))
      }
      try wait(node) { $0.labels == 50 }
      node.stop()
      var requests = try all(state)
      #expect(requests.map(\.id).sorted() == Array(1...200))
      #expect(requests.count { $0.lateLabel == 1 } == 50)
      #expect(Set(requests.compactMap(\.keyHash)).count == 20)
      #expect(requests.allSatisfy { $0.version == v(1) && $0.answeredBy == v(1) && !$0.failed })
      let recording = try Recording(StateDirectory(state, create: false), endpoint: e)
      let columns = try #require(recording.header).columns
      let distance = try #require(columns.firstIndex { $0.name == "distance" })
      let origin = try #require(columns.firstIndex { $0.name == "origin" })
      #expect(requests.allSatisfy { $0.row[distance] == .number(Float($0.id)) })
      #expect(requests.allSatisfy { $0.row[origin] == .withheld })
      // The policy is in the journal.
      node = try open(state)
      try send(node, keys: 1, each: 30, first: 1_000)
      try wait(node) { $0.requests == 30 }
      try perform(node, .setRecording(endpoint: e, policy: nil))
      try send(node, keys: 1, each: 30, first: 2_000)
      usleep(50_000)
      let rows = node.core.recentRows(20)
      node.stop()
      requests = try all(state)
      #expect(requests.count == 230)
      // The same caller is known again.
      #expect(Set(requests.compactMap(\.keyHash)).count == 20)
      #expect(rows.count { $0.kind == "recording-set" } == 2)
    }
  }

  @Test("a caller is recorded whole or not at all, in about the share asked for")
  func sampling() throws {
    try withState { state in
      let node = try open(state)
      try perform(
        node, .setRecording(endpoint: e, policy: RecordingPolicy(share: 3_000)))
      try send(node, keys: 300, each: 5)
      node.analyst.withDesk { _ in }
      try wait(node) { $0.requests >= 300 }
      usleep(100_000)
      node.stop()
      var counts: [UInt64: Int] = [:]
      for request in try all(state) { counts[try #require(request.keyHash), default: 0] += 1 }
      #expect(counts.values.allSatisfy { $0 == 5 })
      #expect((60...120).contains(counts.count))
    }
  }

  @Test("a recording that cannot be written is told, and requests go on")
  func refusedByTheDisk() throws {
    try withState { state in
      let node = try open(state)
      // A file lies where the folder should be.
      mkdir("\(state)/recordings", 0o700)
      _ = FileManager.default.createFile(atPath: "\(state)/recordings/flight-delay", contents: nil)
      try perform(node, .setRecording(endpoint: e, policy: RecordingPolicy(share: 10_000)))
      try send(node, keys: 2, each: 10)
      try wait(node) { $0.fault != nil && $0.lost == 20 }
      try FileManager.default.removeItem(atPath: "\(state)/recordings/flight-delay")
      try send(node, keys: 2, each: 10, first: 100)
      try wait(node) { $0.fault == nil && $0.requests == 20 }
      guard case .recording(let view) = try node.send(.recording(endpoint: e)) else { return }
      #expect(view.lost == 20 && view.requests == 20 && view.files == 1 && view.isRunning)
      node.stop()
    }
  }

  @Test("what the writer cannot take is dropped, counted and told to readers")
  func drops() throws {
    try withState { state in
      let directory = try StateDirectory(state, create: true)
      let signature = Signature(
        inputs: [TensorSpec(name: "x", elementType: .float32, shape: [nil, 1])],
        outputs: [TensorSpec(name: "y", elementType: .float32, shape: [nil, 1])])
      let runtime = EndpointRuntime(name: e, schema: try RowSchema(signature))
      let figures = RecorderFigureBook()
      let recorder = EndpointRecorder(
        RecordingPolicy(share: 10_000), signature: signature, runtime: runtime, figures: figures,
        capacity: 4)
      var row: Float = 7
      let taken = (0..<10).map { number in
        let record = TapRecord(
          ticket: 0, requestID: UInt64(number), timeNanoseconds: 0, latencyNanoseconds: 0,
          lateNanoseconds: 0, generation: 0, label: .missing, score: .nan, version: 0,
          answeredBy: 0, weight: 0, stableWeight: 0, outcome: .answered, flags: [])
        return withUnsafeBytes(of: &row) { bytes in
          bytes.baseAddress.map { recorder.offer(record, $0, time: 0) } ?? false
        }
      }
      #expect(taken == Array(repeating: true, count: 4) + Array(repeating: false, count: 6))
      for id in 0..<6 as Range<UInt64> {
        recorder.offer(
          LabelArrival(requestID: id, label: 1, timeNanoseconds: 0),
          time: Timestamp(microseconds: 1))
      }
      recorder.retire()
      var desk = RecorderDesk()
      _ = desk.take(recorder, directory)
      desk.close(recorder)
      // The runtime knows no version, so the requests themselves cannot be written.
      #expect(figures.value.dropped == 8)
      #expect(figures.value.labels == 4)
      let reader = try Recording(directory, endpoint: e).requests()
      #expect(try reader.next() == nil)
      #expect(reader.lost == 8)
    }
  }

  @Test("exported rows are those that were sent, as CSV, as JSON and as traffic")
  func export() throws {
    try withState { state in
      let node = try open(state)
      try perform(node, .setRecording(endpoint: e, policy: RecordingPolicy(share: 10_000)))
      try send(node, keys: 3, each: 2)
      try wait(node) { $0.requests == 6 }
      node.stop()
      func export(_ options: RecordingExport.Options) throws -> [String] {
        let path = "\(state)/export"
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(descriptor) }
        let sink = ByteSink(descriptor: descriptor, name: path)
        let summary = try RecordingExport.run(
          stateDirectory: state, endpoint: e, options, to: sink)
        try sink.flush()
        #expect(summary.rows == 6)
        return try String(contentsOfFile: path, encoding: .utf8)
          .split(separator: "\n").map(String.init)
      }
      let csv = try export(RecordingExport.Options())
      #expect(csv.count == 7)
      #expect(csv[0].hasSuffix("recorded_latency_us,recorded_weight,recorded_key"))
      #expect(csv[1].contains("flight-delay@1"))
      let json = try export(RecordingExport.Options(format: .jsonl))
      let object = try JSONSerialization.jsonObject(with: Data(json[0].utf8)) as? [String: Any]
      #expect(object?["distance"] as? Double == 1)
      #expect(object?["label"] is NSNull)
      #expect(object?["recorded_failed"] as? Bool == false)
      // A traffic file can be replayed.
      let traffic = try export(RecordingExport.Options(asTraffic: true))
      let model = try CompiledModel.load(
        Array(try Data(contentsOf: URL(fileURLWithPath: sample.modelPath(1)))))
      let table = try TrafficTable(
        csv: Array(traffic.joined(separator: "\n").utf8), schema: RowSchema(model.signature),
        name: "traffic")
      #expect(table.rowCount == 6)
    }
  }
}
