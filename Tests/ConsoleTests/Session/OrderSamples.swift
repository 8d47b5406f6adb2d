import Control
import Core
import Node

@testable import Console

extension Sample {
  private static func run(
    _ number: Int, _ outcome: String, minutesAgo: Int, trigger: String, rows: Int?,
    version: Int? = nil, _ detail: String
  ) -> String {
    let began = (start + .minutes(-minutesAgo)).microseconds
    let made = version.map { #","plan":"quick","version":"flight-delay@\#($0)""# } ?? ""
    let learnt = rows.map { #","rows":\#($0),"through":\#(began)"# } ?? ""
    return """
      {"began":{"detail":"PSI over 0.2 in 3 of 12 inputs for 30m","endpoint":"flight-delay",\
      "model":"flight-delay","policy":"flight-delay-weekly","policyDigest":"\(digest(5))",\
      "run":\(number),"trigger":"\(trigger)"},"by":{"kind":"system","name":"sluice"},\
      "result":{"detail":"\(detail)","duration":192000000,"outcome":"\(outcome)"\(learnt)\(made)},\
      "start":\(began)}
      """
  }

  private static let running =
    #"{"detail":"asked for by ana","endpoint":"flight-delay","model":"flight-delay","#
    + #""policy":"flight-delay-weekly","policyDigest":"\#(digest(5))","run":5,"trigger":"by hand"}"#

  /// Two policies, one of whose versions waits for a person; with `isRunning` a run goes on.
  static func retraining(isRunning: Bool = false, endpoint: String = "flight-delay")
    -> RetrainingOverview
  {
    let now =
      isRunning
      ? #","running":\#(running),"runningSince":\#(start.microseconds),"stage":"training""# : ""
    let runs = [
      run(
        4, "proposed", minutesAgo: 130, trigger: "drift", rows: 41_204, version: 4,
        "all 4 gates of standard passed on 8,240 rows held out"),
      run(
        3, "gates-failed", minutesAgo: 1570, trigger: "schedule", rows: 39_870, version: 3,
        "accuracy 0.741, wanted at least 0.75"),
      run(
        2, "bad-data", minutesAgo: 3010, trigger: "accuracy", rows: nil,
        "rows 812, wanted at least 5,000"),
    ]
    return decoded(
      """
      {"policies":[{"command":"python3 retrain.py --data {data} --out {out}","endpoint":\
      "flight-delay","ended":[\(runs.joined(separator: ","))],"ending":"propose","learntThrough":\
      \((start + .minutes(-131)).microseconds),"model":"flight-delay","name":"flight-delay-weekly",\
      "next":\((start + .minutes(780)).microseconds),"plan":"quick","runs":\(isRunning ? 5 : 4),\
      "triggers":["drift of 2 inputs for 30m","Sun 03:00"]\(now)},{"endpoint":"fraud-score",\
      "ended":[],"name":"fraud-nightly","runs":0,"triggers":[]}],"proposals":[{"endpoint":\
      "\(endpoint)","plan":"quick","policy":"flight-delay-weekly","time":\
      \((start + .minutes(-127)).microseconds),"version":"flight-delay@4"}]}
      """)
  }

  static let retrainingLog: RetrainingLogView = decoded(
    """
    {"folder":"/var/lib/sluice/retraining/flight-delay-weekly/4","output":"reading 32964 rows\\n\
    epoch 1 loss 0.512\\nepoch 2 loss 0.488\\nwritten model.onnx","policy":"flight-delay-weekly",\
    "quality":[{"check":"rows","limit":"at least 5,000","measured":"41,204","passed":true},\
    {"check":"missing values","limit":"at most 20 %","measured":"pressure 31.2 %","passed":false},\
    {"check":"kept out","limit":"","measured":"none","passed":true}],"run":4}
    """)

  static func recording(_ policy: RecordingPolicy?) -> RecordingView {
    var view: RecordingView = decoded(
      """
      {"bytes":48234496,"dropped":0,"endpoint":"flight-delay","files":12,"isRunning":true,\
      "labels":18220,"lost":0,"newest":1773496951000000,"oldest":1773410551000000,"requests":91234}
      """)
    view.policy = policy
    return view
  }

  /// Without a rollout, with one rule by hand.
  static func idleWithRule() -> NodeSnapshot {
    var snapshot = snapshot(seconds: 1, rollout: nil)
    snapshot.detail?.rules = [
      RouteRule(
        name: name("pin-alice"), rule: RequestRule([.key(anyOf: ["alice"])]),
        split: Split(all: version(2)), by: ana, since: start + .minutes(-9)),
      RouteRule(
        name: name("aa"), rule: RequestRule([.input("carrier", anyOf: ["AA", "UA"])]),
        split: Split(stable: version(1), candidate: version(2), weight: 5000), by: ana,
        since: start + .minutes(-61)),
    ]
    return snapshot
  }
}

extension Driver {
  /// Runs a command of the palette.
  mutating func command(_ text: String) {
    press(.character(":"))
    type(text)
    press(.enter)
  }

  /// Opens the screen of retraining, answered.
  mutating func openRetraining(_ overview: RetrainingOverview = Sample.retraining()) {
    command("retraining")
    if let ticket = ticket({ $0 == .retraining }) {
      tell(.reply(ticket, .retraining(.overview(overview))))
    }
  }

  /// Opens the card of the recording, answered.
  mutating func openRecording(_ policy: RecordingPolicy?) {
    command("recording")
    if let ticket = ticket({ $0 == .recording }) {
      tell(.reply(ticket, .recording(Sample.recording(policy))))
    }
  }

  /// Answers the last question about a ramp.
  mutating func answerRamp() {
    if let ticket = ticket({ $0 == .rampPreview }) {
      tell(.reply(ticket, .rampPreview(Sample.preview(Sample.version(4), Sample.standard))))
    }
  }
}
