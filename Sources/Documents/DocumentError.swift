import Core

/// What is wrong with a file that a user wrote, and where.
///
/// The message reads `plan.yaml:12:5: steps[2].hold: expected a duration like 5m, got "5 min"`,
/// which editors can jump to.
public struct DocumentError: Failure, Equatable {
  /// The file's name as the user gave it.
  public let file: String
  /// The line, from 1.
  public let line: Int
  /// The column in characters, from 1.
  public let column: Int
  /// What is wrong, beginning with the path of keys where there is one.
  public let problem: String

  /// Puts the four together.
  public init(file: String, line: Int, column: Int, problem: String) {
    self.file = file
    self.line = line
    self.column = column
    self.problem = problem
  }

  /// `file:line:column: problem`.
  public var message: String { "\(printable(file)):\(line):\(column): \(problem)" }
  /// Always ``ExitCode/usage``.
  public var exitCode: ExitCode { .usage }
}
