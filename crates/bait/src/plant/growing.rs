//! A further placement of a decoy that stands: its Secret is made, filled and written down as the first ones were.

use serde_json::Value;
use sundew_decoy::{Decoy, Object, Placement, State, drift, plan::Planned};

use super::{
    Planted, Planting, key,
    steady::Steady,
    takeback,
    token::{self, Expected, Token},
    tryout,
};
use crate::{BaitError, announce::withdrawn, file::InventoryFile};

impl Planting<'_> {
    /// Makes what [`sundew_decoy::plan::outside`] planned. The inventory lists it before it is made, and the decoy
    /// stands as it stood whatever happens.
    ///
    /// # Errors
    ///
    /// What was made has been taken back, and the inventory is as it was; or the error says what is left.
    pub async fn grow(&mut self, inventory: &mut InventoryFile) -> Result<Planted, BaitError> {
        let standing = self.standing(inventory)?;
        let (hand, nonce) = self.hand(inventory.inventory().cluster_of(&standing)).await?;
        let mut growth = Growth { standing: standing.clone(), grown: standing, made: Vec::new() };
        let grown = match self.all_of(&hand, inventory, &mut growth).await {
            Ok(planted) => Ok(planted),
            Err(why) => Err(self.wither(&hand, inventory, growth, why).await),
        };
        withdrawn(self.connection, self.store, &nonce).await;
        grown
    }

    /// The decoy as the inventory lists it now.
    fn standing(&self, inventory: &InventoryFile) -> Result<Decoy, BaitError> {
        let name = self.plan.decoy.name();
        let Some(listed) = inventory.find(&self.plan.decoy) else {
            let path = inventory.path().display();
            return Err(BaitError::Wrong(format!("{path} does not list the decoy {name} any more")));
        };
        match listed.state {
            None | Some(State::Planted) => Ok(listed.clone()),
            Some(state) => Err(BaitError::Wrong(format!(
                "the decoy {name} is {}, and gets no further copies; plant another with --persona",
                state.as_str()
            ))),
        }
    }

    async fn all_of(
        &mut self,
        hand: &Steady,
        inventory: &mut InventoryFile,
        growth: &mut Growth,
    ) -> Result<Planted, BaitError> {
        let plan = self.plan;
        let new = plan.decoy.placements.iter().filter(|p| !growth.standing.placements.contains(p));
        growth.grown.placements.extend(new.cloned());
        let (mut outside, mut verified) = (Vec::new(), Vec::new());
        for planned in &plan.objects {
            let key = key(&planned.object);
            let token = self.secret(hand, inventory, growth, planned).await?;
            verified.push(format!("{key} holds a token of {}.", plan.decoy.username()));
            let of = |p: &&Placement| p.secret.as_ref() == Some(&planned.object.name);
            let label = plan.decoy.placements.iter().find(of).map(Placement::label);
            if let Some(name) = label.filter(|name| plan.outside.contains(name)) {
                let Decoy { account, namespace, .. } = &plan.decoy;
                outside.push((name, token.kubeconfig(&self.connection.endpoint(), account, namespace)?));
            }
        }
        Ok(Planted { decoy: growth.grown.clone(), outside, verified })
    }

    /// Makes one Secret, and takes its token when it is there.
    async fn secret(
        &mut self,
        hand: &Steady,
        inventory: &mut InventoryFile,
        growth: &mut Growth,
        planned: &Planned,
    ) -> Result<Token, BaitError> {
        let (key, manager) = (key(&planned.object), &self.plan.field_manager);
        let expected = tryout::outlook(hand, &planned.manifest, manager).await?;
        let mut object = Object { digest: Some(expected.likeness.clone()), ..planned.object.clone() };
        growth.note(inventory, &object)?;
        let live = match hand.make(&key, &planned.manifest, manager, &expected).await {
            Ok(live) => live,
            Err(failed) => {
                if !failed.doubt {
                    object.digest = None;
                    growth.note(inventory, &object)?;
                }
                return Err(failed.why.into());
            }
        };
        let uid = live["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        object.uid = Some(uid.clone());
        growth.note(inventory, &object)?;
        (self.progress)(&format!("made {key}"));
        (self.progress)(&format!("waiting for the token of {key}"));
        let token = token::wait_for(hand, &key, &uid, self.patience).await?;
        let account_uid = growth.standing.uid.as_deref();
        token.check(&key, &Expected { username: growth.standing.username(), account_uid })?;
        let seen = hand.metadata(&key).await?.unwrap_or(Value::Null);
        object.digest = Some(drift::digest(&seen));
        growth.note(inventory, &object)?;
        Ok(token)
    }

    /// Takes back what was made, and leaves the inventory as it was where all of it is gone.
    async fn wither(
        &mut self,
        hand: &Steady,
        inventory: &mut InventoryFile,
        mut growth: Growth,
        why: BaitError,
    ) -> BaitError {
        (self.progress)("a step failed: what was made is taken back");
        let begun = growth.made.iter().any(|object| object.uid.is_some() || object.digest.is_some());
        let mut left = takeback::all(hand, &mut growth.made, self.progress).await;
        if left.is_empty() {
            growth.grown = growth.standing;
        }
        if let Err(error) = inventory.put(growth.grown) {
            left.push(format!("its entry in the inventory ({error})"));
        }
        let why = Box::new(why);
        match (left.is_empty(), begun) {
            (true, true) => BaitError::TakenBack { why },
            (true, false) => *why,
            (false, _) => BaitError::NotUndone { why, left: left.join("; ") },
        }
    }
}

/// A decoy that gets more.
struct Growth {
    /// As it was.
    standing: Decoy,
    /// As the inventory has it.
    grown: Decoy,
    /// The objects that came to it.
    made: Vec<Object>,
}

impl Growth {
    /// Writes down how far an object has come.
    fn note(&mut self, inventory: &mut InventoryFile, object: &Object) -> Result<(), BaitError> {
        put(&mut self.made, object);
        // Of a decoy that was made by hand no objects are listed: they are looked up by the names of its placements.
        if !self.standing.objects.is_empty() {
            put(&mut self.grown.objects, object);
        }
        inventory.put(self.grown.clone())
    }
}

fn put(objects: &mut Vec<Object>, object: &Object) {
    match objects.iter_mut().find(|o| o.kind == object.kind && o.name == object.name) {
        Some(known) => known.clone_from(object),
        None => objects.push(object.clone()),
    }
}
