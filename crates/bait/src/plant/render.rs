//! A plan as YAML, for those who apply it by other means.

use sundew_decoy::{Inventory, plan::Plan};

use crate::{BaitError, file};

/// The plan as YAML documents for those who apply it by other means, with what to do about the inventory.
///
/// # Errors
///
/// Where a placement holds a token that only the cluster makes.
pub fn render(plan: &Plan) -> Result<String, BaitError> {
    if let Some(held) = plan.objects.iter().find(|planned| !planned.tokens.is_empty()) {
        return Err(BaitError::Wrong(format!(
            "{} {} holds the token of placement `{}`, which only the cluster makes; leave that placement out \
             (--placement names those to keep), or let `sundew plant` make it",
            held.object.kind,
            held.object.name,
            held.tokens.join("`, `")
        )));
    }
    let mut text = head(plan);
    for planned in &plan.objects {
        let document = serde_saphyr::to_string(&planned.manifest).map_err(|error| {
            BaitError::Wrong(format!("{} {}: {error}; report this", planned.object.kind, planned.object.name))
        })?;
        text.push_str("---\n");
        text.push_str(&document);
    }
    Ok(text)
}

fn head(plan: &Plan) -> String {
    let decoy = &plan.decoy;
    let mut text = format!(
        "\
# Take these lines out before anybody else reads this file: they tell that it is bait.
#
# 1. Apply it as you apply everything else, or with
#      kubectl create --field-manager={} -f FILE
#    All objects are made in one second then, which a wary intruder may notice.
# 2. Put the decoy {} into the sensor's inventory (`--output inventory` prints its entry).
# 3. `sundew status` shows whether it stands, `sundew drill` whether its use is told.
",
        plan.field_manager,
        decoy.name(),
    );
    for name in &plan.outside {
        let secret = decoy.placements.iter().find(|placement| placement.label() == *name);
        let secret = secret.and_then(|placement| placement.secret.as_deref()).unwrap_or_default();
        text.push_str(&format!(
            "# The copy `{name}` leaves the cluster: write its kubeconfig with the token in Secret {secret}. Reading that \
             Secret is an alert of its own.\n"
        ));
    }
    text
}

/// An inventory that lists the plan's decoy, its objects with no uid: for who applies [`render`]'s text.
///
/// # Errors
///
/// Where the plan's names are none that an inventory can hold.
pub fn render_entry(plan: &Plan) -> Result<String, BaitError> {
    let mut decoy = plan.decoy.clone();
    let cluster = decoy.cluster.take().unwrap_or_else(|| "default".into());
    // With no state, it is taken for one that was made by hand: its objects are looked up when it is taken away.
    decoy.state = None;
    decoy.planted = None;
    decoy.objects = plan.objects.iter().map(|planned| planned.object.clone()).collect();
    let wrong = |error: String| BaitError::Wrong(format!("decoy {}: {error}", plan.decoy.name()));
    let inventory =
        Inventory::of(&cluster, vec![decoy], Vec::new()).map_err(|error| wrong(error.to_string()))?;
    file::write(&inventory).map_err(|error| wrong(error.to_string()))
}
