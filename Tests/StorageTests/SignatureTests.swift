import Core
import FoundationEssentials
import Testing

@testable import Storage

/// Signatures in the format of Model Signing: ours, and those that the package model-signing made
/// (`scripts/check-bundles --fixtures`).
@Suite struct SignatureTests {
  /// The digests of the two files that the fixtures sign.
  private let signed: [String: Digest]
  private static let folder: String = {
    let parts = #filePath.split(separator: "/").dropLast()
    return "/" + parts.joined(separator: "/") + "/Fixtures/signatures"
  }()

  init() throws {
    signed = [
      "card.md": Digest(ofBytes: Array("# a card\n".utf8)),
      "model.onnx": Digest(ofBytes: Array("a model".utf8)),
    ]
  }

  private func fixture(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: "\(SignatureTests.folder)/\(name)")))
  }

  private func refusal(_ body: () throws(StorageError) -> Void) -> String {
    do {
      try body()
    } catch { return error.message }
    Issue.record("it was not refused")
    return ""
  }

  @Test(arguments: ["prime256v1", "secp384r1", "secp521r1"])
  func whatModelSigningSignedHolds(curve: String) throws {
    let key = try EllipticKey(publicPEM: fixture("\(curve).pub"), name: "k")
    #expect(try ModelSignature.verify(fixture("\(curve).sig"), key: key) == signed)
    #expect(!key.isPrivate)
  }

  @Test func whatIsNotCheckedHereIsRefusedByName() throws {
    let key = try EllipticKey(publicPEM: fixture("prime256v1.pub"), name: "k")
    // The fixtures of other forms were signed with the same key.
    let shards = try fixture("shards.sig")
    #expect(
      refusal { () throws(StorageError) in _ = try ModelSignature.verify(shards, key: key) }
        .contains("signed by shards with sha256"))
    let blake = try fixture("blake2.sig")
    #expect(
      refusal { () throws(StorageError) in _ = try ModelSignature.verify(blake, key: key) }
        .contains("signed by files with blake2b"))
    let other = try fixture("secp384r1.sig")
    #expect(
      refusal { () throws(StorageError) in _ = try ModelSignature.verify(other, key: key) }
        .contains("signed with another key"))
  }

  @Test func whatIsSignedHereHolds() throws {
    let pair = try EllipticKey.makePair()
    let secret = try EllipticKey(privatePEM: pair.private, name: "s")
    let key = try EllipticKey(publicPEM: pair.public, name: "p")
    #expect(secret.fingerprint == key.fingerprint)
    let bytes = try ModelSignature.make(folder: "version", files: signed, key: secret)
    #expect(try ModelSignature.verify(bytes, key: key) == signed)
    // A public key signs nothing, and a private one is none to check by.
    #expect(
      refusal { () throws(StorageError) in
        _ = try ModelSignature.make(folder: "version", files: [:], key: key)
      }.contains("cannot sign"))
    #expect(
      refusal { () throws(StorageError) in
        _ = try EllipticKey(publicPEM: pair.private, name: "x")
      }.contains("not a public key"))
  }

  /// Every byte of the signature file that is changed is seen, or changes nothing of what it says.
  @Test func noChangeOfASignatureGoesUnseen() throws {
    let key = try EllipticKey(publicPEM: fixture("prime256v1.pub"), name: "k")
    let good = try fixture("prime256v1.sig")
    var refused = 0
    for index in good.indices {
      var bytes = good
      bytes[index] ^= 1
      guard let files = try? ModelSignature.verify(bytes, key: key) else {
        refused += 1
        continue
      }
      #expect(files == signed, "byte \(index)")
    }
    #expect(refused > good.count * 9 / 10, "\(refused) of \(good.count)")
    for count in stride(from: 0, to: good.count, by: 7) {
      let cut = Array(good[..<count])
      #expect((try? ModelSignature.verify(cut, key: key)) == nil)
    }
  }

  @Test func aStatementThatWasSignedWithTheRightKeyMustStillBeConsistent() throws {
    let pair = try EllipticKey.makePair()
    let secret = try EllipticKey(privatePEM: pair.private, name: "s")
    func file(_ payload: String, type: String = "application/vnd.in-toto+json") throws -> [UInt8] {
      let signature = try secret.sign(
        Array("DSSEv1 28 application/vnd.in-toto+json \(payload.utf8.count) \(payload)".utf8))
      return Array(
        """
        {"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":\
        {"publicKey":{"hint":"\(secret.fingerprint)"},"tlogEntries":[]},"dsseEnvelope":{"payload":\
        "\(Data(payload.utf8).base64EncodedString())","payloadType":"\(type)","signatures":[{"sig":\
        "\(Data(signature).base64EncodedString())","keyid":""}]}}
        """.utf8)
    }
    let digest = try #require(signed["card.md"])
    func statement(
      root: String, name: String = "card.md", twice: Bool = false, kind: String = "Statement/v1"
    ) -> String {
      let resource = "{\"name\":\"\(name)\",\"algorithm\":\"sha256\",\"digest\":\"\(digest)\"}"
      return """
        {"_type":"https://in-toto.io/\(kind)","subject":[{"name":"version","digest":{"sha256":\
        "\(root)"}}],"predicateType":"https://model_signing/signature/v1.0","predicate":\
        {"serialization":{"method":"files","hash_type":"sha256"},"resources":\
        [\(resource)\(twice ? ",\(resource)" : "")]}}
        """
    }
    let root = "\(Digest(ofBytes: digest.bytes))"
    #expect(
      try ModelSignature.verify(file(statement(root: root)), key: secret) == ["card.md": digest])
    let bad: [(bytes: [UInt8], words: String)] = [
      (try file(statement(root: "\(digest)")), "does not fit its own digest"),
      (try file(statement(root: root, twice: true)), "wrong at \"card.md\""),
      (try file(statement(root: root, kind: "Statement/v0")), "no statement"),
      (try file("not json"), "no statement"),
      (try file(statement(root: root), type: "text/plain"), "another format"),
      (Array("{}".utf8), "no Sigstore bundle"),
      ([UInt8](repeating: 0x5B, count: 100_000), "no Sigstore bundle"),
    ]
    for (bytes, words) in bad {
      #expect(
        refusal { () throws(StorageError) in _ = try ModelSignature.verify(bytes, key: secret) }
          .contains(words))
    }
  }

  @Test func onlyKeysOnTheThreeCurvesAreTaken() throws {
    // Ed25519 and P-224, made by openssl.
    let others = [
      """
      -----BEGIN PUBLIC KEY-----
      MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
      -----END PUBLIC KEY-----

      """
    ]
    for text in others {
      #expect(
        refusal { () throws(StorageError) in
          _ = try EllipticKey(publicPEM: Array(text.utf8), name: "other.pem")
        }.contains("other.pem is not a key on the curve"))
    }
    for bytes in [
      [], Array("-----BEGIN PUBLIC KEY-----".utf8), [UInt8](repeating: 0, count: 1 << 17),
    ] {
      #expect(
        refusal { () throws(StorageError) in _ = try EllipticKey(publicPEM: bytes, name: "x") }
          .contains("is not a public key in PEM"))
    }
  }
}
