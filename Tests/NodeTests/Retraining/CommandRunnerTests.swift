import Core
import Foundation
import Testing

@testable import Node

/// Commands of the operator's, with shell scripts.
@Suite("Running a training command", .serialized)
struct CommandRunnerTests {
  private func run(
    _ script: String, timeout: TimeSpan = .seconds(20), grace: TimeSpan = .seconds(10),
    stopAfter: UInt64? = nil
  ) throws -> (ending: CommandRunner.Ending, log: String) {
    let folder = "/tmp/slt-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let began = SystemClock.monotonicNanoseconds()
    let ending = try CommandRunner.run(
      CommandRunner.Order(
        arguments: ["/bin/sh", "-c", script], directory: folder,
        environment: ["SLUICE_DATA": "/some where"], logPath: folder + "/log", timeout: timeout,
        grace: grace)
    ) { stopAfter.map { SystemClock.monotonicNanoseconds() - began > $0 } ?? false }
    return (ending, try String(contentsOfFile: folder + "/log", encoding: .utf8))
  }

  @Test func itRunsWhereAndWithWhatItIsTold() throws {
    setenv("SLUICE_TEST_SECRET", "s3cret", 1)
    defer { unsetenv("SLUICE_TEST_SECRET") }
    let (ending, log) = try run("pwd; env; cat; echo to stderr >&2; ls /proc/self/fd | wc -l; nice")
    #expect(ending == .exited(0))
    #expect(log.contains("/tmp/slt-") && log.contains("SLUICE_DATA=/some where"))
    #expect(log.contains("to stderr") && !log.contains("s3cret"))
    // Three descriptors and the one that lists them.
    let lines = log.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    #expect(lines.dropLast().last == "4")
    #expect((lines.last.flatMap { Int($0) } ?? 0) >= 10)
  }

  @Test func howItEndedIsTold() throws {
    #expect(try run("exit 3").ending == .exited(3))
    #expect(try run("kill -SEGV $$").ending == .killed(SIGSEGV))
    do {
      _ = try CommandRunner.run(
        CommandRunner.Order(
          arguments: ["/no/such/program"], directory: "/", environment: [:],
          logPath: "/dev/null/x", timeout: .seconds(1))
      ) { false }
      Issue.record("a log that cannot be written was taken")
    } catch { #expect(error.message.contains("cannot write")) }
    do {
      _ = try CommandRunner.run(
        CommandRunner.Order(
          arguments: ["/no/such/program"], directory: "/", environment: [:],
          logPath: "/tmp/slt-\(UUID().uuidString.prefix(8)).log", timeout: .seconds(1))
      ) { false }
      Issue.record("a program that is not there was started")
    } catch { #expect(error.message.contains("cannot start /no/such/program")) }
  }

  @Test func whatItLeavesRunningEndsWithIt() throws {
    let (ending, log) = try run("sleep 1000 & echo $!; exit 0")
    #expect(ending == .exited(0))
    let process = try #require(Int32(log.split(separator: "\n").first ?? ""))
    try expectGone(process)
  }

  @Test func aTimeoutEndsTheGroup() throws {
    let (ending, log) = try run(
      "sleep 1000 & echo $!; wait", timeout: .milliseconds(200), grace: .milliseconds(200))
    #expect(ending == .timedOut)
    try expectGone(try #require(Int32(log.split(separator: "\n").first ?? "")))
  }

  @Test func oneThatDoesNotListenIsKilled() throws {
    let began = SystemClock.monotonicNanoseconds()
    let (ending, log) = try run(
      "trap 'echo not yet' TERM; for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & wait; done",
      timeout: .milliseconds(200), grace: .milliseconds(200))
    #expect(ending == .timedOut && log.contains("not yet"))
    #expect(SystemClock.monotonicNanoseconds() - began < 15_000_000_000)
  }

  @Test func aPersonEndsIt() throws {
    #expect(try run("sleep 1000", stopAfter: 100_000_000).ending == .stopped)
    // Whoever closes its output early is still waited for.
    #expect(try run("exec >&- 2>&-; sleep 0.2; exit 4").ending == .exited(4))
  }

  @Test func muchOutputIsCutInTheMiddle() throws {
    let (ending, log) = try run(
      "echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last")
    #expect(ending == .exited(0))
    #expect(log.hasPrefix("first\n") && log.hasSuffix("last\n"))
    #expect(log.contains("bytes are left out"))
    #expect(log.utf8.count < BoundedLog.headBytes + BoundedLog.tailBytes + 100)
  }

  private func expectGone(_ process: Int32) throws {
    for _ in 0..<200 {
      // A zombie whose parent has not waited for it yet is gone as well.
      let stat = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
      if stat.isEmpty || stat.contains(") Z ") { return }
      usleep(10_000)
    }
    Issue.record("process \(process) still runs")
  }
}
