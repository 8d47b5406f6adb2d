import Core
import Node

/// `sluice model bundle` and `unbundle`.
enum BundleCommands {
  static let all: [CommandDeclaration] = [bundle, unbundle, key]

  private static let output = Option<String>(
    "output", .file, help: "the file that is written (default: MODEL-N.tar)")
  private static let privateKey = Option<String>(
    "key", .file.named("PEM"), help: "the private key that signs it (P-256, P-384 or P-521)")

  static let bundle = CommandDeclaration(
    "model bundle", summary: "Writes a version with all that is known of it into one file",
    discussion: [
      "A tar archive with the model file, card, training reference, golden rows, what the registry "
        + "knows (lineage, gates, sign-offs), a manifest and, with --key, a signature in the "
        + "format of the OpenSSF's Model Signing. After `tar xf`, `model_signing verify key "
        + "--signature model.sig --public_key pub.pem version` checks the same signature."
    ],
    parameters: [RegistryCommands.version, output, privateKey],
    examples: [
      (
        "sluice model bundle flight-delay@2 --output fd.tar --key key.pem",
        "to another machine, with proof"
      )
    ]
  ) { call in
    let version = call[required: RegistryCommands.version]
    let path = call[output] ?? "\(version.model)-\(version.number).tar"
    let written = try call.withNode { client in
      try VersionBundle.write(
        version, to: path, keyPath: call[privateKey], stateDirectory: call.stateDirectory,
        client: client, actor: ActorID.currentPerson())
    }
    let bytes = written.manifest.files.reduce(0) { $0 + $1.bytes }
    let signed = written.signer.map { "signed by key \($0.prefix(12))" } ?? "not signed"
    try call.tell(
      written,
      text: "\(version) in \(printable(path)): \(written.manifest.files.count + 1) files, "
        + "\(byteText(bytes)), \(signed)\n")
    return .done
  }

  private static let secretFile = Positional(
    "file", .file, help: "the file of the private key, which must not be there yet")

  static let key = CommandDeclaration(
    "model key", summary: "Makes a pair of keys (P-256) for signing bundles",
    discussion: [
      "FILE has the private key, readable by you alone; FILE.pub has the public one, for those who "
        + "unbundle. Keys made by openssl work as well."
    ],
    parameters: [secretFile],
    examples: [("sluice model key release.pem", "release.pem and release.pem.pub")]
  ) { call in
    let path = call[required: secretFile]
    let fingerprint = try VersionBundle.makeKey(path)
    try call.tell(
      ["private": path, "public": path + ".pub", "key": fingerprint],
      text: "\(printable(path)) is secret, \(printable(path)).pub is for those who unbundle; key "
        + "\(fingerprint.prefix(12))\n")
    return .done
  }

  private static let file = Positional("file", .file, help: "a bundle")
  private static let publicKey = Option<String>(
    "key", .file.named("PEM"), help: "the public key that must have signed it")
  private static let name = Option<Name>(
    "name", .name, help: "the model it becomes a version of (default: the one it was)")
  private static let unsigned = Flag("unsigned", help: "takes it without checking any signature")

  static let unbundle = CommandDeclaration(
    "model unbundle", summary: "Checks a bundle and registers it as the model's next version",
    discussion: [
      "Signature, list of files, every digest, the model and its golden answers are checked before "
        + "anything is stored; what does not hold is named, and nothing is imported (exit code 2). "
        + "A signature made by `model_signing sign key` is accepted as well. Where it came from is "
        + "kept in its lineage; approvals, gates and sign-offs of the other side count as told, "
        + "not as given here."
    ],
    parameters: [file, publicKey, unsigned, name],
    examples: [
      ("sluice model unbundle fd.tar --key pub.pem", "only if that key signed it"),
      ("sluice model unbundle fd.tar --unsigned --name trial", "as it is, under another name"),
    ]
  ) { call in
    guard (call[publicKey] != nil) != call[unsigned] else {
      throw InvalidValue(
        "give --key PUB.pem, the public key that must have signed it, or --unsigned to take it "
          + "without checking")
    }
    let outcome = try call.withNode(creates: true) { client in
      try VersionBundle.read(
        call[required: file], keyPath: call[publicKey], model: call[name],
        stateDirectory: call.stateDirectory, client: client, actor: ActorID.currentPerson()
      ) { call.note(printable($0, limit: 1_000)) }
    }
    try call.tell(outcome)
    return .done
  }
}
