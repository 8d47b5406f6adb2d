import COnnxRuntime
import Core
import Synchronization

/// ONNX Runtime, loaded into this process and tested.
///
/// `@unchecked Sendable`: the handle is never changed after `init`, and what it stands for may be
/// used by any number of threads at once.
public final class OnnxRuntime: @unchecked Sendable {
  /// Where the library is.
  public let path: String
  /// What it says its version is: `1.31.1`.
  public let version: String

  let handle: OpaquePointer

  /// Those loaded so far, by path: a library is never unloaded.
  private static let loaded = Mutex<[String: OnnxRuntime]>([:])

  /// Forbids ONNX Runtime, should it be loaded, to send telemetry: its official builds do from 1.29
  /// on.
  ///
  /// Changes the process's environment, so a program calls it before it starts threads.
  public static func forbidTelemetry() { sluice_ort_forbid_telemetry() }

  /// Loads and tests the library at `path`, once in the life of the process.
  ///
  /// Loading runs the library's own code.
  /// - Throws: ``InferenceError`` with the code `backend`: no library, another one, one of another
  ///   interface, or one that computes wrong numbers.
  public static func open(_ path: String) throws(InferenceError) -> OnnxRuntime {
    let result = loaded.withLock { loaded -> Result<OnnxRuntime, InferenceError> in
      if let known = loaded[path] { return .success(known) }
      var fault = sluice_ort_fault()
      do throws(InferenceError) {
        guard let handle = sluice_ort_open(path, &fault) else { throw refused(path, fault) }
        let runtime = try OnnxRuntime(tested: handle, path: path)
        loaded[path] = runtime
        return .success(runtime)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Takes what a library's `OrtGetApiBase` gave.
  /// - Throws: as ``open(_:)`` does.
  convenience init(apiBase: UnsafeRawPointer, path: String) throws(InferenceError) {
    var fault = sluice_ort_fault()
    guard let handle = sluice_ort_attach(apiBase, &fault) else {
      throw OnnxRuntime.refused(path, fault)
    }
    try self.init(tested: handle, path: path)
  }

  private init(tested handle: OpaquePointer, path: String) throws(InferenceError) {
    self.handle = handle
    self.path = path
    version = printable(String(cString: sluice_ort_version(handle)), limit: 40)
    let numbers = version.split(separator: ".").map { Int($0) }
    guard numbers.count >= 2, numbers.first == .some(1), numbers.dropFirst().first != .some(nil)
    else {
      throw unusable("its version \"\(version)\" is none of 1.x")
    }
    try selfTest()
  }

  private static func refused(_ path: String, _ fault: sluice_ort_fault) -> InferenceError {
    unusable(path, faultText(fault))
  }

  private func unusable(_ reason: String) -> InferenceError { OnnxRuntime.unusable(path, reason) }

  private static func unusable(_ path: String, _ reason: String) -> InferenceError {
    InferenceError(
      .backend,
      "\(printable(path)) cannot be used as ONNX Runtime: \(reason); name another library, of a "
        + "version 1.x, with \(OnnxRuntimeSearch.variable)")
  }
}

/// What a fault says, on one line and without what a terminal would obey.
func faultText(_ fault: sluice_ort_fault) -> String {
  var fault = fault
  let text = withUnsafeBytes(of: &fault.text) { bytes in
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
  let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  return printable(withoutSourcePlace(words), limit: 400)
}

/// ONNX Runtime's message without the C++ file, line and function it was thrown in.
///
/// `a: /src/model.cc:256 ns::Model::Model(int, f<(g)0>) Unsupported` becomes `a: Unsupported`.
func withoutSourcePlace(_ text: String) -> String {
  guard let file = text.firstRange(of: ".cc:") ?? text.firstRange(of: ".h:"),
    let open = text[file.upperBound...].firstIndex(of: "(")
  else { return text }
  let start = text[..<file.lowerBound].lastIndex(of: " ").map { text.index(after: $0) }
  var depth = 0
  for index in text[open...].indices {
    if text[index] == "(" { depth += 1 }
    if text[index] == ")" { depth -= 1 }
    guard depth == 0 else { continue }
    // What sticks to the parenthesis (`::<lambda()>`, `const`) still belongs to the function.
    guard let space = text[index...].firstIndex(of: " ") else { return text }
    let rest = text[text.index(after: space)...]
    let place = start ?? text.startIndex
    return "\(text[..<place])\(rest.hasPrefix("const ") ? rest.dropFirst(6) : rest)"
  }
  return text
}

extension OnnxRuntime {
  /// Runs a known model and refuses a library that gives other answers, or takes a broken one.
  private func selfTest() throws(InferenceError) {
    do throws(InferenceError) {
      let model = try OnnxRuntimeCompiler.compile(
        OnnxRuntime.testModel, runtime: self, limits: .standard)
      let outputs = try model.makeSession(maxRows: 2).run(tensors: [
        try Tensor(floats: [1, 2, -3, 0.25], shape: [2, 2]),
        try Tensor(texts: ["", "\u{E9}t\u{E9}"], shape: [2]),
      ])
      guard outputs.count == 2, outputs[0].shape == [2, 2], outputs[1].shape == [2],
        (0..<4).map({ outputs[0].number($0) }) == [2, -1, -6, -0.125],
        outputs[1].text(0).isEmpty, outputs[1].text(1) == "\u{E9}t\u{E9}"
      else { throw InferenceError(.data, "it computes wrong answers") }
    } catch {
      throw unusable("the self-test failed: \(error.message)")
    }
    // The length of the graph goes beyond the end.
    let broken = Array(OnnxRuntime.testModel.dropLast(60))
    if (try? OnnxRuntimeModel(broken, runtime: self)) != nil {
      throw unusable("the self-test failed: it accepts a file that is cut off")
    }
  }

  /// y = x * [2, -0.5] on floats [n, 2] and t = s on texts [n]; opset 7, IR version 3.
  static let testModel: [UInt8] = [
    0x08, 0x03, 0x12, 0x00, 0x3A, 0x8C, 0x01, 0x0A, 0x0E, 0x0A, 0x01, 0x78, 0x0A, 0x01, 0x77,
    0x12, 0x01, 0x79, 0x22, 0x03, 0x4D, 0x75, 0x6C, 0x0A, 0x10, 0x0A, 0x01, 0x73, 0x12, 0x01,
    0x74, 0x22, 0x08, 0x49, 0x64, 0x65, 0x6E, 0x74, 0x69, 0x74, 0x79, 0x12, 0x05, 0x63, 0x68,
    0x65, 0x63, 0x6B, 0x2A, 0x11, 0x08, 0x02, 0x10, 0x01, 0x42, 0x01, 0x77, 0x4A, 0x08, 0x00,
    0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0xBF, 0x5A, 0x14, 0x0A, 0x01, 0x78, 0x12, 0x0F, 0x0A,
    0x0D, 0x08, 0x01, 0x12, 0x09, 0x0A, 0x03, 0x12, 0x01, 0x6E, 0x0A, 0x02, 0x08, 0x02, 0x5A,
    0x10, 0x0A, 0x01, 0x73, 0x12, 0x0B, 0x0A, 0x09, 0x08, 0x08, 0x12, 0x05, 0x0A, 0x03, 0x12,
    0x01, 0x6E, 0x62, 0x14, 0x0A, 0x01, 0x79, 0x12, 0x0F, 0x0A, 0x0D, 0x08, 0x01, 0x12, 0x09,
    0x0A, 0x03, 0x12, 0x01, 0x6E, 0x0A, 0x02, 0x08, 0x02, 0x62, 0x10, 0x0A, 0x01, 0x74, 0x12,
    0x0B, 0x0A, 0x09, 0x08, 0x08, 0x12, 0x05, 0x0A, 0x03, 0x12, 0x01, 0x6E, 0x42, 0x04, 0x0A,
    0x00, 0x10, 0x07,
  ]
}
