import Core
import Documents
import Glibc

extension ThemeSource {
  /// What a parsed document says.
  public init(_ node: DocumentNode) {
    switch node.content {
    case .scalar(let scalar):
      self = .text(scalar.isNull ? "" : scalar.text, line: node.line)
    case .sequence(let items):
      self = .list(items.map { ThemeSource($0) }, line: node.line)
    case .mapping(let entries):
      self = .map(
        entries.map { Entry(key: $0.key, line: $0.line, value: ThemeSource($0.value)) },
        line: node.line)
    }
  }
}

extension ThemeLibrary {
  /// The library over YAML: built-in themes, and files `NAME.yaml` in folders, the first that has
  /// one wins.
  public static func yaml(folders: [String] = []) -> ThemeLibrary {
    ThemeLibrary(
      parse: parseYAML,
      find: { name in
        // A name is no path: it must not lead out of the folder.
        guard (try? Name(name)) != nil else { return nil }
        for folder in folders {
          if let text = ThemeLibrary.contents(of: "\(folder)/\(name).yaml") { return text }
        }
        return nil
      })
  }

  private static func parseYAML(
    _ text: String, _ origin: String
  ) throws(ThemeError) -> ThemeSource {
    do throws(DocumentError) {
      let node = try YAMLParser.parse(Array(text.utf8), file: "\(printable(origin)).yaml")
      return node.map { ThemeSource($0) } ?? .map([], line: 1)
    } catch {
      throw ThemeError(error.message)
    }
  }

  /// The theme in a file, wherever it lies.
  /// - Throws: ``ThemeError`` when it cannot be read, is no YAML, or inherits what is not there.
  public func theme(
    file path: String
  ) throws(ThemeError) -> (theme: Theme, warnings: [ThemeWarning]) {
    guard let text = ThemeLibrary.contents(of: path) else {
      throw ThemeError(
        "the theme file \(printable(path)) cannot be read (at most 64 KiB of UTF-8): "
          + "check the path and its permissions")
    }
    let file = path.split(separator: "/").last.map(String.init) ?? path
    let name = file.hasSuffix(".yaml") ? String(file.dropLast(5)) : file
    return try theme(from: text, name: name)
  }

  /// A small file as text; nil when it cannot be read, is too large or is not UTF-8.
  private static func contents(of path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: fileBytesMax + 1)
    var count = 0
    // Each read but the last gives at least a byte.
    while count < bytes.count {
      let start = count
      let got = bytes.withUnsafeMutableBytes { buffer in
        read(descriptor, buffer.baseAddress.map { $0 + start }, buffer.count - start)
      }
      if got <= 0 { break }
      count += got
    }
    guard count <= fileBytesMax else { return nil }
    return String(validating: bytes[..<count], as: UTF8.self)
  }
}
