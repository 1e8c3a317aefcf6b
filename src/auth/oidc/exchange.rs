//! The requests of the authorisation code flow (RFC 6749 §4.1, RFC 7636): the URL for the browser, and the code for an ID token.

use std::{fmt, io};

use futures_util::future::BoxFuture;
use oauth2::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError,
    Scope, StandardRevocableToken, StandardTokenResponse,
    basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType},
};
use serde::{Deserialize, Serialize};

use super::{attempt::Attempt, discovery::Endpoints, failure::Failure};
use crate::{auth::remote, config::Secret};

/// This server, as the provider knows it.
pub(super) struct Registration {
    /// Its id.
    pub client_id: String,
    /// Its secret, unless it is a public client.
    pub client_secret: Option<Secret>,
    /// Where the browser comes back to.
    pub redirect_url: RedirectUrl,
    /// What is asked for.
    pub scopes: Vec<String>,
}

/// What OpenID Connect adds to the answer of the token endpoint.
#[derive(Clone, Deserialize, Serialize)]
struct WithIdToken {
    id_token: Option<String>,
}

impl ExtraTokenFields for WithIdToken {}

impl fmt::Debug for WithIdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[ID token]")
    }
}

type Client = oauth2::Client<
    BasicErrorResponse,
    StandardTokenResponse<WithIdToken, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl Registration {
    /// The URL at the provider to which the browser is sent.
    pub(super) fn authorization_url(&self, endpoints: &Endpoints, attempt: &Attempt) -> String {
        let verifier = PkceCodeVerifier::new(attempt.verifier());
        let client = self.client(endpoints);
        let request = client
            .authorize_url(|| CsrfToken::new(attempt.state()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_scopes(self.scopes.iter().cloned().map(Scope::new))
            .add_extra_param("nonce", attempt.nonce());
        request.url().0.into()
    }

    /// Exchanges the code of an attempt for an ID token, which is not verified yet.
    ///
    /// # Errors
    /// The provider did not accept the code, or did not answer.
    pub(super) async fn id_token(
        &self,
        endpoints: &Endpoints,
        http: &reqwest::Client,
        attempt: &Attempt,
        code: String,
    ) -> Result<String, Failure> {
        let (client, http) = (self.client(endpoints), Http(http.clone()));
        let exchange = client.exchange_code(AuthorizationCode::new(code));
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier()));
        // Boxed, because the compiler can't see otherwise that it may be sent to another thread.
        let answer: BoxFuture<'_, _> = Box::pin(exchange.request_async(&http));
        let tokens = answer.await.map_err(|error| match error {
            // Without the description, which may repeat the code.
            RequestTokenError::ServerResponse(refusal) => Failure::rejected(format!("the code: {}", refusal.error())),
            RequestTokenError::Request(error) => Failure::unavailable(format!("the token endpoint: {error}")),
            RequestTokenError::Parse(error, _) => {
                Failure::unavailable(format!("the token endpoint's answer is unusable at {}", error.path()))
            }
            RequestTokenError::Other(why) => Failure::unavailable(format!("the token endpoint: {why}")),
        })?;
        let id_token = tokens.extra_fields().id_token.clone();
        id_token.ok_or_else(|| Failure::rejected("the token endpoint's answer has no ID token"))
    }

    fn client(&self, endpoints: &Endpoints) -> Client {
        let client = oauth2::Client::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(endpoints.authorization.clone())
            .set_token_uri(endpoints.token.clone())
            .set_redirect_uri(self.redirect_url.clone())
            .set_auth_type(if endpoints.secret_in_form { AuthType::RequestBody } else { AuthType::BasicAuth });
        match &self.client_secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
            None => client,
        }
    }
}

/// The client that the server has for everything, as the library wants it.
struct Http(reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = io::Error;
    type Future = BoxFuture<'c, io::Result<HttpResponse>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Http {
    async fn send(&self, request: HttpRequest) -> io::Result<HttpResponse> {
        let request = reqwest::Request::try_from(request).map_err(io::Error::other)?;
        let response = self.0.execute(request).await.map_err(|error| io::Error::other(error.without_url()))?;
        let mut answer = HttpResponse::default();
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        *answer.body_mut() = remote::body(response).await.map_err(io::Error::other)?;
        Ok(answer)
    }
}
