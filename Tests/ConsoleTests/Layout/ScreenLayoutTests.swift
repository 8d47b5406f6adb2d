import Testing

@testable import Console

@Suite struct ScreenLayoutTests {
  /// Every size from 40x10 to 300x100, in steps that meet all thresholds.
  static let columns = [40, 59, 60, 79, 80, 81, 99, 100, 109, 110, 119, 120, 169, 170, 200, 300]
  static let rows = [10, 14, 15, 23, 24, 31, 32, 33, 36, 37, 40, 41, 60, 100]

  @Test(arguments: columns)
  func nothingOverlapsOrLeavesTheScreen(columns: Int) {
    for rows in Self.rows {
      for style in LayoutStyle.allCases {
        for focus in PaneID.allCases {
          for (isZoomed, isHome) in [(false, false), (true, false), (false, true)] {
            let layout = ScreenLayout(
              columns: columns, rows: rows, style: style, focus: focus, isZoomed: isZoomed,
              isHome: isHome)
            check(layout, columns, rows)
          }
        }
      }
    }
  }

  private func check(_ layout: ScreenLayout, _ columns: Int, _ rows: Int) {
    var rects = layout.panes.map(\.rect) + [layout.header, layout.message, layout.hints]
    rects += [layout.tabs, layout.timeline].compactMap(\.self)
    for rect in rects {
      let inside =
        rect.x >= 0 && rect.y >= 0 && rect.x + rect.width <= columns && rect.y + rect.height <= rows
      guard inside else {
        Issue.record("\(rect) leaves \(columns)x\(rows)")
        return
      }
    }
    for (index, a) in rects.enumerated() {
      for b in rects[(index + 1)...] {
        let both = a.intersection(b)
        if both.width > 0 && both.height > 0 {
          Issue.record("\(a) and \(b) overlap in \(columns)x\(rows)")
        }
      }
    }
    // Panes fill the body without a gap.
    let covered = rects.reduce(0) { $0 + $1.width * $1.height }
    if !layout.panes.isEmpty && covered != columns * rows {
      Issue.record("a gap in \(columns)x\(rows)")
    }
    let least = layout.panes.map(\.rect.height).min() ?? 6
    if least < 5 { Issue.record("a pane of \(least) rows in \(columns)x\(rows)") }
    #expect(Set(layout.panes.map(\.pane)).count == layout.panes.count)
  }

  @Test(arguments: [
    (40, 10, ScreenLayout.Mode.tooSmall), (59, 40, .tooSmall), (200, 14, .tooSmall),
    (60, 15, .single), (79, 24, .single), (120, 23, .single), (80, 24, .full), (200, 60, .full),
  ])
  func modes(columns: Int, rows: Int, mode: ScreenLayout.Mode) {
    #expect(ScreenLayout(columns: columns, rows: rows).mode == mode)
  }

  @Test func theFocusedPaneIsAlwaysShown() {
    for columns in [60, 80, 120, 200] {
      for rows in [15, 24, 40, 60] {
        for style in LayoutStyle.allCases {
          for focus in PaneID.allCases {
            let layout = ScreenLayout(columns: columns, rows: rows, style: style, focus: focus)
            #expect(
              layout.panes.contains { $0.pane == focus },
              "\(focus) in \(columns)x\(rows) \(style)")
          }
        }
      }
    }
  }

  @Test func theDocumentedSizes() {
    let small = ScreenLayout(columns: 80, rows: 24)
    #expect(small.panes.map(\.pane) == [.traffic, .versions, .canary, .drift, .events])
    #expect(small.panes.map(\.rect.height) == [7, 7, 8, 8, 6])
    #expect(small.timeline == nil)
    let large = ScreenLayout(columns: 120, rows: 40)
    #expect(
      large.panes.map(\.pane) == [.traffic, .versions, .canary, .drift, .runbooks, .events])
    #expect(large.timeline != nil)
  }

  @Test func distributeKeepsTheSum() {
    for total in 0..<120 {
      for growth in [[1, 1, 1], [0, 0, 0], [5, 0, 2]] {
        let parts = ScreenLayout.distribute(total, least: [7, 8, 6], growth: growth)
        let isFull = growth.contains { $0 > 0 } || total <= 21
        #expect(parts.reduce(0, +) == (isFull ? total : 21))
        #expect(parts.allSatisfy { $0 >= 0 })
      }
    }
  }
}
