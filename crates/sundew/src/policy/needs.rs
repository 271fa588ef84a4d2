//! What the chosen detections need of a policy.

use std::sync::Arc;

use anyhow::Result;
use sundew_policy::need::{Needs, Wanted};

use crate::{
    args::{self, DetectorKind},
    rules,
};

/// The needs of the detectors and rules that the arguments name.
pub(super) fn of(args: &args::Wanted) -> Result<Needs> {
    let has = |kind| args.detectors.contains(&kind);
    let book = if has(DetectorKind::Rules) { Some(Arc::new(rules::book(&args.book)?)) } else { None };
    Ok(Needs::new(&Wanted {
        tripwire: has(DetectorKind::Tripwire),
        rules: book,
        habits: has(DetectorKind::Habits),
    }))
}
