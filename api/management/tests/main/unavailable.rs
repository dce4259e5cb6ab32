//! A node that can't prove its state says so, everywhere and before anything else.

use crate::stage::Stage;

#[tokio::test]
async fn a09_a_node_that_can_prove_nothing_answers_503_to_every_request() {
    let mut stage = Stage::new().await;
    let asked = stage.asked();
    let owner = stage.world.acme.iam_owner.clone();
    stage.world.solo.set_available(false);
    for asked in &asked {
        for token in ["", "garbage", &owner] {
            let answer = stage.world.ask(asked.method.as_str(), &asked.path, token, asked.body.clone()).await;
            let answer = answer.refused(503, "unavailable");
            assert_eq!(answer.header("retry-after"), "1", "{} {}", asked.method, asked.path);
        }
    }
    // The description is of no instance.
    stage.world.get("/api/openapi.json", "").await.expect(200);
    stage.world.solo.set_available(true);
    stage.world.get("/api/v1/users/me", &owner).await.expect(200);
}
