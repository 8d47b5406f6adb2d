import Testing

@testable import Core

@Suite("Signatures, digests, JSON")
struct SignatureTests {
  private let base = Signature(
    inputs: [
      TensorSpec(name: "carrier", elementType: .text, shape: [nil, 1]),
      TensorSpec(name: "hour", elementType: .float32, shape: [nil, 1]),
    ],
    outputs: [TensorSpec(name: "label", elementType: .int64, shape: [nil])])

  @Test("order does not matter; equal signatures fit")
  func fits() {
    let turned = Signature(inputs: base.inputs.reversed(), outputs: base.outputs)
    #expect(turned.incompatibility(with: base) == nil)
  }

  @Test("each difference is named")
  func differs() {
    let missing = Signature(inputs: [base.inputs[0]], outputs: base.outputs)
    #expect(missing.incompatibility(with: base) == "it lacks the input \"hour\"")
    #expect(base.incompatibility(with: missing)?.contains("\"hour\"") == true)
    let typed = Signature(
      inputs: [base.inputs[0], TensorSpec(name: "hour", elementType: .int64, shape: [nil, 1])],
      outputs: base.outputs)
    #expect(typed.incompatibility(with: base)?.contains("int64") == true)
    let shaped = Signature(
      inputs: [base.inputs[0], TensorSpec(name: "hour", elementType: .float32, shape: [nil, 2])],
      outputs: base.outputs)
    #expect(shaped.incompatibility(with: base)?.contains("[N, 2]") == true)
  }

  @Test("a digest reads its own hexadecimal and nothing else")
  func digest() throws {
    let digest = try Digest(bytes: (0..<32).map { UInt8($0) })
    #expect(try Digest(hex: digest.description) == digest)
    #expect(digest.short == "000102030405")
    #expect(throws: InvalidValue.self) { try Digest(hex: "00") }
    #expect(throws: InvalidValue.self) { try Digest(hex: String(repeating: "g", count: 64)) }
    #expect(throws: InvalidValue.self) { try Digest(bytes: [1, 2]) }
  }

  @Test("equal values give equal bytes, and a broken one says where")
  func json() throws {
    let bytes = try CanonicalJSON.encode(["b": 1, "a": 2])
    #expect(String(decoding: bytes, as: UTF8.self) == #"{"a":2,"b":1}"#)
    let error = #expect(throws: InvalidValue.self) {
      try CanonicalJSON.decode(Signature.self, from: Array(#"{"inputs":[{"name":3}]}"#.utf8))
    }
    #expect(error?.message.contains("inputs") == true)
  }
}
