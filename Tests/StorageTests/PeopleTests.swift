import Core
import Glibc
import Testing

@testable import Storage

/// Names apart from the journal: found again, erased for good, and never by somebody else's file.
@Suite struct PeopleTests {
  private let now = Timestamp(microseconds: 1_700_000_000_000_000)

  private func bytes(_ path: String) throws -> [UInt8] {
    let file = try OpenFile(path, O_RDONLY, doing: "read")
    return try file.read(count: Int(try file.status().st_size), at: 0)
  }

  private func text(_ state: TemporaryState) throws -> String {
    String(decoding: try bytes(state.directory.peoplePath), as: UTF8.self)
  }

  @Test func aNameHasOnePseudonymForGood() throws {
    let state = try TemporaryState()
    let names =
      (0..<300).map { "person\($0)" } + ["ann:o'neil", "~", "Zoë \"Z\" O\\N", "\u{1b}[2J"]
    var codes: [String] = []
    do {
      let people = try People(state.directory.acquireLock())
      codes = try names.map { try people.code(for: $0) }
      #expect(try names.map { try people.code(for: $0) } == codes)
    }
    // Those that are alike in what is shown of an erased one are made again.
    #expect(Set(codes.map { $0.prefix(5) }).count == names.count)
    #expect(codes.allSatisfy { PersonCode.pseudonym(in: $0) != nil })
    var status = stat()
    #expect(stat(state.directory.peoplePath, &status) == 0 && status.st_mode & 0o777 == 0o600)
    let people = try People(readingFrom: state.directory)
    for (name, code) in zip(names, codes) {
      let pseudonym = try #require(PersonCode.pseudonym(in: code))
      #expect(people.name(of: pseudonym) == printable(name, limit: 40))
      #expect(people.knownCode(for: name) == code)
      #expect(people.person(named: name)?.isProven == true)
    }
    #expect(throws: StorageError.self) { try people.code(for: "new") }
    // Another state has others: one cannot be told from the other.
    let other = try TemporaryState()
    #expect(try People(other.directory.acquireLock()).code(for: names[0]) != codes[0])
  }

  @Test func anErasedNameIsGone() throws {
    let state = try TemporaryState()
    let people = try People(state.directory.acquireLock())
    let (ana, bob) = (try people.code(for: "ana"), try people.code(for: "bob"))
    let pseudonym = try #require(PersonCode.pseudonym(in: ana))
    let old = try OpenFile(state.directory.peoplePath, O_RDONLY, doing: "read")
    try people.forget([pseudonym], at: now)
    // Not in the file, and not in what the old file's blocks hold.
    #expect(try !text(state).contains("ana"))
    let left = try old.read(count: 10_000, at: 0)
    #expect(!left.isEmpty && left.allSatisfy { $0 == 0 })
    for people in [people, try People(readingFrom: state.directory)] {
      let shown = people.name(of: pseudonym)
      #expect(shown == "forgotten-\(pseudonym.prefix(4))")
      // What stands in its place goes back to the same pseudonym.
      #expect(people.knownCode(for: shown) == ana)
      #expect(people.person(named: "ana") == nil && people.person(named: shown)?.key == nil)
      #expect(people.knownCode(for: "bob") == bob)
    }
    // Whoever comes back is somebody new.
    #expect(try people.code(for: "ana") != ana)
    #expect(people.name(of: pseudonym).hasPrefix("forgotten-"))
    // Again, and somebody who is not in the file: noted, so that no older file brings the name.
    let unknown = "0123456789abcdef"
    #expect(people.name(of: unknown) == "unknown-\(unknown)")
    try people.forget([pseudonym, unknown], at: now)
    #expect(try People(readingFrom: state.directory).name(of: unknown) == "forgotten-0123")
  }

  @Test func aFileThatSomebodyChangedGivesNoWrongName() throws {
    let state = try TemporaryState()
    do { _ = try People(state.directory.acquireLock()).code(for: "ana") }
    let line = try text(state)
    let ana = try #require(try People(readingFrom: state.directory).person(named: "ana"))
    for (changed, isKnown) in [
      (line, true), (line.replacing("\"ana\"", with: "\"eve\""), false),
      (line + "{\"name\":", true),
      ("not json\n" + line, true), (String(line.dropLast(5)), false), ("", false),
      (line.replacing(ana.pseudonym, with: "../../etc"), false), (line + line, true),
    ] {
      unlink(state.directory.peoplePath)
      let file = try OpenFile(state.directory.peoplePath, O_WRONLY | O_CREAT, doing: "write")
      try file.write(Array(changed.utf8), at: 0)
      let people = try People(readingFrom: state.directory)
      #expect(people.name(of: ana.pseudonym) == (isKnown ? "ana" : "unknown-\(ana.pseudonym)"))
      #expect(people.person(named: "eve") == nil && people.all.count == (isKnown ? 1 : 0))
    }
  }

  @Test func codesAreReplacedWhereverTheyStand() throws {
    struct Names: PersonCoding {
      func code(for name: String) throws -> String { PersonCode.text(of: "00112233445566aa") }
      func name(of pseudonym: String) -> String { "a\"\\\u{8}é\(pseudonym.suffix(2))" }
    }
    let code = "~00112233445566aa~"
    for text in [
      "", "~", "~~~", code, "by \(code)", "\(code)\(code)", "~\(code)~", "~00112233445566AA~",
      "~00112233445566a~", "\(code.dropLast())", "x~~00112233445566aa", "é\(code)é",
    ] {
      let bytes = PersonCode.expanded(try CanonicalJSON.encode([text]), Names())
      let result = try CanonicalJSON.decode([String].self, from: bytes)
      #expect(result == [text.replacing(code, with: Names().name(of: "00112233445566aa"))])
      #expect(try CanonicalJSON.encode(result) == bytes)
    }
    let person = ActorID(kind: .person, name: "ana")
    let bytes = try CanonicalJSON.encode(person, people: Names())
    #expect(try CanonicalJSON.decode(ActorID.self, from: bytes).name == code)
    #expect(
      try CanonicalJSON.decode(ActorID.self, from: bytes, people: Names()).name
        == Names().name(of: "00112233445566aa"))
    for actor in [ActorID.guard, .system, ActorID(kind: .runbook, name: "r")] {
      #expect(try actor.coded(by: Names()) == actor && actor.named(by: Names()) == actor)
      let same = try CanonicalJSON.encode(actor, people: Names())
      #expect(try same == CanonicalJSON.encode(actor))
    }
    // A name from before there were codes stays as it is.
    #expect(person.named(by: Names()) == person)
  }
}
