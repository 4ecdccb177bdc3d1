-- +goose Up

-- How a channel and a receiver do is asked often: what is open, and what came lately.
create index connect_message_open on connect_message (channel_id, state, at) where state in ('received', 'waiting', 'failed');
create index connect_message_lately on connect_message (channel_id, at);
create index connect_outgoing_open on connect_outgoing (receiver_id, state, at) where state in ('queued', 'refused', 'failed');
create index connect_outgoing_lately on connect_outgoing (receiver_id, at);

-- +goose Down
drop index connect_outgoing_lately;
drop index connect_outgoing_open;
drop index connect_message_lately;
drop index connect_message_open;
