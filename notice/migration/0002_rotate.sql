-- +goose Up
-- The secret before the present one, which signs beside it for a while; the secret
-- itself stands sealed with the other.
alter table notice_webhook add column former_key_id text not null default '';
alter table notice_webhook add column former_until bigint not null default 0;

-- +goose Down
alter table notice_webhook drop column former_until;
alter table notice_webhook drop column former_key_id;
