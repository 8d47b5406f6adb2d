import Control
import Core
import Node

/// What trains models again, over the whole screen: proposals that wait for a person, then the
/// policies, and everything about the chosen one beneath.
struct RetrainingCard: Sendable {
  /// A line of the list.
  enum Entry: Sendable, Hashable {
    case proposal(Name, VersionID)
    case policy(Name)
  }

  /// Something that is asked for once more before it is done.
  struct Question: Sendable {
    let request: RetrainingQuestion
    /// What it does, for the message line.
    let what: String
    let sentence: String
    /// What `y` does, in a word.
    let verb: String
    let opened: Moment
  }

  private(set) var ticket: Ticket
  /// True until the question under way is answered.
  private(set) var isAsking = true
  private(set) var overview: RetrainingOverview?
  private(set) var failure: String?
  private(set) var selected: Entry?
  /// The first line in view of what is told of the chosen one.
  private(set) var scroll = 0
  var question: Question?
  var notice: String?

  init(ticket: Ticket) { self.ticket = ticket }

  /// Begins to wait for another answer.
  mutating func ask(_ ticket: Ticket) {
    self.ticket = ticket
    isAsking = true
  }

  mutating func take(_ newest: RetrainingOverview) {
    overview = newest
    // What is chosen stays chosen when something else comes above it.
    if selected == nil || !entries.contains(where: { $0 == selected }) { selected = entries.first }
    failure = nil
    isAsking = false
  }

  mutating func fail(_ sentence: String) {
    failure = sentence
    isAsking = false
  }

  /// The list: what waits for a person first.
  var entries: [Entry] {
    (overview?.proposals ?? []).map { .proposal($0.endpoint, $0.version) }
      + (overview?.policies ?? []).map { .policy($0.name) }
  }

  /// The chosen line; the first when what was chosen is gone.
  var index: Int { selected.flatMap(entries.firstIndex(of:)) ?? 0 }

  mutating func move(by count: Int) {
    let (sum, overflow) = index.addingReportingOverflow(count)
    choose(overflow ? (count < 0 ? 0 : Int.max) : sum)
  }

  mutating func choose(_ wanted: Int) {
    let all = entries
    guard !all.isEmpty else { return }
    selected = all[max(0, min(all.count - 1, wanted))]
    scroll = 0
    notice = nil
  }

  mutating func scroll(by count: Int) { scroll = max(0, min(scroll + count, 1_000)) }

  /// The chosen proposal; nil when a policy is chosen.
  var proposal: RetrainingProposal? {
    let all = entries
    guard all.indices.contains(index), case .proposal(let endpoint, let version) = all[index] else {
      return nil
    }
    return overview?.proposals.first { $0.endpoint == endpoint && $0.version == version }
  }

  /// The chosen policy, or that of the chosen proposal.
  var policy: RetrainingPolicyView? {
    let all = entries
    guard all.indices.contains(index) else { return nil }
    let name: Name? =
      if case .policy(let name) = all[index] { name } else { proposal?.policy }
    return overview?.policies.first { $0.name == name }
  }

  /// The run that is told of: the one that made the proposal, or the policy's newest.
  var run: Int? {
    guard let policy else { return nil }
    if let proposal {
      return policy.ended.first { $0.result.version == proposal.version }?.began.run
    }
    return policy.runs > 0 ? policy.runs : nil
  }
}

/// What one run found of its rows, and what its command said.
struct RetrainingLogCard: Sendable {
  /// Lines of the command's output that are kept; the last ones tell how it ended.
  static let linesMax = 200

  let policy: Name
  /// The newest run of the policy.
  let newest: Int
  private(set) var run: Int
  private(set) var ticket: Ticket
  /// True until the question under way is answered.
  private(set) var isAsking = true
  /// True while the run went on when it was last asked about: it will have said more.
  var isLive = false
  private(set) var view: RetrainingLogView?
  /// What the command said, line by line.
  private var said: [String] = []
  /// The same in pieces as wide as the screen: broken once, not in each frame.
  private(set) var output: [String] = []
  /// Lines before those.
  private(set) var isCut = false
  private(set) var failure: String?
  var scroll = 0

  init(policy: Name, run: Int, newest: Int, ticket: Ticket) {
    self.policy = policy
    self.run = run
    self.newest = newest
    self.ticket = ticket
  }

  /// Begins to wait for another answer.
  mutating func ask(_ ticket: Ticket) {
    self.ticket = ticket
    isAsking = true
  }

  mutating func take(_ log: RetrainingLogView, columns: Int) {
    isAsking = false
    let lines = log.output.split(separator: "\n", omittingEmptySubsequences: true)
    isCut = lines.count > RetrainingLogCard.linesMax
    said = lines.suffix(RetrainingLogCard.linesMax).map { printable(String($0), limit: 300) }
    fit(columns)
    view = log
    view?.output = ""
    failure = nil
  }

  /// Breaks what the command said anew, for a screen of so many columns.
  mutating func fit(_ columns: Int) {
    output = said.flatMap { RetrainingLogCard.pieces(of: $0, width: max(20, columns - 4)) }
  }

  /// A line in pieces of at most `width` columns.
  private static func pieces(of line: String, width: Int) -> [String] {
    guard line.utf8.count > width else { return [line] }
    var pieces: [String] = []
    var piece = String.UnicodeScalarView()
    var used = 0
    for scalar in line.unicodeScalars {
      let columns = CellWidth.columns(of: scalar)
      if used + columns > width {
        pieces.append(String(piece))
        piece = String.UnicodeScalarView()
        used = 0
      }
      piece.append(scalar)
      used += columns
    }
    return pieces + [String(piece)]
  }

  mutating func fail(_ sentence: String) {
    failure = sentence
    isAsking = false
  }

  /// Goes to another run; false at the ends.
  mutating func move(by step: Int) -> Bool {
    let next = max(1, min(newest, run + step))
    guard next != run else { return false }
    run = next
    isLive = false
    view = nil
    failure = nil
    said = []
    output = []
    scroll = 0
    return true
  }

  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "\(policy) run \(run) of \(newest)")
    content.fillsScreen = true
    content.scroll = scroll
    if let failure, view == nil {
      content.lines = [CardLine("Not shown: \(failure)", .warn)]
    } else if let view {
      content.lines = lines(view, canvas)
    } else {
      content.lines = [CardLine("Reading...", .dim)]
    }
    content.buttons = [
      .init("Up/Down", "scroll", .key(.down)),
      .init("Left/Right", "other runs", .key(.left), isEnabled: newest > 1),
      .init("y", "copy folder", .key(.character("y")), isEnabled: view != nil),
      .init("Esc", "close", .key(.escape)),
    ]
    return content
  }

  private func lines(_ view: RetrainingLogView, _ canvas: Canvas) -> [CardLine] {
    var lines = [CardLine([Span("folder  ", .dim), Span(view.folder)]), .blank]
    let width = min(28, view.quality.map { Canvas.columns(of: $0.check) }.max() ?? 8)
    for line in view.quality {
      let isLimit = !line.limit.isEmpty
      let role: Role = !isLimit ? .dim : line.passed ? .ok : .bad
      var found = CardLine([
        Span(isLimit ? "\(canvas.glyph(role)) " : "  ", role, .bold),
        Span(SafeText.fitted(line.check, to: width, ellipsis: canvas.glyphs.ellipsis) + "  "),
        Span(line.measured, isLimit ? role : .text),
        Span(isLimit ? "  wanted \(line.limit)" : "", .dim),
      ])
      found.hangingIndent = width + 4
      lines.append(found)
    }
    if view.quality.isEmpty { lines.append(CardLine("Nothing was found of its rows.", .dim)) }
    lines += [
      .blank,
      CardLine(
        isLive ? "What the command has said so far" : "What the command said", .title, .bold),
    ]
    if isCut { lines.append(CardLine("(its last \(said.count) lines)", .dim)) }
    if output.isEmpty { lines.append(CardLine("Nothing.", .dim)) }
    // Two spans: such a line is drawn as it is.
    return lines + output.map { CardLine([Span($0), Span("")]) }
  }
}
