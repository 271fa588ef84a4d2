//! What comes out, for people and programs.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_posture::{
    Cluster, Settings, Severity,
    report::{Object, Report as Posture, View},
    scan,
    usage::Margin,
};

use super::{Left, Narrowed, Narrowing, Proved};
use crate::{evidence::Window, plan::Plan};

/// What could be taken away, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The stretch of time that was looked at.
    pub window: Window,
    /// How much more than was used is left.
    pub margin: Margin,
    /// Each identity that would lose something, those that lose most first.
    pub identities: Vec<Row>,
    /// Each identity that was left alone, and why.
    pub left: Vec<Left>,
    /// How many identities hold nothing that they do not need.
    pub tight: usize,
    /// Every request of the logs, asked again.
    pub proof: Proved,
    /// Roles that something binds now, and nothing would afterwards. They are not deleted.
    pub idle: Vec<String>,
    /// What to know before anything is changed, a sentence each.
    pub notes: Vec<String>,
    /// What to apply; nothing where nothing is to be changed, or where a request would be refused afterwards.
    pub plan: Option<Plan>,
}

/// An identity that would lose something, with the worst of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The identity and its rights.
    #[serde(flatten)]
    pub narrowed: Narrowed,
    /// Risks that it would no longer hold, worst first.
    pub risks: Vec<LostRisk>,
    /// Whether it has a way to the whole cluster now, and would have none.
    pub closes_way: bool,
}

/// A risk that an identity would no longer hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LostRisk {
    /// Its id, as `sundew scan` has it.
    pub id: String,
    /// A few words with the identity understood before them.
    pub title: String,
    /// How bad it is here.
    pub severity: Severity,
    /// Where it was held, as `cluster` or `namespace shop`.
    pub scope: String,
}

impl Report {
    /// Puts together what was found and proved. `after` is the cluster as it would be.
    pub fn new(
        narrowing: &Narrowing,
        proof: Proved,
        cluster: &Cluster,
        after: &Cluster,
        now: Timestamp,
    ) -> Self {
        let settings = Settings::new(now);
        let scans =
            (!narrowing.identities.is_empty()).then(|| (scan(cluster, &settings), scan(after, &settings)));
        let row = |narrowed: &Narrowed| {
            let object = &narrowed.subject;
            let (risks, closes_way) = scans.as_ref().map_or_else(Default::default, |(before, after)| {
                let way = has_way(before, object) && !has_way(after, object);
                (lost(before, after, object), way)
            });
            Row { narrowed: narrowed.clone(), risks, closes_way }
        };
        Self {
            window: narrowing.window,
            margin: narrowing.margin,
            identities: narrowing.identities.iter().map(row).collect(),
            left: narrowing.left.clone(),
            tight: narrowing.tight,
            plan: narrowing.plan(cluster, &proof),
            proof,
            idle: narrowing.idle.clone(),
            notes: narrowing.notes.clone(),
        }
    }
}

fn is_same(a: &Object, b: &Object) -> bool {
    (&a.kind, &a.namespace, &a.name) == (&b.kind, &b.namespace, &b.name)
}

fn has_way(report: &Posture, object: &Object) -> bool {
    report.paths.iter().any(|path| is_same(&path.from, object))
}

/// Risks and scopes that an identity holds in a scan.
fn held<'r>(report: &'r Posture, object: &Object) -> BTreeSet<(&'r str, &'r str, Severity)> {
    let findings = report.findings.iter();
    let findings = findings.filter(|f| f.view == View::Subjects && is_same(&f.object, object));
    findings
        .flat_map(|f| f.risks.iter().map(|risk| (risk.id.as_str(), f.scope.as_str(), risk.severity)))
        .collect()
}

fn lost(before: &Posture, after: &Posture, object: &Object) -> Vec<LostRisk> {
    let left = held(after, object);
    let gone = held(before, object).into_iter().filter(|held| !left.contains(held));
    let mut gone: Vec<LostRisk> = gone
        .map(|(id, scope, severity)| LostRisk {
            id: id.to_owned(),
            title: before.risks.get(id).map_or(id, |about| &about.title).to_owned(),
            severity,
            scope: scope.to_owned(),
        })
        .collect();
    gone.sort_by(|a, b| (b.severity, &a.id, &a.scope).cmp(&(a.severity, &b.id, &b.scope)));
    gone
}
