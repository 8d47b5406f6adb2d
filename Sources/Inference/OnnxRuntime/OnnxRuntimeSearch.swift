import Core
import Glibc

/// A copy of ONNX Runtime on this machine.
public struct OnnxRuntimeCandidate: Sendable, Equatable, Encodable {
  /// How it came to be looked at.
  public enum Origin: String, Sendable, Encodable {
    /// `SLUICE_ONNXRUNTIME` names it.
    case named
    /// It lies in a library folder of the system.
    case system
    /// It belongs to a Python package.
    case python
  }

  /// The library's path, links resolved.
  public let path: String
  /// How it was found.
  public let origin: Origin
  /// Why it is not loaded unless `SLUICE_ONNXRUNTIME` names it; `nil` when it may be.
  public let obstacle: String?
}

/// Where ONNX Runtime is looked for.
///
/// Loading a library runs its code, so only what the operator names and what lies in the system's
/// own folders, owned by root or this user and closed to other writers, is loaded. Copies inside
/// Python packages are only told of: those folders belong to whoever installs packages there.
public struct OnnxRuntimeSearch: Sendable {
  /// The environment variable that names the library or a folder that holds it.
  public static let variable = "SLUICE_ONNXRUNTIME"

  /// What the environment variable says; `nil` when it is not set, `off` for none at all.
  public let setting: String?
  let systemPatterns: [String]
  let pythonPatterns: [String]

  /// The most copies that are told of.
  private static let candidatesMax = 32

  init(setting: String?, systemPatterns: [String], pythonPatterns: [String]) {
    self.setting = setting.flatMap { $0.isEmpty ? nil : $0 }
    self.systemPatterns = systemPatterns
    self.pythonPatterns = pythonPatterns
  }

  /// The places of this machine, with the setting of this process's environment.
  public static var process: OnnxRuntimeSearch {
    func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    let folders = [
      "/usr/local/lib", "/usr/local/lib64", "/usr/lib", "/usr/lib64", "/usr/lib/*-linux-gnu",
      "/opt/onnxruntime*/lib",
    ]
    var python = ["/usr/lib/python3*", "/usr/local/lib/python3*"]
    if let home = variable("HOME") { python.append(home + "/.local/lib/python3*") }
    for root in ["VIRTUAL_ENV", "CONDA_PREFIX"].compactMap(variable) {
      python.append(root + "/lib/python3*")
    }
    return OnnxRuntimeSearch(
      setting: variable(Self.variable), systemPatterns: folders,
      pythonPatterns: python.flatMap { base in
        ["site-packages", "dist-packages"].map { "\(base)/\($0)/onnxruntime/capi" }
      })
  }

  /// Whether the setting is that there be none.
  public var isOff: Bool { setting == "off" }

  /// Every copy found, in the order in which they would be taken.
  public func candidates() -> [OnnxRuntimeCandidate] {
    var found: [OnnxRuntimeCandidate] = []
    func add(_ paths: [String], _ origin: OnnxRuntimeCandidate.Origin) {
      for path in paths where found.count < Self.candidatesMax {
        guard !found.contains(where: { $0.path == path }) else { continue }
        let obstacle: String? =
          switch origin {
          case .named: nil
          case .system: Self.writer(of: path)
          case .python: "a Python package's copy is loaded only when it is named"
          }
        found.append(OnnxRuntimeCandidate(path: path, origin: origin, obstacle: obstacle))
      }
    }
    if let setting, !isOff { add(Self.named(setting), .named) }
    add(systemPatterns.flatMap { Self.libraries(in: $0) }, .system)
    add(pythonPatterns.flatMap { Self.libraries(in: $0) }, .python)
    return found
  }

  /// Loads and tests the first copy that may be loaded.
  /// - Throws: ``InferenceError`` with the code `backend`: there is none, or it is not usable.
  public func open() throws(InferenceError) -> OnnxRuntime {
    if isOff {
      throw InferenceError(.backend, "ONNX Runtime is switched off: \(Self.variable) is \"off\"")
    }
    let candidates = candidates()
    if let setting {
      guard let named = candidates.first(where: { $0.origin == .named }) else {
        throw InferenceError(
          .backend,
          "\(Self.variable) is \"\(printable(setting))\", where there is no ONNX Runtime: give "
            + "the path of libonnxruntime.so or of the folder that holds it")
      }
      return try OnnxRuntime.open(named.path)
    }
    var first: InferenceError?
    for candidate in candidates where candidate.obstacle == nil {
      do throws(InferenceError) {
        return try OnnxRuntime.open(candidate.path)
      } catch {
        first = first ?? error
      }
    }
    throw first
      ?? InferenceError(
        .backend,
        "ONNX Runtime is not in the system's library folders: name its library with "
          + "\(Self.variable) (sluice doctor lists the copies found)")
  }
}

extension OnnxRuntimeSearch {
  /// The libraries that a setting means: a file itself, or those of a folder or an environment.
  private static func named(_ setting: String) -> [String] {
    if isFile(setting) { return [resolved(setting)] }
    // A pattern must not be made of what the operator wrote.
    let folder = escaped(setting)
    return [
      "", "/lib", "/capi", "/onnxruntime/capi", "/lib/python3*/site-packages/onnxruntime/capi",
    ].flatMap { libraries(in: folder + $0) }
  }

  /// The libraries in the folders of a pattern, the newest version first.
  private static func libraries(in pattern: String) -> [String] {
    // The providers' libraries beside it have other names.
    let paths = matches(pattern + "/libonnxruntime.so*").filter(isFile)
    return paths.sorted { version($0).lexicographicallyPrecedes(version($1), by: >) }.map(resolved)
  }

  /// The numbers after `.so` in a file's name.
  private static func version(_ path: String) -> [Int] {
    guard let dot = path.lastIndex(of: "/").map({ path[$0...] })?.firstRange(of: ".so") else {
      return []
    }
    return path[dot.upperBound...].split(separator: ".").compactMap { Int($0) }
  }

  private static func matches(_ pattern: String) -> [String] {
    var result = glob_t()
    defer { globfree(&result) }
    guard glob(pattern, 0, nil, &result) == 0, let paths = result.gl_pathv else { return [] }
    return (0..<min(Int(result.gl_pathc), candidatesMax)).compactMap { index in
      paths[index].map { String(cString: $0) }
    }
  }

  private static func escaped(_ path: String) -> String {
    var text = ""
    for character in path {
      if "*?[]\\".contains(character) { text.append("\\") }
      text.append(character)
    }
    return text
  }

  private static func isFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  private static func resolved(_ path: String) -> String {
    guard let text = realpath(path, nil) else { return path }
    defer { free(text) }
    return String(cString: text)
  }

  /// Who else could change the library: the reason not to load it unasked, or `nil`.
  static func writer(of path: String) -> String? {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    for place in [path, folder.isEmpty ? "/" : folder] {
      var status = stat()
      guard stat(place, &status) == 0 else { return "\(printable(place)) cannot be looked at" }
      if status.st_uid != 0 && status.st_uid != geteuid() {
        return "\(printable(place)) belongs to another user"
      }
      if status.st_mode & (S_IWGRP | S_IWOTH) != 0 {
        return "\(printable(place)) can be changed by other users"
      }
    }
    return nil
  }
}
