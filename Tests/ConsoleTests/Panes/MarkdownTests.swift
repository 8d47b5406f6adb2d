import Testing

@testable import Console

/// Model cards as people read them.
@Suite struct MarkdownTests {
  private func lines(_ text: String, width: Int = 60) -> [String] {
    MarkdownText(text, width: width, glyphs: .ascii).lines
      .flatMap { CardView.wrapped($0, width) }
      .map { $0.spans.map(\.text).joined() }
  }

  @Test func marksOfTheLanguageAreNotShown() {
    #expect(
      lines(
        """
        # Flight *delay*
        Predicts **late** arrivals,
        with `gbdt`, see [the paper](https://e.org/p).

        - one
          - two of `x`
        3. three
        > quoted
        ---
        ```
        raw **text**
        ```
        """) == [
          "Flight delay", "Predicts late arrivals, with gbdt, see the paper",
          "(https://e.org/p).", "", "- one", "  - two of x", "3. three", "| quoted",
          String(repeating: "-", count: 40), "  raw **text**",
        ])
  }

  @Test func tablesKeepTheirColumns() {
    #expect(
      lines(
        """
        | slice | accuracy |
        |:--|--:|
        | winter | 0.79 |
        | all of the year | **0.81** |
        """) == [
          "slice            accuracy", "winter           0.79    ", "all of the year  0.81    ",
        ])
    // A table wider than the screen gives way in its widest column.
    let narrow = lines(
      "| a | \(String(repeating: "long ", count: 30)) |\n|-|-|\n| b | c |", width: 30)
    #expect(narrow.allSatisfy { SafeText.columns(of: $0) <= 30 } && narrow.count == 2)
  }

  @Test func runningTextIsBrokenAtBlanksAndKeepsEmphasis() {
    let text = "- " + String(repeating: "word ", count: 30) + "**end**"
    let wrapped = MarkdownText(text, width: 40, glyphs: .ascii).lines
      .flatMap { CardView.wrapped($0, 40) }
    #expect(wrapped.count > 2)
    for line in wrapped { #expect(Canvas.columns(of: line.spans) <= 40) }
    #expect(wrapped.dropFirst().allSatisfy { $0.spans.first?.text == "  " })
    #expect(wrapped.last?.spans.last?.emphasis == .bold)
  }

  @Test func unfinishedMarksStandAsWritten() {
    for text in ["`", "**", "[a](b", "[", "*", "| ", "```", "\\", "# ", "a ` b", "2 * 3 * 4"] {
      _ = lines(text)
    }
    #expect(lines("2 * 3 * 4") == ["2 * 3 * 4"])
    #expect(lines("a_b_c and [x]") == ["a_b_c and [x]"])
  }

  @Test func aCardIsSplitIntoFieldsAndText() {
    let (fields, body) = VersionPage.split(
      """
      ---
      summary: "Delays of flights"
      owner: ana
      metrics:
        accuracy: 0.8
      limitations:
        - winter only
        - one country
      ---
      # Text
      """)
    #expect(fields.map(\.name) == ["summary", "owner", "limitations"])
    #expect(fields.map(\.value) == ["Delays of flights", "ana", "winter only, one country"])
    #expect(body == "# Text")
    #expect(VersionPage.split("no fields").fields.isEmpty)
  }
}
