import Core
import Glibc

/// Runs ONNX test-case folders: `model.onnx` with `test_data_set_*/input_*.pb, output_*.pb`, the
/// layout of ONNX's own backend tests.
public enum OnnxConformance {
  /// How a case ended.
  public enum Outcome: Sendable, Equatable {
    /// All outputs agree with the files.
    case passed
    /// An output differs, or the model could not be run: the sentence says which.
    case failed(String)
    /// The model needs an operator or type that the engine does not have.
    case skipped(operatorName: String, reason: String)
  }

  /// One case and how it ended.
  public struct CaseResult: Sendable, Equatable {
    /// The folder's path below the directory given.
    public let name: String
    /// How it ended.
    public let outcome: Outcome
  }

  /// The tolerances of ONNX's own runner: |a - b| <= absolute + relative * |b|.
  public static let relativeTolerance = 1e-3
  /// See ``relativeTolerance``.
  public static let absoluteTolerance = 1e-7

  private static let depthMax = 6
  private static let casesMax = 100_000
  private static let fileBytesMax = 1 << 30

  /// Runs every case below `directory`, in the order of their names.
  /// - Parameter tolerance: the most that a number may be off, relative above 1; `nil` for
  ///   ONNX's own tolerances.
  /// - Parameter backend: what must run the cases; never chosen by the engine.
  /// - Throws: ``InferenceError`` when the directory cannot be read.
  public static func run(
    directory: String, tolerance: Double? = nil, backend: Backend = .native,
    limits: ModelLimits = .standard
  ) throws(InferenceError) -> [CaseResult] {
    // A back end that is not there is said once, and not by every case.
    if backend == .onnxruntime { _ = try OnnxRuntimeSearch.process.open() }
    guard let root = names(in: directory) else {
      throw InferenceError(
        .input, "the directory \"\(printable(directory))\" cannot be read; check its path")
    }
    var found: [String] = []
    collect(directory, "", root, depth: 0, &found)
    return found.map { name in
      let path = name.isEmpty ? directory : "\(directory)/\(name)"
      return CaseResult(name: name, outcome: runCase(path, tolerance, backend, limits))
    }
  }

  private static func collect(
    _ root: String, _ below: String, _ entries: [String], depth: Int, _ found: inout [String]
  ) {
    if entries.contains("model.onnx") {
      if found.count < casesMax { found.append(below) }
      return
    }
    guard depth < depthMax else { return }
    for entry in entries {
      let path = below.isEmpty ? entry : "\(below)/\(entry)"
      if let inner = names(in: "\(root)/\(path)") {
        collect(root, path, inner, depth: depth + 1, &found)
      }
    }
  }

  private static func runCase(
    _ path: String, _ tolerance: Double?, _ backend: Backend, _ limits: ModelLimits
  ) -> Outcome {
    do throws(InferenceError) {
      let model = try CompiledModel.load(
        try read("\(path)/model.onnx"), backend: backend, limits: limits)
      let sets = (names(in: path) ?? []).filter { $0.hasPrefix("test_data_set_") }
      guard !sets.isEmpty else { return .failed("there is no test_data_set_0 folder") }
      let session = model.makeSession(maxRows: 1)
      for set in sets {
        let folder = "\(path)/\(set)"
        let outputs = try session.run(tensors: try inputs(of: model, folder, limits))
        let expected = try files(folder, "output_")
        guard model.outputLengths.count >= expected.count else {
          return .failed(
            "\(set): \(model.outputLengths.count) outputs, expected \(expected.count)")
        }
        var rest = outputs[...]
        for (index, file) in expected.enumerated() {
          let got = rest.prefix(model.outputLengths[index] ?? 1)
          rest = rest.dropFirst(got.count)
          let found =
            model.outputLengths[index] == nil
            ? try difference(model, got, file, tolerance: tolerance, limits)
            : try difference(Array(got), file, tolerance: tolerance, limits)
          if let difference = found {
            return .failed("\(set), output \(index): \(difference)")
          }
        }
      }
      return .passed
    } catch {
      if error.code == .unsupported {
        return .skipped(operatorName: error.operatorName ?? "", reason: error.message)
      }
      return .failed(error.message)
    }
  }

  /// Where an output differs from what it should be.
  private static func difference(
    _ model: CompiledModel, _ output: ArraySlice<Tensor>, _ file: [UInt8], tolerance: Double?,
    _ limits: ModelLimits
  ) throws(InferenceError) -> String? {
    guard let got = output.first else { return "it is missing" }
    if let keys = model.outputKeys[output.startIndex] {
      let list = try DictionaryFile.list(file, limits: limits)
      return difference(got, keys, list, tolerance: tolerance)
    }
    return difference(got, try Tensor(tensorProto: file, limits: limits), tolerance: tolerance)
  }

  /// The same for a sequence.
  private static func difference(
    _ outputs: [Tensor], _ file: [UInt8], tolerance: Double?, _ limits: ModelLimits
  ) throws(InferenceError) -> String? {
    let list = try DictionaryFile.tensors(file, limits: limits)
    guard list.count == outputs.count else {
      return "a sequence of \(outputs.count) tensors, expected \(list.count)"
    }
    for (place, pair) in zip(outputs, list).enumerated() {
      if let found = difference(pair.0, pair.1, tolerance: tolerance) {
        return "element \(place): \(found)"
      }
    }
    return nil
  }

  /// The files `input_0.pb` and on, or `output_0.pb` and on.
  private static func files(
    _ folder: String, _ prefix: String
  ) throws(InferenceError) -> [[UInt8]] {
    var result: [[UInt8]] = []
    let present = Set(names(in: folder) ?? [])
    while present.contains("\(prefix)\(result.count).pb") {
      result.append(try read("\(folder)/\(prefix)\(result.count).pb"))
    }
    return result
  }

  /// A tensor for each input; a file with a dictionary gives two.
  private static func inputs(
    of model: CompiledModel, _ folder: String, _ limits: ModelLimits
  ) throws(InferenceError) -> [Tensor] {
    var result: [Tensor] = []
    for file in try files(folder, "input_") {
      if model.dictionaryInputs.contains(result.count) {
        let dictionary = try DictionaryFile.map(file, limits: limits)
        result += [dictionary.keys, dictionary.values]
      } else {
        result.append(try Tensor(tensorProto: file, limits: limits))
      }
    }
    return result
  }

  /// Where two tensors differ by more than the tolerances, or `nil`.
  public static func difference(
    _ got: Tensor, _ expected: Tensor, tolerance: Double? = nil
  ) -> String? {
    guard got.elementType == expected.elementType else {
      return "\(got.elementType.rawValue), expected \(expected.elementType.rawValue)"
    }
    guard got.shape == expected.shape else {
      return "the shape \(got.shape), expected \(expected.shape)"
    }
    if got.elementType == .text {
      let (a, b) = (got.elements(TextRef.self), expected.elements(TextRef.self))
      for i in 0..<got.count where !a[i].isEqual(b[i]) {
        return "element \(i) is \"\(printable(a[i].string, limit: 40))\", expected "
          + "\"\(printable(b[i].string, limit: 40))\""
      }
      return nil
    }
    for i in 0..<got.count {
      let (a, b) = (got.number(i), expected.number(i))
      if agree(a, b, tolerance: tolerance) { continue }
      return "element \(i) is \(a), expected \(b)"
    }
    return nil
  }

  /// Whether two numbers are equal within the tolerance.
  static func agree(_ a: Double, _ b: Double, tolerance: Double?) -> Bool {
    if a == b || (a.isNaN && b.isNaN) { return true }
    let allowed =
      tolerance.map { $0 * max(1, abs(b)) } ?? absoluteTolerance + relativeTolerance * abs(b)
    return abs(a - b) <= allowed
  }

  /// The names in a directory, sorted, or `nil` when it is none.
  private static func names(in path: String) -> [String]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var list: [String] = []
    while let entry = readdir(directory), list.count < casesMax {
      // The name lies in place: the struct says 256 bytes, but a shorter entry ends before that.
      guard let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) else { return nil }
      let bytes = UnsafeRawPointer(entry) + offset
      let name = String(cString: bytes.assumingMemoryBound(to: CChar.self))
      if name != "." && name != ".." { list.append(name) }
    }
    return list.sorted()
  }

  private static func read(_ path: String) throws(InferenceError) -> [UInt8] {
    guard let file = fopen(path, "rb") else {
      throw InferenceError(.input, "the file \"\(printable(path))\" cannot be opened")
    }
    defer { fclose(file) }
    guard fseek(file, 0, SEEK_END) == 0 else {
      throw InferenceError(.input, "the file \"\(printable(path))\" cannot be read")
    }
    let size = ftell(file)
    guard size >= 0, size <= fileBytesMax, fseek(file, 0, SEEK_SET) == 0 else {
      throw InferenceError(.limit, "the file \"\(printable(path))\" is too large")
    }
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = buffer.baseAddress.map { fread($0, 1, size, file) } ?? 0
    }
    guard bytes.count == size else {
      throw InferenceError(.input, "the file \"\(printable(path))\" was cut off while it was read")
    }
    return bytes
  }
}

extension Tensor {
  /// Decodes a `TensorProto` file, as ONNX test cases have them.
  /// - Throws: ``InferenceError`` when it is damaged or of a type that is not supported.
  public convenience init(
    tensorProto file: [UInt8], limits: ModelLimits = .standard
  ) throws(InferenceError) {
    let result = file.withUnsafeBytes { bytes -> Result<Tensor, InferenceError> in
      do throws(InferenceError) {
        var budget = AllocationBudget(fileBytes: bytes.count)
        var reader = TensorProtoReader(elementsMax: limits.constantElementsMax)
        return .success(try reader.read(ProtobufReader(bytes), budget: &budget))
      } catch {
        return .failure(error)
      }
    }
    self.init(copying: try result.get().view)
  }

  /// Element `index` as a double (integers beyond 2^53 are rounded); NaN for texts.
  public func number(_ index: Int) -> Double {
    precondition(index >= 0 && index < count, "there is no element \(index)")
    switch elementType {
    case .float32: return Double(elements(Float.self)[index])
    case .float64: return elements(Double.self)[index]
    case .int8: return Double(elements(Int8.self)[index])
    case .int16: return Double(elements(Int16.self)[index])
    case .int32: return Double(elements(Int32.self)[index])
    case .int64: return Double(elements(Int64.self)[index])
    case .uint8, .bool: return Double(elements(UInt8.self)[index])
    case .uint16: return Double(elements(UInt16.self)[index])
    case .uint32: return Double(elements(UInt32.self)[index])
    case .uint64: return Double(elements(UInt64.self)[index])
    case .text: return .nan
    }
  }

  /// Element `index` of a tensor of texts; empty for other types.
  public func text(_ index: Int) -> String {
    precondition(index >= 0 && index < count, "there is no element \(index)")
    return elementType == .text ? elements(TextRef.self)[index].string : ""
  }
}
