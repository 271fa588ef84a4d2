//! How many bytes a day a policy saves or costs on a cluster, by the cluster's own log.

mod sizes;

use hashbrown::HashMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sundew_audit::Event;

use self::sizes::{Sizes, has_answer, has_body};
use crate::{
    cut::{Cut, cut},
    model::{Level, Policy, Stage},
};

/// A day, in seconds.
const DAY: f64 = 86_400.0;
/// A log of less says little of a day.
const SHORT: i64 = 3_600;
/// How many lines are shown.
const LINES: usize = 10;

/// What is counted while a log is read.
#[derive(Debug)]
pub struct Estimate<'p> {
    policy: &'p Policy,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    events: u64,
    now: u64,
    received: Received,
    lines: HashMap<Line, Counted>,
    sizes: Sizes,
}

/// What RequestReceived costs.
#[derive(Debug, Default)]
struct Received {
    /// In the log.
    logged: u64,
    /// What it would cost if every request had that stage too.
    reckoned: u64,
}

/// Of whom, and what.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Line {
    user: String,
    verb: String,
    resource: String,
}

#[derive(Debug, Default)]
struct Counted {
    now: u64,
    under: u64,
    /// How many bodies of requests and of answers the policy wants and the log does not have.
    lacking: [u64; 2],
}

/// What a policy saves or costs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Estimated {
    /// How many events the log has.
    pub events: u64,
    /// The time that it covers, in seconds; 0 where its events do not say.
    pub seconds: i64,
    /// Bytes of the log as it is.
    pub bytes: u64,
    /// Bytes of the same requests under the policy.
    pub under: u64,
    /// How many of those are an estimate: bodies that the policy wants and the log does not have.
    pub guessed: u64,
    /// Bytes that stage RequestReceived has in the log, which the policy leaves out; 0 where the log has none.
    pub received: u64,
    /// Bytes that it would cost where the log has none.
    pub received_would_cost: u64,
    /// The largest lines, by what they are now or would be.
    pub lines: Vec<Part>,
}

/// What one identity does in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The user name; empty for nobody.
    pub user: String,
    /// The verb.
    pub verb: String,
    /// The resource with its group and subresource, or the path.
    pub resource: String,
    /// Bytes in the log.
    pub bytes: u64,
    /// Bytes under the policy.
    pub under: u64,
}

impl<'p> Estimate<'p> {
    /// For a policy.
    pub fn new(policy: &'p Policy) -> Self {
        Self {
            policy,
            first: None,
            last: None,
            events: 0,
            now: 0,
            received: Received::default(),
            lines: HashMap::new(),
            sizes: Sizes::default(),
        }
    }

    /// Takes in an event and the JSON that it was read from.
    pub fn record(&mut self, event: &Event<'_>, json: &str) {
        let bytes = json.len() as u64 + 1;
        self.events += 1;
        self.now += bytes;
        if let Some(time) = event.time() {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        self.received.count(event, json, bytes);
        self.sizes.learn(event);
        let line = Line {
            user: event.user.username.decode().into_owned(),
            verb: event.verb.decode().into_owned(),
            resource: resource(event),
        };
        let counted = self.lines.entry(line).or_default();
        counted.now += bytes;
        let Cut::Kept { line, wanted } = cut(self.policy, event, json) else { return };
        counted.under += line.len() as u64 + 1;
        let lacks = |level: Level, has: bool, can: bool| u64::from(wanted >= level && !has && can);
        counted.lacking[0] += lacks(Level::Request, event.request_object.is_some(), has_body(event));
        counted.lacking[1] +=
            lacks(Level::RequestResponse, event.response_object.is_some(), has_answer(event));
    }

    /// What came of it.
    pub fn finish(self) -> Estimated {
        let mut guessed = 0;
        let mut lines = Vec::new();
        for (Line { user, verb, resource }, counted) in self.lines {
            let more = self.sizes.of(&resource, &verb);
            let lacking = counted.lacking[0] * more[0] + counted.lacking[1] * more[1];
            guessed += lacking;
            let under = counted.under + lacking;
            lines.push(Part { user, verb, resource, bytes: counted.now, under });
        }
        let under = lines.iter().map(|line| line.under).sum();
        lines.sort_by(|a, b| {
            let most = |part: &Part| part.bytes.max(part.under);
            most(b)
                .cmp(&most(a))
                .then_with(|| (&a.user, &a.verb, &a.resource).cmp(&(&b.user, &b.verb, &b.resource)))
        });
        lines.truncate(LINES);
        let span = self.first.zip(self.last).map_or(0, |(first, last)| (last - first).get_seconds());
        Estimated {
            events: self.events,
            seconds: span,
            bytes: self.now,
            under,
            guessed,
            received: self.received.logged,
            received_would_cost: if self.received.logged > 0 { 0 } else { self.received.reckoned },
            lines,
        }
    }
}

impl Estimated {
    /// So many bytes of the log are so many a day; none where the log does not say how long it is.
    pub fn a_day(&self, bytes: u64) -> Option<f64> {
        (self.seconds > 0).then(|| bytes as f64 * DAY / self.seconds as f64)
    }

    /// Whether the log is too short to speak of days.
    pub fn is_short(&self) -> bool {
        self.seconds < SHORT
    }
}

impl Received {
    fn count(&mut self, event: &Event<'_>, json: &str, bytes: u64) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Later<'j> {
            #[serde(borrow, default)]
            response_status: Option<&'j RawValue>,
            #[serde(borrow, default)]
            annotations: Option<&'j RawValue>,
            #[serde(borrow, default)]
            request_object: Option<&'j RawValue>,
            #[serde(borrow, default)]
            response_object: Option<&'j RawValue>,
        }
        if event.stage == Stage::RequestReceived.as_str() {
            self.logged += bytes;
            return;
        }
        // Every request ends, but for 401s and what is still open.
        if event.stage != Stage::ResponseComplete.as_str() && event.code() != Some(401) {
            return;
        }
        let Ok(later) = serde_json::from_str::<Later<'_>>(json) else { return };
        let later = [later.response_status, later.annotations, later.request_object, later.response_object];
        let not_yet: usize = later.iter().flatten().map(|raw| raw.get().len() + 18).sum();
        self.reckoned += bytes.saturating_sub(not_yet as u64);
    }
}

/// `RESOURCE[.GROUP][/SUBRESOURCE]`, or the path.
fn resource(event: &Event<'_>) -> String {
    let Some(object) = event.object_ref else {
        let uri = event.request_uri.decode();
        return uri.split('?').next().unwrap_or_default().to_owned();
    };
    let mut resource = object.resource.decode().into_owned();
    for (mark, part) in [('.', object.api_group), ('/', object.subresource)] {
        if !part.is_empty() {
            resource.push(mark);
            resource.push_str(&part.decode());
        }
    }
    resource
}
