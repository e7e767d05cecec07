//! What is served and whether it is well: `/v1/models`, `/health`.
//!
//! A model's card bears the fingerprint of its weights, and comes when that is known: whoever evaluates the model
//! keeps its answers under it. The first to ask may have to wait for as long as the weights take to be read.
//! `?fingerprint=false` wants the card at once and without it, as the chat page does; then nothing is read either.

use crate::app::{App, Phase};
use crate::refusal::Refusal;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// In the query of who does not want the fingerprint.
const UNWANTED: &str = "fingerprint=false";

async fn card(app: &App, query: Option<&str>) -> Result<Value, Refusal> {
    let settings = &app.inner.settings;
    let mut card = json!({
        "id": settings.name,
        "object": "model",
        "created": app.inner.created,
        "owned_by": "kanana",
        "max_model_len": app.inner.model.context,
    });
    let mut fields = query.unwrap_or_default().split('&');
    let wanted = !fields.any(|field| field == UNWANTED);
    if let Some(fingerprint) = settings.fingerprint.as_ref().filter(|_| wanted) {
        let mut phase = app.inner.phase.subscribe();
        let found = tokio::select! {
            // What is known is told to the end.
            biased;
            found = fingerprint.get() => found,
            _ = phase.wait_for(|phase| *phase != Phase::Open) => return Err(Refusal::closing()),
        };
        if let Some(digits) = found {
            card["fingerprint"] = json!(digits);
        }
    }
    Ok(card)
}

/// The one model, as a list.
pub(crate) async fn models(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    let card = card(&app, query.as_deref()).await?;
    Ok(Json(json!({"object": "list", "data": [card]})))
}

/// The one model by its name.
pub(crate) async fn model(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    app.inner.check_model(Some(&name))?;
    Ok(Json(card(&app, query.as_deref()).await?))
}

/// 200 while requests are welcome.
pub(crate) async fn health(State(app): State<App>) -> (StatusCode, Json<Value>) {
    let status = match (app.inner.runner.alive(), *app.inner.phase.borrow()) {
        (false, _) => "the engine has stopped",
        (true, Phase::Open) => "ok",
        (true, _) => "about to end",
    };
    let code = match status {
        "ok" => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(json!({"status": status})))
}
