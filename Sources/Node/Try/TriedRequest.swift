import Core

/// What became of one test request.
public struct TriedRequest: Sendable, Codable {
  /// A part of the way, with what it took.
  public struct Stage: Sendable, Codable {
    /// `read`, `route`, `model`.
    public var name: String
    /// What it took, nanoseconds.
    public var nanoseconds: Int
  }

  /// One output of the model, all of it.
  public struct Output: Sendable, Codable {
    /// Its name.
    public var name: String
    /// Its values as texts; numbers in the fewest digits that read back as the same.
    public var values: [String]
  }

  /// Where.
  public var endpoint: Name
  /// Who answered; nil when nobody did.
  public var version: VersionID?
  /// Who was routed to; another than ``version`` when that one failed and the stable answered.
  public var routedTo: VersionID?
  /// What chose the version, in one sentence.
  public var chosenBy: String
  /// `answered`, `fell back`, `failed`, `unavailable`, `not loaded`, `closed`.
  public var outcome: String
  /// The bucket that was drawn, 0 to 9,999; nil when none was.
  public var bucket: Int?
  /// The label; nil when there is none.
  public var label: String?
  /// The score; nil when there is none.
  public var score: Double?
  /// Everything that the model gave.
  public var outputs: [Output]
  /// From the beginning of routing to the answer, nanoseconds.
  public var latencyNanoseconds: Int
  /// Its parts, with the reading of the row before it.
  public var stages: [Stage]
  /// The row that was sent, by column.
  public var row: [String: String]
  /// Where the row came from when it was not given: `a recent request`, `golden row 1`.
  public var rowSource: String?
  /// The endpoint's generation that it was routed by.
  public var generation: Int
}
