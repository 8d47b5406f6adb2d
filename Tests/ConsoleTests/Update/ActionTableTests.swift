import Testing

@testable import Console

/// The one table behind keys, palette, help and documentation.
@Suite struct ActionTableTests {
  @Test func everyActionIsInItOnce() {
    #expect(ActionSpec.all.map(\.action).count == Action.allCases.count)
    #expect(Set(ActionSpec.all.map(\.action)) == Set(Action.allCases))
  }

  @Test func keysAndWordsAreUnique() {
    let keys = ActionSpec.all.flatMap(\.keys)
    #expect(Set(keys).count == keys.count)
    let words = ActionSpec.all.map(\.word)
    #expect(Set(words).count == words.count)
    #expect(words.allSatisfy { !$0.contains(" ") && !$0.isEmpty })
  }

  @Test func theKeyThatConfirmsStartsNothing() {
    // `y` after a card has closed must be harmless.
    #expect(ActionSpec.byKey[.character("y")] == .copy)
    #expect(ActionSpec.byKey[.enter] == .open)
  }

  @Test func referenceNamesEveryKeyAndWord() {
    let text = keyReferenceMarkdown()
    for spec in ActionSpec.all {
      #expect(text.contains("`\(spec.word)"))
      for key in spec.keys { #expect(text.contains("`\(KeyText.of(key))`")) }
    }
    #expect(!text.contains("`|`"))
  }

  @Test func theKeyPageIsWhatTheActionsSay() {
    let root = #filePath.split(separator: "/").dropLast(4).reduce("") { $0 + "/" + $1 }
    #expect(
      Golden.load(root + "/docs/reference/keys.md") == keyReferenceMarkdown(),
      "make it again: sluice help --keys > docs/reference/keys.md")
  }

  @Test func paletteFindsByWordNameAndSynonym() {
    let model = Driver(snapshot: Sample.snapshot()).model
    for (query, wanted) in [
      ("roll", Action.rollBack), ("rb", .rollBack), ("revert", .rollBack), ("canary", .paneCanary),
      ("promote", .promote), ("theme", .theme), ("drain", .drain), ("audit", .paneEvents),
    ] {
      let entries = Palette(field: TextField(query)).entries(in: model)
      #expect(entries.prefix(3).contains { $0.action == wanted }, "\(query)")
    }
    #expect(Palette(field: TextField("zzzz")).entries(in: model).isEmpty)
  }

  @Test func paletteCompletesArguments() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character(":"))
    driver.type("weight 40%")
    driver.press(.enter)
    guard case .confirm(let card)? = driver.model.dialogs.last else {
      Issue.record("no card: \(driver.model.flash?.sentence ?? "")")
      return
    }
    #expect(card.change == .weight(4000))
    driver.press(.escape, .character(":"), .up)
    guard case .palette(let palette)? = driver.model.dialogs.last else {
      Issue.record("no palette")
      return
    }
    #expect(palette.field.text == "weight 40%")
    let deploy = Palette(field: TextField("deploy fl")).entries(in: driver.model)
    #expect(deploy.map(\.argument) == ["flight-delay@4"])
  }

  @Test func wrongArgumentsAreRefusedInASentence() {
    for (line, part) in [
      ("weight 140%", "more than 100 %"), ("weight x", "percentage"),
      ("rollback flight-delay@9", "cannot"), ("ramp nonsense", "MODEL@NUMBER"),
      ("theme pink", "no theme"),
    ] {
      var driver = Driver(
        snapshot: Sample.snapshot(rollout: line.hasPrefix("ramp") ? nil : Sample.rollout()))
      driver.press(.character(":"))
      driver.type(line)
      driver.press(.enter)
      #expect(driver.orders.isEmpty)
      let sentence = driver.model.flash?.sentence ?? ""
      #expect(sentence.contains(part) || sentence.contains("not a version"), "\(line): \(sentence)")
    }
  }

  @Test func fuzzyPrefersBeginnings() throws {
    let beginning = try #require(Fuzzy.score("ro", in: "rollback"))
    let middle = try #require(Fuzzy.score("ro", in: "promote"))
    #expect(beginning > middle)
    #expect(Fuzzy.score("ab", in: "ba") == nil)
    #expect(Fuzzy.score("", in: "x") == 0)
  }

  @Test func helpSearchesAndRuns() {
    var driver = Driver(snapshot: Sample.snapshot())
    driver.press(.character("?"))
    driver.type("freeze")
    driver.press(.enter)
    #expect(driver.model.isFrozen)
    #expect(driver.model.dialogs.isEmpty)
  }
}
