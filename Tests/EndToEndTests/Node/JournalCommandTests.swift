import Core
import Glibc
import Testing

/// `journal checkpoint`, `verify` and `as-of`, `backup` and `restore`, as a shell runs them.
@Suite("The journal at the command line", .serialized)
struct JournalCommandTests {
  private func sluice(
    _ words: [String], _ state: String, environment: [String: String] = [:]
  ) throws -> Executable.Result {
    try Executable.run(
      Executable.built, words + ["--state", state], environment: environment, limitSeconds: 20)
  }

  @Test("a checkpoint is signed, checked by openssl, and finds a cut journal")
  func checkpoints() throws {
    let folder = try TestFolder()
    let state = folder.path + "/n"
    try Executable.prepareState(state, versions: 1)
    let audit = folder.path + "/audit.jsonl"
    #expect(try sluice(["journal", "checkpoint", "--output", audit], state).exitCode == 0)
    let key = try sluice(["journal", "key"], state).output.filter { $0 != "\n" }
    let good = try sluice(["journal", "verify", "--checkpoints", audit, "--key", key], state)
    #expect(good.exitCode == 0, "\(good.output)\(good.errors)")
    #expect(good.output.contains("1 signed checkpoints fit"))
    try checkByOpenSSL(try readText(audit), folder.path)
    // An older copy of the state put back in its place: consistent in itself, and shorter.
    let copy = folder.path + "/old"
    #expect(try sluice(["backup", copy + ".tar"], state).exitCode == 0)
    #expect(try sluice(["note", "one more"], state).exitCode == 0)
    #expect(try sluice(["journal", "checkpoint", "--output", audit], state).exitCode == 0)
    let restored = try sluice(["restore", copy + ".tar"], copy)
    #expect(restored.exitCode == 0, "\(restored.errors)")
    #expect(try sluice(["journal", "verify"], copy).exitCode == 0)
    let cut = try sluice(["journal", "verify", "--checkpoints", audit, "--key", key], copy)
    #expect(cut.exitCode == 1 && cut.output.contains("the journal was cut"), "\(cut.output)")
    // Exit codes of what cannot be.
    #expect(try sluice(["restore", copy + ".tar"], copy).exitCode == 3)
    #expect(try sluice(["restore", audit], folder.path + "/x").exitCode == 2)
    #expect(try sluice(["journal", "verify", "--key", "abc"], state).exitCode == 2)
    #expect(
      try sluice(["journal", "verify", "--checkpoints", folder.path + "/none"], state).exitCode
        == 2)
    #expect(try sluice(["backup", folder.path + "/b.tar"], folder.path + "/none").exitCode == 2)
  }

  /// The same signature, checked by another program.
  private func checkByOpenSSL(_ line: String, _ folder: String) throws {
    guard let openssl = Executable.find("openssl") else { return }
    func member(_ name: String) throws -> String {
      let pattern = try Regex("\"\(name)\":\"?([0-9a-f]+)", as: (Substring, Substring).self)
      return String(try #require(line.firstMatch(of: pattern)?.output.1))
    }
    func bytes(_ hex: String) -> [UInt8] {
      stride(from: 0, to: hex.utf8.count, by: 2).map {
        UInt8(hex.dropFirst($0).prefix(2), radix: 16) ?? 0
      }
    }
    let message =
      try "sluice-checkpoint-1\n"
      + ["beginning", "sequence", "hash", "time", "key"].map { try member($0) + "\n" }.joined()
    try writeText(message, to: folder + "/message")
    try writeBytes(bytes(try member("signature")), to: folder + "/signature")
    // RFC 8410: the algorithm's number in front of the 32 bytes.
    try writeBytes(
      bytes("302a300506032b6570032100") + bytes(try member("key")), to: folder + "/key.der")
    let words = [
      "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", folder + "/key.der", "-rawin",
      "-in", folder + "/message", "-sigfile", folder + "/signature",
    ]
    let result = try Executable.run(openssl, words)
    #expect(result.exitCode == 0, "\(result.output)\(result.errors)")
  }

  @Test("a node signs when it stops, here and where the environment says")
  func aNodeSigns() throws {
    let folder = try TestFolder()
    let (state, audit) = (folder.path + "/n", folder.path + "/audit")
    try Executable.prepareState(state, versions: 1)
    mkdir(audit, 0o700)
    let node = try RunningNode(state: state, environment: ["SLUICE_CHECKPOINTS": audit])
    #expect(try sluice(["note", "while it runs"], state).exitCode == 0)
    // Beside the running node.
    #expect(try sluice(["backup", folder.path + "/b.tar"], state).exitCode == 0)
    node.stop()
    let proof = try sluice(["journal", "verify", "--checkpoints", audit, "--json"], state)
    #expect(proof.exitCode == 0, "\(proof.output)\(proof.errors)")
    #expect(proof.output.contains("\"checkpoints\":1"), "\(proof.output)")
  }

  @Test("as-of tells who served at a moment")
  func asOf() throws {
    let folder = try TestFolder()
    let state = folder.path + "/n"
    try Executable.prepareState(state, versions: 2)
    let now = try sluice(["journal", "as-of", "now", "--endpoint", "flight-delay"], state)
    #expect(now.exitCode == 0 && now.output.contains("flight-delay@1"), "\(now.output)")
    #expect(now.output.contains("until now"))
    let before = try sluice(["journal", "as-of", "2020-01-01T00:00:00Z"], state)
    #expect(before.output.contains("no endpoint yet"), "\(before.output)")
    #expect(try sluice(["journal", "as-of", "noon"], state).exitCode == 2)
  }
}
