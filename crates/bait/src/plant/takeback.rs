//! Taking back what was made: last first, by uid, and nothing that is not known to be ours.

use sundew_cluster::{Deleted, HandError};
use sundew_decoy::Object;

use super::{
    key,
    likeness::likeness,
    steady::{Steady, is_away},
};

/// What became of one object.
pub(crate) enum Fate {
    /// It is gone, or going.
    Deleted,
    /// It was gone already, or was never made.
    NotThere,
    /// Another object has its name: left alone.
    Other,
    /// Something is there that may be what was being made when a run was interrupted, and does not look like it.
    Unsure,
}

/// Takes all of `objects` back. Those that are dealt with lose their uid and digest. Gives what is left, and why.
pub(crate) async fn all(
    hand: &Steady,
    objects: &mut [Object],
    progress: &mut dyn FnMut(&str),
) -> Vec<String> {
    let mut hand = hand.clone();
    let mut left = Vec::new();
    for object in objects.iter_mut().rev() {
        let key = key(object);
        match one(&hand, object).await {
            Ok(Fate::Deleted) => progress(&format!("took {key} back")),
            Ok(Fate::NotThere) => {}
            Ok(Fate::Other) => progress(&format!("{key} is another's by now, and was left alone")),
            Ok(Fate::Unsure) => {
                left.push(format!(
                    "{key}, which does not look as it was planned; delete it yourself if nobody else made it"
                ));
                continue;
            }
            Err(error) => {
                if is_away(&error) {
                    hand.lose_patience();
                }
                left.push(format!("{key} ({error})"));
                continue;
            }
        }
        object.uid = None;
        object.digest = None;
    }
    left
}

/// Takes one object back. One with no uid and a digest was being made when its run ended: it is deleted if it is like
/// what was to be made. One with neither was not begun.
pub(crate) async fn one(hand: &Steady, object: &Object) -> Result<Fate, HandError> {
    let key = key(object);
    let uid = match (&object.uid, &object.digest) {
        (Some(uid), _) => uid.clone(),
        (None, None) => return Ok(Fate::NotThere),
        (None, Some(planned)) => {
            let Some(live) = hand.get(&key).await? else { return Ok(Fate::NotThere) };
            match live["metadata"]["uid"].as_str() {
                Some(uid) if likeness(&live) == *planned => uid.to_owned(),
                _ => return Ok(Fate::Unsure),
            }
        }
    };
    Ok(match hand.delete(&key, &uid).await? {
        Deleted::Done => Fate::Deleted,
        Deleted::WasGone => Fate::NotThere,
        Deleted::Other { .. } => Fate::Other,
    })
}
