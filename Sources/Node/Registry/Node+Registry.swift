import Control
import Core
import Storage

extension Node {
  /// Answers a question to the registry.
  func answer(_ question: RegistryQuestion) throws -> RegistryAnswer {
    let state = core.state
    switch question {
    case .search(let query): return .versions(search(query, state))
    case .resolve(let text): return .version(try state.resolve(text))
    case .record(let version): return .record(try record(of: version, state))
    case .lineage(let version):
      return .lineage(try VersionLineage.read(core.reader, state, version))
    case .retention(let model): return .retention(try retention(of: model, state))
    case .policies: return .policies(state.registry.policies)
    }
  }

  private func search(_ query: VersionQuery, _ state: ControlState) -> [RegisteredVersionView] {
    let candidates = query.includesDeleted ? state.versions : state.usableVersions
    return candidates.filter { registered in
      query.matches(registered, in: state) {
        guard let digest = registered.draft.card,
          let bytes = try? artifacts.read(digest, limitBytes: ModelImporter.cardBytesMax)
        else { return "" }
        return String(decoding: bytes, as: UTF8.self)
      }
    }.map { RegisteredVersionView($0, in: state) }
  }

  private func record(
    of version: VersionID, _ state: ControlState
  ) throws(NodeError) -> VersionRecordView {
    guard let registered = state.version(version) else {
      throw NodeError(.unknown, "there is no version \(version): see sluice model list")
    }
    return VersionRecordView(
      registered: registered, record: state.registry.record(of: version),
      aliases: state.registry.aliases.filter { $0.version == version },
      deletionBlockers: state.deletionBlockers(of: version))
  }

  private func retention(
    of model: Name?, _ state: ControlState
  ) throws(NodeError) -> [RetentionView] {
    let rules = state.registry.retention.filter { model == nil || $0.model == model }
    if let model, rules.isEmpty {
      throw NodeError(
        .refused,
        "\(model) has no retention, so nothing goes: set one with \"sluice model retention set "
          + "\(model) --keep N\"")
    }
    let now = SystemClock.now()
    return rules.map { RetentionView(rule: $0, versions: state.retention($0, now: now)) }
  }

  /// Removes the files of deleted versions that no other version has.
  ///
  /// In turn with commits, so that no registration under way can rely on a file that goes; what a
  /// crash leaves behind goes with the next deletion, or when the node begins.
  func removeForgottenArtifacts() {
    _ = try? core.withJournal { _ in
      for digest in core.state.forgottenArtifacts where artifacts.exists(digest) {
        // A file that cannot be removed now is tried again with the next deletion.
        try? artifacts.remove(digest)
      }
    }
  }

  /// Refuses a registration whose files went after they were looked at.
  func checkFiles(of command: Command) throws(NodeError) {
    guard case .registerVersion(let draft) = command else { return }
    guard let gone = draft.files.first(where: { !artifacts.exists($0) }) else { return }
    throw NodeError(
      .system,
      "a file of the new version of \(draft.model) (\(gone.short)) is not stored any more: import "
        + "it again")
  }
}
