//! A plan: a persona filled in for one cluster, as the objects that will be made, before anything is.

mod build;
mod choose;
mod filling;
mod outside;
mod sound;

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use self::{build::Builder, filling::Filling};
use crate::{
    Decoy, Inventory, Object,
    persona::{Persona, PlacementDraft, Right},
    surroundings::Surroundings,
};

pub(crate) use build::each_text;
pub use outside::outside;

/// What the user chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The namespace; else the first of the persona's that exists.
    pub namespace: Option<String>,
    /// The persona's words, set otherwise.
    pub words: BTreeMap<String, String>,
    /// Only these of its placements, by name; all where none is named.
    pub placements: Vec<String>,
}

/// What will be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The persona's id.
    pub persona: String,
    /// The field manager of everything.
    pub field_manager: String,
    /// The rights that the persona declares, words filled in.
    pub rights: Vec<Right>,
    /// The objects, in the order in which they are made: the account, the Secrets, then the rest. Each object whose
    /// `tokens` are not empty comes after the Secrets that it holds the tokens of.
    pub objects: Vec<Planned>,
    /// The decoy as the inventory will list it, its objects with no uid yet.
    pub decoy: Decoy,
    /// The placements that leave the cluster as a kubeconfig file, by name.
    pub outside: Vec<String>,
}

/// One object of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its name, and what it is for.
    pub object: Object,
    /// It, ready to be sent but for the tokens.
    pub manifest: Value,
    /// The placements whose token or kubeconfig must be filled in first: `{token NAME}` and `{kubeconfig NAME}` still
    /// stand in the manifest.
    pub tokens: Vec<String>,
}

/// Why there is no plan.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// The persona belongs to no namespace of its own, and none was chosen.
    #[error("persona `{persona}` can stand in any namespace; choose one with --namespace")]
    NoNamespace {
        /// The persona.
        persona: String,
    },
    /// The namespace is not there.
    #[error(
        "there is no namespace `{namespace}`; bait in a namespace younger than its neighbours is not believed, so it is not made: choose one that exists with --namespace"
    )]
    NamespaceMissing {
        /// The namespace.
        namespace: String,
    },
    /// The imitated product is installed.
    #[error(
        "persona `{persona}` would stand beside the real thing: there is {sign}; a false alarm would only be a question of time. Choose another persona"
    )]
    Collides {
        /// The persona.
        persona: String,
        /// What was found.
        sign: String,
    },
    /// An object of that name is there already.
    #[error(
        "{object} is there already; set another name with --set {word}=NAME, or choose another namespace"
    )]
    Taken {
        /// The object.
        object: String,
        /// The word that its name comes from.
        word: String,
    },
    /// A word that the persona does not have, or a placement.
    #[error("persona `{persona}` has no {what} `{name}`; it has {known}")]
    Unknown {
        /// The persona.
        persona: String,
        /// `word` or `placement`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The decoy has a placement of that name.
    #[error(
        "decoy {decoy} has a placement `{name}` already; choose another name, so that alerts tell them apart"
    )]
    PlacementThere {
        /// `NAMESPACE/ACCOUNT`.
        decoy: String,
        /// The placement.
        name: String,
    },
    /// What comes out is no object that Kubernetes takes, or does not fit together.
    #[error("persona `{persona}`: {problem}")]
    Broken {
        /// The persona.
        persona: String,
        /// What is wrong, and where.
        problem: String,
    },
}

/// The letters of what Kubernetes makes up itself, as the last five of a pod's name (`apimachinery`, `util/rand`).
pub const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Fills a persona in. `random` gives that many letters and digits, other ones each time; take them of [`LETTERS`].
///
/// # Errors
///
/// Where the persona cannot or must not stand in this cluster, or a choice names what it does not have.
pub fn plan(
    persona: &Persona,
    around: &Surroundings,
    choice: &Choice,
    random: &mut dyn FnMut(usize) -> String,
) -> Result<Plan, PlanError> {
    let placements = chosen(persona, choice)?;
    let namespace = choose::namespace(persona, around, choice)?;
    choose::collisions(persona, around)?;
    let mut filling = Filling::new(persona, around, &namespace, choice, random)?;
    for placement in &placements {
        filling.name_secret(&placement.name, &placement.secret)?;
    }
    let rights: Vec<Right> =
        persona.rights.iter().map(|right| filling.right(right)).collect::<Result<_, _>>()?;
    let builder = Builder { persona, namespace: &namespace, placements };
    let built = builder.objects(&mut filling)?;
    let listed = builder.listed(&mut filling, &built)?;
    let outside = builder.placements.iter().filter(|draft| draft.outside).map(|draft| draft.name.clone());
    let outside = outside.collect();

    let account = filling.account().to_owned();
    sound::check(&built, &namespace, &account, &rights)
        .map_err(|problem| PlanError::Broken { persona: persona.id.clone(), problem })?;
    for object in &built {
        choose::free(&object.planned, &object.word, around)?;
    }
    let objects: Vec<Planned> = built.into_iter().map(|built| built.planned).collect();
    let decoy = Decoy {
        cluster: None,
        namespace,
        account,
        uid: None,
        persona: Some(persona.id.clone()),
        state: None,
        planted: None,
        objects: objects.iter().map(|planned| planned.object.clone()).collect(),
        placements: listed,
    };
    Inventory::of("default", vec![decoy.clone()], Vec::new())
        .map_err(|error| PlanError::Broken { persona: persona.id.clone(), problem: error.to_string() })?;
    Ok(Plan {
        persona: persona.id.clone(),
        field_manager: persona.field_manager.clone(),
        rights,
        objects,
        decoy,
        outside,
    })
}

/// The placements that were chosen, in the persona's order.
fn chosen<'p>(persona: &'p Persona, choice: &Choice) -> Result<Vec<&'p PlacementDraft>, PlanError> {
    let all = &persona.placements;
    if let Some(name) = choice.placements.iter().find(|name| all.iter().all(|draft| draft.name != **name)) {
        let known: Vec<&str> = all.iter().map(|draft| draft.name.as_str()).collect();
        return Err(PlanError::Unknown {
            persona: persona.id.clone(),
            what: "placement",
            name: name.clone(),
            known: known.join(", "),
        });
    }
    let is_chosen =
        |draft: &&PlacementDraft| choice.placements.is_empty() || choice.placements.contains(&draft.name);
    Ok(all.iter().filter(is_chosen).collect())
}
