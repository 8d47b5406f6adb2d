import Control
import Core
import Testing

@testable import Node

@Suite("Retraining policies as people write them")
struct RetrainingFileTests {
  private static let least = """
    name: weekly
    endpoint: flights
    model: flight-delay
    command: [train, "{data}"]
    label: late
    plan: quick
    """

  private func parse(_ text: String) throws -> RetrainingPolicy {
    try RetrainingFile.parse(Array(text.utf8), file: "/srv/p.yaml", plans: ["quick", "careful"])
  }

  private func fault(_ text: String) -> String {
    do { _ = try parse(text) } catch { return NodeError(describing: error).message }
    Issue.record("it was taken: \(text)")
    return ""
  }

  @Test func theSampleIsRead() throws {
    let file = LibraryTests.root + "/samples/retraining/flight-delay.yaml"
    let policy = try RetrainingFile.parse(
      try TextFile.read(file, limitBytes: 1 << 20), file: file, plans: ["standard-launch"])
    #expect(policy.name.text == "flight-delay-weekly")
    #expect(policy.directory == LibraryTests.root + "/samples/retraining/../flight-delay")
    #expect(policy.drift == .init(features: 1, time: .minutes(10)))
    #expect(policy.accuracy == .init(below: 7_500, labels: 2_000, window: .minutes(60)))
    #expect(policy.schedule.map(\.description) == ["Sun 03:00"])
    #expect(policy.data.minRows == 5_000 && policy.data.holdout == 2_000)
    #expect(policy.ending == .propose && policy.plan == "standard-launch")
    #expect(policy.triggers.count == 3)
  }

  @Test func whatIsNotSaidIsAsDocumented() throws {
    let policy = try parse(Self.least)
    #expect(policy.timeout == .minutes(120) && policy.coolDown == .minutes(1_440))
    #expect(policy.directory == "/srv" && policy.gatesPath == nil && policy.keepRuns == 5)
    #expect(policy.data == RetrainingPolicy.DataRules() && policy.triggers.isEmpty)
    #expect(policy.ending == .propose)
  }

  @Test(
    "each fault has its place",
    arguments: [
      ("colour: red", "p.yaml:7:1", "unknown key \"colour\""),
      ("trigers: {}", "p.yaml:7:1", "did you mean \"triggers\"?"),
      ("then: deploy", "p.yaml:7:7", "propose or ramp"),
      ("triggers: {accuracy: {below: 70%, over: 6h}}", "p.yaml:7:41", "keeps 1h"),
      ("triggers: {accuracy: {labels: 9}}", "p.yaml:7:22", "\"below\" is missing"),
      ("triggers: {schedule: [\"Sun 25:00\"]}", "p.yaml:7:23", "Sun 03:00"),
      ("triggers: {drift: {features: 0}}", "p.yaml:7:30", "from 1 to 1024"),
      ("data: {holdout: 95%}", "p.yaml:7:17", "at most 90%"),
      ("data: {min_rows: 10, max_rows: 9}", "p.yaml:7:32", "less than min_rows"),
      ("timeout: 0s", "p.yaml:7:10", "from 1s"),
    ])
  func faults(line: String, place: String, words: String) {
    let message = fault(Self.least + "\n" + line)
    #expect(message.contains(place) && message.contains(words), "\(message)")
  }

  @Test func whatMustBeThere() {
    #expect(fault("").contains("the file is empty"))
    #expect(fault("name: a").contains("\"endpoint\" is missing"))
    let command = Self.least.replacing("[train, \"{data}\"]", with: "[]")
    #expect(fault(command).contains("p.yaml:4:10: command: the command is empty"))
    let placeholder = Self.least.replacing("{data}", with: "{date}")
    #expect(fault(placeholder).contains("{date}"))
    let plan = Self.least.replacing("quick", with: "quik")
    #expect(fault(plan).contains("did you mean \"quick\"?"))
  }

  @Test func bracesThatAreNoPlaceholdersStay() throws {
    let text = Self.least.replacing("{data}", with: "{ \\\"a\\\": 1 } {} {A} {")
    let policy = try parse(text)
    #expect(policy.command.last == "{ \"a\": 1 } {} {A} {")
  }

  @Test func placeholdersAreFilledInOnce() {
    let words = RetrainingRun.arguments(
      ["{data}", "a{out}b{out}", "{ {data", "{}", "{x}{parent}"],
      ["data": "/d {out}", "out": "/o", "parent": ""])
    #expect(words == ["/d {out}", "a/ob/o", "{ {data", "{}", "{x}"])
    #expect(CommandRunner.line(["a b", "it's", "", "x=1"]) == "'a b' 'it'\\''s' '' x=1")
  }

  // MARK: The clock

  private func time(_ day: Int, _ hour: Int, _ minute: Int = 0, microseconds: Int64 = 0)
    -> Timestamp
  {
    // 1970-01-05 was a Monday.
    Timestamp(
      microseconds: Int64(((4 + day) * 1_440 + hour * 60 + minute)) * 60_000_000 + microseconds)
  }

  @Test func momentsOfTheWeek() throws {
    let sunday = try WeeklyMoment("Sun 03:00")
    #expect(sunday.next(after: time(0, 0)) == time(6, 3))
    #expect(sunday.next(after: time(6, 2, 59)) == time(6, 3))
    // Not at it, and over the end of the week.
    #expect(sunday.next(after: time(6, 3)) == time(13, 3))
    #expect(sunday.next(after: time(6, 3, microseconds: -1)) == time(6, 3))
    // Monday one in the morning in Berlin's winter is still Sunday in UTC, and the reverse.
    let east = try WeeklyMoment("Mon 00:30 +01:00")
    #expect(east.next(after: time(0, 0)) == time(6, 23, 30))
    let west = try WeeklyMoment("sun 22:00 -05:00")
    #expect(west.next(after: time(0, 0)) == time(0, 3))
    #expect(west.next(after: time(0, 3)) == time(7, 3))
    #expect("\(east)" == "Mon 00:30 +01:00" && "\(west)" == "Sun 22:00 -05:00")
    // Before 1970 as after.
    #expect(sunday.next(after: time(-70, 0)) == time(-64, 3))
    for text in ["", "Sun", "Sun 3:00", "Son 03:00", "Sun 03:00 +15:00", "Sun 03:00 x", "03:00"] {
      #expect(throws: InvalidValue.self) { try WeeklyMoment(text) }
    }
  }

  @Test func everyNextMomentIsWithinAWeek() throws {
    var random = SplitMix64(seed: 7)
    let moments = try ["Mon 00:00", "Wed 12:34 +14:00", "Sun 23:59 -14:00"].map {
      try WeeklyMoment($0)
    }
    for _ in 0..<2_000 {
      let now = Timestamp(microseconds: Int64(bitPattern: random.next()) / 1_024)
      for moment in moments {
        let next = moment.next(after: now)
        #expect(next > now && next - now <= .minutes(7 * 1_440))
        #expect(moment.next(after: next) - next == .minutes(7 * 1_440))
        #expect(moment.next(after: next + TimeSpan(microseconds: -1)) == next)
      }
    }
  }
}
