/// Plans, runbooks and gates that come with the program, written here by `scripts/embed-library`.
enum BuiltInFiles {
  /// The files of `samples/plans`, by name.
  static let planFiles: [String: String] = [
    "ab-test.yaml": """
    # Candidates beside the stable version for a fixed time; good results never end it early, harm
    # does.
    name: ab-test
    summary: A/B at 20 % each for 7 days, then the one that is left or picked with a soak of 24 h
    steps:
      - ab: 20%
        hold: 7d
        min_requests: 10000
      - weight: 100%
    metrics:
      - metric: errors
        tolerance: 1.25
        risk_share: 40%
      - metric: wrong_answers
        tolerance: 1.25
        risk_share: 40%
      - metric: latency
        tolerance: 1.25
        risk_share: 20%
    latency_slack: 5ms
    hold_risk: 5%
    rollback_risk: 1%
    soak: 24h

    """,
    "blue-green.yaml": """
    # The new version is loaded beside the old one and answers only pinned and synthetic requests;
    # after approval everyone moves at once, and the old one stays loaded until the soak is over.
    name: blue-green
    summary: preview for 10 min and approval, then 100 % with a soak of 1 h
    steps:
      - preview: true
        hold: 10m
        approval: true
      - weight: 100%
    soak: 1h

    """,
    "careful.yaml": """
    # Small steps for a version that is hard to judge; a person approves the move past half.
    name: careful
    summary: 1, 5, 10, 25 and 50 % over five hours, approval, then 100 % with a soak of 24 h
    steps:
      - weight: 1%
        hold: 1h
        min_requests: 500
      - weight: 5%
        hold: 1h
        min_requests: 1000
      - weight: 10%
        hold: 1h
        min_requests: 2000
      - weight: 25%
        hold: 1h
        min_requests: 5000
      - weight: 50%
        hold: 1h
        min_requests: 10000
        approval: true
      - weight: 100%
    metrics:
      - metric: errors
        tolerance: 1.1
        risk_share: 40%
      - metric: wrong_answers
        tolerance: 1.1
        risk_share: 40%
      - metric: latency
        tolerance: 1.25
        risk_share: 20%
    latency_slack: 2ms
    hold_risk: 5%
    rollback_risk: 1%
    soak: 24h
    hold_deadline: 12h

    """,
    "quick-ramp.yaml": """
    # A ramp of a minute for trying things out: enough traffic must have been seen at each step.
    name: quick-ramp
    summary: 5 %, 25 % and 50 % for 15 s each, then 100 % with a soak of 20 s
    steps:
      - weight: 5%
        hold: 15s
        min_requests: 200
      - weight: 25%
        hold: 15s
        min_requests: 1000
      - weight: 50%
        hold: 15s
        min_requests: 2000
      - weight: 100%
    metrics:
      - metric: errors
        tolerance: 1.25
        risk_share: 40%
      - metric: wrong_answers
        tolerance: 1.25
        risk_share: 40%
      - metric: latency
        tolerance: 1.25
        risk_share: 20%
    latency_slack: 5ms
    hold_risk: 5%
    rollback_risk: 1%
    soak: 20s

    """,
    "shadow-first.yaml": """
    # From copies that no caller sees to everyone: shadow, canary, a test of fixed length, all.
    name: shadow-first
    summary: shadow for 1 h, 5 % for 1 h, A/B at 50 % for 24 h, then 100 % with a soak of 24 h
    steps:
      - shadow: 50%
        hold: 1h
        min_requests: 1000
      - weight: 5%
        hold: 1h
        min_requests: 1000
      - ab: 50%
        hold: 24h
        min_requests: 10000
      - weight: 100%
    metrics:
      - metric: errors
        tolerance: 1.25
        risk_share: 30%
      - metric: wrong_answers
        tolerance: 1.25
        risk_share: 30%
      - metric: latency
        tolerance: 1.25
        risk_share: 20%
      - metric: disagreement
        tolerance: 1
        limit: 5%
        risk_share: 20%
    latency_slack: 5ms
    hold_risk: 5%
    rollback_risk: 1%
    soak: 24h
    hold_deadline: 24h
    hold_policy:
      weight: floor
      then: escalate

    """,
    "standard-launch.yaml": """
    # The launch checklist: 10 % for an hour, 50 % for two, then everyone, watched for a day.
    name: standard-launch
    summary: 10 % for 1 h, 50 % for 2 h, 100 %, then a soak of 24 h
    steps:
      - weight: 10%
        hold: 1h
        min_requests: 1000
      - weight: 50%
        hold: 2h
        min_requests: 5000
      - weight: 100%
    metrics:
      - metric: errors
        tolerance: 1.25
        risk_share: 40%
      - metric: wrong_answers
        tolerance: 1.25
        risk_share: 40%
      - metric: latency
        tolerance: 1.25
        risk_share: 20%
    latency_slack: 5ms
    hold_risk: 5%
    rollback_risk: 1%
    soak: 24h

    """,
  ]

  /// The files of `samples/runbooks`, by name.
  static let runbookFiles: [String: String] = [
    "drift-detected.yaml": """
    # What comes in, or what goes out, no longer looks like the training data.
    name: drift-detected
    title: Drift detected
    symptom: drift
    steps:
      - check: at least one feature has drifted
        metric: drifted_features
        above: 0
      - action: hold the running rollout until somebody has looked
        when:
          metric: rollout_active
          above: 0
        command: pause
      - note: open the feature in the Drift pane and compare its range with the feed's last change
      - note: drift on one version alone points to its preparation; roll back when answers are wrong

    """,
    "high-error-rate.yaml": """
    # More answers fail than users can bear.
    name: high-error-rate
    title: High error rate
    symptom: high-error-rate
    steps:
      - check: requests come at all
        metric: requests_per_second
        above: 1
      - check: more than 5 % of the answers fail
        metric: error_rate
        above: 5%
      - action: hold the running rollout where it is
        when:
          metric: rollout_active
          above: 0
        command: pause
      - action: give all traffic back to the last good version
        command: rollback

    """,
    "high-latency.yaml": """
    # Answers come, but too late.
    name: high-latency
    title: High latency
    symptom: high-latency
    steps:
      - check: the slowest hundredth takes more than 100 ms
        metric: p99_ms
        above: 100
      - note: compare the requests a second with a usual hour; more load alone can be the cause
      - action: take one step back in the running rollout
        when:
          metric: rollout_active
          above: 0
        command: step-back
      - note: no better after a minute, roll back (R)

    """,
  ]

  /// The files of `samples/gates`, by name.
  static let gateFiles: [String: String] = [
    "default.yaml": """
    # What a version must show when no file of gates is given. Nothing here needs labelled rows.
    name: default
    summary: Fits the endpoint, right on golden rows, written down, fits in memory, fast.

    signature: true
    golden:
      min_rows: 1
    warm_up: true
    card: true

    memory:
      available: 50%
    load:
      threads: 4
      seconds: 2
      p99: 100ms
      p99_ratio: 2
      p99_slack: 2ms
      throughput_ratio: 0.5

    """,
    "standard.yaml": """
    # What a version must show before it gets traffic.
    name: standard
    summary: The same answers as in training, no worse than the stable, fast enough, written down.

    signature: true
    golden:
      min_rows: 10
    warm_up: true

    metrics:
      - metric: accuracy
        min: 0.7
        bound: interval

    against:
      - metric: accuracy
        ratio: 0.95
      - metric: roc_auc
        margin: 0.01

    latency:
      p50: 5ms
      p99: 25ms
      cpu: 5ms
    memory:
      growth_mb: 512

    card: [summary, owner, intended_use, training_data, metrics, limitations]

    """,
  ]
}
