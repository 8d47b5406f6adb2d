import Core
import Glibc

@testable import Inference

/// Cases that `Fixtures/make.py` and `scripts/ml-operator-cases` wrote: models, inputs and
/// onnxruntime's answers.
struct Bundle {
  struct Case {
    let name: String
    let model: [UInt8]
    let inputs: [Tensor]
    let outputs: [Tensor]
    /// The same as files.
    let inputFiles: [[UInt8]]
    let outputFiles: [[UInt8]]
  }

  struct Unreadable: Error {
    let what: String
  }

  /// A case as it lies in a folder; files may hold dictionaries.
  struct Files {
    let name: String
    let model: [UInt8]
    let inputs: [[UInt8]]
    let outputs: [[UInt8]]
  }

  let cases: [Case]

  init(_ name: String) throws {
    cases = try Bundle.files(name).map { files in
      Case(
        name: files.name, model: files.model,
        inputs: try files.inputs.map { try Tensor(tensorProto: $0) },
        outputs: try files.outputs.map { try Tensor(tensorProto: $0) }, inputFiles: files.inputs,
        outputFiles: files.outputs)
    }
  }

  static func files(_ name: String) throws -> [Files] {
    var cursor = 0
    let file = try InferenceTests.Files.read("\(InferenceTests.Files.here)/Fixtures/\(name).bundle")
    func number() throws -> Int {
      guard cursor + 4 <= file.count else { throw Unreadable(what: name) }
      defer { cursor += 4 }
      return (0..<4).reduce(0) { $0 | Int(file[cursor + $1]) << (8 * $1) }
    }
    func piece() throws -> [UInt8] {
      let count = try number()
      guard cursor + count <= file.count else { throw Unreadable(what: name) }
      defer { cursor += count }
      return Array(file[cursor..<cursor + count])
    }
    func pieces() throws -> [[UInt8]] { try (0..<(try number())).map { _ in try piece() } }
    var list: [Files] = []
    while cursor < file.count {
      let name = String(decoding: try piece(), as: UTF8.self)
      let model = try piece()
      let inputs = try pieces()
      let outputs = try pieces()
      list.append(
        Files(name: name, model: model, inputs: inputs, outputs: outputs))
    }
    return list
  }

  /// The case of that name.
  func named(_ name: String) throws -> Case {
    guard let found = cases.first(where: { $0.name == name }) else { throw Unreadable(what: name) }
    return found
  }
}

/// Files beside the tests.
enum Files {
  static let here = String(
    #filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex))
  static let root = "\(here)/../.."

  static func exists(_ path: String) -> Bool { access(path, R_OK) == 0 }

  static func read(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw Bundle.Unreadable(what: path) }
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    let size = ftell(file)
    rewind(file)
    return [UInt8](unsafeUninitializedCapacity: max(size, 0)) { buffer, count in
      count = buffer.baseAddress.map { fread($0, 1, size, file) } ?? 0
    }
  }
}

extension Files {
  /// The ordinary names in a folder, in order; none when there is no such folder.
  static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      guard let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) else { break }
      let bytes = UnsafeRawPointer(entry) + offset
      let name = String(cString: bytes.assumingMemoryBound(to: CChar.self))
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  static func write(_ bytes: [UInt8], to path: String) throws {
    guard let file = fopen(path, "wb") else { throw Bundle.Unreadable(what: path) }
    defer { fclose(file) }
    guard fwrite(bytes, 1, bytes.count, file) == bytes.count else {
      throw Bundle.Unreadable(what: path)
    }
  }

  /// Removes a folder and what is in it; links are removed, not followed.
  private static func removeTree(_ path: String) {
    if unlink(path) == 0 { return }
    if let directory = opendir(path) {
      var names: [String] = []
      while let entry = readdir(directory) {
        guard let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) else { break }
        let bytes = UnsafeRawPointer(entry) + offset
        names.append(String(cString: bytes.assumingMemoryBound(to: CChar.self)))
      }
      closedir(directory)
      for name in names where name != "." && name != ".." { removeTree("\(path)/\(name)") }
    }
    rmdir(path)
  }

  /// A new folder that `body` may fill, removed afterwards.
  static func withFolder<R>(_ body: (String) throws -> R) throws -> R {
    var template = Array("/tmp/sluice-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Bundle.Unreadable(what: "/tmp") }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { removeTree(path) }
    return try body(path)
  }
}

/// The largest difference between two numeric tensors, relative above 1; infinite when shapes,
/// types, texts or the places of non-finite numbers differ.
func distance(_ a: Tensor, _ b: Tensor) -> Double {
  guard a.elementType == b.elementType, a.shape == b.shape else { return .infinity }
  var worst = 0.0
  for i in 0..<a.count {
    if a.elementType == .text {
      if a.text(i) != b.text(i) { return .infinity }
      continue
    }
    let (x, y) = (a.number(i), b.number(i))
    if x == y || (x.isNaN && y.isNaN) { continue }
    let difference = abs(x - y) / max(1, abs(y))
    worst = max(worst, difference.isNaN ? .infinity : difference)
  }
  return worst
}
