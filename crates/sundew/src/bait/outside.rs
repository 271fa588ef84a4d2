//! Copies that leave the cluster: which file each is written to, and the plan of a further one.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sundew_decoy::{
    Decoy, Inventory, State,
    persona::Persona,
    plan::{self, Plan},
};

use super::{Books, chosen, plant::random, write_secret};
use crate::args;

/// The field manager of a Secret that is made by hand.
const BY_HAND: &str = "kubectl-create";

/// A kubeconfig, and where it goes.
pub(super) struct Copy {
    placement: String,
    path: PathBuf,
    location: Option<String>,
}

/// The plan of a further placement of a decoy that stands.
pub(super) fn plan(args: &args::Outside, name: &str, books: &Books, personas: &[Persona]) -> Result<Plan> {
    let inventory = books.read()?;
    let decoy = the_decoy(args, &inventory, &books.cluster)?;
    if !matches!(decoy.state, None | Some(State::Planted)) {
        bail!(
            "the decoy {} is not planted, or not any more; `sundew status` says how it stands",
            decoy.name()
        );
    }
    let persona = personas.iter().find(|persona| Some(&persona.id) == decoy.persona.as_ref());
    let manager = persona.map_or(BY_HAND, |persona| &persona.field_manager);
    let location = args.location.clone().unwrap_or_else(|| format!("kubeconfig {name}, outside the cluster"));
    Ok(plan::outside(decoy, name, None, &location, manager, &mut random)?)
}

fn the_decoy<'i>(args: &args::Outside, inventory: &'i Inventory, cluster: &str) -> Result<&'i Decoy> {
    let names: Vec<String> = args.decoy.clone().into_iter().collect();
    match chosen(inventory, cluster, &names, names.is_empty())?.as_slice() {
        [decoy] => Ok(decoy),
        [] => bail!("the inventory has no decoy of cluster `{cluster}`; plant one with --persona first"),
        several => {
            let names: Vec<String> = several.iter().map(|decoy| decoy.name()).collect();
            bail!(
                "the inventory has several decoys: {}; say with --decoy which one gets the copy",
                names.join(", ")
            )
        }
    }
}

/// The files that will be written. None may be there yet: another kubeconfig is never written over.
pub(super) fn copies(args: &args::Outside, plan: &Plan) -> Result<Vec<Copy>> {
    let several = plan.outside.len() > 1;
    if let Some(to) = args.to.as_ref().filter(|_| plan.outside.len() != 1) {
        let many = if several { plan.outside.join(", ") } else { "no placement".into() };
        bail!(
            "--to {} names the file of one kubeconfig, and {many} would be written; leave it out",
            to.display()
        );
    }
    let copy = |placement: &String| {
        let path = args.to.clone().unwrap_or_else(|| PathBuf::from(format!("{placement}.kubeconfig")));
        if path.exists() {
            bail!("{} is there already; name another file with --to, or move it away", path.display());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            bail!("there is no folder {}; make it, or name another file with --to", folder.display());
        }
        let of = plan.decoy.placements.iter().find(|of| of.name.as_ref() == Some(placement));
        let location = of.and_then(|of| of.location.clone());
        Ok(Copy { placement: placement.clone(), path, location })
    };
    plan.outside.iter().map(copy).collect()
}

/// Writes each kubeconfig into its file.
pub(super) fn write(copies: &[Copy], kubeconfigs: &[(String, String)], decoy: &Decoy) -> Result<()> {
    for copy in copies {
        let Some((_, text)) = kubeconfigs.iter().find(|(name, _)| *name == copy.placement) else { continue };
        let name = decoy.name();
        write_secret(&copy.path, text).with_context(|| {
            let placement = &copy.placement;
            format!("{name} is planted, but the kubeconfig of {placement} could not be written; remove the decoy or make a further copy with --outside")
        })?;
    }
    Ok(())
}

impl Copy {
    pub(super) fn as_json(&self) -> Value {
        json!({"placement": self.placement, "file": self.path, "location": self.location})
    }

    /// What to do with it.
    pub(super) fn said(&self) -> String {
        let to = self.location.as_ref().map(|location| format!(" to where it belongs ({location})"));
        format!("{}: take {}{}", self.placement, self.path.display(), to.unwrap_or_default())
    }
}
