import Control
import Core
import Glibc
import Serving
import Storage
import Synchronization

/// Records sampled requests of a node's endpoints, on a thread of its own.
///
/// A request passes the tap, the analyst and a bounded queue; whoever is behind drops, and counts
/// what it dropped. No request ever waits for a disk.
final class Recorder: Sendable {
  private struct State {
    var active: [Name: EndpointRecorder] = [:]
    /// Recorders whose last requests are still to be written.
    var retired: [EndpointRecorder] = []
    var figures: [Name: RecorderFigureBook] = [:]
    var thread: ServiceThread?
  }

  /// Between two rounds while requests come, microseconds.
  private static let roundMicroseconds: UInt32 = 5_000
  /// The same while nothing comes.
  private static let idleMicroseconds: UInt32 = 50_000

  private let directory: StateDirectory
  private let state = Mutex(State())

  init(_ directory: StateDirectory) { self.directory = directory }

  /// Brings the recording of an endpoint to what its state says; touches no file.
  /// - Returns: where the analyst offers its requests; nil when nothing is recorded.
  func follow(_ endpoint: EndpointState, _ runtime: EndpointRuntime) -> EndpointRecorder? {
    state.withLock { state in
      let old = state.active[endpoint.name]
      if let old, old.policy == endpoint.recording, old.signature == endpoint.signature {
        return old
      }
      if let old {
        old.retire()
        state.retired.append(old)
        state.active[endpoint.name] = nil
      }
      guard let policy = endpoint.recording, let signature = endpoint.signature else { return nil }
      let figures = state.figures[endpoint.name] ?? RecorderFigureBook()
      state.figures[endpoint.name] = figures
      let made = EndpointRecorder(
        policy, signature: signature, runtime: runtime, figures: figures)
      state.active[endpoint.name] = made
      return made
    }
  }

  /// What was recorded since the node began; nil when nothing was to be.
  func figures(of endpoint: Name) -> RecorderFigures? {
    state.withLock { $0.figures[endpoint] }?.value
  }

  /// Begins to write.
  /// - Throws: ``NodeError`` when the system gives no thread.
  func start() throws(NodeError) {
    let thread = try ServiceThread("recorder") { [weak self] stop in
      var desk = RecorderDesk()
      while !stop.isSet {
        guard let self else { return }
        let moved = self.round(&desk)
        usleep(moved > 0 ? Recorder.roundMicroseconds : Recorder.idleMicroseconds)
      }
      guard let self else { return }
      // What was offered before the stop is written.
      _ = self.round(&desk)
      desk.end()
    }
    state.withLock { $0.thread = thread }
  }

  /// Writes what waits and ends the thread.
  func stop() {
    let thread = state.withLock { state in
      defer { state.thread = nil }
      return state.thread
    }
    thread?.stop()
  }

  /// One round over all recorders.
  /// - Returns: how many requests and labels were taken.
  private func round(_ desk: inout RecorderDesk) -> Int {
    let (active, retired) = state.withLock { state in
      defer { state.retired = [] }
      return (Array(state.active.values), state.retired)
    }
    var moved = 0
    for recorder in retired {
      moved += desk.take(recorder, directory)
      desk.close(recorder)
    }
    for recorder in active { moved += desk.take(recorder, directory) }
    return moved
  }
}

/// The writers of the recorder's thread.
struct RecorderDesk {
  private final class Place {
    let writer: RecordingWriter
    var versions: [UInt16: VersionID] = [:]
    var flushed: UInt64 = 0
    /// When a write is tried again after a failure.
    var retryAt: UInt64 = 0
    var droppedBefore = 0
    var written = RecordingWriter.Counts()
    init(_ writer: RecordingWriter) { self.writer = writer }
  }

  /// A buffer this full is written at once.
  private static let flushBytes = 1 << 16
  /// So long a request waits in memory at most, nanoseconds.
  private static let flushNanoseconds: UInt64 = 1_000_000_000

  private var places: [ObjectIdentifier: Place] = [:]
  private var secret: RecordingSecret?

  /// Takes what waits in a recorder's queues, and writes when there is enough or it is old.
  /// - Returns: how many requests and labels there were.
  mutating func take(_ recorder: EndpointRecorder, _ directory: StateDirectory) -> Int {
    let place = place(of: recorder, directory)
    let monotonic = SystemClock.monotonicNanoseconds()
    guard let secret = secret(directory, recorder, place, monotonic) else { return 0 }
    let moved = recorder.ring.drain { record, row in
      var request = recorder.request(record, row) { tag in
        if let known = place.versions[tag] { return known }
        let version = recorder.runtime.version(tag: tag)
        place.versions[tag] = version
        return version
      }
      if record.flags.contains(.keyed) {
        request?.keyHash = secret.pseudonym(of: record.keyIdentity)
      }
      if let request { place.writer.append(request) }
    }
    let labels = recorder.labels.takeAll()
    for label in labels {
      place.writer.append(
        RecordedLabel(
          time: Timestamp(microseconds: label.timeNanoseconds / 1_000), id: label.requestID,
          label: label.label))
    }
    let isDue = monotonic &- place.flushed >= RecorderDesk.flushNanoseconds
    if place.writer.bufferedBytes >= RecorderDesk.flushBytes || isDue || recorder.isRetired,
      monotonic >= place.retryAt
    {
      flush(recorder, place, monotonic)
    }
    return moved + labels.count
  }

  /// Ends a recorder's file.
  mutating func close(_ recorder: EndpointRecorder) {
    guard let place = places.removeValue(forKey: ObjectIdentifier(recorder)) else { return }
    close(recorder.figures, place)
  }

  /// Writes what waits and ends all files.
  mutating func end() {
    for place in places.values {
      try? place.writer.flush(now: SystemClock.now())
      try? place.writer.close()
    }
    places = [:]
  }

  private func close(_ figures: RecorderFigureBook, _ place: Place) {
    do {
      try place.writer.flush(now: SystemClock.now())
      try place.writer.close()
    } catch {
      figures.update { $0.fault = NodeError(describing: error).message }
    }
  }

  private mutating func place(
    of recorder: EndpointRecorder, _ directory: StateDirectory
  ) -> Place {
    let key = ObjectIdentifier(recorder)
    if let known = places[key] { return known }
    let (name, signature, columns, share) = (
      recorder.runtime.name, recorder.signature, recorder.columns, recorder.policy.share
    )
    let limits = RecordingLimits(
      keepBytes: recorder.policy.keepBytes, maxAge: recorder.policy.maxAge)
    let made = Place(
      RecordingWriter(directory, endpoint: name, limits: limits) { created in
        RecordingHeader(
          endpoint: name, signature: signature, columns: columns, share: share, created: created)
      })
    places[key] = made
    return made
  }

  /// The secret that keys are hashed with; without it nothing is recorded.
  private mutating func secret(
    _ directory: StateDirectory, _ recorder: EndpointRecorder, _ place: Place, _ now: UInt64
  ) -> RecordingSecret? {
    if let secret { return secret }
    guard now >= place.retryAt else { return nil }
    do {
      secret = try RecordingSecret(of: directory)
    } catch {
      place.retryAt = now + RecorderDesk.flushNanoseconds
      recorder.figures.update { $0.fault = error.message }
    }
    return secret
  }

  private func flush(_ recorder: EndpointRecorder, _ place: Place, _ now: UInt64) {
    let dropped = recorder.ring.dropped + recorder.labels.dropped
    let isNew = dropped - place.droppedBefore
    place.writer.append(loss: isNew, time: SystemClock.now())
    var fault: String?
    do throws(StorageError) {
      try place.writer.flush(now: SystemClock.now())
    } catch {
      fault = error.message
      place.retryAt = now + RecorderDesk.flushNanoseconds
    }
    place.flushed = now
    place.droppedBefore = dropped
    let (before, after) = (place.written, place.writer.counts)
    place.written = after
    recorder.figures.update { figures in
      figures.requests += after.requests - before.requests
      figures.labels += after.labels - before.labels
      figures.lost += after.lost - before.lost
      figures.dropped += isNew
      figures.fault = fault
    }
  }
}
