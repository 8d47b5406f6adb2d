import Core
import Glibc
import Inference
import Node

/// The executable: reads the words, runs the command, maps every error to a sentence and a code.
@main
struct Program {
  static func main() {
    // A reader that goes away is an error of the write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    // Before any thread, since it changes the environment.
    OnnxRuntime.forbidTelemetry()
    let words = Array(Swift.CommandLine.arguments.dropFirst())
    exit(run(words, set: .all, streams: .standard()).rawValue)
  }

  /// Runs one command line; everything it says goes to `streams`.
  static func run(_ words: [String], set: CommandSet, streams: Streams) -> ExitCode {
    do {
      let code = try carryOut(words, set: set, streams: streams)
      try streams.output.flush()
      return code
    } catch is ReaderGone {
      return .done
    } catch {
      return report(error, of: words, streams: streams)
    }
  }

  private static func carryOut(
    _ words: [String], set: CommandSet, streams: Streams
  ) throws -> ExitCode {
    let request: Request
    do throws(InvalidValue) {
      request = try parse(words == ["--version"] ? ["version"] : words, set)
    } catch {
      throw UsageError(cause: error)
    }
    switch request {
    case .help(let path):
      try streams.output.write(HelpText(set: set).text(for: path))
      return .done
    case .run(let command, let values):
      return try command.run(Invocation(command: command, values: values, streams: streams))
    }
  }

  /// Reads the words; aliases of versions are looked up in the state that they name.
  private static func parse(
    _ words: [String], _ set: CommandSet
  ) throws(InvalidValue) -> Request {
    try AliasResolver.$current.withValue(AliasResolver(words: words)) {
      // As a result, because a task-local's scope throws no typed error.
      Result { () throws(InvalidValue) in try CommandParser(set: set).parse(words) }
    }.get()
  }

  /// Tells an error: a sentence for people, and JSON when the line asks for it.
  private static func report(
    _ error: any Error, of words: [String], streams: Streams
  ) -> ExitCode {
    let report = (error as? UsageError).map { ErrorReport(usage: $0.cause) } ?? ErrorReport(error)
    streams.note("sluice: \(report.error.message)")
    if words.prefix(while: { $0 != "--" }).contains("--json") {
      // What was written before the error is no result any more.
      streams.output.discard()
      if let bytes = try? CanonicalJSON.encode(report) {
        try? streams.output.write(bytes + [0x0A])
        try? streams.output.flush()
      }
    } else {
      try? streams.output.flush()
    }
    return ErrorReport.exitCode(of: error)
  }
}

/// Words that make no command.
struct UsageError: Failure {
  let cause: InvalidValue
  var message: String { cause.message }
  var exitCode: ExitCode { .usage }
}
