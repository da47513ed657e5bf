//! The table admits what the guard admits: the model reasons with `Guard::admits`, DynamoDB with
//! its condition.

use shared::catalog::Recorded;
use shared::identity::ImageId;
use shared::record::{Guard, Moment, Record, Sequencer, Source, Status};
use uuid::Uuid;

use crate::support::Stack;

fn record(stack: &Stack, key: &str, sequencer: &Sequencer) -> Record {
    let source = Source {
        etag: Some("e".into()),
        ..Source::unread(stack.object(key))
    };
    let image_id = ImageId::of(&source.object);
    Record {
        image_id,
        notification_id: Record::outcome_id(
            &image_id,
            Some("e"),
            "r",
            Status::Ready,
            sequencer,
            None,
        ),
        source,
        url: Some("https://example.com/a.jpg".into()),
        sequencer: sequencer.clone(),
        status: Status::Ready,
        reason: None,
        recipe_id: "r".into(),
        picture: None,
        variants: vec![],
        attempts: 1,
        worker: "w".into(),
        processing_ms: 7,
        created_at: Moment::from_millis(1_767_225_600_123).unwrap(),
        updated_at: Moment::from_millis(1_767_225_600_456).unwrap(),
    }
}

fn guards(event: &Sequencer, seen: Option<Uuid>) -> [Guard; 2] {
    let sequencer = event.clone();
    [
        Guard::Newer {
            sequencer: sequencer.clone(),
            replaces: seen,
        },
        Guard::Unchanged { sequencer, seen },
    ]
}

/// Writes under `guard` over a record of the event `existing`, if any.
async fn check(
    stack: &Stack,
    guard: &Guard,
    existing: Option<&Sequencer>,
    event: &Sequencer,
    key: &str,
) {
    // Named as if it were the record of another key, so that guards can be written down before
    // there is one.
    let notification_id = |event| record(stack, "images/0.jpg", event).notification_id;
    let existing = existing.map(|event| Record {
        notification_id: notification_id(event),
        ..record(stack, key, event)
    });
    if let Some(existing) = &existing {
        let absent = Guard::Unchanged {
            sequencer: event.clone(),
            seen: None,
        };
        let first = stack.catalog.put(existing, &absent).await.unwrap();
        assert!(matches!(first, Recorded::Won { replaced: None }));
    }
    let (won, before) = match stack
        .catalog
        .put(&record(stack, key, event), guard)
        .await
        .unwrap()
    {
        Recorded::Won { replaced } => (true, replaced),
        Recorded::Lost { winner } => (false, winner),
    };
    assert_eq!(
        won,
        guard.admits(existing.as_ref().map(Record::stamp)),
        "{guard:?} over {existing:?}"
    );
    assert_eq!(before.map(|record| *record), existing, "{guard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_admits_what_the_guard_admits() {
    let stack = Stack::start().await;
    let sequencers = ["1", "2", "3"].map(|text| text.parse::<Sequencer>().unwrap());
    let mut cases = 0;
    for existing in [None, Some(&sequencers[1])] {
        for event in &sequencers {
            let seen = existing.map(|event| record(&stack, "images/0.jpg", event).notification_id);
            let other = Some(ImageId::of(&stack.object("other")).derive("other"));
            for guard in [seen, other, None]
                .into_iter()
                .flat_map(|seen| guards(event, seen))
            {
                cases += 1;
                check(
                    &stack,
                    &guard,
                    existing,
                    event,
                    &format!("images/{cases}.jpg"),
                )
                .await;
            }
        }
    }
    assert_eq!(cases, 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_read_as_it_was_written_and_advances_only_forward() {
    let stack = Stack::start().await;
    let [first, second, third] = ["1", "2", "3"].map(|text| text.parse::<Sequencer>().unwrap());
    let written = record(&stack, "images/a b+ü%.jpg", &second);
    stack
        .catalog
        .put(&written, &Guard::newer(&second, None))
        .await
        .unwrap();
    assert_eq!(
        stack.record("images/a b+ü%.jpg").await,
        Some(written.clone())
    );

    assert!(!stack.catalog.advance(&written, &first).await.unwrap());
    assert!(stack.catalog.advance(&written, &third).await.unwrap());
    let advanced = Record {
        sequencer: third.clone(),
        ..written.clone()
    };
    assert_eq!(stack.record("images/a b+ü%.jpg").await, Some(advanced));

    let other = Record {
        notification_id: written.image_id.derive("another outcome"),
        ..written
    };
    assert!(!stack.catalog.advance(&other, &third).await.unwrap());
}
