import CAllocations
import Core
import Testing

@testable import Inference

/// Decoding a model file takes at most four times the file's size, whatever the file holds.
@Suite(.enabled(if: sluice_counts_allocations() != 0))
struct DecodeAllocationTests {
  /// All bytes asked for while decoding, those given back meanwhile included.
  private static func bytesTaken(_ file: [UInt8]) -> (bytes: Int, isRefused: Bool) {
    let before = sluice_allocated_bytes()
    let model = try? OnnxDecoder.decode(file, limits: .standard)
    let bytes = Int(sluice_allocated_bytes() - before)
    return (bytes, model == nil)
  }

  private static let baseBytes = AllocationBudget.baseBytes

  @Test(.enabled(if: SampleModelTests.isPresent), arguments: 1...4)
  func sampleModels(version: Int) throws {
    let path = "\(Files.root)/samples/flight-delay/models/flight-delay-\(version).onnx"
    let file = try Files.read(path)
    // Once before: tables that are made when they are first needed are not the file's.
    _ = DecodeAllocationTests.bytesTaken(file)
    let taken = DecodeAllocationTests.bytesTaken(file)
    #expect(!taken.isRefused)
    // The first is so small that names and lists of a few bytes each decide.
    #expect(taken.bytes <= max(4 * file.count, 1 << 18), "\(taken.bytes) for \(file.count)")
  }

  /// Files whose parts are as small as they can be, so that what they become is large beside them.
  enum Shape: String, CaseIterable {
    case packedInts, loneInts, wideInts, packedFloats, loneFloats, strings, nodes, names
    case attributes, emptyTensors, rawTensor, texts, packedTensor, loneTensor, opsets, inputs, dims
  }

  @Test(arguments: Shape.allCases)
  func madeFiles(shape: Shape) throws {
    let file = DecodeAllocationTests.file(shape, count: 300_000)
    let taken = DecodeAllocationTests.bytesTaken(file)
    // Refusing is right as well, if it comes before the memory is taken.
    #expect(
      taken.bytes <= 4 * file.count + DecodeAllocationTests.baseBytes,
      "\(taken.bytes) for \(file.count), \(Double(taken.bytes) / Double(file.count)) times")
  }

  private static func attribute(_ body: (inout ProtoWriter) -> Void) -> [UInt8] {
    let attribute = ProtoWriter.message { writer in
      writer.bytes(1, Array("a".utf8))
      body(&writer)
    }
    return model(
      nodes: [ProtoWriter.node("Neg", ["x"], ["y"], attributes: [attribute])], initializers: [])
  }

  private static func model(nodes: [[UInt8]], initializers: [[UInt8]]) -> [UInt8] {
    var proto = ProtoWriter()
    proto.model(initializers: initializers, nodes: nodes, inputs: ["x"])
    return proto.data
  }

  private static func tensor(_ body: (inout ProtoWriter) -> Void) -> [UInt8] {
    model(
      nodes: [],
      initializers: [
        ProtoWriter.message { writer in
          writer.bytes(8, Array("c".utf8))
          body(&writer)
        }
      ])
  }

  private static func file(_ shape: Shape, count: Int) -> [UInt8] {
    switch shape {
    case .packedInts: attribute { $0.bytes(8, [UInt8](repeating: 1, count: count)) }
    case .loneInts: attribute { for _ in 0..<count { $0.varint(8, 1) } }
    case .wideInts: attribute { for i in 0..<count { $0.varint(8, UInt64(i) << 33) } }
    case .packedFloats: attribute { $0.bytes(7, [UInt8](repeating: 1, count: count * 4)) }
    case .loneFloats: attribute { for _ in 0..<count { $0.fixed32(7, 1) } }
    case .strings: attribute { for _ in 0..<count { $0.bytes(9, []) } }
    case .texts:
      tensor {
        $0.varint(1, UInt64(count))
        $0.varint(2, 8)
        for _ in 0..<count { $0.bytes(6, [65]) }
      }
    case .rawTensor:
      tensor {
        $0.varint(1, UInt64(count))
        $0.varint(2, 1)
        $0.bytes(9, [UInt8](repeating: 0, count: count * 4))
      }
    case .packedTensor:
      tensor {
        $0.varint(1, UInt64(count))
        $0.varint(2, 7)
        $0.bytes(7, [UInt8](repeating: 1, count: count))
      }
    case .loneTensor:
      tensor {
        $0.varint(1, UInt64(count))
        $0.varint(2, 1)
        for _ in 0..<count { $0.fixed32(4, 1) }
      }
    case .dims: tensor { for _ in 0..<count { $0.varint(1, 1) } }
    case .nodes: many(count / 10, field: 1, ProtoWriter.message { $0.bytes(4, [65]) })
    case .names:
      many(
        10, field: 1,
        ProtoWriter.message { node in
          node.bytes(4, [65])
          for _ in 0..<count / 10 { node.bytes(1, []) }
        })
    case .attributes:
      many(
        10, field: 1,
        ProtoWriter.message { node in
          node.bytes(4, [65])
          for _ in 0..<count / 10 { node.bytes(5, []) }
        })
    case .emptyTensors:
      many(
        count, field: 5,
        ProtoWriter.message {
          $0.varint(1, 0)
          $0.varint(2, 1)
        })
    case .inputs: many(count, field: 11, [])
    case .opsets:
      model(nodes: [], initializers: [])
        + (0..<count / 10).flatMap { index in
          ProtoWriter.message { model in
            model.bytes(
              8,
              ProtoWriter.message {
                $0.bytes(1, Array("\(index)".utf8))
                $0.varint(2, 1)
              })
          }
        }
    }
  }

  /// A graph of so many equal fields.
  private static func many(_ count: Int, field: UInt64, _ content: [UInt8]) -> [UInt8] {
    ProtoWriter.message { model in
      model.bytes(
        7, ProtoWriter.message { graph in for _ in 0..<count { graph.bytes(field, content) } })
      model.bytes(8, ProtoWriter.message { $0.varint(2, 17) })
    }
  }
}

extension ProtoWriter {
  /// Four bytes as they are.
  mutating func fixed32(_ field: UInt8, _ value: UInt32) {
    append([field << 3 | 5] + withUnsafeBytes(of: value.littleEndian) { Array($0) })
  }
}
