import Core
import Synchronization
import Telemetry
import Testing

@testable import Serving

@Suite struct TapRingTests {
  private func record(_ id: UInt64) -> TapRecord {
    TapRecord(
      ticket: id, requestID: id, timeNanoseconds: 0, latencyNanoseconds: id &* 3,
      lateNanoseconds: 0, generation: ~id, label: TextKey(decimal: Int64(id)), score: 0, version: 0,
      answeredBy: 0, weight: 0, stableWeight: 0, outcome: .answered, flags: [])
  }

  @Test func capacityIsAPowerOfTwoAndRecordsKeepTheirOrder() throws {
    let schema = try Fixture.schema()
    let ring = TapRing(layout: schema.layout, capacity: 5)
    #expect(ring.capacity == 8)
    let row = RowBuffer(schema)
    for round in 0..<5 as Range<UInt64> {
      for i in 0..<8 as Range<UInt64> { #expect(ring.push(record(round * 8 + i), row: row)) }
      #expect(!ring.push(record(999), row: row))
      var ids: [UInt64] = []
      #expect(ring.drain(limit: 3) { record, _ in ids.append(record.requestID) } == 3)
      #expect(ring.drain { record, _ in ids.append(record.requestID) } == 5)
      #expect(ids == (0..<8).map { round * 8 + $0 })
    }
    #expect(ring.dropped == 5)
  }

  /// A writer and a reader at full speed: what arrives is whole and in order, and what does not
  /// arrive is counted.
  @Test func oneWriterAndOneReaderLoseNothingUncounted() throws {
    let schema = try Fixture.schema()
    let ring = TapRing(layout: schema.layout, capacity: 64)
    let total: UInt64 = 60_000
    let writer = try ServingThread {
      let row = RowBuffer(schema)
      for id in 0..<total {
        row.setNumber(1, Float(id))
        ring.push(
          TapRecord(
            ticket: id, requestID: id, timeNanoseconds: 0, latencyNanoseconds: id &* 3,
            lateNanoseconds: 0, generation: ~id, label: TextKey(decimal: Int64(id)), score: 0,
            version: 0, answeredBy: 0, weight: 0, stableWeight: 0, outcome: .answered, flags: []),
          row: row)
      }
      ring.finish()
    }
    var received: UInt64 = 0
    var last: UInt64?
    var faults = 0
    let offset = schema.layout.fields[1].offsetBytes
    while !ring.isFinished {
      ring.drain { record, row in
        let isWhole =
          record.latencyNanoseconds == record.requestID &* 3
          && record.generation == ~record.requestID
          && record.label == TextKey(decimal: Int64(record.requestID))
          && row.load(fromByteOffset: offset, as: Float.self) == Float(record.requestID)
        if !isWhole || last.map({ record.requestID <= $0 }) ?? false { faults += 1 }
        last = record.requestID
        received += 1
      }
    }
    writer.join()
    #expect(faults == 0)
    #expect(received + UInt64(ring.dropped) == total)
    #expect(received > 0)
  }
}

@Suite struct RowSchemaTests {
  @Test func columnsOfEveryTypeKeepTheirValues() throws {
    let types: [ElementType] = [.text, .bool, .int32, .int64, .float64, .float32]
    let schema = try RowSchema(
      Signature(
        inputs: types.map { TensorSpec(name: $0.rawValue, elementType: $0, shape: [nil, 1]) }
          + [TensorSpec(name: "wide", elementType: .float32, shape: [nil, 3])], outputs: []))
    let row = RowBuffer(schema)
    for column in 1..<6 { row.setNumber(column, 1.75) }
    for i in 0..<3 { row.setNumber(6, element: i, Float(i)) }
    row.setInteger(3, 1 << 40)
    let text = Array("B6".utf8)
    text.withUnsafeBufferPointer {
      row.setText(0, TextValue(bytes: $0.baseAddress, count: 2))
      withUnsafeTemporaryAllocation(byteCount: schema.layout.strideBytes, alignment: 8) { buffer in
        guard let target = buffer.baseAddress else { return }
        row.copy(to: target)
        let fields = schema.layout.fields
        #expect(
          target.load(fromByteOffset: fields[0].offsetBytes, as: TextKey.self) == TextKey("B6"))
        let numbers = fields.dropFirst().map {
          target.load(fromByteOffset: $0.offsetBytes, as: Float.self)
        }
        #expect(numbers == [1, 2, Float(1 << 40), 1.75, 1.75, 0, 1, 2])
      }
    }
    #expect(schema.layout.fields.map(\.name).suffix(3) == ["wide[0]", "wide[1]", "wide[2]"])
    #expect(row.address(of: 3).load(as: Int64.self) == 1 << 40)
  }

  @Test func numbersThatATypeLacksAreClamped() throws {
    let schema = try RowSchema(
      Signature(
        inputs: [
          TensorSpec(name: "a", elementType: .int32, shape: [nil]),
          TensorSpec(name: "b", elementType: .int64, shape: [1]),
        ], outputs: []))
    let row = RowBuffer(schema)
    for (value, a, b) in [
      (Double.nan, Int32(0), Int64(0)), (.infinity, .max, .max), (-1e300, .min, .min),
      (2.5e9, .max, 2_500_000_000), (-2.6, -3, -3),
    ] {
      row.setNumber(0, value)
      row.setNumber(1, value)
      #expect(row.address(of: 0).load(as: Int32.self) == a)
      #expect(row.address(of: 1).load(as: Int64.self) == b)
    }
  }

  @Test(arguments: [
    TensorSpec(name: "x", elementType: .uint8, shape: [nil, 1]),
    TensorSpec(name: "x", elementType: .float32, shape: [nil, nil]),
    TensorSpec(name: "x", elementType: .float32, shape: [7, 1]),
    TensorSpec(name: "x", elementType: .float32, shape: []),
    TensorSpec(name: "x", elementType: .float32, shape: [nil, 0]),
    TensorSpec(
      name: "x", elementType: .float32,
      shape: [nil, 1_024, 1_024, 1_024, 1_024, 1_024, 1_024, 1_024]),
  ])
  func inputsThatAreNoColumnsAreRefused(input: TensorSpec) {
    #expect(throws: ServingError.self) { try RowSchema(Signature(inputs: [input], outputs: [])) }
  }
}
