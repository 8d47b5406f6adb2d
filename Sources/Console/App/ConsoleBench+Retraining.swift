import Control
import Core
import Node

extension ConsoleBench {
  /// Frames of the retraining screens, with as many policies, runs and lines of output as a node
  /// keeps.
  static func retraining(
    _ model: inout ConsoleModel, _ size: String, _ frames: Int
  ) -> [Figure] {
    let ticket = Ticket(.retraining, number: 0)
    var list = RetrainingCard(ticket: ticket)
    list.take(overview)
    model.dialogs = [.retraining(list)]
    var figures = [
      measure("retraining", size, frames) {
        step(&model, .down)
        draw(model)
      }
    ]
    guard let policy = list.policy?.name else { preconditionFailure("a policy is listed") }
    var log = RetrainingLogCard(policy: policy, run: 1, newest: 1, ticket: ticket)
    log.take(output, columns: model.columns)
    model.dialogs = [.retrainingLog(log)]
    figures.append(
      measure("retraining log", size, frames) {
        step(&model, .down)
        draw(model)
      })
    model.dialogs = []
    return figures
  }

  private static func decoded<Value: Decodable>(_ json: String) -> Value {
    do { return try CanonicalJSON.decode(Value.self, from: Array(json.utf8)) } catch {
      preconditionFailure("the made-up retraining is none: \(error)")
    }
  }

  private static var overview: RetrainingOverview {
    let began =
      #"{"detail":"drift","endpoint":"endpoint-0","model":"endpoint-0","policy":"weekly","#
      + #""policyDigest":"\#(String(repeating: "07", count: 32))","run":1,"trigger":"drift"}"#
    let said = String(repeating: "accuracy 0.741, wanted at least 0.75; ", count: 5)
    let run =
      #"{"began":\#(began),"by":{"kind":"person","name":"ana"},"result":{"detail":"\#(said)","#
      + #""duration":9000000,"outcome":"gates-failed","rows":41204},"start":1773496951000000}"#
    let runs = Array(repeating: run, count: ControlLimits.endedRetrainingsMax)
      .joined(separator: ",")
    let policies = (0..<ControlLimits.retrainingPoliciesMax).map { number in
      #"{"command":"python3 retrain.py","endpoint":"endpoint-0","ended":[\#(runs)],"#
        + #""name":"weekly-\#(number)","runs":16,"triggers":["Sun 03:00"]}"#
    }
    return decoded(#"{"policies":[\#(policies.joined(separator: ","))],"proposals":[]}"#)
  }

  private static var output: RetrainingLogView {
    let line = String(repeating: "epoch 17 of 200, loss 0.4121; ", count: 20)
    let text = Array(repeating: line, count: 1_000).joined(separator: "\\n")
    return decoded(
      #"{"folder":"/","output":"\#(text)","policy":"weekly-0","quality":[],"run":1}"#)
  }
}
