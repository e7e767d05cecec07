//! What is served and whether it is well: `/v1/models`, `/health`.

use crate::app::{App, Phase};
use crate::refusal::Refusal;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

fn card(app: &App) -> Value {
    let settings = &app.inner.settings;
    let mut card = json!({
        "id": settings.name,
        "object": "model",
        "created": app.inner.created,
        "owned_by": "kanana",
        "max_model_len": app.inner.model.context,
    });
    if let Some(fingerprint) = settings.fingerprint.as_ref().and_then(|known| known.get()) {
        card["fingerprint"] = json!(fingerprint);
    }
    card
}

/// The one model, as a list.
pub(crate) async fn models(State(app): State<App>) -> Json<Value> {
    Json(json!({"object": "list", "data": [card(&app)]}))
}

/// The one model by its name.
pub(crate) async fn model(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refusal> {
    app.inner.check_model(Some(&name))?;
    Ok(Json(card(&app)))
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
