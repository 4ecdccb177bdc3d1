-- +goose Up
alter table access_idp_session add column user_id text not null default '';

-- +goose Down
alter table access_idp_session drop column user_id;
