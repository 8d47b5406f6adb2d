import Core
import Glibc
import Testing

@testable import Storage

private let endpoint = name("flight-delay")

private func name(_ text: String) -> Name {
  guard let name = try? Name(text) else { preconditionFailure("no name") }
  return name
}

private func time(_ seconds: Int) -> Timestamp {
  Timestamp(microseconds: 1_700_000_000_000_000 + Int64(seconds) * 1_000_000)
}

private let columns = [
  RecordingHeader.Column(name: "carrier", isText: true),
  RecordingHeader.Column(name: "distance", isText: false),
  RecordingHeader.Column(name: "note", isText: true),
]

private func header(
  _ created: Timestamp, _ columns: [RecordingHeader.Column] = columns
) -> RecordingHeader {
  RecordingHeader(
    endpoint: endpoint,
    signature: Signature(
      inputs: [TensorSpec(name: "distance", elementType: .float32, shape: [nil, 1])],
      outputs: [TensorSpec(name: "score", elementType: .float32, shape: [nil, 1])]),
    columns: columns, share: 1_000, created: created)
}

private func writer(
  _ state: TemporaryState, keepBytes: Int = 1 << 30, maxAge: TimeSpan = .minutes(60),
  _ columns: [RecordingHeader.Column] = columns
) -> RecordingWriter {
  var limits = RecordingLimits(keepBytes: keepBytes, maxAge: maxAge)
  // Less than a person can ask for, so that tests are quick.
  limits.keepBytes = keepBytes
  return RecordingWriter(state.directory, endpoint: endpoint, limits: limits) {
    header($0, columns)
  }
}

private func request(_ number: Int) -> RecordedRequest {
  var random = SplitMix64(seed: UInt64(number))
  let text = String(repeating: "x", count: number % 16)
  let long = RecordedText(low: random.next(), high: random.next() >> 8 | 0xFF << 56)
  return RecordedRequest(
    time: time(number), id: UInt64(number),
    row: [
      .text(RecordedText(text)), .number(number % 7 == 0 ? .nan : Float(number) / 3),
      .text(number % 5 == 0 ? long : RecordedText("é")),
    ],
    keyHash: number % 2 == 0 ? random.next() : nil,
    version: VersionID(model: name("m"), number: 1 + number % 3),
    answeredBy: number % 11 == 0 ? nil : VersionID(model: name("m"), number: 1),
    label: number % 4 == 0 ? nil : RecordedText("\(number % 2)"),
    score: number % 9 == 0 ? nil : Float(random.nextUnit()), failed: number % 11 == 0,
    latency: TimeSpan(microseconds: Int64(number)), weight: number % 10_001,
    isDrawn: number % 13 != 0, generation: number)
}

private func all(_ reader: RecordingReader) throws -> [RecordedRequest] {
  var requests: [RecordedRequest] = []
  while let next = try reader.next() { requests.append(next) }
  return requests
}

private func paths(_ state: TemporaryState) throws -> [String] {
  try Recording(state.directory, endpoint: endpoint).files.map(\.path)
}

private func bytes(_ path: String) throws -> [UInt8] {
  let file = try OpenFile(path, O_RDONLY, doing: "read")
  return try file.read(count: Int(try file.status().st_size), at: 0)
}

private func replace(_ path: String, _ bytes: [UInt8]) throws {
  let file = try OpenFile(path, O_WRONLY | O_TRUNC, doing: "write")
  try file.write(bytes, at: 0)
}

@Suite struct RecordingTests {
  @Test func crcIsTheStandardOne() {
    // RFC 3720, B.4: 32 zeros; and the check value of "123456789".
    let zeros = [UInt8](repeating: 0, count: 32)
    #expect(zeros.withUnsafeBytes { CRC32C.of($0) } == 0x8A91_36AA)
    #expect(Array("123456789".utf8).withUnsafeBytes { CRC32C.of($0) } == 0xE306_9283)
  }

  @Test func whatIsWrittenIsRead() throws {
    let state = try TemporaryState()
    let written = writer(state)
    let requests = (0..<500).map(request)
    for request in requests { written.append(request) }
    try written.flush(now: time(0))
    let reader = try Recording(state.directory, endpoint: endpoint).requests()
    #expect(try all(reader) == requests)
    #expect(reader.damage == RecordingReader.Damage())
    #expect(reader.columns == columns)
    #expect(written.counts.requests == 500)
  }

  @Test func labelsAreBoundAcrossFilesAndTheFirstCounts() throws {
    let state = try TemporaryState()
    let written = writer(state, keepBytes: 1 << 20)
    for number in 0..<2_000 { written.append(request(number)) }
    try written.flush(now: time(0))
    written.append(RecordedLabel(time: time(90), id: 3, label: 1))
    written.append(RecordedLabel(time: time(91), id: 3, label: 0))
    written.append(RecordedLabel(time: time(92), id: 1_999, label: 7))
    // More than a file holds, so that the labels lie in another one.
    for number in 2_000..<4_000 { written.append(request(number)) }
    try written.flush(now: time(1))
    let recording = try Recording(state.directory, endpoint: endpoint)
    #expect(recording.files.count == 2)
    let labelled = try all(recording.requests(onlyLabelled: true))
    #expect(labelled.map(\.id) == [3, 1_999])
    #expect(labelled.map(\.lateLabel) == [1, 7])
    #expect(labelled.first?.lateLabelTime == time(90))
    #expect(try all(recording.requests(since: time(10), until: time(12))).map(\.id) == [10, 11])
  }

  @Test func filesAndFoldersAreTheUsersOwn() throws {
    let state = try TemporaryState()
    let written = writer(state)
    written.append(request(1))
    try written.flush(now: time(0))
    _ = try RecordingSecret(of: state.directory)
    let folder = state.directory.recordingsPath
    for path in try paths(state) + [folder + "/key.secret"] {
      #expect(try #require(try FileSystem.status(ofLinkAt: path)).st_mode & 0o777 == 0o600)
    }
    for path in [folder, folder + "/flight-delay"] {
      #expect(try #require(try FileSystem.status(ofLinkAt: path)).st_mode & 0o777 == 0o700)
    }
  }

  @Test func keysCannotBeToldFromTheirHashesWithoutTheSecret() throws {
    let (state, other) = (try TemporaryState(), try TemporaryState())
    let secret = try RecordingSecret(of: state.directory)
    #expect(secret.pseudonym(of: 7) == (try RecordingSecret(of: state.directory)).pseudonym(of: 7))
    #expect(secret.pseudonym(of: 7) != (try RecordingSecret(of: other.directory)).pseudonym(of: 7))
    #expect(secret.pseudonym(of: 7) != secret.pseudonym(of: 8))
    chmod(state.directory.recordingsPath + "/key.secret", 0o640)
    #expect(storageError { _ = try RecordingSecret(of: state.directory) }?.code == .unacceptable)
  }

  @Test func theLimitOnBytesHoldsAndTheOldestGoFirst() throws {
    let state = try TemporaryState()
    let limit = 1 << 20
    let written = writer(state, keepBytes: limit)
    var number = 0
    for second in 0..<300 {
      for _ in 0..<100 {
        written.append(request(number))
        number += 1
      }
      try written.flush(now: time(second))
      #expect(try Recording(state.directory, endpoint: endpoint).bytes <= limit)
    }
    #expect(written.counts.filesRemoved > 0)
    let kept = try all(Recording(state.directory, endpoint: endpoint).requests()).map(\.id)
    #expect(kept.last == UInt64(number - 1))
    #expect(kept == Array(UInt64(number - kept.count)..<UInt64(number)))
  }

  @Test func oldFilesGo() throws {
    let state = try TemporaryState()
    let written = writer(state, maxAge: .minutes(8))
    written.append(request(0))
    try written.flush(now: time(0))
    let first = try #require(try paths(state).first)
    var times = [
      timeval(tv_sec: 1_700_000_000, tv_usec: 0), timeval(tv_sec: 1_700_000_000, tv_usec: 0),
    ]
    utimes(first, &times)
    // A file is written to for an eighth of the age.
    written.append(request(1))
    try written.flush(now: time(61))
    #expect(try paths(state).count == 2)
    try written.flush(now: time(481))
    #expect(try paths(state).contains(first) == false)
  }

  @Test func withheldColumnsAreNotOnDisk() throws {
    let state = try TemporaryState()
    let secretive = [
      columns[0], RecordingHeader.Column(name: "distance", isText: false),
      RecordingHeader.Column(name: "note", isText: true, isWithheld: true),
    ]
    let written = writer(state, secretive)
    var kept = request(1)
    kept.row[2] = .withheld
    written.append(kept)
    try written.flush(now: time(0))
    #expect(try all(Recording(state.directory, endpoint: endpoint).requests()) == [kept])
  }

  @Test func filesOfOtherColumnsAreBroughtToTheNewest() throws {
    let state = try TemporaryState()
    let first = writer(state)
    first.append(request(1))
    try first.flush(now: time(0))
    try first.close()
    let second = writer(
      state, [columns[1], columns[0], RecordingHeader.Column(name: "new", isText: false)])
    var other = request(2)
    other.row = [.number(5), .text(RecordedText("UA")), .number(6)]
    second.append(other)
    try second.flush(now: time(1))
    let read = try all(Recording(state.directory, endpoint: endpoint).requests())
    #expect(read.map(\.row) == [[request(1).row[1], request(1).row[0], .withheld], other.row])
  }

  @Test func aFullDiskLosesAndCountsAndGoesOn() throws {
    for point in 0..<4 {
      let state = try TemporaryState()
      let written = writer(state)
      var writes = 0
      written.writeFault = {
        defer { writes += 1 }
        return writes == point ? ENOSPC : nil
      }
      var failures = 0
      for number in 0..<4 {
        written.append(request(number))
        do {
          try written.flush(now: time(number))
        } catch {
          #expect(error.code == .full)
          failures += 1
        }
      }
      #expect(failures == 1)
      #expect(written.counts.lost == 1)
      let reader = try Recording(state.directory, endpoint: endpoint).requests()
      #expect(try all(reader).count == 3)
      #expect(reader.damage == RecordingReader.Damage())
      #expect(written.counts.requests == 3)
    }
  }

  @Test func memoryIsBoundedWhenNobodyFlushes() throws {
    let state = try TemporaryState()
    let written = writer(state)
    for number in 0..<30_000 { written.append(request(number)) }
    #expect(written.bufferedBytes < RecordingWriter.bufferBytesMax + 1_000)
    #expect(written.counts.lost > 0)
    try written.flush(now: time(0))
    #expect(written.counts.requests + written.counts.lost == 30_000)
  }

  @Test func lossesAreTold() throws {
    let state = try TemporaryState()
    let written = writer(state)
    written.append(request(1))
    written.append(loss: 41, time: time(1))
    written.append(loss: 0, time: time(1))
    try written.flush(now: time(0))
    let reader = try Recording(state.directory, endpoint: endpoint).requests()
    #expect(try all(reader).count == 1)
    #expect(reader.lost == 41)
  }

  @Test func nothingRecordedIsToldByName() throws {
    let state = try TemporaryState()
    let error = storageError {
      _ = try Recording(state.directory, endpoint: endpoint).requests()
    }
    #expect(error?.code == .notFound)
    #expect(error?.message.contains("sluice record on flight-delay") == true)
  }
}

@Suite struct DamagedRecordingTests {
  /// A file of 40 requests, and where each of its frames begins.
  private func sample() throws -> (TemporaryState, String, [UInt8]) {
    let state = try TemporaryState()
    let written = writer(state)
    for number in 0..<40 { written.append(request(number)) }
    try written.flush(now: time(0))
    let path = try #require(try paths(state).first)
    return (state, path, try bytes(path))
  }

  private func read(
    _ state: TemporaryState
  ) throws -> (requests: [RecordedRequest], damage: RecordingReader.Damage) {
    let reader = try Recording(state.directory, endpoint: endpoint).requests()
    return (try all(reader), reader.damage)
  }

  @Test func anyTornTailLosesOnlyTheLastFrame() throws {
    let (state, path, whole) = try sample()
    let first = 20 + Int(whole[12]) + Int(whole[13]) << 8
    var known = 40
    for count in stride(from: whole.count - 1, through: whole.count - 400, by: -1)
    where count >= first {
      try replace(path, Array(whole[..<count]))
      let (requests, damage) = try read(state)
      #expect(requests == (0..<requests.count).map(request))
      #expect(requests.count <= known)
      known = requests.count
      #expect(damage.stretches == 0 && damage.files == 0)
    }
    #expect(known < 40)
  }

  @Test func anyFlippedByteLosesOneFrameAndIsCounted() throws {
    let (state, path, whole) = try sample()
    let first = 20 + Int(whole[12]) + Int(whole[13]) << 8
    var random = SplitMix64(seed: 5)
    for _ in 0..<300 {
      let place = first + Int(random.next() % UInt64(whole.count - first))
      var damaged = whole
      damaged[place] ^= UInt8(1 << (random.next() % 8))
      try replace(path, damaged)
      let (requests, damage) = try read(state)
      #expect(requests.count == 39)
      #expect(requests.allSatisfy { $0 == request(Int($0.id)) })
      // The length of the last frame can make it look cut off.
      #expect(damage.stretches + (damage.tornBytes > 0 ? 1 : 0) == 1)
    }
  }

  @Test func aDamagedBeginningIsOneFileLost() throws {
    let (state, path, whole) = try sample()
    let second = writer(state)
    second.append(request(99))
    try second.flush(now: time(1))
    for place in [0, 9, 13, 17, 25] {
      var damaged = whole
      damaged[place] ^= 0x10
      try replace(path, damaged)
      let (requests, damage) = try read(state)
      #expect(requests.map(\.id) == [99])
      #expect(damage.files == 1)
    }
  }

  @Test func anyBytesAreReadWithoutHarm() throws {
    let (state, path, whole) = try sample()
    let first = 20 + Int(whole[12]) + Int(whole[13]) << 8
    var random = SplitMix64(seed: 11)
    for round in 0..<200 {
      var bytes = whole
      // Frames of right checksums and wrong contents, cut, doubled and mixed stretches.
      switch round % 4 {
      case 0:
        bytes = Array(whole[..<first])
        for _ in 0..<20 {
          RecordingFrame.append(.request, to: &bytes) { bytes in
            for _ in 0..<(random.next() % 120) {
              bytes.append(UInt8(truncatingIfNeeded: random.next()))
            }
          }
        }
      case 1:
        let from = first + Int(random.next() % UInt64(whole.count - first))
        bytes = Array(whole[..<first] + whole[from...] + whole[first..<from])
      case 2:
        for _ in 0..<50 {
          bytes[first + Int(random.next() % UInt64(whole.count - first))] = UInt8(
            truncatingIfNeeded: random.next())
        }
      default:
        bytes = Array(whole[..<first])
        for _ in 0..<4_000 { bytes.append(UInt8(truncatingIfNeeded: random.next() % 3 + 0xC4)) }
      }
      try replace(path, bytes)
      let (requests, _) = try read(state)
      if round % 4 != 0 {
        #expect(requests.allSatisfy { $0 == request(Int($0.id)) })
      }
    }
  }
}
