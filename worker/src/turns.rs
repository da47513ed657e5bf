//! One job at a time per image, within this worker.
//!
//! Not for correctness, which conditional writes give across the fleet, but for economy: of ten
//! copies of an event that arrive together one renders, and the others find its record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use shared::identity::ImageId;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Who is at work on which image.
#[derive(Debug, Default)]
pub struct Turns(Mutex<HashMap<ImageId, Weak<Turn<()>>>>);

impl Turns {
    /// Waits until nobody else in this worker is at work on the image. Drop the guard to let the
    /// next one in.
    pub async fn take(&self, image_id: ImageId) -> OwnedMutexGuard<()> {
        self.turn(image_id).lock_owned().await
    }

    fn turn(&self, image_id: ImageId) -> Arc<Turn<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0); // At most one per slot is left.
        if let Some(turn) = turns.get(&image_id).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(Turn::new(()));
        turns.insert(image_id, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use shared::identity::ObjectRef;

    use super::*;

    fn image(key: &str) -> ImageId {
        ImageId::of(&ObjectRef {
            bucket: "b".into(),
            key: key.into(),
        })
    }

    #[tokio::test]
    async fn one_image_waits_and_another_does_not() {
        let turns = Turns::default();
        let first = turns.take(image("a")).await;
        assert!(turns.turn(image("a")).try_lock().is_err());
        let other = turns.take(image("b")).await;
        drop(first);
        drop(turns.take(image("a")).await);
        drop(other);
        turns.turn(image("c"));
        assert_eq!(
            turns.0.lock().unwrap().len(),
            1,
            "those who are done leave no trace"
        );
    }
}
