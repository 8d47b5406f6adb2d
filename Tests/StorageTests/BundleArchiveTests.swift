import Core
import FoundationEssentials
import Testing

@testable import Storage

/// Archives from elsewhere: what they may hold, and how each wrong one is refused.
@Suite struct BundleArchiveTests {
  private let limits = ["model.sig": 100, "version/card.md": 1_000, "version/model.onnx": 5_000]
  private let time = Timestamp(microseconds: 1_700_000_000_000_000)

  private func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = "/tmp/slb-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }

  private func refusal(_ path: String) -> String {
    do throws(StorageError) {
      _ = try BundleArchive.read(path, limits: limits)
    } catch { return error.message }
    Issue.record("it was not refused")
    return ""
  }

  private func member(_ name: String, _ content: [UInt8], kind: String = "0") throws -> [UInt8] {
    var head = try TarHeader(name: name, sizeBytes: content.count).block(time: time)
    head[156] = kind.utf8.first ?? 0x30
    // The checksum of what it is now.
    let sum = head.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 0x20 : Int(head[$1])) }
    let digits = String(sum, radix: 8)
    head.replaceSubrange(
      148..<156,
      with: Array((String(repeating: "0", count: 6 - digits.count) + digits).utf8) + [0, 0x20])
    return head + content + [UInt8](repeating: 0, count: TarHeader.padding(after: content.count))
  }

  private let end = [UInt8](repeating: 0, count: 1_024)

  private func read(_ bytes: [UInt8]) throws -> String {
    try withFolder { folder in
      try Data(bytes).write(to: URL(filePath: folder + "/b.tar"))
      return refusal(folder + "/b.tar")
    }
  }

  @Test func whatIsWrittenIsReadBack() throws {
    try withFolder { folder in
      let path = folder + "/b.tar"
      let members: [(name: String, content: [UInt8])] = [
        ("model.sig", [1]), ("version/card.md", []),
        ("version/model.onnx", Array(repeating: 7, count: 1_025)),
      ]
      try BundleArchive.write(members, to: path, time: time)
      let read = try BundleArchive.read(path, limits: limits)
      #expect(read == Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.content) }))
      // Wherever it is cut, it is refused, but for zeros behind the end.
      let whole = [UInt8](try Data(contentsOf: URL(filePath: path)))
      for count in stride(from: 0, to: whole.count - 512, by: 256) {
        try Data(whole[..<count]).write(to: URL(filePath: path))
        #expect(refusal(path).contains("cut off"), "\(count)")
      }
      try Data(whole + [1]).write(to: URL(filePath: path))
      #expect(refusal(path).contains("more follows"))
    }
  }

  @Test func foldersAndTheUsualPrefixAreTaken() throws {
    try withFolder { folder in
      let path = folder + "/b.tar"
      let bytes =
        try member("./", [], kind: "5") + member("./version/", [], kind: "5")
        + member("./version/card.md", [5]) + end
      try Data(bytes).write(to: URL(filePath: path))
      #expect(try BundleArchive.read(path, limits: limits) == ["version/card.md": [5]])
    }
  }

  @Test func whatDoesNotBelongThereIsRefusedByName() throws {
    let card = try member("version/card.md", [1])
    let wrong: [(bytes: [UInt8], words: String)] = [
      (try member("../evil", [1]) + end, "\"../evil\" points out of the bundle"),
      (try member("version/../../evil", [1]) + end, "points out of the bundle"),
      (try member("/etc/passwd", [1]) + end, "points out of the bundle"),
      (try member("../x/", [], kind: "5") + end, "points out of the bundle"),
      (try member("version/extra", [1]) + end, "does not belong into a bundle"),
      (card + card + end, "\"version/card.md\" is in it twice"),
      (try member("version/card.md", [], kind: "2") + end, "a symbolic link"),
      (try member("version/card.md", [], kind: "1") + end, "a hard link"),
      (try member("version/card.md", [], kind: "L") + end, "an extended header"),
      (try member("version/card.md", [], kind: "3") + end, "a device"),
      (try member("version/card.md", Array(repeating: 1, count: 1_001)) + end, "at most 1000"),
      (try member("version/x/", Array("abc".utf8), kind: "5") + end, "a folder in it has content"),
      (Array(repeating: 0x41, count: 2_048), "a member's header is damaged"),
      (card, "it is cut off"),
      (card + [UInt8](repeating: 0, count: 512), "its end is cut off"),
      (card + end + card, "more follows"),
      ([], "it is cut off"),
    ]
    for (bytes, words) in wrong { #expect(try read(bytes).contains(words), "\(words)") }
    let folders = try (0..<70).reduce([UInt8]()) { bytes, _ in
      bytes + (try member("version/", [], kind: "5"))
    }
    #expect(try read(folders + end).contains("more than 64 members"))
  }

  @Test func onlyOrdinaryFilesAreReadAndReplaced() throws {
    try withFolder { folder in
      #expect(refusal(folder + "/none").contains("there is no file"))
      #expect(refusal(folder).contains("not an ordinary file"))
      do throws(StorageError) {
        try BundleArchive.write([], to: folder, time: time)
        Issue.record("a folder was replaced")
      } catch { #expect(error.message.contains("not an ordinary file")) }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(names.isEmpty)
    }
  }

  /// Files of random bytes and archives with random changes are refused or read, never more.
  @Test func randomChangesNeverCrash() throws {
    var random = SplitMix64(seed: 7)
    let good = try member("version/card.md", Array(repeating: 1, count: 700)) + end
    try withFolder { folder in
      let path = folder + "/b.tar"
      for _ in 0..<300 {
        var bytes = good
        for _ in 0..<(1 + Int(random.next() % 4)) {
          bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
        }
        try Data(bytes).write(to: URL(filePath: path))
        if let read = try? BundleArchive.read(path, limits: limits) {
          #expect(Set(read.keys).isSubset(of: limits.keys))
        }
      }
    }
  }
}
