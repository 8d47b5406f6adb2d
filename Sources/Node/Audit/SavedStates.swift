import Core
import Glibc
import Storage

/// The saved states of a journal that may be believed.
struct SavedStates {
  /// One of them, opened.
  struct Entry {
    let fold: JournalFold
    let head: JournalHead
  }

  /// The newest that may be believed, and why newer ones may not.
  struct Search {
    var entry: Entry?
    var refusals: [String] = []
  }

  private let reader: JournalReader
  private let key: PublicKey?
  private let program: String

  /// - Parameters:
  ///   - key: the state's own; nil believes none.
  ///   - program: what must have made them.
  init(
    of reader: JournalReader, key: PublicKey?, program: String = ProgramIdentity.current
  ) {
    self.reader = reader
    self.key = key
    self.program = program
  }

  /// Those of a state that is only read: nothing is made, and without a key none is believed.
  init(readingFrom directory: StateDirectory, _ reader: JournalReader) {
    let key = try? SigningKey.existing(in: directory)
    self.init(of: reader, key: key?.publicKey)
  }

  /// After which rows there are some, rising; empty when that cannot be read.
  var sequences: [Int] { (try? reader.savedSequences()) ?? [] }

  /// The newest whose rows are all dated at or before `time` (nil for any time).
  func newest(notLaterThan time: Timestamp? = nil) -> Search {
    var search = Search()
    for sequence in sequences.reversed() {
      // The row's own time spares opening most of those that are too late.
      if let time, let row = try? reader.records(after: sequence - 1, limit: 1).first,
        row.entry.time > time
      {
        continue
      }
      switch entry(at: sequence) {
      case .success(let entry):
        if let time, let latest = entry.fold.latest, latest > time { continue }
        search.entry = entry
        return search
      case .failure(let refusal):
        search.refusals.append("the saved state after event \(sequence): \(refusal.message)")
      }
    }
    return search
  }

  /// The saved state after a row, or why it is not believed.
  func entry(at sequence: Int) -> Result<Entry, NodeError> {
    do {
      guard let key else { throw NodeError(.system, "this state has no key to check it with") }
      guard let saved = try reader.savedState(at: sequence) else {
        throw NodeError(.system, "it is not what this program writes")
      }
      if let refusal = try reader.refusal(of: saved, program: program, key: key) {
        throw NodeError(.system, refusal)
      }
      let fold = try CanonicalJSON.decode(JournalFold.self, from: saved.body)
      guard fold.sequence == saved.head.sequence, fold.state.sequence == fold.sequence else {
        throw NodeError(.system, "it is of another row than it says")
      }
      return .success(Entry(fold: fold, head: saved.head))
    } catch {
      return .failure(NodeError(describing: error))
    }
  }
}

/// Which build of the program runs: what one makes of a journal, another need not.
enum ProgramIdentity {
  /// The version, and the executable's size and time.
  static let current: String = {
    var status = stat()
    guard stat("/proc/self/exe", &status) == 0 else { return "\(Product.version), unknown build" }
    let time = status.st_mtim
    return "\(Product.version), \(status.st_size) bytes, \(time.tv_sec).\(time.tv_nsec)"
  }()
}
