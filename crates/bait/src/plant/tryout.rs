//! Trying a plan out: what the server would say to each object.

use serde_json::Value;
use sundew_cluster::HandError;
use sundew_decoy::plan::{Plan, Planned};

use super::{
    key,
    likeness::likeness,
    steady::{Outlook, Steady},
};
use crate::BaitError;

pub(super) async fn all(hand: &Steady, plan: &Plan, progress: &mut dyn FnMut(&str)) -> Result<(), BaitError> {
    for (index, planned) in plan.objects.iter().enumerate() {
        let key = key(&planned.object);
        match hand.try_out(&planned.manifest, &plan.field_manager).await {
            Ok(_) => progress(&format!("{key}: the server would take it")),
            Err(error) => match no_verdict(&error, planned, &plan.objects[..index]) {
                Some(why) => progress(&format!("{key}: {why}")),
                None => return Err(error.into()),
            },
        }
    }
    Ok(())
}

/// Why an answer to a dry run says nothing of what the server would say in earnest.
fn no_verdict(error: &HandError, planned: &Planned, earlier: &[Planned]) -> Option<String> {
    if refuses_dry_runs(error) {
        return Some(
            "can only be tried in earnest: an admission webhook of this cluster knows no dry run".into(),
        );
    }
    // A pod's account is looked up by the ServiceAccount admission (403), a binding's role by the check against
    // escalation (404).
    let (HandError::Forbidden { message, .. } | HandError::Missing { message, .. }) = error else {
        return None;
    };
    let (kind, name) = needs(&planned.manifest)?;
    let needed = earlier.iter().find(|planned| planned.object.kind == kind && planned.object.name == name)?;
    message
        .contains(&format!("\"{name}\" not found"))
        .then(|| format!("can only be tried when {} is there, which is made before it", key(&needed.object)))
}

/// Kind and name of what must be there before the object is taken.
fn needs(manifest: &Value) -> Option<(&str, &str)> {
    match manifest["kind"].as_str()? {
        "Pod" => Some(("ServiceAccount", manifest["spec"]["serviceAccountName"].as_str()?)),
        _ => Some((manifest["roleRef"]["kind"].as_str()?, manifest["roleRef"]["name"].as_str()?)),
    }
}

/// Whether the server would not even say what it would do.
pub(super) fn refuses_dry_runs(error: &HandError) -> bool {
    let words = "does not support dry run";
    match error {
        HandError::Refused { message, .. } | HandError::Forbidden { message, .. } => message.contains(words),
        HandError::Failed { why, .. } => why.to_string().contains(words),
        _ => false,
    }
}

/// What the server would make of `manifest`; a guess from the manifest itself where the server does not say.
pub(super) async fn outlook(hand: &Steady, manifest: &Value, manager: &str) -> Result<Outlook, HandError> {
    match hand.try_out(manifest, manager).await {
        Ok(outcome) => Ok(Outlook { likeness: likeness(&outcome), sure: true }),
        Err(error) if refuses_dry_runs(&error) => Ok(Outlook { likeness: likeness(manifest), sure: false }),
        Err(error) => Err(error),
    }
}
