import Core
import Glibc
import Testing

/// The built program answering a file, killed and stopped on the way.
@Suite struct PredictTests {
  private static let sample =
    "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    + "/samples/flight-delay"
  private let folder: TestFolder
  private let rows: String

  init() throws {
    folder = try TestFolder()
    rows = folder.path + "/rows.csv"
    // Half of the sample's traffic, a fault in it now and then.
    let text = try readBytes("\(Self.sample)/traffic.csv")
    var bytes: [UInt8] = []
    for (index, line) in text.split(separator: 0x0A).prefix(30_000).enumerated() {
      bytes += index % 1_009 == 7 ? Array("not,a,row".utf8) : Array(line)
      bytes.append(0x0A)
    }
    try writeBytes(bytes, to: rows)
  }

  private func arguments(_ output: String, _ more: [String] = []) -> [String] {
    [
      "predict", "\(Self.sample)/models/flight-delay-2.onnx", "--input", rows, "--output",
      "\(folder.path)/\(output)", "--bad-rows", "null", "--batch", "32", "--threads", "1",
    ] + more
  }

  /// Starts the program, lets it run for some time and sends it a signal; its exit code.
  private func interrupt(
    _ arguments: [String], after milliseconds: UInt32, with number: Int32
  ) throws -> (code: Int32, errors: String) {
    let log = folder.path + "/log"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    let process = try Executable.spawn(Executable.sluice, arguments, [:], &actions)
    usleep(milliseconds * 1_000)
    kill(process, number)
    return (try Executable.wait(process, 60), try readText(log))
  }

  @Test func aRunThatIsKilledAgainAndAgainGivesTheSameFile() throws {
    let whole = try Executable.run(Executable.sluice, arguments("whole.csv"))
    #expect(whole.exitCode == 0, "\(whole.errors)")
    #expect(whole.errors.contains("29,999 rows in ") && whole.errors.contains(" bad rows"))
    var random = SplitMix64(seed: 17)
    for _ in 0..<6 {
      let pause = UInt32.random(in: 30...900, using: &random)
      let killed = try interrupt(arguments("out.csv", ["--resume"]), after: pause, with: SIGKILL)
      if killed.code == 0 { break }
      #expect(killed.code == 128 + SIGKILL, "\(killed.errors)")
      #expect(access("\(folder.path)/out.csv", F_OK) != 0)
    }
    let last = try Executable.run(Executable.sluice, arguments("out.csv", ["--resume"]))
    #expect(last.exitCode == 0, "\(last.errors)")
    #expect(try readBytes("\(folder.path)/out.csv") == readBytes("\(folder.path)/whole.csv"))
    #expect(access("\(folder.path)/out.csv.partial", F_OK) != 0)
    #expect(access("\(folder.path)/out.csv.partial.record", F_OK) != 0)
  }

  @Test func controlCStopsWellAndSaysHowToGoOn() throws {
    let whole = try Executable.run(Executable.sluice, arguments("whole.csv"))
    #expect(whole.exitCode == 0, "\(whole.errors)")
    for pause: UInt32 in [200, 400, 800, 1_600] {
      let stopped = try interrupt(arguments("out.csv"), after: pause, with: SIGINT)
      guard stopped.code == 128 + SIGINT else { break }
      // A signal that comes before the first answer ends the run with nothing to go on from.
      guard stopped.errors.contains("--resume goes on") else { continue }
      let last = try Executable.run(
        Executable.sluice, arguments("out.csv", ["--resume", "--json"]))
      #expect(last.exitCode == 0 && last.errors.contains("continued behind row "))
      #expect(last.output.contains("\"complete\":true"))
      #expect(try readBytes("\(folder.path)/out.csv") == readBytes("\(folder.path)/whole.csv"))
      return
    }
  }

  @Test func streamsAreNotContinued() throws {
    let pipe = try Executable.run(
      Executable.sluice, ["predict", "\(Self.sample)/models/flight-delay-1.onnx", "--resume"])
    #expect(pipe.exitCode == 2 && pipe.errors.contains("--resume needs --output"))
    let device = try Executable.run(
      Executable.sluice,
      [
        "predict", "\(Self.sample)/models/flight-delay-1.onnx", "--input", rows, "--output",
        "/dev/null", "--resume",
      ])
    #expect(device.exitCode == 2 && device.errors.contains("that are files"))
  }

  /// The disk is full: what is there is kept, or at least nothing looks complete.
  @Test func aFullDiskIsAnErrorOfTheSystem() throws {
    let full = try Executable.run(
      Executable.sluice,
      [
        "predict", "\(Self.sample)/models/flight-delay-1.onnx", "--input",
        "\(Self.sample)/golden.csv", "--output", "/dev/full",
      ])
    #expect(full.exitCode == 3 && full.errors.contains("No space left on device"))
  }
}
