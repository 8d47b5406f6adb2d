import Core
import Testing

@testable import Console

private func decode(_ text: String, escape: Int64 = 25_000) -> [InputEvent] {
  var decoder = InputDecoder(escapeDelayMicros: escape)
  return decoder.feed(Array(text.utf8), now: 0) + decoder.expire(now: 10_000_000)
}

private func mouse(_ action: InputEvent.Mouse.Action, _ x: Int, _ y: Int) -> InputEvent {
  .mouse(.init(action: action, x: x, y: y))
}

@Suite struct InputDecoderTests {
  @Test(
    arguments: [
      ("a", .character("a")), ("R", .character("R")), (" ", .character(" ")),
      ("é", .character("é")), ("中", .character("中")), ("🚀", .character("🚀")),
      ("\r", .enter), ("\t", .tab), ("\u{7F}", .backspace), ("\u{08}", .backspace),
      ("\u{01}", .control("a")), ("\u{03}", .control("c")), ("\u{1A}", .control("z")),
      ("\n", .control("j")), ("\u{00}", .control(" ")), ("\u{1C}", .control("\\")),
      ("\u{1B}x", .alt("x")), ("\u{1B}X" + "q\u{1B}\\", nil),
      ("\u{1B}[A", .up), ("\u{1B}OA", .up), ("\u{1B}[1;2B", .down), ("\u{1B}[1;5C", .right),
      ("\u{1B}[D", .left), ("\u{1B}[H", .home), ("\u{1B}[1~", .home), ("\u{1B}[7~", .home),
      ("\u{1B}[F", .end), ("\u{1B}[4~", .end), ("\u{1B}[2~", .insert), ("\u{1B}[3~", .delete),
      ("\u{1B}[3;5~", .delete), ("\u{1B}[5~", .pageUp), ("\u{1B}[6~", .pageDown),
      ("\u{1B}[Z", .backTab), ("\u{1B}OP", .function(1)), ("\u{1B}[11~", .function(1)),
      ("\u{1B}[[A", .function(1)), ("\u{1B}[15~", .function(5)), ("\u{1B}[24~", .function(12)),
      ("\u{1B}[1;2P", .function(13)), ("\u{1B}[15;5~", .function(29)), ("\u{1B}OM", .enter),
      ("\u{1B}[1;3R", .function(3)), ("\u{1B}Oj", .character("*")),
      ("\u{1B}[97;5u", .control("a")), ("\u{1B}[97;3u", .alt("a")), ("\u{1B}[9;2u", .backTab),
      ("\u{1B}[27;5;97~", .control("a")), ("\u{1B}[13u", .enter), ("\u{1B}[27u", .escape),
    ] as [(String, InputEvent.Key?)])
  func decodesKeys(bytes: String, key: InputEvent.Key?) {
    #expect(decode(bytes) == (key.map { [.key($0)] } ?? []))
  }

  @Test func everyKeyComesWholeHoweverItIsSplit() {
    let text = "q\u{1B}[1;5Cé\u{1B}[<0;234;3M中\u{1B}OP\u{1B}[200~a\u{1B}[Ab\u{1B}[201~z"
    let bytes = Array(text.utf8)
    let whole = decode(text)
    #expect(whole.count == 8)
    for cut in 0...bytes.count {
      var decoder = InputDecoder()
      let events = decoder.feed(bytes[..<cut], now: 0) + decoder.feed(bytes[cut...], now: 1)
      #expect(events == whole)
    }
    var decoder = InputDecoder()
    #expect(bytes.flatMap { decoder.feed([$0], now: 0) } == whole)
  }

  @Test func bareEscapeIsAKeyAfterItsTimeAndNotBefore() {
    var decoder = InputDecoder()
    #expect(decoder.feed([0x1B], now: 1_000).isEmpty)
    #expect(decoder.deadlineMicros == 26_000)
    #expect(decoder.expire(now: 25_999).isEmpty)
    #expect(decoder.expire(now: 26_000) == [.key(.escape)])
    #expect(decoder.deadlineMicros == nil)
    #expect(decode("\u{1B}\u{1B}") == [.key(.escape), .key(.escape)])
  }

  @Test func aSequenceTornApartAfterEscapeBecomesNoLetter() {
    var decoder = InputDecoder()
    _ = decoder.feed([0x1B], now: 0)
    // 40 ms later the rest arrives: Escape was already given, but `[A` must not type.
    let events = decoder.feed(Array("[A".utf8), now: 40_000)
    #expect(events == [.key(.escape), .key(.up)])
    // A person pressing Escape and then `[` sends one byte at a time.
    _ = decoder.feed([0x1B], now: 1_000_000)
    #expect(
      decoder.feed(Array("[".utf8), now: 1_060_000) == [.key(.escape), .key(.character("["))])
  }

  @Test func mouseReports() {
    #expect(decode("\u{1B}[<0;234;3M") == [mouse(.press(.left), 233, 2)])
    #expect(decode("\u{1B}[<0;1;1m") == [mouse(.release(.left), 0, 0)])
    #expect(decode("\u{1B}[<32;5;6M") == [mouse(.drag(.left), 4, 5)])
    #expect(decode("\u{1B}[<2;5;6M") == [mouse(.press(.right), 4, 5)])
    #expect(decode("\u{1B}[<64;5;6M") == [mouse(.wheelUp, 4, 5)])
    #expect(decode("\u{1B}[<65;5;6M") == [mouse(.wheelDown, 4, 5)])
    #expect(decode("\u{1B}[<4;5;6M") == [mouse(.press(.left), 4, 5)])
    // Motion without a button, horizontal wheel, column 0, a missing number.
    for nothing in ["<35;5;6M", "<66;5;6M", "<0;0;6M", "<0;5M", "<0;5;6;7M", "<;;M"] {
      #expect(decode("\u{1B}[\(nothing)").isEmpty)
    }
    // The old protocol of terminals that do not know 1006: no byte of it may become a key.
    #expect(decode("\u{1B}[M !!") == [mouse(.press(.left), 0, 0)])
    #expect(decode("\u{1B}[Mqqq").allSatisfy { if case .key = $0 { false } else { true } })
  }

  @Test func focusReports() {
    #expect(decode("\u{1B}[I\u{1B}[O") == [.focus(true), .focus(false)])
  }

  @Test func pasteIsTextAndNeverKeys() {
    let inner = "R\ry\u{1B}[A\u{1B}[20\u{1B}[201x\u{03}"
    #expect(decode("\u{1B}[200~\(inner)\u{1B}[201~k") == [.paste(inner), .key(.character("k"))])
    #expect(decode("\u{1B}[200~\u{1B}[201~") == [.paste("")])
    #expect(decode("\u{1B}[200~a\u{1B}\u{1B}[201~") == [.paste("a\u{1B}")])
  }

  @Test func pasteIsBounded() {
    let long = String(repeating: "R", count: InputDecoder.pasteBytesMax + 5_000)
    let events = decode("\u{1B}[200~\(long)\u{1B}[201~q")
    #expect(events.count == 2)
    guard case .paste(let text) = events.first else {
      Issue.record("no paste")
      return
    }
    #expect(text.utf8.count == InputDecoder.pasteBytesMax)
    #expect(events.last == .key(.character("q")))
  }

  @Test(arguments: [
    "\u{1B}[?1;2c", "\u{1B}[>41;354;0c", "\u{1B}[24;80R", "\u{1B}[?2026;2$y",
    "\u{1B}]11;rgb:1111/2222/3333\u{07}", "\u{1B}]11;rgb:1111/2222/3333\u{1B}\\",
    "\u{1B}P1$r0m\u{1B}\\", "\u{1B}_Gi=1;OK\u{1B}\\", "\u{1B}[?62;c", "\u{1B}[8;24;80t",
    "\u{1B}[99~", "\u{1B}[1;2;3X", "\u{1B}[57399u", "\u{1B}[ q", "\u{1B}[38:2:1:2:3m",
  ])
  func answersAndUnknownSequencesAreSwallowedWhole(bytes: String) {
    #expect(decode(bytes + "k") == [.key(.character("k"))])
  }

  @Test func invalidUTF8GivesNothing() {
    let cases: [[UInt8]] = [
      [0xFF], [0xC0, 0x80], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0x80], [0xE2, 0x82], [0xC2, 0x85],
    ]
    for bytes in cases {
      var decoder = InputDecoder()
      let events = decoder.feed(bytes + [0x6B], now: 0)
      #expect(events.last == .key(.character("k")))
      // 0xC3 0x28 is a broken form and then a plain parenthesis.
      #expect(events.count == (bytes == [0xC3, 0x28] ? 2 : 1))
    }
  }

  @Test func aStringWithoutEndIsGivenUp() {
    var decoder = InputDecoder()
    #expect(decoder.feed(Array("\u{1B}]0;abc".utf8), now: 0).isEmpty)
    #expect(decoder.feed(Array("def".utf8), now: 500_000).isEmpty)
    #expect(decoder.feed(Array("k".utf8), now: 1_500_000) == [.key(.character("k"))])
  }

  /// Random sequences of ECMA-48's grammar, whole: whatever they mean, no byte of them is typed.
  @Test func noCharacterComesFromInsideASequence() {
    var rng = SplitMix64(seed: 42)
    for _ in 0..<5_000 {
      var bytes: [UInt8] = [0x1B, 0x5B]
      for _ in 0..<Int(rng.next() % 12) { bytes.append(0x30 + UInt8(rng.next() % 16)) }
      for _ in 0..<Int(rng.next() % 3) { bytes.append(0x20 + UInt8(rng.next() % 16)) }
      bytes.append(0x40 + UInt8(rng.next() % 63))
      // What these begin is longer than one sequence.
      if bytes == [0x1B, 0x5B, 0x4D] || bytes == [0x1B, 0x5B, 0x5B] { continue }
      if bytes == Array("\u{1B}[200~".utf8) { continue }
      var decoder = InputDecoder()
      for event in decoder.feed(bytes, now: 0) {
        // `CSI u` and `CSI 27;…~` name characters: they are keys in their own right.
        if case .key(.character) = event { #expect(bytes.last == 0x75 || bytes.last == 0x7E) }
      }
      #expect(decoder.feed([0x6B], now: 1) == [.key(.character("k"))])
    }
  }

  @Test func randomBytesNeverCrashAndNeverWedge() {
    var rng = SplitMix64(seed: 7)
    let spice: [[UInt8]] = [
      [0x1B], [0x1B, 0x5B], Array("\u{1B}[<".utf8), Array("\u{1B}[200~".utf8),
      Array("\u{1B}[201~".utf8), [0x1B, 0x5D], [0x9B], Array("999999999999;".utf8), [0xE2],
    ]
    for round in 0..<300 {
      var decoder = InputDecoder()
      var now: Int64 = 0
      for _ in 0..<60 {
        var bytes: [UInt8] = []
        for _ in 0..<Int(rng.next() % 20) { bytes.append(UInt8(truncatingIfNeeded: rng.next())) }
        if rng.next() % 2 == 0 { bytes += spice[Int(rng.next() % UInt64(spice.count))] }
        now += Int64(rng.next() % 30_000)
        for event in decoder.feed(bytes, now: now) {
          if case .key(.character(let c)) = event {
            #expect(c.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
          }
        }
      }
      // Whatever it was in: end a paste, wait, and it listens again.
      _ = decoder.feed(Array("\u{1B}[201~".utf8), now: now + 2_000_000)
      _ = decoder.expire(now: now + 4_000_000)
      let last = decoder.feed([0x6B], now: now + 6_000_000)
      #expect(last == [.key(.character("k"))], "round \(round)")
    }
  }
}
