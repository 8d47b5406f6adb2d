import Core

/// Where a version came from, beside its parent.
public struct VersionOrigin: Sendable, Hashable, Codable {
  /// The training that made it, when that is known.
  public let training: TrainingRun?
  /// The bundle that it came in, when it came in one.
  public let bundle: BundleOrigin?

  /// Puts the two together.
  public init(training: TrainingRun? = nil, bundle: BundleOrigin? = nil) {
    self.training = training
    self.bundle = bundle
  }
}

/// A run of a training command.
public struct TrainingRun: Sendable, Hashable, Codable {
  /// The command as it was run; text from outside.
  public let command: String?
  /// The SHA-256 of the data that it was trained on.
  public let data: Digest?
  /// How many rows the data had.
  public let dataRows: Int?
  /// When it began.
  public let began: Timestamp?
  /// How long it took.
  public let duration: TimeSpan?

  /// Puts them together; a command is cut to what the journal keeps of a remark.
  public init(
    command: String? = nil, data: Digest? = nil, dataRows: Int? = nil, began: Timestamp? = nil,
    duration: TimeSpan? = nil
  ) {
    self.command = command.map { clipped($0, ControlLimits.remarkLengthMax) }
    self.data = data
    self.dataRows = dataRows
    self.began = began
    self.duration = duration
  }
}

/// A bundle that a version was taken out of.
public struct BundleOrigin: Sendable, Hashable, Codable {
  /// What the version was called where the bundle was made.
  public let version: VersionID
  /// When the bundle was made, as it says.
  public let made: Timestamp
  /// Who made it, as it says; text from outside.
  public let by: String
  /// The SHA-256 of the bundle's description of the version, which is kept as an artifact.
  public let document: Digest
  /// The SHA-256 of the public key whose signature was checked; nil when nobody asked for one.
  public let signer: String?

  /// Puts them together.
  public init(
    version: VersionID, made: Timestamp, by: String, document: Digest, signer: String?
  ) {
    self.version = version
    self.made = made
    self.by = clipped(by)
    self.document = document
    self.signer = signer
  }
}
