//! Changes in the order in which they are made, each with its way back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Files to apply, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// What it is for, in one sentence.
    pub title: String,
    /// The steps, in the order in which they are to be taken. Undone in the opposite order.
    pub steps: Vec<Step>,
    /// What to know before the first step, a sentence each: what could not be seen, what was left alone and why.
    pub notes: Vec<String>,
}

/// One change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What it changes, in one sentence.
    pub title: String,
    /// Why it is safe: the evidence, a sentence each.
    pub because: Vec<String>,
    /// The files that it needs.
    pub files: Vec<File>,
    /// The commands that make the change, run in the folder of the files.
    pub apply: Vec<String>,
    /// The commands that undo it, run in the same folder.
    pub undo: Vec<String>,
}

/// A file of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Its name in the plan's folder, such as `10-deny-long-lived-tokens.yaml`. Letters, digits, `.`, `-`, `_` and `/`.
    pub name: String,
    /// What is in it.
    pub text: String,
}
