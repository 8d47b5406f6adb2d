import Control
import Core
import Node

/// `sluice model …`: the registry.
enum ModelCommands {
  static let group = CommandGroup(
    name: "model", summary: "The registry: models and their immutable versions")
  static let all: [CommandDeclaration] = [importModel, list, show, verify, optimize]

  private static let file = Positional(
    "file", .file, help: "a model file: ONNX, XGBoost (JSON, UBJSON) or LightGBM (text)")
  private static let model = Option<Name>(
    "name", .name, help: "the model (default: the file's name without its number)")
  private static let card = Option<String>("card", .file, help: "the model card (Markdown)")
  private static let reference = Option<String>(
    "reference", .file, help: "the training reference that drift is measured against (JSON)")

  private static let golden = Option<String>(
    "golden", .file, help: "rows with the training library's own answers (JSON lines)")
  private static let goldenTolerance = Option<Double>(
    "golden-tolerance", .number(0...1),
    help: "the largest difference of a golden answer (default: what the file says, else 1e-5)")
  private static let backend = Option<Backend>(
    "backend", .backend,
    help: "what runs the version (default: native, or onnxruntime for what that cannot run)")

  private static let parent = Option<VersionID>(
    "parent", .version, help: "the version that it was made from, for the lineage")
  private static let trainedBy = Option<String>(
    "trained-by", .text.named("COMMAND"), help: "the command that trained it, for the lineage")
  private static let trainingData = Option<String>(
    "training-data", .file, help: "what it was trained on: the lineage keeps its SHA-256")
  private static let trainingTime = Option<TimeSpan>(
    "training-time", .duration(.zero ... .seconds(366 * 86_400)),
    help: "how long the training took, for the lineage")

  /// What the command line tells of the training; nil when it tells nothing.
  private static func origin(_ call: Invocation) throws -> VersionOrigin? {
    let data = try call[trainingData].map { try TrainingData.digest(ofFile: $0) }
    guard data != nil || call[trainedBy] != nil || call[trainingTime] != nil else { return nil }
    return VersionOrigin(
      training: TrainingRun(
        command: call[trainedBy], data: data, duration: call[trainingTime]))
  }

  static let importModel = CommandDeclaration(
    "model import", summary: "Checks a model file and registers it as the model's next version",
    discussion: [
      "The file is decoded and compiled before anything is written; a file that cannot serve is "
        + "refused with the reason. The version keeps the file's bytes under their SHA-256 digest.",
      "Golden rows are run now and whenever the version is loaded; an answer that differs refuses "
        + "the version (exit code 1).",
      "A model with operators that the native engine lacks runs on ONNX Runtime where its library "
        + "is found or named by SLUICE_ONNXRUNTIME; sluice doctor shows which.",
    ],
    parameters: [
      file, model, card, reference, golden, goldenTolerance, backend, parent, trainedBy,
      trainingData, trainingTime,
    ],
    examples: [
      (
        "sluice model import flight-delay-2.onnx --name flight-delay --card flight-delay-2.md",
        "registers the next version of flight-delay"
      )
    ]
  ) { call in
    let path = call[required: file]
    let name = try call[model] ?? Self.modelName(ofFile: path)
    let outcome = try call.withNode(creates: true) { client in
      try ModelImporter.importModel(
        file: path, model: name, card: call[card], reference: call[reference],
        golden: call[golden], goldenTolerance: call[goldenTolerance], backend: call[backend],
        parent: call[parent], origin: try origin(call),
        stateDirectory: call.stateDirectory, client: client, actor: ActorID.currentPerson()
      ) { call.note(printable($0, limit: 1_000)) }
    }
    try call.tell(outcome)
    return .done
  }

  /// `flight-delay` of `models/flight-delay-2.onnx`.
  static func modelName(ofFile path: String) throws(InvalidValue) -> Name {
    var stem = path.split(separator: "/").last.map(String.init) ?? path
    if let dot = stem.lastIndex(of: "."), dot > stem.startIndex { stem = String(stem[..<dot]) }
    if let dash = stem.lastIndex(of: "-"), dash > stem.startIndex {
      let tail = stem[stem.index(after: dash)...]
      if !tail.isEmpty, tail.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
        stem = String(stem[..<dash])
      }
    }
    do {
      return try Name(stem.lowercased())
    } catch {
      throw InvalidValue(
        "no model name can be made of the file name \"\(printable(path))\": give one with --name")
    }
  }

  private static let only = Positional(
    "model", .name.named("MODEL"), count: .optional, help: "only this model")

  static let list = CommandDeclaration(
    "model list", summary: "Shows registered versions",
    parameters: [only],
    examples: [("sluice model list flight-delay", "its versions, oldest first")]
  ) { call in
    let request = SnapshotRequest(points: 1, eventLimit: 0)
    var versions = try call.withNode { try $0.snapshot(request) }.registry
    if let name = call[only] {
      let known = versions.map(\.version.model.text)
      versions = versions.filter { $0.version.model == name }
      guard !versions.isEmpty else {
        throw NodeError(
          .unknown,
          "there is no model \(name)"
            + didYouMean(name.text, among: known).ifEmpty("; sluice model list shows them"))
      }
    }
    try call.tell(
      versions,
      text: versions.isEmpty
        ? "no versions yet: sluice model import registers one\n" : RegistryText.table(versions))
    return .done
  }

  private static let version = Positional(
    "version", .version, help: "a version, like flight-delay@2")

  static let show = CommandDeclaration(
    "model show", summary: "Shows a version: signature, evaluation and model card",
    parameters: [version],
    examples: [("sluice model show flight-delay@2", "what it takes, gives and was measured at")]
  ) { call in
    let detail = try call.withNode { try $0.detail(of: call[required: version]) }
    try call.tell(detail, text: page(of: detail))
    return .done
  }

  private static func page(of detail: VersionDetail) -> String {
    let registered = detail.registered
    var text = "\(registered.version)  \(printable(registered.summary))\n"
    text += "  digest      \(registered.digest)\n"
    text += "  size        \(byteText(registered.bytes))\n"
    text += "  registered  \(registered.registered)\n"
    if let standing = registered.standing { text += RegistryText.standing(standing) }
    let places = registered.loadedOn.map(\.text).joined(separator: " ").ifEmpty("nowhere")
    text += "  loaded on   \(places)\n"
    if let backend = detail.backend { text += "  back end    \(backend.rawValue)\n" }
    text += "  reference   \(detail.hasReference ? "yes" : "none: drift is not measured")\n"
    text += "  golden      \(goldenWords(detail))\n"
    if let fault = detail.fault { text += "  NOT LOADED  \(printable(fault, limit: 1_000))\n" }
    if let damage = detail.damage { text += "  DAMAGED     \(printable(damage))\n" }
    for (title, tensors) in [
      ("inputs", detail.signature.inputs), ("outputs", detail.signature.outputs),
    ] {
      text += "  \(title)\n"
      for tensor in tensors {
        text += "    \(printable(tensor.name))  \(tensor.elementType.rawValue) "
        text += "\(shapeText(tensor.shape))\n"
      }
    }
    if !registered.metrics.isEmpty {
      text += "  evaluation\n"
      for (name, value) in registered.metrics.sorted(by: { $0.key < $1.key }) {
        text += "    \(printable(name))  \(value)\n"
      }
    }
    if !detail.card.isEmpty {
      text += "\n"
      for line in detail.card.split(separator: "\n", omittingEmptySubsequences: false) {
        text += printable(String(line), limit: 500) + "\n"
      }
    }
    return text
  }

  private static func goldenWords(_ detail: VersionDetail) -> String {
    guard let golden = detail.golden else { return "none: its answers are not checked" }
    guard let result = golden.result else {
      return "not run since the node started: sluice model verify \(detail.registered.version)"
    }
    return words(result)
  }

  /// `32 rows of scikit-learn 1.7 pass, largest difference 3e-08, tolerance 1e-05`.
  private static func words(_ result: GoldenResult) -> String {
    let origin = result.source.isEmpty ? "" : " of \(printable(result.source, limit: 100))"
    return "\(result.rows) rows\(origin) pass, largest difference \(result.worst), "
      + "tolerance \(result.tolerance)"
  }

  private static let some = Positional(
    "version", .version, count: .any, help: "versions to check; without any, all are checked")

  /// What `model verify --json` tells of each version.
  private struct Verified: Encodable {
    let version: VersionID
    let digest: Digest
    let damage: String?
    let golden: GoldenResult?
    let goldenFault: String?
  }

  static let verify = CommandDeclaration(
    "model verify",
    summary: "Checks that stored model files match their digests and give their golden answers",
    discussion: ["The exit code is 1 when one does not."],
    parameters: [some],
    examples: [("sluice model verify", "reads, hashes and runs every registered file")]
  ) { call in
    let checked = try call.withNode { client in
      var versions = call[all: some]
      if versions.isEmpty {
        let request = SnapshotRequest(points: 1, eventLimit: 0)
        versions = try client.snapshot(request).registry.map(\.version)
      }
      return try versions.map { version in
        try verified(version, try client.detail(of: version), call.stateDirectory)
      }
    }
    let damaged = checked.count { $0.damage != nil }
    let wrong = checked.count { $0.goldenFault != nil }
    var text = ""
    for entry in checked {
      text += "\(entry.version)  \(entry.digest.short)  "
      if let fault = entry.damage ?? entry.goldenFault {
        text += (entry.damage == nil ? "GOLDEN ROWS FAIL: " : "DAMAGED: ")
        text += printable(fault, limit: 1_000) + "\n"
      } else {
        text += "ok, golden: \(entry.golden.map(words) ?? "none")\n"
      }
    }
    text += "\(checked.count - damaged - wrong) intact, \(damaged) damaged"
    text += (wrong > 0 ? ", \(wrong) with other answers" : "") + "\n"
    try call.tell(checked, text: text)
    return damaged + wrong == 0 ? .done : .notSo
  }

  /// Golden rows are run here, from the files: a node's own shelf is left as it is.
  private static func verified(
    _ version: VersionID, _ detail: VersionDetail, _ stateDirectory: String
  ) throws -> Verified {
    var result: GoldenResult?
    var fault: String?
    if detail.damage == nil, let golden = detail.golden {
      do {
        result = try GoldenFile.verify(
          artifact: detail.registered.digest, golden: golden.digest, backend: golden.backend,
          stateDirectory: stateDirectory)
      } catch { fault = NodeError(describing: error).message }
    }
    return Verified(
      version: version, digest: detail.registered.digest, damage: detail.damage, golden: result,
      goldenFault: fault)
  }
}
