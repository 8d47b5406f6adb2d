import Core

/// What is recorded of an endpoint's requests, and how long it is kept.
public struct RecordingPolicy: Sendable, Hashable, Codable {
  /// The recorded share of callers, and of requests without a key; basis points.
  public let share: BasisPoints
  /// The most bytes of the endpoint's recording.
  public let keepBytes: Int
  /// The greatest age of a recorded request.
  public let maxAge: TimeSpan
  /// The inputs whose values are kept out of the recording.
  public let withheld: [String]

  /// The least and the most bytes that can be asked for.
  public static let keepBytesRange = 16 << 20...1 << 44
  /// The least and the greatest age.
  public static let maxAgeRange = TimeSpan.minutes(1)...ControlLimits.spanMax

  /// A tenth of the callers, 1 GiB, 30 days, all inputs.
  public init(
    share: BasisPoints = 1_000, keepBytes: Int = 1 << 30,
    maxAge: TimeSpan = TimeSpan(microseconds: 30 * 86_400_000_000), withheld: [String] = []
  ) {
    self.share = share
    self.keepBytes = keepBytes
    self.maxAge = maxAge
    self.withheld = withheld
  }

  /// `10% of callers, up to 1 GiB and 30d, without age, income`, harmless for a terminal.
  public var words: String {
    let without = withheld.map { printable($0, limit: 60) }.joined(separator: ", ")
    return "\(percentText(share)) of callers, up to \(byteText(keepBytes)) and \(maxAge)"
      + (without.isEmpty ? "" : ", without \(without)")
  }
}

/// A change of what is recorded, as the journal keeps it.
public struct RecordingChange: Sendable, Hashable, Codable {
  /// What is recorded from now on; nil is nothing.
  public let policy: RecordingPolicy?
}

/// Bytes in the greatest binary unit that divides them: `1 GiB`, `1536 MiB`, `100 B`.
public func byteText(_ count: Int) -> String {
  for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")]
  where count >= 1 << shift && count % (1 << shift) == 0 {
    return "\(count >> shift) \(unit)"
  }
  return "\(count) B"
}

/// Reads a count of bytes: `512MiB`, `1 GiB`, `1048576`.
/// - Throws: ``InvalidValue`` that shows what was expected.
public func parseBytes(_ text: String) throws(InvalidValue) -> Int {
  let word = text.filter { $0 != " " }
  let digits = word.prefix { $0.isASCII && $0.isNumber }
  let shifts = ["": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40]
  guard let count = Int(digits), let shift = shifts[String(word.dropFirst(digits.count))],
    count <= Int.max >> shift
  else {
    throw InvalidValue(
      "expected a size like 512MiB or 1GiB, got \"\(printable(text, limit: 60))\"")
  }
  return count << shift
}

extension Decision {
  /// Turns the recording on, off, or to another policy; routes nothing, so the endpoint's
  /// generation stays.
  func setRecording(_ name: Name, _ policy: RecordingPolicy?) throws(ControlError) -> Event {
    let endpoint = try current(name)
    if let policy { try check(policy, endpoint) }
    guard policy != endpoint.recording else {
      throw ControlError(
        .refused,
        policy.map { "\(name) is recorded already: \($0.words)" } ?? "\(name) is not recorded")
    }
    return Event(
      body: .recordingSet(RecordingChange(policy: policy)), endpoint: name, actor: context.actor,
      time: context.now)
  }

  private func check(
    _ policy: RecordingPolicy, _ endpoint: EndpointState
  ) throws(ControlError) {
    guard (1...Split.whole).contains(policy.share) else {
      throw ControlError(
        .badInput, "a recorded share is from 0.01% to 100%, got \(percentText(policy.share))")
    }
    guard RecordingPolicy.keepBytesRange.contains(policy.keepBytes) else {
      throw ControlError(
        .badInput, "a recording keeps from 16 MiB to 16 TiB, got \(byteText(policy.keepBytes))")
    }
    guard RecordingPolicy.maxAgeRange.contains(policy.maxAge) else {
      throw ControlError(
        .badInput, "recorded requests are kept from 1m to 366d, got \(policy.maxAge)")
    }
    guard !policy.withheld.isEmpty else { return }
    guard let inputs = endpoint.signature?.inputs.map(\.name) else {
      throw ControlError(
        .refused,
        "\(endpoint.name) has no inputs yet that could be kept out: deploy a version first")
    }
    if let unknown = policy.withheld.first(where: { !inputs.contains($0) }) {
      throw ControlError(
        .badInput,
        "\(endpoint.name) has no input \"\(printable(unknown, limit: 60))\" to keep out: it has "
          + inputs.prefix(8).map { printable($0, limit: 40) }.joined(separator: ", ")
          + (inputs.count > 8 ? ", …" : ""))
    }
    guard Set(policy.withheld).count < inputs.count else {
      throw ControlError(.badInput, "all inputs would be kept out: nothing is left to record")
    }
  }
}
