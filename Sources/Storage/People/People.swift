import Core
import Glibc
import Synchronization

/// The names behind the pseudonyms of a journal: the file `people.jsonl` of the state directory,
/// which only its user can read.
///
/// A name that is erased here is erased everywhere that is read through this: the journal, its
/// chain and the checkpoints never had it.
public final class People: PersonCoding, Sendable {
  /// The most bytes of the file.
  static let sizeLimitBytes = 16 << 20
  private static let temporaryPrefix = "people.jsonl.new-"
  /// The most characters of a name, which is as many as a screen shows of it.
  private static let nameLengthMax = 40

  private struct Book {
    var persons: [Person] = []
    /// By pseudonym.
    var places: [String: Int] = [:]
    /// Pseudonyms by name, and by what is shown in place of one.
    var codes: [String: String] = [:]
  }

  private let path: String
  private let book: Mutex<Book>
  // Held by who may write: there is one process that gives pseudonyms.
  private let lock: DirectoryLock?

  /// Reads the names of a state, to give them only.
  /// - Throws: ``StorageError`` when the file cannot be read.
  public convenience init(readingFrom directory: StateDirectory) throws(StorageError) {
    try self.init(directory.peoplePath, lock: nil)
  }

  /// Reads the names of a locked state, to give new pseudonyms too.
  /// - Throws: ``StorageError`` when the file cannot be read.
  public convenience init(_ lock: DirectoryLock) throws(StorageError) {
    try self.init(lock.directory.peoplePath, lock: lock)
    // What a kill in the middle of an erasure left has names in it.
    let folder = lock.directory.path
    for name in try FileSystem.names(in: folder) where name.hasPrefix(People.temporaryPrefix) {
      unlink("\(folder)/\(name)")
    }
  }

  private init(_ path: String, lock: DirectoryLock?) throws(StorageError) {
    self.path = path
    self.lock = lock
    var book = Book()
    let text = try TextLines.read(path, limitBytes: People.sizeLimitBytes)
    for line in text?.lines ?? [] {
      // A line that a crash tore, or that somebody changed, gives no name.
      guard let person = try? CanonicalJSON.decode(Person.self, from: Array(line.utf8)),
        PersonCode.pseudonym(in: PersonCode.text(of: person.pseudonym)) != nil,
        person.forgotten != nil || person.isProven
      else { continue }
      People.add(person, to: &book)
    }
    self.book = Mutex(book)
  }

  private static func add(_ person: Person, to book: inout Book) {
    if let place = book.places[person.pseudonym] {
      if let old = book.persons[place].name { book.codes[old] = nil }
      book.persons[place] = person
    } else {
      book.places[person.pseudonym] = book.persons.count
      book.persons.append(person)
    }
    if let name = person.name, person.forgotten == nil { book.codes[name] = person.pseudonym }
  }

  /// All that are known, erased ones too, in the order in which they first acted.
  public var all: [Person] { book.withLock { $0.persons } }

  /// The person of a name, or of what is shown in its place.
  public func person(named name: String) -> Person? {
    book.withLock { book in
      book.codes[People.canonical(name)].flatMap { book.places[$0] }.map { book.persons[$0] }
    }
  }

  /// The code of a name; a new one is on the disk when this returns.
  /// - Throws: ``StorageError``: a new one could not be written, or this may only read.
  public func code(for name: String) throws -> String {
    let name = People.canonical(name)
    return try book.withLock { book throws(StorageError) in
      if let known = book.codes[name] { return PersonCode.text(of: known) }
      guard lock != nil else {
        throw StorageError(.notFound, "nobody of the name \(name) is known to this state")
      }
      var person = Person(name: name, since: People.now())
      // The first digits are what is shown of an erased one: kept apart while they can be.
      for _ in 0..<64 where book.persons.contains(where: { People.isAlike($0, person) }) {
        person = Person(name: name, since: person.since ?? People.now())
      }
      try TextLines.append(try People.line(of: person), to: path)
      People.add(person, to: &book)
      return PersonCode.text(of: person.pseudonym)
    }
  }

  /// The code of a name if it has one already.
  public func knownCode(for name: String) -> String? {
    book.withLock { $0.codes[People.canonical(name)] }.map(PersonCode.text)
  }

  /// The name; `forgotten-7f3a` for one that was erased, `unknown-7f3a…` for one that is not in the
  /// file.
  public func name(of pseudonym: String) -> String {
    book.withLock { book in
      let person = book.places[pseudonym].map { book.persons[$0] }
      if let name = person?.name { return name }
      var shown = "unknown-\(pseudonym)"
      if person != nil {
        let short = pseudonym.prefix(4)
        let isAlone = !book.persons.contains {
          $0.pseudonym != pseudonym && $0.pseudonym.hasPrefix(short)
        }
        shown = "forgotten-\(isAlone ? String(short) : pseudonym)"
      }
      // So that it can be written again.
      book.codes[shown] = pseudonym
      return shown
    }
  }

  /// Erases names for good; on return they are not in the file any more.
  ///
  /// Pseudonyms that are not in the file are noted too, so that no older file brings them back.
  /// - Throws: ``StorageError``; then the file is as it was, and the names are shown no more by
  ///   this process.
  public func forget(_ pseudonyms: [String], at time: Timestamp) throws(StorageError) {
    try book.withLock { (book) throws(StorageError) in
      let open = pseudonyms.filter { pseudonym in
        book.places[pseudonym].map { book.persons[$0].forgotten == nil } ?? true
      }
      if open.isEmpty { return }
      for pseudonym in open {
        let since = book.places[pseudonym].flatMap { book.persons[$0].since }
        People.add(Person(forgotten: pseudonym, at: time, since: since), to: &book)
      }
      try rewrite(book.persons)
    }
  }

  /// Puts a new file in the old one's place, and overwrites the old one.
  private func rewrite(_ persons: [Person]) throws(StorageError) {
    var bytes: [UInt8] = []
    for person in persons { bytes += Array(try People.line(of: person).utf8) + [0x0A] }
    let folder = FileSystem.folder(of: path)
    let temporary = "\(folder)/\(People.temporaryPrefix)\(getpid())"
    unlink(temporary)
    defer { unlink(temporary) }
    let file = try OpenFile(
      temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, doing: "write the names")
    try file.write(bytes, at: 0)
    try file.synchronize()
    guard try FileSystem.status(ofLinkAt: path) != nil else {
      try publish(temporary)
      return
    }
    let old = try OpenFile(path, O_WRONLY | O_NOFOLLOW, doing: "erase the names")
    let size = Int(try old.status().st_size)
    try publish(temporary)
    // What is left of it on the disk are zeros, as far as the file system writes in place.
    try old.write([UInt8](repeating: 0, count: size), at: 0)
    try old.synchronize()
  }

  private func publish(_ temporary: String) throws(StorageError) {
    guard rename(temporary, path) == 0 else {
      throw StorageError.system("name the file of names", path, errno)
    }
    try FileSystem.synchronizeDirectory(FileSystem.folder(of: path))
  }

  private static func line(of person: Person) throws(StorageError) -> String {
    do {
      return String(decoding: try CanonicalJSON.encode(person), as: UTF8.self)
    } catch {
      throw StorageError(.unacceptable, error.message)
    }
  }

  private static func isAlike(_ a: Person, _ b: Person) -> Bool {
    a.pseudonym.prefix(4) == b.pseudonym.prefix(4)
  }

  /// A name as every sentence shows it, so that one that was told before it was read back is the
  /// same.
  public static func canonical(_ name: String) -> String {
    var name = name
    // A control character becomes two, which may be cut the next time.
    for _ in 0..<3 { name = printable(name, limit: nameLengthMax) }
    return name
  }

  private static func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(
      microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
  }
}
