import Control
import Core
import Storage

/// The recording of an endpoint as screens show it.
public struct RecordingView: Sendable, Codable {
  /// The endpoint.
  public var endpoint: Name
  /// What is recorded; nil is nothing.
  public var policy: RecordingPolicy?
  /// Whether a node serves and so records.
  public var isRunning: Bool
  /// Files on disk.
  public var files: Int
  /// Their bytes.
  public var bytes: Int
  /// When the oldest file was last written to: what is kept begins about then, or before.
  public var oldest: Timestamp?
  /// When the newest file was last written to.
  public var newest: Timestamp?
  /// Requests written since the node began.
  public var requests: Int
  /// Labels written since the node began.
  public var labels: Int
  /// Requests and labels dropped since the node began, because the writer was behind.
  public var dropped: Int
  /// Requests and labels that the file system did not take since the node began.
  public var lost: Int
  /// Why the last write failed; nil when it did not.
  public var fault: String?
}

extension Node {
  /// What is recorded of an endpoint.
  /// - Throws: a ``Failure`` when there is no such endpoint or its folder cannot be read.
  func recording(of name: Name) throws -> RecordingView {
    guard let endpoint = core.state.endpoint(name) else {
      throw NodeError(.unknown, "there is no endpoint \(name); sluice endpoint list shows them")
    }
    let recording = try Recording(directory, endpoint: name)
    let figures = recorder.figures(of: name) ?? RecorderFigures()
    return RecordingView(
      endpoint: name, policy: endpoint.recording, isRunning: isServing,
      files: recording.files.count, bytes: recording.bytes,
      oldest: recording.files.first?.changed, newest: recording.files.last?.changed,
      requests: figures.requests, labels: figures.labels, dropped: figures.dropped,
      lost: figures.lost, fault: figures.fault)
  }
}
