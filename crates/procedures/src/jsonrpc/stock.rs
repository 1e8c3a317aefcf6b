//! Hosting in a stock jsonrpsee server: calls by [`JsonRpcService`], subscriptions by jsonrpsee's own machinery, because
//! only that can reach the sockets of its server.

use std::sync::Arc;

use anyhow::Result;
use futures_util::StreamExt;
use jsonrpsee::{
    Extensions, MethodResponse, PendingSubscriptionSink, RpcModule, SubscriptionCloseResponse,
    core::SubscriptionError,
    server::middleware::rpc::{Batch, Notification, RpcServiceT},
    types::{Request, error::TOO_MANY_SUBSCRIPTIONS_CODE},
};
use serde_json::value::RawValue;

use super::{
    batch::{Joining, run},
    message::{error_object, failure},
    service::{JsonRpcService, context},
};
use crate::{
    access::Kind, input::Input, limits::Limits, registry::Catalogue, service::Service,
    subscriptions::too_many_subscriptions,
};

/// What follows the name of a subscription to make the method that ends it, as jsonrpsee's clients need one for each.
const UNSUBSCRIBE: &str = ".unsubscribe";

/// The subscriptions of a catalogue as a module for `jsonrpsee::server::Server::start`. The events of `k.watch` are
/// notifications of the method `k.watch`; `k.watch.unsubscribe` ends it.
///
/// # Errors
/// When two methods share a name.
pub fn subscriptions<S: Service>(service: Arc<S>, catalogue: &Catalogue) -> Result<RpcModule<S>> {
    let mut module = RpcModule::from_arc(service);
    for procedure in catalogue.procedures().filter(|procedure| procedure.kind == Kind::Subscription) {
        for name in std::iter::once(procedure.name).chain(procedure.old_name) {
            let unsubscribe = format!("{name}{UNSUBSCRIBE}").leak();
            module.register_subscription(name, name, unsubscribe, move |params, pending, service, extensions| {
                let params = params.as_str().map(str::to_owned);
                async move { deliver(Subscriber { name, params, pending, extensions }, &service).await }
            })?;
        }
    }
    Ok(module)
}

/// A client of a stock server that subscribes.
struct Subscriber {
    name: &'static str,
    params: Option<String>,
    pending: PendingSubscriptionSink,
    extensions: Extensions,
}

/// Delivers the events of one subscription until it ends or the client leaves.
async fn deliver<S: Service>(subscriber: Subscriber, service: &Arc<S>) -> SubscriptionCloseResponse {
    let Subscriber { name, params, pending, extensions } = subscriber;
    let context = context::<S>(&extensions);
    let answer = service.subscribe(&context, name, Input::Text(params.as_deref())).await;
    let mut events = match answer.result {
        Ok(events) => events,
        Err(error) => {
            pending.reject(error_object(&error, Some(name), &context.request_id)).await;
            return SubscriptionCloseResponse::None;
        }
    };
    let Ok(sink) = pending.accept().await else { return SubscriptionCloseResponse::None };
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = sink.closed() => None,
        };
        match event {
            Some(Ok(event)) => {
                if sink.send(event.data).await.is_err() {
                    return SubscriptionCloseResponse::None;
                }
            }
            Some(Err(error)) => {
                let object = error_object(&error, Some(name), &context.request_id);
                let written: serde_json::Result<Box<RawValue>> = serde_json::value::to_raw_value(&object);
                return written.map_or(SubscriptionCloseResponse::None, |error| {
                    SubscriptionCloseResponse::NotifErr(SubscriptionError::from_json(error))
                });
            }
            None => return SubscriptionCloseResponse::None,
        }
    }
}

/// A layer for `jsonrpsee::server::RpcServiceBuilder`: calls go to the catalogue's service, subscriptions to the server
/// below, which must have been started with [`subscriptions`].
pub struct Layer<S> {
    service: JsonRpcService<S>,
    catalogue: Arc<Catalogue>,
    response_bytes: usize,
}

impl<S> Clone for Layer<S> {
    fn clone(&self) -> Self {
        let (service, catalogue) = (self.service.clone(), Arc::clone(&self.catalogue));
        Self { service, catalogue, response_bytes: self.response_bytes }
    }
}

impl<S: Service> Layer<S> {
    /// A layer over what `service` runs.
    ///
    /// # Errors
    /// As for [`JsonRpcService::new`].
    pub fn new(service: Arc<S>, catalogue: Arc<Catalogue>, limits: &Limits) -> Result<Self> {
        let response_bytes = limits.response_bytes;
        Ok(Self { service: JsonRpcService::new(service, Arc::clone(&catalogue), limits)?, catalogue, response_bytes })
    }
}

impl<S: Service, R> tower::Layer<R> for Layer<S> {
    type Service = Hosted<S, R>;

    fn layer(&self, server: R) -> Hosted<S, R> {
        Hosted { layer: self.clone(), server }
    }
}

/// A [`JsonRpcService`] inside a stock jsonrpsee server `R`.
pub struct Hosted<S, R> {
    layer: Layer<S>,
    server: R,
}

impl<S, R: Clone> Clone for Hosted<S, R> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), server: self.server.clone() }
    }
}

impl<S: Service, R> Hosted<S, R>
where
    R: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync + 'static,
{
    async fn answer(self, request: Request<'_>) -> MethodResponse {
        let name = request.method_name();
        let subscription = name.strip_suffix(UNSUBSCRIBE).unwrap_or(name);
        if self.layer.catalogue.kind(subscription) != Some(Kind::Subscription) {
            return self.layer.service.call(request).await;
        }
        let response = self.server.call(request.clone()).await;
        if response.is_subscription() {
            return response;
        }
        // The errors of the server below have no `data`.
        match response.as_error_code() {
            Some(TOO_MANY_SUBSCRIPTIONS_CODE) => {
                let context = context::<S>(request.extensions());
                failure(request.id(), &too_many_subscriptions(), Some(subscription), &context.request_id)
            }
            // Over HTTP it can't subscribe.
            Some(_) => self.layer.service.call(request).await,
            None => response,
        }
    }
}

impl<S: Service, R> RpcServiceT for Hosted<S, R>
where
    R: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.clone().answer(request)
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let hosted = self.clone();
        async move {
            let context = context::<S>(batch.extensions());
            let (response_bytes, request_id) = (hosted.layer.response_bytes, context.request_id.as_str());
            let joining = Joining { response_bytes, request_id };
            let count = || hosted.layer.service.count(&context);
            run(batch, joining, |request| hosted.clone().answer(request), count).await
        }
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.layer.service.notification(notification)
    }
}
