import Core

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
