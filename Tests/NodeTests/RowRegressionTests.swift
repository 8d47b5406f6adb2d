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

  /// A table of every element type, as the fuzz targets read it, and one of numbers for arrays.
  private static func signature(_ name: String) -> Signature {
    let numbers = [
      TensorSpec(name: "f", elementType: .float32, shape: [nil, 1]),
      TensorSpec(name: "i", elementType: .int64, shape: [nil, 1]),
      TensorSpec(name: "b", elementType: .bool, shape: [nil, 1]),
    ]
    if name.contains("/npy/") { return Signature(inputs: numbers, outputs: []) }
    let others = [
      TensorSpec(name: "t", elementType: .text, shape: [nil, 1]),
      TensorSpec(name: "w", elementType: .float32, shape: [nil, 3]),
      TensorSpec(name: "d", elementType: .float64, shape: [nil]),
      TensorSpec(name: "n", elementType: .int32, shape: [nil, 1]),
    ]
    return Signature(inputs: numbers + others, outputs: [])
  }

  @Test(arguments: files)
  func fileEndsWithoutACrash(name: String) throws {
    let bytes = try Data(contentsOf: URL(filePath: "\(LibraryTests.root)/Fuzz/\(name)"))
    var good = 0
    do {
      good = try RowDecoding.decode(Array(bytes), for: RowRegressionTests.signature(name)).rows
    } catch {}
    // The seeds are files that are right, so that a corpus begins with what goes deep.
    if name.hasPrefix("seeds") { #expect(good > 0) }
  }
}
