import Core
import Glibc

/// Where the sample that ships with the program lies.
public struct SampleFiles: Sendable {
  /// The sample's folder, `samples/flight-delay`.
  public let directory: String
  /// The model and the endpoint that serves it.
  public let model: Name

  /// The replayed rows.
  public var trafficPath: String { directory + "/traffic.csv" }
  /// The model file of a version.
  public func modelPath(_ number: Int) -> String { "\(directory)/models/\(model)-\(number).onnx" }
  /// The model card of a version.
  public func cardPath(_ number: Int) -> String { "\(directory)/cards/\(model)-\(number).md" }
  /// The training reference of a version.
  public func referencePath(_ number: Int) -> String {
    "\(directory)/references/\(model)-\(number).json"
  }
  /// The rows with recorded answers that a version is checked against.
  public func goldenPath(_ number: Int) -> String { "\(directory)/golden/\(model)-\(number).jsonl" }
  /// The January-to-June reference of the season scenario.
  public var seasonReferencePath: String { directory + "/references/season.json" }

  /// Finds the sample: where `SLUICE_SAMPLES` says, beside the build, in the working directory, or
  /// where `make install` puts it.
  /// - Throws: ``NodeError`` that lists the places looked at.
  public static func find(explicit: String? = nil) throws -> SampleFiles {
    let model = try Name("flight-delay")
    var places: [String] = []
    if let explicit { places.append(explicit) }
    if let set = getenv("SLUICE_SAMPLES") { places.append(String(cString: set)) }
    places.append("samples")
    if let program = programPath() {
      var parent = program
      for _ in 0..<5 {
        guard let slash = parent.lastIndex(of: "/"), slash > parent.startIndex else { break }
        parent = String(parent[..<slash])
        places.append(parent + "/samples")
        places.append(parent + "/share/sluice/samples")
      }
    }
    for place in places {
      let candidate = SampleFiles(directory: place + "/flight-delay", model: model)
      if access(candidate.trafficPath, R_OK) == 0 { return candidate }
    }
    throw NodeError(
      .system,
      "the sample is not in \(printable(places.prefix(3).joined(separator: ", "))): set "
        + "SLUICE_SAMPLES to the folder that holds flight-delay")
  }

  /// The path of the running program, from `/proc/self/exe`.
  public static func programPath() -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { bytes -> Int in
      guard let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return 0 }
      return readlink("/proc/self/exe", start, bytes.count)
    }
    guard count > 0 else { return nil }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }
}
