import Control
import Core
import Node
import Testing

@testable import Console

/// What policies, runs, logs and recordings say comes from outside; so does what is typed.
@Suite struct OrderTextTests {
  private static func overview(_ text: String) -> RetrainingOverview {
    var overview = Sample.retraining(isRunning: true)
    overview.policies = overview.policies.map { policy in
      var policy = policy
      policy.command = text
      policy.triggers = [text]
      policy.plan = text
      policy.stage = text
      policy.fault = text
      policy.ended = policy.ended.map { Self.said($0, text) }
      return policy
    }
    return overview
  }

  /// The same run with another detail.
  private static func said(_ run: EndedRetraining, _ text: String) -> EndedRetraining {
    guard let bytes = try? CanonicalJSON.encode([text]) else { return run }
    let quoted = String(decoding: bytes, as: UTF8.self).dropFirst().dropLast()
    return Sample.decoded(
      """
      {"began":{"detail":\(quoted),"endpoint":"flight-delay","model":"flight-delay","policy":\
      "flight-delay-weekly","policyDigest":"\(Sample.digest(5))","run":4,"trigger":"drift"},\
      "by":{"kind":"person","name":\(quoted)},"result":{"detail":\(quoted),"duration":5,\
      "outcome":"failed"},"start":\(run.start.microseconds)}
      """)
  }

  @Test(arguments: HostileTextTests.texts)
  func answersStayClean(text: String) {
    for (columns, rows) in [(60, 15), (150, 45)] {
      var driver = Driver(columns: columns, rows: rows, snapshot: Sample.idleWithRule())
      driver.openRetraining(Self.overview(text))
      check(driver, text)
      driver.press(.down, .character("s"))
      check(driver, text)
      driver.press(.escape, .enter)
      if let ticket = driver.ticket({ $0 == .retraining }) {
        var log = Sample.retrainingLog
        log.output = text
        log.folder = text
        log.quality[0].check = text
        log.quality[1].measured = text
        driver.tell(.reply(ticket, .retraining(.log(log))))
      }
      check(driver, text)
      driver.press(.escape, .escape)
      driver.openRecording(RecordingPolicy(withheld: [text]))
      driver.press(.character("o"))
      check(driver, text)
      for _ in 0..<4 { driver.press(.enter) }
      check(driver, text)
    }
  }

  @Test(arguments: HostileTextTests.texts)
  func whatIsTypedStaysClean(text: String) {
    var driver = Driver(columns: 80, rows: 24, snapshot: Sample.idleWithRule())
    driver.command("rules")
    driver.press(.character("a"))
    for _ in 0..<4 {
      driver.tell(.input(.paste(text)))
      check(driver, text)
      driver.press(.enter)
    }
    check(driver, text)
    driver.press(.escape, .escape, .character("c"), .character("t"))
    driver.tell(.input(.paste(text)))
    driver.press(.enter)
    check(driver, text)
    driver.press(.escape, .character("w"))
    driver.tell(.input(.paste(text)))
    driver.press(.enter)
    check(driver, text)
  }

  @Test func asciiScreensAreASCII() {
    for (columns, rows) in [(40, 8), (80, 24)] {
      for keys in ["", "a", "d", "r", "p", "o", "x"] {
        for command in ["retraining", "rules", "recording"] {
          var driver = Driver(
            columns: columns, rows: rows, glyphs: .ascii, snapshot: Sample.idleWithRule())
          switch command {
          case "retraining": driver.openRetraining()
          case "recording": driver.openRecording(RecordingPolicy())
          default: driver.command(command)
          }
          driver.type(keys)
          let odd = render(driver.model).buffer.cells.first { $0.scalar > 0x7E }
          #expect(odd == nil, "\(command) \(keys) at \(columns)x\(rows)")
        }
      }
    }
  }

  private func check(_ driver: Driver, _ text: String) {
    HostileTextTests().check(render(driver.model).buffer, text)
    for line in LinearView.cardLines(driver.model) {
      let shown = printable(line, limit: 1000)
      #expect(!shown.unicodeScalars.contains(where: HostileTextTests.isDangerous), "\(text)")
    }
  }
}
