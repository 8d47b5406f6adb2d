import Core
import FoundationEssentials

/// A signature of a folder of files in the format of the OpenSSF's Model Signing 1.0: a Sigstore
/// bundle v0.3 with a DSSE envelope around an in-toto statement, which has the SHA-256 of each
/// file.
///
/// Format: <https://github.com/sigstore/model-transparency>, the DSSE protocol 1.0
/// (<https://github.com/secure-systems-lab/dsse>) and in-toto attestation 1.0. Signed with a key;
/// certificates and keyless signatures are refused.
public enum ModelSignature {
  /// The most bytes of a signature file.
  public static let bytesMax = 4 << 20
  private static let mediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
  private static let payloadType = "application/vnd.in-toto+json"
  private static let statementType = "https://in-toto.io/Statement/v1"
  private static let predicateType = "https://model_signing/signature/v1.0"

  /// Signs files.
  /// - Parameters:
  ///   - folder: the name of the folder that they stand in.
  ///   - files: names relative to the folder, with their digests.
  /// - Returns: the signature file.
  /// - Throws: ``StorageError`` when the key cannot sign.
  public static func make(
    folder: String, files: [String: Digest], key: EllipticKey
  ) throws(StorageError) -> [UInt8] {
    let resources = files.sorted { $0.key < $1.key }.map {
      Resource(name: $0.key, algorithm: "sha256", digest: $0.value.description)
    }
    let statement = Statement(
      type: statementType,
      subject: [
        Subject(
          name: folder,
          digest: ["sha256": rootDigest(resources.compactMap { try? Digest(hex: $0.digest) })])
      ],
      predicateType: predicateType,
      predicate: Predicate(
        serialization: Serialization(method: "files", hashType: "sha256", allowSymlinks: false),
        resources: resources))
    let payload = try encoded(statement)
    let signature = try key.sign(preAuthenticated(payload))
    return try encoded(
      Bundle(
        mediaType: mediaType,
        verificationMaterial: Material(
          publicKey: KeyName(hint: key.fingerprint), tlogEntries: []),
        dsseEnvelope: Envelope(
          payload: Data(payload).base64EncodedString(), payloadType: payloadType,
          signatures: [Signature(sig: Data(signature).base64EncodedString(), keyid: "")])))
  }

  /// Checks a signature file.
  /// - Returns: the files that it covers, with their digests.
  /// - Throws: ``StorageError`` (`damaged`) in one clause: another key, another format, a wrong
  ///   signature, or a statement that is not consistent.
  public static func verify(
    _ bytes: [UInt8], key: EllipticKey
  ) throws(StorageError) -> [String: Digest] {
    guard bytes.count <= bytesMax,
      let bundle = try? CanonicalJSON.decode(Bundle.self, from: bytes)
    else { throw refusal("the signature is no Sigstore bundle with a DSSE envelope") }
    guard bundle.mediaType == mediaType, bundle.dsseEnvelope.payloadType == payloadType else {
      throw refusal("the signature has another format than Model Signing 1.0")
    }
    guard let name = bundle.verificationMaterial.publicKey else {
      throw refusal("the signature was not made with a key, and only those are checked here")
    }
    if let hint = name.hint, !hint.isEmpty, hint != key.fingerprint {
      throw refusal(
        "it was signed with another key (\(printable(String(hint.prefix(12))))) than the one given "
          + "(\(key.fingerprint.prefix(12)))")
    }
    guard bundle.dsseEnvelope.signatures.count == 1,
      let payload = Data(base64Encoded: bundle.dsseEnvelope.payload).map({ [UInt8]($0) }),
      let signature = Data(base64Encoded: bundle.dsseEnvelope.signatures[0].sig).map({
        [UInt8]($0)
      }), key.verifies(signature, of: preAuthenticated(payload))
    else { throw refusal("the signature is wrong: it was altered, or made with another key") }
    return try files(of: payload)
  }

  /// The files of a statement whose signature holds.
  private static func files(of payload: [UInt8]) throws(StorageError) -> [String: Digest] {
    guard let statement = try? CanonicalJSON.decode(Statement.self, from: payload),
      statement.type == statementType, statement.predicateType == predicateType,
      statement.subject.count == 1
    else { throw refusal("what was signed is no statement of Model Signing 1.0") }
    let serialization = statement.predicate.serialization
    guard serialization.method == "files", serialization.hashType == "sha256" else {
      throw refusal(
        "it was signed by \(printable(serialization.method, limit: 20)) with "
          + "\(printable(serialization.hashType, limit: 20)): only whole files with sha256 are "
          + "checked here")
    }
    var files: [String: Digest] = [:]
    var digests: [Digest] = []
    for resource in statement.predicate.resources {
      guard resource.algorithm == "sha256", files[resource.name] == nil,
        let digest = try? Digest(hex: resource.digest)
      else {
        throw refusal(
          "the signed list of files is wrong at \"\(printable(resource.name, limit: 100))\"")
      }
      files[resource.name] = digest
      digests.append(digest)
    }
    guard statement.subject[0].digest["sha256"] == rootDigest(digests) else {
      throw refusal("the signed list of files does not fit its own digest")
    }
    return files
  }

  private static func refusal(_ words: String) -> StorageError { StorageError(.damaged, words) }

  /// The SHA-256 of all digests in order, which stands for the whole.
  private static func rootDigest(_ digests: [Digest]) -> String {
    SHA256.digest(of: digests.flatMap(\.bytes)).description
  }

  /// What is signed: DSSE's pre-authentication encoding.
  private static func preAuthenticated(_ payload: [UInt8]) -> [UInt8] {
    Array("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8) + payload
  }

  private static func encoded(_ value: some Encodable) throws(StorageError) -> [UInt8] {
    do { return try CanonicalJSON.encode(value) } catch {
      throw StorageError(.unacceptable, error.message)
    }
  }

  // MARK: The parts of the file

  private struct Bundle: Codable {
    let mediaType: String
    let verificationMaterial: Material
    let dsseEnvelope: Envelope
  }
  private struct Material: Codable {
    let publicKey: KeyName?
    let tlogEntries: [String]?

    init(publicKey: KeyName, tlogEntries: [String]) {
      self.publicKey = publicKey
      self.tlogEntries = tlogEntries
    }
    private enum Key: CodingKey { case publicKey, tlogEntries }
    /// Entries of a transparency log are not read: a signature with a key needs none.
    init(from decoder: any Decoder) throws {
      publicKey = try decoder.container(keyedBy: Key.self)
        .decodeIfPresent(KeyName.self, forKey: .publicKey)
      tlogEntries = nil
    }
  }
  private struct KeyName: Codable { let hint: String? }
  private struct Envelope: Codable {
    let payload: String
    let payloadType: String
    let signatures: [Signature]
  }
  private struct Signature: Codable {
    let sig: String
    let keyid: String?
  }
  private struct Statement: Codable {
    let type: String
    let subject: [Subject]
    let predicateType: String
    let predicate: Predicate
    private enum CodingKeys: String, CodingKey {
      case type = "_type"
      case subject, predicateType, predicate
    }
  }
  private struct Subject: Codable {
    let name: String
    let digest: [String: String]
  }
  private struct Predicate: Codable {
    let serialization: Serialization
    let resources: [Resource]
  }
  private struct Serialization: Codable {
    let method: String
    let hashType: String
    let allowSymlinks: Bool?
    private enum CodingKeys: String, CodingKey {
      case method
      case hashType = "hash_type"
      case allowSymlinks = "allow_symlinks"
    }
  }
  private struct Resource: Codable {
    let name: String
    let algorithm: String
    let digest: String
  }
}
