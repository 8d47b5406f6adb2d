import Core
import Foundation
import Testing

@testable import Node

/// Files of rows that once crashed a reader, found by fuzzing (`Fuzz/README.md`), and the corpora's
/// first files: each is read again.
struct RowRegressionTests {
  static let files = ["regressions", "seeds"].flatMap { kind in
    ["csv", "jsonl", "npy"].flatMap { decoder in
      let folder = "\(LibraryTests.root)/Fuzz/\(kind)/\(decoder)"
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return names.filter { !$0.hasPrefix(".") }.sorted().map { "\(kind)/\(decoder)/\($0)" }
    }
  }

  /// The models that the fuzz targets read rows for: every element type, numbers, one tensor.
  private static let signatures: [Signature] = {
    let numbers = [
      TensorSpec(name: "f", elementType: .float32, shape: [nil, 1]),
      TensorSpec(name: "i", elementType: .int64, shape: [nil, 1]),
      TensorSpec(name: "b", elementType: .bool, shape: [nil, 1]),
    ]
    let others = [
      TensorSpec(name: "t", elementType: .text, shape: [nil, 1]),
      TensorSpec(name: "w", elementType: .float32, shape: [nil, 3]),
      TensorSpec(name: "d", elementType: .float64, shape: [nil]),
      TensorSpec(name: "n", elementType: .int32, shape: [nil, 1]),
    ]
    let pair = [TensorSpec(name: "x", elementType: .float32, shape: [nil, 2])]
    return [numbers + others, numbers, pair].map { Signature(inputs: $0, outputs: []) }
  }()

  @Test func thereAreFiles() { #expect(!RowRegressionTests.files.isEmpty) }

  @Test(arguments: files)
  func fileEndsWithoutACrash(name: String) throws {
    let file = try Data(contentsOf: URL(fileURLWithPath: "\(LibraryTests.root)/Fuzz/\(name)"))
    var good = 0
    for signature in RowRegressionTests.signatures {
      do throws(NodeError) {
        good += try RowDecoding.decode([UInt8](file), for: signature).rows
      } catch {
        #expect(!error.message.isEmpty && !error.message.contains("\n"))
      }
    }
    // The seeds are files that are right, so that a corpus begins with what goes deep.
    if name.hasPrefix("seeds") { #expect(good > 0) }
  }
}
