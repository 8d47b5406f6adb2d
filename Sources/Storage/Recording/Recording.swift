import Core
import Glibc

/// The recording of one endpoint on disk: files of frames, oldest first.
///
/// ```swift
/// let recording = try Recording(directory, endpoint: name)
/// let reader = try recording.requests(since: yesterday, onlyLabelled: true)
/// while let request = try reader.next() { … }
/// ```
/// It may be read while a node writes it.
public struct Recording: Sendable {
  /// One file.
  public struct File: Sendable, Hashable {
    /// Its number, rising.
    public let number: Int
    /// Where it is.
    public let path: String
    /// Its length.
    public let bytes: Int
    /// When it was last written to.
    public let changed: Timestamp
  }

  /// The endpoint.
  public let endpoint: Name
  /// The files when it was opened, oldest first.
  public let files: [File]
  /// What the newest readable file says of itself; nil when there is none.
  public let header: RecordingHeader?

  /// A file is never longer by far; more is not read.
  static let fileBytesMax = 256 << 20

  /// Looks at what is there; an endpoint that was never recorded has no files.
  /// - Throws: ``StorageError`` when the folder cannot be read.
  public init(_ directory: StateDirectory, endpoint: Name) throws(StorageError) {
    self.endpoint = endpoint
    files = try Recording.files(in: Recording.folder(of: endpoint, in: directory))
    header =
      files.reversed().lazy.compactMap { file in
        (try? Recording.bytes(of: file, limit: RecordingFrame.headerBytesMax + 20))
          .flatMap { try? RecordingScanner($0, name: file.path).header }
      }.first
  }

  /// All bytes on disk.
  public var bytes: Int { files.reduce(0) { $0 + $1.bytes } }

  /// The requests in the order in which they were written, each with its label when one came.
  ///
  /// Labels are collected first: about 50 bytes of memory for each label in the files read.
  /// - Parameters:
  ///   - since: leaves out earlier requests.
  ///   - until: leaves out requests from then on.
  ///   - onlyLabelled: leaves out requests without a label.
  /// - Throws: ``StorageError`` when there is no recording that can be read.
  public func requests(
    since: Timestamp? = nil, until: Timestamp? = nil, onlyLabelled: Bool = false
  ) throws(StorageError) -> RecordingReader {
    guard let header else {
      throw StorageError(
        .notFound,
        "nothing is recorded of \(endpoint): \"sluice record on \(endpoint)\" begins it")
    }
    return try RecordingReader(
      files, header, since: since, until: until, onlyLabelled: onlyLabelled)
  }

  // MARK: Files

  static func folder(of endpoint: Name, in directory: StateDirectory) -> String {
    "\(directory.recordingsPath)/\(endpoint)"
  }

  static func fileName(_ number: Int) -> String { "\(padded(number, 10)).slrec" }

  /// The files of a folder, oldest first; others in it are passed over.
  static func files(in folder: String) throws(StorageError) -> [File] {
    var files: [File] = []
    for name in try FileSystem.names(in: folder) {
      guard name.hasSuffix(".slrec"), let number = Int(name.dropLast(6)), number >= 0,
        name == fileName(number), let status = try FileSystem.status(ofLinkAt: "\(folder)/\(name)"),
        status.isRegularFile
      else { continue }
      let changed = Timestamp(
        microseconds: Int64(status.st_mtim.tv_sec) * 1_000_000
          + Int64(status.st_mtim.tv_nsec) / 1_000)
      files.append(
        File(
          number: number, path: "\(folder)/\(name)", bytes: Int(status.st_size), changed: changed))
    }
    return files.sorted { $0.number < $1.number }
  }

  /// A file's bytes; nil when it has been removed meanwhile.
  static func bytes(of file: File, limit: Int = fileBytesMax) throws(StorageError) -> [UInt8]? {
    guard access(file.path, F_OK) == 0 || errno != ENOENT else { return nil }
    let opened = try OpenFile(file.path, O_RDONLY | O_NOFOLLOW, doing: "read the recording")
    return try opened.read(count: min(Int(try opened.status().st_size), limit), at: 0)
  }
}

/// Goes through a recording; see ``Recording/requests(since:until:onlyLabelled:)``.
///
/// Holds one file in memory at a time. Used by one thread.
public final class RecordingReader {
  /// What could not be read.
  public struct Damage: Sendable, Hashable {
    /// Stretches of files without a whole frame, and frames that made no sense.
    public var stretches = 0
    /// The bytes of them.
    public var bytes = 0
    /// Files whose beginning is not a recording's.
    public var files = 0
    /// The bytes of last frames that were not written to their end.
    public var tornBytes = 0
  }

  /// What each value of a ``RecordedRequest/row`` is.
  public var columns: [RecordingHeader.Column] { header.columns }
  /// What the newest file says of itself.
  public let header: RecordingHeader
  /// What could not be read so far; whole after the last request.
  public private(set) var damage = Damage()
  /// Requests that the recorder had to drop, as far as the files read so far tell.
  public private(set) var lost = 0

  private let since: Timestamp?
  private let until: Timestamp?
  private let onlyLabelled: Bool
  private var files: ArraySlice<Recording.File>
  private var labels: [UInt64: RecordedLabel] = [:]
  private var scanner: RecordingScanner?
  /// Where in the open file's rows each of ``columns`` is; nil when the two are the same.
  private var places: [Int?]?

  init(
    _ files: [Recording.File], _ header: RecordingHeader, since: Timestamp?, until: Timestamp?,
    onlyLabelled: Bool
  ) throws(StorageError) {
    self.header = header
    self.since = since
    self.until = until
    self.onlyLabelled = onlyLabelled
    // Everything in a file is older than its last change.
    self.files = files.filter { file in since.map { file.changed >= $0 } ?? true }[...]
    for file in self.files { try collectLabels(file) }
  }

  private func collectLabels(_ file: Recording.File) throws(StorageError) {
    guard let bytes = try Recording.bytes(of: file),
      var scanner = try? RecordingScanner(bytes, name: file.path)
    else { return }
    while let frame = scanner.next() {
      guard frame.kind == RecordingFrame.Kind.label.rawValue else { continue }
      var payload = RecordingPayload(scanner.bytes, frame.payload)
      // The first label of a request counts, as it does for the verdict.
      if let label = payload.label(), labels[label.id] == nil { labels[label.id] = label }
    }
  }

  /// The next request; nil at the end.
  /// - Throws: ``StorageError`` when the system refuses a read.
  public func next() throws(StorageError) -> RecordedRequest? {
    while true {
      if scanner == nil {
        guard let file = files.popFirst() else { return nil }
        try open(file)
        continue
      }
      guard let frame = scanner?.next() else {
        close()
        continue
      }
      if let request = request(frame) { return request }
    }
  }

  private func open(_ file: Recording.File) throws(StorageError) {
    guard let bytes = try Recording.bytes(of: file) else { return }
    do throws(StorageError) {
      let opened = try RecordingScanner(bytes, name: file.path)
      places = nil
      if opened.header.columns.map(\.name) != header.columns.map(\.name) {
        places = header.columns.map { column in
          opened.header.columns.firstIndex {
            $0.name == column.name && $0.isText == column.isText
          }
        }
      }
      scanner = opened
    } catch {
      damage.files += 1
    }
  }

  private func close() {
    guard let ended = scanner else { return }
    damage.stretches += ended.damaged
    damage.bytes += ended.damagedBytes
    damage.tornBytes += ended.tornBytes
    scanner = nil
  }

  private func request(_ frame: RecordingScanner.Frame) -> RecordedRequest? {
    guard let opened = scanner else { return nil }
    var payload = RecordingPayload(opened.bytes, frame.payload)
    switch RecordingFrame.Kind(rawValue: frame.kind) {
    case .request:
      guard var request = payload.request(opened.header.columns) else {
        scanner?.noteNonsense(frame)
        return nil
      }
      if let since, request.time < since { return nil }
      if let until, request.time >= until { return nil }
      if let late = labels[request.id] {
        request.lateLabel = late.label
        request.lateLabelTime = late.time
      } else if onlyLabelled {
        return nil
      }
      if let places {
        let row = request.row
        request.row = places.map { $0.map { row[$0] } ?? .withheld }
      }
      return request
    case .loss:
      if let count = payload.loss() { lost += count } else { scanner?.noteNonsense(frame) }
      return nil
    case .label: return nil
    case nil:
      // Written by a newer program under the same format: not for this one.
      return nil
    }
  }
}
