//! `/metrics`, at the address of the server or at one of its own.

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use procedures::{Code, Error, whole};

use super::{
    client::request_id,
    refusal::{self, Wire, visible},
    response::{self, Response},
    site::Site,
};
use crate::{error, kernel::scrape};

/// Where the metrics are.
pub(super) const PATH: &str = "/metrics";

/// The content type of OpenMetrics' text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Site {
    /// Answers a request at the address that has nothing but metrics.
    pub async fn answer_scrape(&self, request: Request<Incoming>) -> Response {
        let request_id = request_id(request.headers());
        let response = match request.uri().path() {
            PATH => self.metrics(request.method(), &request_id).await,
            _ => {
                let unknown = Error::new(Code::NotFound, "There is nothing but /metrics at this address.");
                refusal::refuse(Wire::JsonRpc, &unknown, &request_id)
            }
        };
        response::finish(response, &request_id)
    }

    /// The metrics.
    pub(super) async fn metrics(&self, method: &Method, request_id: &str) -> Response {
        if method != Method::GET {
            return refusal::wrong_method(Wire::JsonRpc, "GET", "Get this page by GET.", request_id);
        }
        match scrape(self.kernel.services()).await {
            Ok(text) => {
                let share = self.pages.share(true);
                match share.hold(text.len()) {
                    Ok(()) => whole(StatusCode::OK, OPEN_METRICS, share.keep(text)),
                    Err(error) => refusal::refuse(Wire::JsonRpc, &error, request_id),
                }
            }
            Err(error) => {
                refusal::refuse(Wire::JsonRpc, &visible(error::Error::Internal(error), request_id), request_id)
            }
        }
    }
}
