extension ActionSpec {
  static let moving: [ActionSpec] = [
    ActionSpec(
      .paneTraffic, .move, [.character("1")], "traffic", "Traffic", "Goes to the Traffic pane."),
    ActionSpec(
      .paneVersions, .move, [.character("2")], "versions", "Versions",
      "Goes to the Versions pane."),
    ActionSpec(
      .paneCanary, .move, [.character("3")], "canary", "Canary", "Goes to the Canary pane."),
    ActionSpec(.paneDrift, .move, [.character("4")], "drift", "Drift", "Goes to the Drift pane."),
    ActionSpec(
      .paneEvents, .move, [.character("5")], "events", "Events",
      "Goes to the Events and audit pane.", synonyms: ["audit", "log", "journal"]),
    ActionSpec(
      .paneRunbooks, .move, [.character("6"), .character("r")], "runbooks", "Runbooks",
      "Goes to the Runbooks pane; a runbook made for a present symptom stands first."),
    ActionSpec(.nextPane, .move, [.tab], "next-pane", "Next pane", "Goes to the next pane."),
    ActionSpec(
      .previousPane, .move, [.backTab], "previous-pane", "Previous pane",
      "Goes to the previous pane."),
    ActionSpec(.up, .move, [.up, .character("k")], "up", "Up", "Selects the line above."),
    ActionSpec(.down, .move, [.down, .character("j")], "down", "Down", "Selects the line below."),
    ActionSpec(
      .left, .move, [.left, .character("h")], "left", "Left",
      "Drift: shows the previous version's drift."),
    ActionSpec(
      .right, .move, [.right, .character("l")], "right", "Right",
      "Drift: shows the next version's drift."),
    ActionSpec(.top, .move, [.character("g"), .home], "top", "First", "Selects the first line."),
    ActionSpec(
      .bottom, .move, [.character("G"), .end], "bottom", "Last", "Selects the last line."),
    ActionSpec(.pageUp, .move, [.pageUp], "page-up", "Page up", "Goes ten lines up."),
    ActionSpec(.pageDown, .move, [.pageDown], "page-down", "Page down", "Goes ten lines down."),
    ActionSpec(
      .open, .move, [.enter], "open", "Open",
      "Opens what is selected: an endpoint, a version's card, a feature, an event, a runbook's "
        + "dry run."
    ),
    ActionSpec(
      .back, .move, [.escape, .backspace], "back", "Back",
      "Leaves a card, a filter, the zoom, or the endpoint for the list of endpoints."),
    ActionSpec(
      .zoom, .move, [.character("z")], "zoom", "Zoom",
      "Gives the pane the whole screen, and back."),
    ActionSpec(
      .nextLayout, .move, [.character("L")], "layout", "Layout",
      "Goes to the next layout: overview, release, watch.", argument: .layout),
  ]

  static let looking: [ActionSpec] = [
    ActionSpec(
      .filter, .look, [.character("/")], "filter", "Filter",
      "Shows only the lines of the pane that contain a text.", argument: .text,
      synonyms: ["search", "find"]),
    ActionSpec(
      .findNext, .look, [.character("n")], "find-next", "Next", "Goes to the next matching line."),
    ActionSpec(
      .findPrevious, .look, [.character("N")], "find-previous", "Previous",
      "Goes to the previous matching line."),
    ActionSpec(
      .sortColumn, .look, [.character("s")], "sort", "Sort",
      "Versions: sorts by the next column."),
    ActionSpec(
      .sortDirection, .look, [.character("S")], "sort-direction", "Sort direction",
      "Versions: turns the order round."),
    ActionSpec(
      .freeze, .look, [.character(" ")], "freeze", "Freeze",
      "Stands the view still while the node goes on, and lets it go again.",
      synonyms: ["pause view"]),
    ActionSpec(
      .scrubBack, .look, [.character("[")], "back-in-time", "Earlier",
      "Shows the charts as they stood half a window earlier."),
    ActionSpec(
      .scrubForward, .look, [.character("]")], "forward-in-time", "Later",
      "Shows the charts as they stood half a window later."),
    ActionSpec(
      .previousEvent, .look, [.character("{")], "previous-event", "Previous event",
      "Goes to the time of the event before."),
    ActionSpec(
      .nextEvent, .look, [.character("}")], "next-event", "Next event",
      "Goes to the time of the event after."),
    ActionSpec(
      .live, .look, [.character("0")], "live", "Live", "Goes back to the present.",
      synonyms: ["now"]),
    ActionSpec(
      .window, .look, [.character("w")], "window", "Window",
      "Charts over 5 minutes, 15 minutes, 1 hour."),
    ActionSpec(
      .timeZone, .look, [.character("t")], "utc", "UTC/local",
      "Shows times in UTC or in the local zone."),
    ActionSpec(
      .diff, .look, [.character("d")], "diff", "Compare",
      "Versions: sets the selected version beside the stable one."),
    ActionSpec(
      .follow, .look, [.character("f")], "follow", "Follow", "Events: stays on the newest line."),
  ]

  static let acting: [ActionSpec] = [
    ActionSpec(
      .ramp, .act, [.character("c")], "ramp", "Ramp",
      "Moves traffic to a version step by step, judged at every step.", risk: .risk,
      argument: .version, synonyms: ["canary", "rollout", "release"]),
    ActionSpec(
      .stepNext, .act, [.character(">")], "next", "Next step",
      "Goes to the plan's next step now; past a guard's hold it asks for a reason.", risk: .risk,
      synonyms: ["skip", "step"]),
    ActionSpec(
      .stepPrevious, .act, [.character("<")], "previous", "Previous step",
      "Goes back to the plan's previous step.", risk: .safe),
    ActionSpec(
      .weightUp, .act, [.character("+")], "plus", "+1 %",
      "Gives the candidate one point more traffic.", risk: .risk),
    ActionSpec(
      .weightDown, .act, [.character("-")], "minus", "-1 %",
      "Gives the candidate one point less traffic.", risk: .safe),
    ActionSpec(
      .setWeight, .act, [], "weight", "Weight",
      "Sets the candidate's share of the traffic.", risk: .risk, argument: .weight,
      synonyms: ["split"]),
    ActionSpec(
      .pauseResume, .act, [.character("p")], "pause", "Pause/resume",
      "Holds the rollout at its weight, or lets it go on.", risk: .safe,
      synonyms: ["resume", "hold"]),
    ActionSpec(
      .abort, .act, [.character("x")], "abort", "Abort",
      "Ends the rollout and gives all traffic back.", risk: .safe, synonyms: ["cancel", "stop"]),
    ActionSpec(
      .promote, .act, [], "promote", "Promote",
      "Gives the candidate all traffic now, past the remaining steps.", risk: .destructive),
    ActionSpec(
      .rollBack, .act, [.character("R")], "rollback", "ROLLBACK",
      "Gives all traffic back to the last good version.", risk: .safe, argument: .target,
      synonyms: ["roll back", "revert"]),
    ActionSpec(
      .undo, .act, [.character("u")], "undo", "Undo",
      "Gives back the split from before the last change.", risk: .risk),
    ActionSpec(
      .deploy, .act, [.character("o")], "deploy", "Deploy",
      "Loads a registered version on the endpoint; it gets no traffic yet.", risk: .risk,
      argument: .version, synonyms: ["load"]),
    ActionSpec(
      .unload, .act, [], "unload", "Unload", "Takes a version without traffic off the endpoint.",
      risk: .destructive, argument: .version),
    ActionSpec(
      .drain, .act, [], "drain", "Drain",
      "Stops taking requests: callers get 503 until the endpoint is enabled.", risk: .destructive),
    ActionSpec(
      .enable, .act, [], "enable", "Enable", "Takes requests again after a drain.", risk: .risk),
    ActionSpec(
      .annotate, .act, [], "note", "Note", "Writes a remark into the journal.", risk: .safe,
      argument: .text, synonyms: ["annotate", "comment", "remark"]),
    ActionSpec(
      .acknowledge, .act, [.character("a")], "acknowledge", "Acknowledge",
      "Takes the symptom off the message line and notes in the journal who saw it.", risk: .safe,
      synonyms: ["ack"]),
    ActionSpec(
      .runbook, .act, [], "runbook", "Runbook", "Shows what a runbook would do now.", risk: .safe,
      argument: .runbook),
  ]

  static let lookingCloser: [ActionSpec] = [
    ActionSpec(
      .verdict, .look, [.character("v")], "verdict", "Verdict",
      "Explains what the guard knows of the candidate: counts, rates, effect, evidence, what is "
        + "missing.", synonyms: ["judge", "evidence", "explain"]),
    ActionSpec(
      .registry, .look, [.character("b")], "registry", "Registry",
      "Browses all models and versions: where they serve, cards, lineage.",
      synonyms: ["models", "browse", "library"]),
    ActionSpec(
      .asOf, .look, [.character("@")], "as-of", "As of",
      "Shows split, roles and rollout as they were at a past time, or at the selected event.",
      argument: .time, synonyms: ["history", "past", "time travel"]),
    ActionSpec(
      .why, .look, [.character("W")], "why", "Why",
      "Says which version a caller's key gets, and by which rule.", argument: .key,
      synonyms: ["route", "explain", "bucket"]),
    ActionSpec(
      .attached, .look, [.character("O")], "who", "Who is attached",
      "Lists who else looks at this node.", synonyms: ["operators", "attached", "peers"]),
    ActionSpec(
      .tryRequest, .look, [.character("i")], "try", "Try",
      "Sends one test request whose row can be changed; it is outside of every verdict.",
      synonyms: ["test request", "synthetic", "predict"]),
    ActionSpec(
      .checklist, .look, [.character("K")], "checklist", "Checklist",
      "Shows a version's gates, approval and checklist; Enter signs an item in your name.",
      argument: .version, synonyms: ["sign off", "gates", "standing", "tags", "aliases"]),
    ActionSpec(
      .recording, .look, [], "recording", "Recording",
      "Shows what is recorded of the endpoint's requests; turns it on, off, or to another share.",
      synonyms: ["recorder", "traffic log"]),
    ActionSpec(
      .rules, .look, [], "rules", "Rules",
      "Lists the rules by hand that route ahead of the split; adds, pins and ends them.",
      synonyms: ["pins", "unpin", "segments", "headers"]),
    ActionSpec(
      .retraining, .look, [], "retraining", "Retraining",
      "Lists what trains models again, its runs and proposals; runs, accepts and declines.",
      synonyms: ["retrain", "train", "proposals", "policies"]),
  ]

  static let releasing: [ActionSpec] = [
    ActionSpec(
      .approve, .act, [.character("A")], "approve", "Approve",
      "Agrees to the running rollout's start or next step, in your name.", risk: .risk,
      synonyms: ["agree", "sign"]),
    ActionSpec(
      .stopTheLine, .act, [.character("X")], "stop-the-line", "Stop the line",
      "Lets nothing move forward on any endpoint until it is released; the same key releases it.",
      risk: .safe, argument: .reason, synonyms: ["andon", "halt", "release the line"]),
    ActionSpec(
      .freezes, .act, [.character("F")], "freezes", "Freezes",
      "Lists the times in which nothing moves forward; adds and removes them.", risk: .safe,
      synonyms: ["freeze window", "unfreeze", "calendar"]),
    ActionSpec(
      .editPlan, .act, [.character("P")], "plan", "Plan",
      "Edits a plan with a live dry run, then starts it or saves it as a file.", risk: .risk,
      synonyms: ["edit plan", "dry run"]),
    ActionSpec(
      .supersede, .act, [.character("C")], "supersede", "Supersede",
      "Rolls the running candidate back and ramps another version in its place; both or neither.",
      risk: .risk, argument: .version, synonyms: ["replace"]),
    ActionSpec(
      .retry, .act, [], "retry", "Retry",
      "Starts the last rollout again by the same plan, with fresh evidence and approvals.",
      risk: .risk, synonyms: ["again"]),
    ActionSpec(
      .undoTo, .act, [.character("U")], "undo-to", "Undo to",
      "Gives back the split of an earlier generation, chosen from a list.", risk: .risk,
      argument: .generation, synonyms: ["generation", "revision", "restore split"]),
    ActionSpec(
      .pick, .act, [], "pick", "Pick",
      "Gives one of several candidates all traffic and closes the others.", risk: .destructive,
      argument: .candidate, synonyms: ["choose", "winner"]),
    ActionSpec(
      .drop, .act, [], "drop", "Drop", "Goes on without one of several candidates.", risk: .safe,
      argument: .candidate, synonyms: ["remove candidate"]),
  ]

  static let tools: [ActionSpec] = [
    ActionSpec(
      .palette, .tools, [.character(":")], "palette", "Command", "Finds a command by its name."),
    ActionSpec(
      .help, .tools, [.character("?"), .function(1)], "help", "Help",
      "Lists every key; type to search, Enter runs."),
    ActionSpec(
      .copy, .tools, [.character("y")], "copy", "Copy",
      "Copies what is selected; for an event, the command line that does the same."),
    ActionSpec(
      .copyPane, .tools, [.character("Y")], "copy-pane", "Copy pane", "Copies the pane's text."),
    ActionSpec(
      .export, .tools, [.character("e")], "export", "Export", "Writes the pane's text to a file."),
    ActionSpec(
      .mouse, .tools, [.character("m")], "mouse", "Mouse",
      "Turns the mouse off, so that the terminal selects text itself, and on."),
    ActionSpec(
      .readOnly, .tools, [.character("!")], "read-only", "Read-only",
      "Refuses everything that changes the node, or allows it again."),
    ActionSpec(
      .theme, .tools, [.character("T")], "theme", "Theme", "Goes to the next theme.",
      argument: .theme),
    ActionSpec(
      .verifyJournal, .tools, [], "verify", "Verify journal",
      "Checks the journal's chain from its beginning.", synonyms: ["audit check"]),
    ActionSpec(
      .quit, .tools, [.character("q"), .control("c")], "quit", "Quit",
      "Leaves the console; asks when the engine runs in it and traffic flows.", synonyms: ["exit"]),
    ActionSpec(
      .suspend, .tools, [.control("z")], "suspend", "Suspend",
      "Stops the console for the shell; refused while the engine runs in it.",
      synonyms: ["detach"]),
  ]
}
