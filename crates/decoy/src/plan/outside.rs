//! A further copy of a decoy's credential, for a place outside the cluster.

use super::{Plan, PlanError, Planned, build};
use crate::{
    Decoy, Inventory, Object, Part, Placement,
    inventory::{is_label, is_subdomain},
};

/// A further Secret for the account of `decoy`, whose kubeconfig leaves the cluster: the plan's decoy is `decoy` with
/// the placement and the Secret added, and its objects are the Secret alone. `secret` is the Secret's name; else one is
/// made as Kubernetes used to make them. `random` is as for [`super::plan`].
///
/// # Errors
///
/// Where the name is none, or the decoy has a placement or a Secret of that name.
pub fn outside(
    decoy: &Decoy,
    name: &str,
    secret: Option<&str>,
    location: &str,
    field_manager: &str,
    random: &mut dyn FnMut(usize) -> String,
) -> Result<Plan, PlanError> {
    let persona = decoy.persona.clone().unwrap_or_else(|| "none".into());
    let broken = |problem: String| PlanError::Broken { persona: persona.clone(), problem };
    if !is_label(name) {
        return Err(broken(format!(
            "`{name}` is no placement's name: lower-case letters, digits and hyphens"
        )));
    }
    if decoy.placements.iter().any(|placement| placement.label() == name) {
        return Err(PlanError::PlacementThere { decoy: decoy.name(), name: name.to_owned() });
    }
    let secret = secret.map_or_else(|| format!("{}-token-{}", decoy.account, random(5)), ToOwned::to_owned);
    if !is_subdomain(&secret) {
        return Err(broken(format!("`{secret}` is no name for a Secret")));
    }
    if decoy.placements.iter().any(|placement| placement.secret.as_ref() == Some(&secret)) {
        let object = format!("Secret {}/{secret}", decoy.namespace);
        return Err(PlanError::Taken { object, word: "secret".into() });
    }
    let object = Object {
        api_version: "v1".into(),
        kind: "Secret".into(),
        namespace: Some(decoy.namespace.clone()),
        name: secret.clone(),
        uid: None,
        part: Part::Token,
        digest: None,
    };
    let manifest = build::token_secret(&decoy.namespace, &secret, &decoy.account);
    let mut grown = decoy.clone();
    grown.objects.push(object.clone());
    grown.placements.push(Placement {
        name: Some(name.to_owned()),
        secret: Some(secret),
        location: Some(location.to_owned()),
        outside: true,
        ..Placement::default()
    });
    let cluster = decoy.cluster.as_deref().unwrap_or("default");
    Inventory::of(cluster, vec![grown.clone()], Vec::new()).map_err(|error| broken(error.to_string()))?;
    Ok(Plan {
        persona: decoy.persona.clone().unwrap_or_default(),
        field_manager: field_manager.to_owned(),
        rights: Vec::new(),
        objects: vec![Planned { object, manifest, tokens: Vec::new() }],
        decoy: grown,
        outside: vec![name.to_owned()],
    })
}
