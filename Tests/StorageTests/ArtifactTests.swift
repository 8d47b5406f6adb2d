import Core
import Glibc
import Testing

@testable import Storage

@Suite struct ArtifactTests {
  @Test func contentComesBackUnderItsDigest() throws {
    let state = try TemporaryState()
    let store = ArtifactStore(state.directory)
    // The digest of "abc" is the first example of FIPS 180-4.
    let stored = try store.put(Array("abc".utf8))
    #expect(
      stored.digest.description
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(stored.sizeBytes == 3)
    #expect(try store.read(stored.digest) == Array("abc".utf8))
    #expect(try store.put(Array("abc".utf8)) == stored)
    #expect(try store.put([]).sizeBytes == 0)
    #expect(try store.digests().count == 2)
    #expect(try store.digests().contains(stored.digest))
    #expect(
      access("\(state.directory.artifactsPath)/sha256/ba/\(stored.digest)", F_OK) == 0)
  }

  @Test func aFileIsCopiedInPieces() throws {
    let state = try TemporaryState()
    let store = ArtifactStore(state.directory)
    var random = SplitMix64(seed: 3)
    let bytes = (0..<(1 << 17)).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
    let content = Array((bytes + bytes + bytes).dropLast(5))
    let path = state.path + "/model.onnx"
    do {
      let file = try OpenFile(path, O_CREAT | O_WRONLY, doing: "write")
      try file.write(content, at: 0)
    }
    let stored = try store.put(file: path)
    #expect(stored == StoredArtifact(digest: SHA256.digest(of: content), sizeBytes: content.count))
    #expect(try store.read(stored.digest) == content)
    #expect(try store.verify(stored.digest) == content.count)
    #expect(try store.put(file: path) == stored)
    #expect(try leftovers(state).isEmpty)
    #expect(
      storageError { _ = try store.read(stored.digest, limitBytes: 1_000) }?.code == .unacceptable)
  }

  private func leftovers(_ state: TemporaryState) throws -> [String] {
    try FileSystem.names(in: state.directory.artifactsPath + "/sha256").filter {
      $0.utf8.count != 2
    }
  }

  @Test func everyFlippedBitIsRefused() throws {
    let state = try TemporaryState()
    let store = ArtifactStore(state.directory)
    var random = SplitMix64(seed: 5)
    let content = (0..<5_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let digest = try store.put(content).digest
    let path = "\(state.directory.artifactsPath)/sha256/\(digest.description.prefix(2))/\(digest)"
    chmod(path, 0o600)
    let file = try OpenFile(path, O_RDWR, doing: "flip bits in")
    for _ in 0..<200 {
      let offset = Int(random.next() % 5_000)
      try file.write([content[offset] ^ (1 << UInt8(random.next() % 8))], at: offset)
      let error = storageError { _ = try store.read(digest) }
      #expect(error?.code == .damaged)
      #expect(error?.message.contains(digest.short) == true)
      #expect(storageError { try store.verify(digest) }?.code == .damaged)
      try file.write([content[offset]], at: offset)
    }
    #expect(try store.read(digest) == content)
    ftruncate(file.descriptor, 4_000)
    #expect(storageError { _ = try store.read(digest) }?.code == .damaged)
    // Importing the same content again heals it.
    #expect(try store.put(content).digest == digest)
    #expect(try store.read(digest) == content)
  }

  @Test func whatIsNoOrdinaryFileIsRefusedAtOnce() throws {
    let state = try TemporaryState()
    let store = ArtifactStore(state.directory)
    let pipe = state.path + "/pipe"
    mkfifo(pipe, 0o600)
    for path in [pipe, state.path, "/dev/zero"] {
      #expect(storageError { _ = try store.put(file: path) }?.code == .unacceptable, "\(path)")
    }
    let missing = storageError { _ = try store.put(file: state.path + "/no") }
    #expect(missing?.code == .notFound && missing?.exitCode == .usage)
    #expect(try leftovers(state).isEmpty)
  }

  @Test func absentOnesAreNamed() throws {
    let state = try TemporaryState()
    let store = ArtifactStore(state.directory)
    let digest = SHA256.digest(of: [1])
    #expect(store.exists(digest) == false)
    #expect(try store.digests() == [])
    let error = storageError { _ = try store.read(digest) }
    #expect(error?.code == .notFound && error?.message.contains(digest.short) == true)
    _ = try store.put([1])
    #expect(store.exists(digest))
    try store.remove(digest)
    try store.remove(digest)
    #expect(store.exists(digest) == false)
  }

  @Test func leftoversOfAKilledImportAreRemoved() throws {
    let state = try TemporaryState()
    let store = ArtifactStore(state.directory)
    let kept = try store.put([1, 2]).digest
    let path = state.directory.artifactsPath + "/sha256/tmp-99-1"
    do { _ = try OpenFile(path, O_CREAT | O_WRONLY, doing: "write") }
    try store.removeLeftovers(try state.directory.acquireLock())
    #expect(try leftovers(state).isEmpty)
    #expect(store.exists(kept))
  }
}
