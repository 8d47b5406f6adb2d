import Control
import Core
import Serving
import Storage
import Synchronization
import Telemetry

/// What was recorded of an endpoint since the node began.
struct RecorderFigures: Sendable, Hashable {
  /// Requests written.
  var requests = 0
  /// Labels written.
  var labels = 0
  /// Requests and labels that were to be recorded and were dropped, because the writer was behind.
  var dropped = 0
  /// Requests and labels that the file system did not take.
  var lost = 0
  /// Why the last write failed; nil when it did not.
  var fault: String?
}

/// Figures that the recorders of an endpoint share with those who ask.
final class RecorderFigureBook: Sendable {
  private let figures = Mutex(RecorderFigures())
  /// The figures now.
  var value: RecorderFigures { figures.withLock { $0 } }
  /// Changes them.
  func update(_ body: (inout RecorderFigures) -> Void) { figures.withLock { body(&$0) } }
}

/// The analyst's door to the recording of one endpoint by one policy: offers cost some hundred
/// nanoseconds and never wait.
///
/// The analyst offers, one thread of the ``Recorder`` takes.
final class EndpointRecorder: Sendable {
  /// Requests that can wait for the writer.
  static let ringCapacity = 8_192

  let policy: RecordingPolicy
  let signature: Signature
  let runtime: EndpointRuntime
  /// Shared with the recorders of this endpoint before and after.
  let figures: RecorderFigureBook
  let ring: TapRing
  let labels: LabelQueue
  /// Where the values of the row lie that are not withheld; nil for one that is.
  let fields: [Telemetry.RowLayout.Field?]
  /// The columns as a file's header has them.
  let columns: [RecordingHeader.Column]

  private let salt: UInt64
  private let retired = Atomic<Bool>(false)

  init(
    _ policy: RecordingPolicy, signature: Signature, runtime: EndpointRuntime,
    figures: RecorderFigureBook, capacity: Int = ringCapacity
  ) {
    self.policy = policy
    self.signature = signature
    self.runtime = runtime
    self.figures = figures
    ring = TapRing(layout: runtime.schema.layout, capacity: capacity)
    labels = LabelQueue(capacity: capacity)
    salt = KeyHash.salt("recording of \(runtime.name)")
    var fields: [Telemetry.RowLayout.Field?] = []
    var columns: [RecordingHeader.Column] = []
    for column in runtime.schema.columns {
      let isWithheld = policy.withheld.contains(column.name)
      for place in 0..<column.width {
        let field = runtime.schema.layout.fields[column.firstFeature + place]
        fields.append(isWithheld ? nil : field)
        columns.append(
          RecordingHeader.Column(
            name: field.name, isText: field.kind == .text, isWithheld: isWithheld))
      }
    }
    self.fields = fields
    self.columns = columns
  }

  /// Whether nobody offers any more.
  var isRetired: Bool { retired.load(ordering: .acquiring) }
  /// The offering side's last word.
  func retire() { retired.store(true, ordering: .releasing) }

  /// Takes a request when it belongs to the sample: all requests of a key or none.
  /// - Parameter time: when it was answered, wall clock nanoseconds.
  /// - Returns: whether it will be recorded.
  func offer(_ record: TapRecord, _ row: UnsafeRawPointer, time: Int64) -> Bool {
    let identity = record.flags.contains(.keyed) ? record.keyIdentity : record.requestID
    guard KeyHash.bucket(of: SplitMix64.mix(identity ^ salt)) < policy.share else { return false }
    var record = record
    record.timeNanoseconds = time
    return ring.push(record, row: row)
  }

  /// Takes the label of a request that was recorded.
  func offer(_ label: LabelArrival, time: Timestamp) {
    labels.add(
      LabelArrival(
        requestID: label.requestID, label: label.label, timeNanoseconds: time.microseconds * 1_000))
  }

  /// The request as it is recorded, without its key.
  func request(
    _ record: TapRecord, _ row: UnsafeRawPointer, version: (UInt16) -> VersionID?
  ) -> RecordedRequest? {
    guard let routed = version(record.version) else { return nil }
    let values = fields.map { field -> RecordedValue in
      guard let field else { return .withheld }
      switch field.kind {
      case .number: return .number(row.load(fromByteOffset: field.offsetBytes, as: Float.self))
      case .text:
        let text = row.load(fromByteOffset: field.offsetBytes, as: TextKey.self)
        return .text(RecordedText(low: text.low, high: text.high))
      }
    }
    let isAnswered = record.outcome == .answered || record.outcome == .fellBack
    let label = RecordedText(low: record.label.low, high: record.label.high)
    return RecordedRequest(
      time: Timestamp(microseconds: record.timeNanoseconds / 1_000), id: record.requestID,
      row: values, version: routed, answeredBy: isAnswered ? version(record.answeredBy) : nil,
      label: isAnswered && !label.isMissing ? label : nil,
      score: isAnswered && !record.score.isNaN ? record.score : nil, failed: record.versionFailed,
      latency: TimeSpan(microseconds: Int64(record.latencyNanoseconds / 1_000)),
      weight: Int(record.weight), isDrawn: record.flags.contains(.drawn),
      generation: Int(truncatingIfNeeded: record.generation))
  }
}
