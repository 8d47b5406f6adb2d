/// One point of a chart: some seconds of one or more series, merged.
public struct SeriesPoint: Sendable, Equatable {
  /// What is counted.
  public struct Counts: Sendable, Equatable {
    /// Requests answered, failed ones too.
    public var requests = 0
    /// Requests that failed.
    public var failures = 0
    /// Late labels.
    public var labels = 0
    /// Late labels that differ from the answer.
    public var wrong = 0

    /// Puts the four together.
    public init(requests: Int = 0, failures: Int = 0, labels: Int = 0, wrong: Int = 0) {
      self.requests = requests
      self.failures = failures
      self.labels = labels
      self.wrong = wrong
    }

    /// Adds `other`.
    public mutating func add(_ other: Counts) {
      requests += other.requests
      failures += other.failures
      labels += other.labels
      wrong += other.wrong
    }
  }

  /// The last second that belongs to the point.
  public var lastSecond: Int
  /// How many seconds it covers.
  public var seconds: Int
  /// The sums.
  public var counts = Counts()
  /// Latency quantiles in milliseconds; nil without requests.
  public var p50Milliseconds: Double?
  /// The 90th percentile.
  public var p90Milliseconds: Double?
  /// The 99th percentile.
  public var p99Milliseconds: Double?
  /// The quantiles' largest relative error over 8 us: 1/128, more when a cell had to be packed
  /// coarsely.
  public var relativeError = 1.0 / 128

  /// Requests a second; nil when nothing came.
  public var requestsPerSecond: Double? {
    counts.requests > 0 ? Double(counts.requests) / Double(seconds) : nil
  }
  /// Failed answers, 0 to 1; nil without requests.
  public var errorRate: Double? {
    counts.requests > 0 ? Double(counts.failures) / Double(counts.requests) : nil
  }
  /// Wrong answers by late label, 0 to 1; nil without labels.
  public var wrongRate: Double? {
    counts.labels > 0 ? Double(counts.wrong) / Double(counts.labels) : nil
  }

  /// Merges `seconds` seconds of several series, up to and including `last`.
  public static func merging(
    _ series: [SecondSeries], endingAt last: Int, seconds: Int
  ) -> SeriesPoint {
    var histogram = LatencyHistogram()
    return merging(series, endingAt: last, seconds: seconds, using: &histogram)
  }

  /// Merges several series into `count` points of `secondsPerPoint`, oldest first.
  /// - Precondition: both are positive and their product is at most the seconds kept.
  public static func points(
    of series: [SecondSeries], endingAt last: Int, secondsPerPoint: Int, count: Int
  ) -> [SeriesPoint] {
    precondition(secondsPerPoint > 0 && count > 0, "a chart has points of at least a second")
    precondition(
      secondsPerPoint * count <= SecondSeries.secondsKept, "a chart reaches an hour back")
    var histogram = LatencyHistogram()
    return (0..<count).map { i in
      merging(
        series, endingAt: last - (count - 1 - i) * secondsPerPoint, seconds: secondsPerPoint,
        using: &histogram)
    }
  }

  private static func merging(
    _ series: [SecondSeries], endingAt last: Int, seconds: Int,
    using histogram: inout LatencyHistogram
  ) -> SeriesPoint {
    var point = SeriesPoint(lastSecond: last, seconds: seconds)
    var level = 0
    if histogram.total > 0 { histogram.clear() }
    let length = min(seconds, SecondSeries.secondsKept)
    for one in series {
      for second in (last - length + 1)...last {
        guard let counts = one.counts(of: second) else { continue }
        point.counts.add(counts)
        level = max(level, one.addLatencies(of: second, to: &histogram))
      }
    }
    point.p50Milliseconds = histogram.quantile(0.5).map { $0 / 1e6 }
    point.p90Milliseconds = histogram.quantile(0.9).map { $0 / 1e6 }
    point.p99Milliseconds = histogram.quantile(0.99).map { $0 / 1e6 }
    point.relativeError = CompactHistogram.relativeError(level: level)
    return point
  }

  init(lastSecond: Int, seconds: Int) {
    self.lastSecond = lastSecond
    self.seconds = seconds
  }
}
