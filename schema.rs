// @generated automatically by Diesel CLI.

diesel::table! {
    active_days (day, shard) {
        day -> Timestamp,
        shard -> Integer,
        users -> BigInt,
    }
}

diesel::table! {
    active_users (day, user_id) {
        day -> Timestamp,
        user_id -> Text,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> BigInt,
        user_id -> Text,
        name -> Text,
        hash -> Text,
        scope -> Text,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        revoked_at -> Nullable<Timestamp>,
        hint -> Nullable<Text>,
        last_used_at -> Nullable<Timestamp>,
        last_used_address -> Nullable<Text>,
    }
}

diesel::table! {
    audit_counts (bucket, shard) {
        bucket -> Timestamp,
        shard -> Integer,
        entries -> Integer,
    }
}

diesel::table! {
    audit_events (id) {
        id -> BigInt,
        audit_id -> BigInt,
    }
}

diesel::table! {
    audit_log (id) {
        id -> BigInt,
        created_at -> Timestamp,
        actor_id -> Text,
        procedure -> Text,
        entity -> Text,
        entity_id -> Text,
        detail -> Text,
        request_id -> Text,
        client_address -> Nullable<Text>,
        token_id -> Nullable<BigInt>,
        door -> Nullable<Text>,
    }
}

diesel::table! {
    audit_seals (id) {
        id -> BigInt,
        hash -> Text,
    }
}

diesel::table! {
    cluster_days (day, plan, status, location, shard) {
        day -> Timestamp,
        plan -> Text,
        status -> Text,
        location -> Text,
        shard -> Integer,
        change -> BigInt,
    }
}

diesel::table! {
    cluster_events (id) {
        id -> BigInt,
        created_at -> Timestamp,
        kind -> Text,
        cluster_id -> BigInt,
        name -> Text,
        location -> Text,
        auth_user_id -> Nullable<Text>,
        plan -> Text,
        network -> Text,
        status -> Text,
        cluster_created_at -> Timestamp,
        cluster_updated_at -> Timestamp,
        cluster_deleted_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    cluster_series (kind, label, day) {
        kind -> Text,
        label -> Text,
        day -> Timestamp,
        change -> BigInt,
    }
}

diesel::table! {
    cluster_totals (kind, label) {
        kind -> Text,
        label -> Text,
        clusters -> BigInt,
    }
}

diesel::table! {
    customers (id) {
        id -> BigInt,
        auth_user_id -> Text,
        name -> Nullable<Text>,
        plan -> Text,
        stripe_customer_id -> Nullable<Text>,
        stripe_subscription_id -> Nullable<Text>,
        stripe_price_id -> Nullable<Text>,
        stripe_current_period_end -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        stripe_cancel_at_period_end -> Bool,
    }
}

diesel::table! {
    gone_stripe_customers (id) {
        id -> Text,
        auth_user_id -> Text,
        gone_at -> Timestamp,
    }
}

diesel::table! {
    k8s_cluster_configs (id) {
        id -> BigInt,
        name -> Text,
        location -> Text,
        auth_user_id -> Nullable<Text>,
        plan -> Text,
        network -> Text,
        status -> Text,
        has_run -> Bool,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        deleted_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    live_counts (entity, shard) {
        entity -> Text,
        shard -> Integer,
        live -> BigInt,
    }
}

diesel::table! {
    log_starts (log) {
        log -> Text,
        through -> BigInt,
    }
}

diesel::table! {
    paid_period_counts (width, bucket, shard) {
        width -> Text,
        bucket -> Timestamp,
        shard -> Integer,
        customers -> Integer,
    }
}

diesel::table! {
    payments (invoice_id) {
        invoice_id -> Text,
        paid_at -> Timestamp,
        plan -> Text,
        currency -> Text,
        amount -> BigInt,
    }
}

diesel::table! {
    rate_limits (key) {
        key -> Text,
        full_at -> BigInt,
        taken -> BigInt,
        counted_at -> BigInt,
    }
}

diesel::table! {
    revenue_months (month, plan, currency) {
        month -> Timestamp,
        plan -> Text,
        currency -> Text,
        amount -> BigInt,
    }
}

diesel::table! {
    scheduled_jobs (name) {
        name -> Text,
        started_at -> Timestamp,
    }
}

diesel::table! {
    sessions (id) {
        id -> BigInt,
        user_id -> Text,
        hash -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        last_used_at -> Timestamp,
        last_used_address -> Nullable<Text>,
    }
}

diesel::table! {
    sign_in_links (hash) {
        hash -> Text,
        user_id -> Text,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    sign_up_days (day, shard) {
        day -> Timestamp,
        shard -> Integer,
        users -> BigInt,
    }
}

diesel::table! {
    stored_answers (user_id, idempotency_key) {
        user_id -> Text,
        idempotency_key -> Text,
        fingerprint -> Text,
        output -> Nullable<Text>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    stripe_events (id) {
        id -> Text,
        kind -> Text,
        created_at -> Timestamp,
        received_at -> Timestamp,
        processed_at -> Nullable<Timestamp>,
        attempts -> Integer,
        error -> Nullable<Text>,
        payload -> Text,
    }
}

diesel::table! {
    stripe_subscriptions (id) {
        id -> Text,
        stripe_customer_id -> Nullable<Text>,
        auth_user_id -> Nullable<Text>,
        status -> Nullable<Text>,
        price_id -> Nullable<Text>,
        period_start -> Nullable<Timestamp>,
        period_end -> Nullable<Timestamp>,
        cancel_at_period_end -> Bool,
        event_created_at -> Nullable<Timestamp>,
        event_rank -> Integer,
        event_id -> Nullable<Text>,
        paid_from -> Nullable<Timestamp>,
        paid_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    used_sign_ins (hash) {
        hash -> Text,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    user_tombstones (id) {
        id -> Text,
        deleted_at -> Timestamp,
    }
}

diesel::table! {
    users (id) {
        id -> Text,
        name -> Nullable<Text>,
        email -> Nullable<Text>,
        image -> Nullable<Text>,
        role -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        deleted_at -> Nullable<Timestamp>,
        search -> Nullable<Text>,
    }
}

diesel::table! {
    webhook_failure_days (day) {
        day -> Timestamp,
        events -> BigInt,
    }
}

diesel::joinable!(api_tokens -> users (user_id));
diesel::joinable!(customers -> users (auth_user_id));
diesel::joinable!(k8s_cluster_configs -> users (auth_user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(sign_in_links -> users (user_id));
diesel::joinable!(stored_answers -> users (user_id));

diesel::allow_tables_to_appear_in_same_query!(
    active_days,
    active_users,
    api_tokens,
    audit_counts,
    audit_events,
    audit_log,
    audit_seals,
    cluster_days,
    cluster_events,
    cluster_series,
    cluster_totals,
    customers,
    gone_stripe_customers,
    k8s_cluster_configs,
    live_counts,
    log_starts,
    paid_period_counts,
    payments,
    rate_limits,
    revenue_months,
    scheduled_jobs,
    sessions,
    sign_in_links,
    sign_up_days,
    stored_answers,
    stripe_events,
    stripe_subscriptions,
    used_sign_ins,
    user_tombstones,
    users,
    webhook_failure_days,
);
