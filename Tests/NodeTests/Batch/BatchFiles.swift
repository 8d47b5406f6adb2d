import Core
import Glibc

/// A folder that goes away with its last reference.
final class BatchFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/sluice-batch-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw InvalidValue("no temporary folder can be made") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  /// The names of all files, in order.
  var names: [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Writes a file; its path.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let place = "\(path)/\(name)"
    guard let file = fopen(place, "w") else { throw InvalidValue("\(place) cannot be written") }
    defer { fclose(file) }
    guard fwrite(bytes, 1, bytes.count, file) == bytes.count else {
      throw InvalidValue("\(place) cannot be written")
    }
    return place
  }

  /// Writes a file; its path.
  @discardableResult
  func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

  /// A file's bytes.
  func read(_ name: String) throws -> [UInt8] {
    guard let file = fopen("\(path)/\(name)", "r") else {
      throw InvalidValue("\(name) cannot be read")
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&piece, 1, piece.count, file)
      if count == 0 { return bytes }
      bytes += piece[..<count]
    }
  }

  /// A file's text.
  func text(_ name: String) throws -> String { String(decoding: try read(name), as: UTF8.self) }
}
