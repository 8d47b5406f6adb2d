import Core
import Glibc
import Node

/// Where a command writes: its result to one stream, everything for people to the other.
struct Streams: Sendable {
  /// Standard output, or what stands in for it in a test.
  let output: ByteSink
  /// Standard error.
  let notes: ByteSink

  /// The process's own streams.
  static func standard() -> Streams {
    Streams(
      output: ByteSink(descriptor: STDOUT_FILENO, name: "standard output"),
      notes: ByteSink(descriptor: STDERR_FILENO, name: "standard error"))
  }

  /// Tells people a line.
  ///
  /// That nobody can read it changes nothing else.
  func note(_ sentence: String) {
    try? notes.write(sentence + "\n")
    try? notes.flush()
  }

  /// Whether somebody watches standard error.
  var notesAreWatched: Bool { isatty(notes.descriptor) == 1 }
  /// Whether the result goes to a terminal.
  var outputIsTerminal: Bool { isatty(output.descriptor) == 1 }
}
