import Core

@testable import Node

extension SampleFiles {
  /// The repository's sample.
  static var flightDelay: SampleFiles {
    get throws {
      SampleFiles(
        directory: LibraryTests.root + "/samples/flight-delay", model: try Name("flight-delay"))
    }
  }
}
