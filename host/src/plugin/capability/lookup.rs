//! Lookups that the rule is granted.

use super::super::bindings::lookup::{Host, LookupError as WireError, Response};
use super::super::lookup::LookupError;
use super::super::store::CallState;

impl Host for CallState {
    async fn get(&mut self, url: String) -> wasmtime::Result<Result<Response, WireError>> {
        Ok(match self.asking.get(&url).await {
            Ok(answer) => {
                Ok(Response { status: answer.status, content_type: answer.content_type, body: answer.body.to_vec() })
            }
            Err(error) => Err(match error {
                LookupError::Denied(why) => WireError::Denied(why),
                LookupError::Timeout => WireError::Timeout,
                LookupError::TooLarge => WireError::TooLarge,
                LookupError::Unavailable(why) => WireError::Unavailable(why),
            }),
        })
    }
}
