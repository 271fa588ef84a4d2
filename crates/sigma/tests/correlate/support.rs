//! Streams of requests, and what a correlator says of them.

use jiff::Timestamp;
use sundew_audit::parse;
use sundew_sigma::{Correlated, Correlator, Limits, LoadError, RuleSet, Source, correlate};

/// Three detections of one verb each.
pub const BASE: &str = "
title: Lists
name: lists
id: 00000000-0000-4000-8000-000000000001
logsource: {product: kubernetes, service: audit}
detection:
  selection: {verb: list}
  condition: selection
---
title: Gets
name: gets
id: 00000000-0000-4000-8000-000000000002
logsource: {product: kubernetes, service: audit}
detection:
  selection: {verb: get}
  condition: selection
---
title: Creates
name: creates
id: 00000000-0000-4000-8000-000000000003
logsource: {product: kubernetes, service: audit}
detection:
  selection: {verb: create}
  condition: selection
";

/// The names of the three, by the verbs that they match.
pub const VERBS: [&str; 3] = ["list", "get", "create"];

/// A correlation, whose lines under `correlation` are given.
pub fn correlation(name: &str, lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("  {}\n", line.trim_end())).collect();
    format!("---\ntitle: {name}\nname: {name}\nid: id-of-{name}\ncorrelation:\n{lines}")
}

/// The base rules and these correlations.
pub fn source(correlations: &[String]) -> Source {
    Source { name: "test.yml".into(), text: format!("{BASE}{}", correlations.concat()) }
}

/// The base rules and these correlations, all of which can be used.
pub fn rules(correlations: &[String]) -> RuleSet {
    let loaded = RuleSet::load(&[source(correlations)]);
    assert_eq!(loaded.errors, Vec::<LoadError>::new());
    loaded.set
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Microseconds since 1970.
    pub time: i64,
    pub id: String,
    pub verb: &'static str,
    pub user: String,
    pub namespace: String,
    pub name: String,
}

impl Request {
    /// At so many seconds since some beginning.
    pub fn new(second: i64, verb: &'static str, user: &str, name: &str) -> Self {
        let time = (1_790_000_000 + second) * 1_000_000;
        let id = format!("{second}-{verb}-{user}-{name}");
        let text = str::to_owned;
        Self { time, id, verb, user: text(user), namespace: text("shop"), name: text(name) }
    }

    pub fn json(&self) -> String {
        serde_json::json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
            "auditID": self.id, "stage": "ResponseComplete", "requestURI": "/", "verb": self.verb,
            "user": {"username": self.user},
            "sourceIPs": ["192.0.2.7"],
            "objectRef": {"resource": "secrets", "namespace": self.namespace, "name": self.name},
            "responseStatus": {"code": 200},
            "requestReceivedTimestamp": Timestamp::from_microsecond(self.time).unwrap().to_string(),
        })
        .to_string()
    }
}

/// Hands requests to a correlator, as the sensor does.
pub struct Stream {
    pub rules: RuleSet,
    pub correlator: Correlator,
}

impl Stream {
    pub fn new(correlations: &[String]) -> Self {
        Self::with(correlations, Limits::default())
    }

    pub fn with(correlations: &[String], limits: Limits) -> Self {
        Self { rules: rules(correlations), correlator: Correlator::new(limits) }
    }

    pub fn take(&mut self, request: &Request) -> Vec<Correlated> {
        self.take_in("prod", request)
    }

    pub fn take_in(&mut self, cluster: &str, request: &Request) -> Vec<Correlated> {
        let json = request.json();
        let event = parse::event(&json).unwrap();
        let mut hits = Vec::new();
        self.rules.judge(&event, &mut hits);
        let (time, id) = (event.time().unwrap(), correlate::request(&event));
        hits.iter().flat_map(|hit| self.correlator.take(&self.rules, cluster, time, id, hit)).collect()
    }

    /// How many times something is told of all these.
    pub fn told(&mut self, requests: &[Request]) -> usize {
        requests.iter().map(|request| self.take(request).len()).sum()
    }

    /// The seconds, since the first request, of those at which something is told.
    pub fn told_at(&mut self, requests: &[Request]) -> Vec<i64> {
        let first = requests.first().map_or(0, |request| request.time);
        let told = requests.iter().filter(|request| !self.take(request).is_empty());
        told.map(|request| (request.time - first) / 1_000_000).collect()
    }
}

/// Lists by one user, at these seconds.
pub fn lists(seconds: impl IntoIterator<Item = i64>) -> Vec<Request> {
    seconds.into_iter().map(|second| Request::new(second, "list", "mallory", "db")).collect()
}

/// Five lists a minute by one user.
pub fn five_a_minute() -> String {
    correlation(
        "burst",
        "type: event_count\nrules: [lists]\ngroup-by: [user.username]\ntimespan: 1m\ncondition: {gte: 5}",
    )
}
