import Core
import Node

/// An error as scripts read it.
struct ErrorReport: Encodable {
  struct Body: Encodable {
    let code: String
    let message: String
  }
  let error: Body

  /// The report of any error.
  init(_ error: any Error) {
    self.error = Body(code: ErrorReport.code(of: error), message: ErrorReport.message(of: error))
  }

  /// The report of words that make no command.
  init(usage error: InvalidValue) {
    self.error = Body(code: "usage", message: ErrorReport.message(of: error))
  }

  /// One line for a person.
  static func message(of error: any Error) -> String {
    guard let failure = error as? any Failure else {
      return "an unexpected error: \(printable("\(error)", limit: 500))"
    }
    return printable(failure.message, limit: 2_000)
  }

  /// What the program returns for it.
  static func exitCode(of error: any Error) -> ExitCode {
    (error as? any Failure)?.exitCode ?? .system
  }

  private static func code(of error: any Error) -> String {
    if let error = error as? NodeError { return error.code.rawValue }
    return switch exitCode(of: error) {
    case .done, .notSo: NodeError.Code.refused.rawValue
    case .usage: NodeError.Code.badInput.rawValue
    case .system: NodeError.Code.system.rawValue
    }
  }
}
