import Core

/// A text of a recorded row in 16 bytes: up to 15 bytes as they came, of a longer one its first 7
/// and a hash of all of it.
///
/// The last byte tells the forms apart: the length, or 255. This is how rows cross the data plane's
/// tap; the empty text is the missing value.
public struct RecordedText: Sendable, Hashable {
  /// Bytes 0 to 7, little endian.
  public let low: UInt64
  /// Bytes 8 to 14 and the form.
  public let high: UInt64

  /// Puts the two words together.
  public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// Takes at most 15 bytes of UTF-8.
  /// - Precondition: there are no more.
  public init(_ text: String) { self.init(bytes: Array(text.utf8)) }

  init(bytes: some Collection<UInt8>) {
    precondition(bytes.count <= 15, "a text of more than 15 bytes is kept by its hash")
    var words: (low: UInt64, high: UInt64) = (0, UInt64(bytes.count) << 56)
    for (place, byte) in bytes.enumerated() {
      if place < 8 {
        words.low |= UInt64(byte) << UInt64(8 * place)
      } else {
        words.high |= UInt64(byte) << UInt64(8 * (place - 8))
      }
    }
    self.init(low: words.low, high: words.high)
  }

  /// Whether it is the empty text.
  public var isMissing: Bool { low | high == 0 }
  /// Whether only the beginning is known: such a row cannot be given to a model again.
  public var isShortened: Bool { high >> 56 > 15 }
  /// The bytes that are known: all of them, or the first 7.
  public var bytes: [UInt8] {
    (0..<(isShortened ? 7 : Int(high >> 56))).map { place in
      UInt8(truncatingIfNeeded: place < 8 ? low >> (8 * place) : high >> (8 * (place - 8)))
    }
  }
  /// The text, or the beginning of a long one and `…`.
  ///
  /// It came from outside: screens must make it harmless.
  public var text: String {
    String(decoding: bytes, as: UTF8.self) + (isShortened ? "…" : "")
  }
}

/// One value of a recorded row.
public enum RecordedValue: Sendable, Hashable {
  /// A number, as single precision; NaN is the missing value.
  case number(Float)
  /// A text; the empty one is the missing value.
  case text(RecordedText)
  /// The input is kept out of the recording.
  case withheld

  /// Whether there is nothing: missing or withheld.
  public var isMissing: Bool {
    switch self {
    case .number(let value): value.isNaN
    case .text(let text): text.isMissing
    case .withheld: true
    }
  }

  /// Equal bits are equal values, so that a missing number equals itself.
  public static func == (a: RecordedValue, b: RecordedValue) -> Bool {
    switch (a, b) {
    case (.number(let a), .number(let b)): a.bitPattern == b.bitPattern
    case (.text(let a), .text(let b)): a == b
    case (.withheld, .withheld): true
    default: false
    }
  }

  /// Hashes the bits.
  public func hash(into hasher: inout Hasher) {
    switch self {
    case .number(let value): hasher.combine(value.bitPattern)
    case .text(let text): hasher.combine(text)
    case .withheld: hasher.combine(0)
    }
  }
}

/// One request as the recorder keeps it, with its label when one has come.
public struct RecordedRequest: Sendable, Hashable {
  /// When it was answered.
  public var time: Timestamp
  /// The caller's identifier, with which its label came.
  public var id: UInt64
  /// The row, one value for each of ``RecordingHeader/columns``.
  public var row: [RecordedValue]
  /// The sticky key as a keyed hash, which does not tell the key; nil when the request had none.
  public var keyHash: UInt64?
  /// The version that it was routed to.
  public var version: VersionID
  /// The version that answered; nil when none did.
  public var answeredBy: VersionID?
  /// The answered label; nil when there is none.
  public var label: RecordedText?
  /// The answered score; nil when there is none.
  public var score: Float?
  /// Whether the version that it was routed to failed.
  public var failed: Bool
  /// From routing to the answer.
  public var latency: TimeSpan
  /// The weight of ``version`` when it was routed.
  public var weight: BasisPoints
  /// Whether ``version`` was drawn by its weight; false after a fence's detour.
  public var isDrawn: Bool
  /// The generation of the route table that it was routed by.
  public var generation: Int
  /// The true class number that came later; nil while none has.
  public var lateLabel: Int64?
  /// When that came.
  public var lateLabelTime: Timestamp?

  /// Puts them together.
  public init(
    time: Timestamp, id: UInt64, row: [RecordedValue], keyHash: UInt64? = nil, version: VersionID,
    answeredBy: VersionID?, label: RecordedText? = nil, score: Float? = nil, failed: Bool = false,
    latency: TimeSpan = .zero, weight: BasisPoints = Split.whole, isDrawn: Bool = true,
    generation: Int = 0, lateLabel: Int64? = nil, lateLabelTime: Timestamp? = nil
  ) {
    self.time = time
    self.id = id
    self.row = row
    self.keyHash = keyHash
    self.version = version
    self.answeredBy = answeredBy
    self.label = label
    self.score = score
    self.failed = failed
    self.latency = latency
    self.weight = weight
    self.isDrawn = isDrawn
    self.generation = generation
    self.lateLabel = lateLabel
    self.lateLabelTime = lateLabelTime
  }
}

/// A true label that came for a recorded request.
public struct RecordedLabel: Sendable, Hashable {
  /// When it came.
  public var time: Timestamp
  /// The request's identifier.
  public var id: UInt64
  /// The true class number.
  public var label: Int64

  /// Puts the three together.
  public init(time: Timestamp, id: UInt64, label: Int64) {
    self.time = time
    self.id = id
    self.label = label
  }
}

/// What a file of a recording says of itself before its first request.
public struct RecordingHeader: Sendable, Hashable, Codable {
  /// One column of the rows.
  public struct Column: Sendable, Hashable, Codable {
    /// The input's name; of an input that is several values wide `name[0]`, `name[1]` and so on.
    public let name: String
    /// Whether it holds texts, else numbers.
    public let isText: Bool
    /// Whether its values are kept out of the recording; nil is no.
    public let isWithheld: Bool?

    /// Puts the three together.
    public init(name: String, isText: Bool, isWithheld: Bool = false) {
      self.name = name
      self.isText = isText
      self.isWithheld = isWithheld ? true : nil
    }
  }

  /// The endpoint.
  public let endpoint: Name
  /// The inputs and outputs of the endpoint's versions.
  public let signature: Signature
  /// The rows' columns, in the order of ``RecordedRequest/row``.
  public let columns: [Column]
  /// The recorded share of requests, basis points.
  public let share: BasisPoints
  /// When the file was begun: nothing in it is older.
  public let created: Timestamp

  /// Puts them together.
  public init(
    endpoint: Name, signature: Signature, columns: [Column], share: BasisPoints,
    created: Timestamp
  ) {
    self.endpoint = endpoint
    self.signature = signature
    self.columns = columns
    self.share = share
    self.created = created
  }
}
