import Core

extension Reference {
  /// Reads a reference file and checks everything in it.
  /// - Throws: ``TelemetryError`` with the code `badReference` that names the feature and what is
  ///   wrong with it.
  public init(json bytes: [UInt8]) throws(TelemetryError) {
    guard bytes.count <= Reference.bytesMax else {
      throw Reference.bad("it has \(bytes.count) bytes, at most \(Reference.bytesMax) are read")
    }
    let file: File
    do {
      file = try CanonicalJSON.decode(File.self, from: bytes)
    } catch {
      throw Reference.bad(error.message)
    }
    guard file.format == "sluice-reference-1" else {
      throw Reference.bad(
        "its format is \"\(printable(file.format, limit: 40))\", expected \"sluice-reference-1\"")
    }
    guard file.rows > 0, file.rows <= 1 << 40 else {
      throw Reference.bad("rows is \(file.rows), expected a positive number")
    }
    let outputs = file.outputs ?? []
    guard file.features.count + outputs.count <= Reference.featuresMax else {
      throw Reference.bad("it has more than \(Reference.featuresMax) features and outputs")
    }
    var features: [Feature] = []
    var names: Set<String> = []
    for (entry, isOutput) in file.features.map({ ($0, false) }) + outputs.map({ ($0, true) }) {
      let feature = try entry.checked(isOutput: isOutput, rows: file.rows)
      guard names.insert((isOutput ? "o:" : "i:") + entry.name).inserted else {
        throw Reference.bad("\"\(printable(entry.name))\" is there twice")
      }
      features.append(feature)
    }
    self.init(
      rows: file.rows, features: features,
      fingerprint: bytes.withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { TextKey.hash($0, buffer.count) } ?? 0
      })
  }

  static func bad(_ what: String) -> TelemetryError {
    TelemetryError(.badReference, "not a usable drift reference: \(what)")
  }

  private struct File: Decodable {
    let format: String
    let rows: Int
    let features: [Entry]
    let outputs: [Entry]?
  }

  /// A feature as the file has it, not yet checked.
  private struct Entry: Decodable {
    let name: String
    let kind: String
    let count: Int
    let missing: Int
    let min: Double?
    let max: Double?
    let mean: Double?
    let sd: Double?
    let edges: [Double]?
    let counts: [Int]?
    let categories: [String: Int]?

    func fault(_ what: String) -> TelemetryError {
      Reference.bad("feature \"\(printable(name, limit: 60))\": \(what)")
    }

    func checked(isOutput: Bool, rows: Int) throws(TelemetryError) -> Feature {
      guard (1...Reference.nameBytesMax).contains(name.utf8.count) else {
        throw fault("a name has 1 to \(Reference.nameBytesMax) bytes")
      }
      guard (0...rows).contains(count), (0...rows).contains(missing), count + missing == rows else {
        throw fault("count \(count) and missing \(missing) do not add up to the \(rows) rows")
      }
      let distribution: Distribution
      switch kind {
      case "numeric": distribution = .numeric(try numeric())
      case "categorical": distribution = .categorical(try categorical())
      default:
        throw fault(
          "its kind is \"\(printable(kind, limit: 40))\", expected numeric or categorical")
      }
      return Feature(
        name: name, isOutput: isOutput, present: count, missing: missing,
        distribution: distribution)
    }

    private func numeric() throws(TelemetryError) -> Numeric {
      guard let edges, let counts else { throw fault("edges or counts are missing") }
      guard edges.count <= Reference.edgesMax else {
        throw fault("it has \(edges.count) edges, at most \(Reference.edgesMax) are used")
      }
      guard counts.count == edges.count + 1 else {
        throw fault("\(edges.count) edges need \(edges.count + 1) counts, got \(counts.count)")
      }
      guard zip(edges, edges.dropFirst()).allSatisfy(<) else {
        throw fault("its edges do not ascend")
      }
      try requireCounts(counts, sum: count)
      return Numeric(
        edges: try edges.map { edge throws(TelemetryError) in try floatEdge(edge) },
        counts: counts, min: min ?? 0, max: max ?? 0, mean: mean ?? 0,
        standardDeviation: sd ?? 0)
    }

    /// The largest `Float` not above `edge`: for a `Float` x, `x > edge` and `x > floatEdge(edge)`
    /// are then the same, so that binning served values at their own precision is exact.
    private func floatEdge(_ edge: Double) throws(TelemetryError) -> Float {
      let nearest = Float(edge)
      guard nearest.isFinite else { throw fault("the edge \(edge) is beyond 32-bit numbers") }
      return Double(nearest) > edge ? nearest.nextDown : nearest
    }

    private func categorical() throws(TelemetryError) -> Categorical {
      guard let categories else { throw fault("categories are missing") }
      guard categories.count <= Reference.categoriesMax else {
        throw fault(
          "it has \(categories.count) categories, at most \(Reference.categoriesMax) are counted")
      }
      for name in categories.keys where !(1...Reference.nameBytesMax).contains(name.utf8.count) {
        throw fault("a category's name has 1 to \(Reference.nameBytesMax) bytes")
      }
      let ordered = categories.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      let sum = try requireCounts(ordered.map(\.value), sum: nil)
      guard sum <= count else {
        throw fault("its categories add up to \(sum), more than its count \(count)")
      }
      return Categorical(
        names: ordered.map(\.key), counts: ordered.map(\.value), other: count - sum)
    }

    @discardableResult
    private func requireCounts(_ counts: [Int], sum wanted: Int?) throws(TelemetryError) -> Int {
      var sum = 0
      for count in counts {
        let (next, overflow) = sum.addingReportingOverflow(count)
        guard count >= 0, !overflow else { throw fault("a count of \(count) is impossible") }
        sum = next
      }
      if let wanted, sum != wanted {
        throw fault("its counts add up to \(sum), but count is \(wanted)")
      }
      return sum
    }
  }
}
