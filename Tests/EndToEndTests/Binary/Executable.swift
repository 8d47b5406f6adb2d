import Core
import Glibc

/// Runs programs as a shell would and keeps what they say.
enum Executable {
  /// What a finished program left.
  struct Result {
    let exitCode: Int32
    let output: String
    let errors: String
  }

  /// The built `sluice`, beside the test bundle.
  static let sluice: String = {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = max(0, readlink("/proc/self/exe", &buffer, buffer.count))
    let own = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return own.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/sluice"
  }()

  /// The path of a program in `$PATH`, nil when it is not installed.
  static func find(_ name: String) -> String? {
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  /// Runs a program to its end, which must come within `limitSeconds`.
  static func run(
    _ program: String, _ arguments: [String], input: String = "",
    environment: [String: String] = [:], limitSeconds: Int = 60
  ) throws -> Result {
    let scratch = try TestFolder()
    let (inPath, outPath, errPath) = (
      "\(scratch.path)/in", "\(scratch.path)/out", "\(scratch.path)/err"
    )
    try writeText(input, to: inPath)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, inPath, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    let process = try spawn(program, arguments, environment, &actions)
    let exitCode = try wait(process, limitSeconds)
    return Result(exitCode: exitCode, output: try readText(outPath), errors: try readText(errPath))
  }

  static func spawn(
    _ program: String, _ arguments: [String], _ environment: [String: String],
    _ actions: inout posix_spawn_file_actions_t
  ) throws -> pid_t {
    var variables = environment
    for name in ["PATH", "HOME", "LANG", "LD_LIBRARY_PATH"] where variables[name] == nil {
      if let value = getenv(name) { variables[name] = String(cString: value) }
    }
    var words = ([program] + arguments).map { strdup($0) } + [nil]
    var settings = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for pointer in words + settings { free(pointer) } }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The test runner's own treatment of signals is not what a shell gives a program.
    var none = sigset_t()
    sigemptyset(&none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var process: pid_t = 0
    let code = posix_spawn(&process, program, &actions, &attributes, &words, &settings)
    guard code == 0 else { throw InvalidValue("\(program) cannot be started: error \(code)") }
    return process
  }

  /// The exit code, or 128 and the signal's number as shells say it.
  static func wait(_ process: pid_t, _ limitSeconds: Int) throws -> Int32 {
    var status: Int32 = 0
    for _ in 0..<(limitSeconds * 100) {
      if waitpid(process, &status, WNOHANG) == process {
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + status & 0x7F
      }
      usleep(10_000)
    }
    kill(process, SIGKILL)
    waitpid(process, &status, 0)
    throw InvalidValue("the program did not end within \(limitSeconds) s")
  }
}

/// A folder that goes away with its last reference.
final class TestFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/sluice-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw InvalidValue("no temporary folder can be made") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { TestFolder.remove(path) }

  private static func remove(_ path: String) {
    if let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { remove("\(path)/\(name)") }
      }
      closedir(folder)
    }
    _ = Glibc.remove(path)
  }
}

/// A file's text.
func readText(_ path: String) throws -> String {
  String(decoding: try readBytes(path), as: UTF8.self)
}

/// A file's bytes.
func readBytes(_ path: String) throws -> [UInt8] {
  guard let file = fopen(path, "r") else { throw InvalidValue("\(path) cannot be read") }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = fread(&piece, 1, piece.count, file)
    if count == 0 { return bytes }
    bytes += piece[..<count]
  }
}

/// Writes a file.
func writeText(_ text: String, to path: String) throws {
  try writeBytes(Array(text.utf8), to: path)
}

/// Writes a file.
func writeBytes(_ bytes: [UInt8], to path: String) throws {
  guard let file = fopen(path, "w") else { throw InvalidValue("\(path) cannot be written") }
  defer { fclose(file) }
  guard fwrite(bytes, 1, bytes.count, file) == bytes.count else {
    throw InvalidValue("\(path) cannot be written")
  }
}
