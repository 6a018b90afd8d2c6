use http_body_util::BodyExt as _;
use model::Blame;

use super::*;

/// The hint that a vendor reads.
async fn hint(fault: Fault) -> Value {
    let body = failed(None, &fault, false).into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice::<Value>(&body).unwrap()["hint"].clone()
}

#[tokio::test]
async fn a_vendor_is_not_told_what_only_the_operator_can_do() {
    let fault =
        |blame| Fault::new(blame, "some.code", "the record could not be written").hint("free space on the disk");
    assert_eq!(hint(fault(Blame::Operator).retryable()).await, "ask again in a moment");
    assert_eq!(hint(fault(Blame::Operator)).await, Value::Null);
    assert_eq!(hint(fault(Blame::Caller)).await, "free space on the disk");
}
